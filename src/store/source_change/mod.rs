//! Renaming, merging and removing sources.
//!
//! A configured slug without stored data is a new source, and its account would be counted twice if it is stored
//! under another slug. These commands correct that. A rename changes only the name: pseudonyms always use the first
//! slug of a source. A merge combines two sources of one account. A removal deletes the stored data of a source.
//!
//! Rename and merge are one transaction each; a removal runs in batches, and the same request continues it after an
//! interruption. None of them runs while a poller holds anything of the source. Each is written into the journal of
//! operations by the transaction that begins it.

mod judge;
mod merge;
mod pseudonyms;
mod request;

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::{AssertSqlSafe, PgConnection, PgPool};

use crate::model::id::SourceId;
use crate::model::person::PersonKey;
use crate::store::operation::{self, Operation};
use crate::store::source_change::judge::{
    Stored, find, mergeable, refuse_configured, refuse_distributed, refuse_held, renamable, same_account, staying,
};
use crate::store::source_tables::{SourceTable, execute};
use crate::store::{StoreError, closed_hours, data_version, source_tables};

pub use self::request::{Change, ChangeError, ChangeRequest};

/// Rows deleted in one transaction.
const BATCH: u32 = 5_000;

/// Result of a change, or of its dry run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Its number in the journal of operations; `None`: nothing was done.
    pub operation_id: Option<i64>,
    /// Rows of the source before the change, by table; tables without any are left out.
    pub rows: BTreeMap<String, i64>,
    /// Of its sessions, those that the other source of a merge also holds.
    pub sessions_stored_twice: i64,
}

/// Applies changes to sources.
#[derive(Debug, Clone)]
pub struct SourceChanges {
    /// The database. Its statements may take long.
    pub pool: PgPool,
    /// Key that turns people into pseudonyms.
    pub person_key: PersonKey,
    /// Whether the database spreads its tables over several nodes.
    pub is_distributed: bool,
}

impl SourceChanges {
    /// Applies the request, or counts the affected rows.
    pub async fn apply(&self, request: &ChangeRequest<'_>) -> Result<Changed, ChangeError> {
        let failed = StoreError::doing("changing a source");
        let mut tx = self.pool.begin().await.map_err(&failed)?;
        sqlx::query("set local statement_timeout = 0").execute(&mut *tx).await.map_err(&failed)?;
        let tables = source_tables::list(&mut tx).await?;
        let source =
            find(&mut tx, request.slug).await?.ok_or_else(|| ChangeError::NoSource(request.slug.to_owned()))?;
        let mut changed = Changed {
            operation_id: None,
            rows: count(&mut tx, &tables, source.source_id).await?,
            sessions_stored_twice: 0,
        };
        let other = match request.change {
            Change::Rename { to } => renamable(&mut tx, staying(&source)?, to).await?,
            Change::Merge { into } => {
                let source = staying(&source)?;
                let into = mergeable(&mut tx, request, source, into).await?;
                refuse_distributed(self.is_distributed, source, &into)?;
                changed.sessions_stored_twice = same_account(&mut tx, source, &into).await?;
                Some(into)
            }
            // one whose removal was interrupted may be configured again: no poller can begin with it
            Change::Remove if source.is_removed => None,
            Change::Remove => {
                refuse_configured(request, &source)?;
                None
            }
        };
        if request.is_dry_run {
            return Ok(changed);
        }
        let ids: Vec<i32> = std::iter::once(&source).chain(&other).map(|source| source.source_id).collect();
        refuse_held(&mut tx, &ids).await?;
        let operation_id = record(&mut tx, request, &source, other.as_ref()).await?;
        changed.operation_id = Some(operation_id);
        match (request.change, &other) {
            (Change::Rename { to }, other) => {
                if let Some(empty) = other {
                    forget(&mut tx, &tables, empty.source_id).await?;
                }
                let is_enabled = source.is_enabled || other.as_ref().is_some_and(|empty| empty.is_enabled);
                rename(&mut tx, source.source_id, to, is_enabled).await?;
            }
            (Change::Merge { .. }, Some(into)) => {
                let slugs = (source.pseudonym_slug.as_str(), into.pseudonym_slug.as_str());
                pseudonyms::rewrite(&mut tx, &self.person_key, source.source_id, slugs).await?;
                merge::merge(&mut tx, &tables, source.source_id, into.source_id, request.now).await?;
            }
            (Change::Merge { .. }, None) => {}
            // without its streams no poller can begin with it again
            (Change::Remove, _) => {
                mark_removed(&mut tx, source.source_id, request.now).await?;
                let removed = format!(
                    "insert into ingest.removed_sessions (session_id, removed_at)
                     select session_id, statement_timestamp() from core.sessions where source_id = {}
                     on conflict do nothing",
                    source.source_id
                );
                execute(&mut tx, removed).await?;
            }
        }
        closed_hours::void(&mut tx).await?;
        tx.commit().await.map_err(&failed)?;
        if request.change == Change::Remove {
            self.remove(&tables, source.source_id).await?;
        }
        Ok(changed)
    }

    /// Deletes all rows of a source in batches, and then the source itself.
    async fn remove(&self, all: &[SourceTable], source_id: i32) -> Result<(), StoreError> {
        let failed = StoreError::doing("removing a source");
        let kept = ["ingest.operations", "ingest.data_versions"];
        let mut tables: Vec<_> = all.iter().filter(|table| !kept.contains(&table.name.as_str())).collect();
        // no answer shows the rest of a session that is gone
        tables.sort_by_key(|table| table.name != merge::SESSIONS);
        for table in &tables {
            let name = &table.name;
            let sql = format!(
                "delete from {name} t using (select tableoid, ctid from {name} where source_id = {source_id} limit {BATCH}) batch
                  where t.source_id = {source_id} and t.tableoid = batch.tableoid and t.ctid = batch.ctid"
            );
            while sqlx::query(AssertSqlSafe(sql.clone())).execute(&self.pool).await.map_err(&failed)?.rows_affected()
                > 0
            {}
        }
        let mut tx = self.pool.begin().await.map_err(&failed)?;
        forget(&mut tx, all, source_id).await?;
        // those that were made while its rows were being deleted
        closed_hours::void(&mut tx).await?;
        tx.commit().await.map_err(&failed)
    }
}

async fn record(
    tx: &mut PgConnection,
    request: &ChangeRequest<'_>,
    source: &Stored,
    other: Option<&Stored>,
) -> Result<i64, StoreError> {
    let (stays, target) = match request.change {
        Change::Rename { to } => (Some(source.source_id), format!("{} to {to}", source.slug)),
        Change::Merge { into } => (other.map(|into| into.source_id), format!("{} into {into}", source.slug)),
        Change::Remove => (None, source.slug.clone()),
    };
    let operation = Operation {
        source_id: stays.map(SourceId),
        stream: None,
        kind: request.change.kind(),
        target: Some(&target),
        operator: request.operator,
        now: request.now,
    };
    operation::record(tx, &operation).await
}

/// `is_enabled`: a slug that is polled stays one, so that health says that its poller needs a reload.
async fn rename(tx: &mut PgConnection, source_id: i32, to: &str, is_enabled: bool) -> Result<(), StoreError> {
    sqlx::query!(
        "update core.sources set source_slug = $2, is_enabled = $3 where source_id = $1",
        source_id,
        to,
        is_enabled,
    )
    .execute(&mut *tx)
    .await
    .map_err(StoreError::doing("renaming a source"))?;
    data_version::date_all(tx, source_id).await
}

/// Marks a source whose rows are deleted from now on: until the last of them is gone, no poller may begin with it.
async fn mark_removed(tx: &mut PgConnection, source_id: i32, now: DateTime<Utc>) -> Result<(), StoreError> {
    let failed = StoreError::doing("marking a source as removed");
    sqlx::query!(
        "update core.sources set is_enabled = false, removed_at = $2 where source_id = $1 and removed_at is null",
        source_id,
        now,
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    sqlx::query!("delete from ingest.streams where source_id = $1", source_id)
        .execute(tx)
        .await
        .map(drop)
        .map_err(&failed)
}

/// Deletes the remaining rows of a source. The journal of operations stays. The data version never decreases.
async fn forget(tx: &mut PgConnection, tables: &[SourceTable], source_id: i32) -> Result<(), StoreError> {
    sqlx::query!(
        "update ingest.operations o
            set source_id = null, target = coalesce(o.target || ', ', '') || 'source ' || s.source_slug
           from core.sources s where o.source_id = $1 and s.source_id = $1",
        source_id,
    )
    .execute(&mut *tx)
    .await
    .map_err(StoreError::doing("keeping the journal of a source"))?;
    sqlx::query!(
        "with gone as (delete from ingest.data_versions where source_id = $1 returning version)
         update ingest.data_versions v set version = v.version + (select sum(version) from gone) + 1
          where exists (select from gone)
            and (v.source_id, v.stream) = (select source_id, stream from ingest.data_versions
                                            where source_id <> $1 order by source_id, stream limit 1)",
        source_id,
    )
    .execute(&mut *tx)
    .await
    .map_err(StoreError::doing("keeping the version of the data"))?;
    for table in tables {
        execute(tx, format!("delete from {} where source_id = {source_id}", table.name)).await?;
    }
    execute(tx, format!("delete from core.sources where source_id = {source_id}")).await
}

async fn count(
    tx: &mut PgConnection,
    tables: &[SourceTable],
    source_id: i32,
) -> Result<BTreeMap<String, i64>, StoreError> {
    let mut rows = BTreeMap::new();
    for table in tables {
        let sql = format!("select count(*) from {} where source_id = {source_id}", table.name);
        let count: i64 = sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_one(&mut *tx)
            .await
            .map_err(StoreError::doing("counting the rows of a source"))?;
        if count > 0 {
            rows.insert(table.name.clone(), count);
        }
    }
    Ok(rows)
}
