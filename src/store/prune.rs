//! Pruning of data that is no longer needed: old versions of raw records, old rows of the journals.
//!
//! Some rows stay regardless of age. The newest version of each record stays, and so do the newest that names all of
//! its session and the bytes that a stored session was derived from, even if older ones were received later. A run
//! stays if it stored something (raw records refer to it), if it is the last of its stream, or if a window, a stream
//! or a reject refers to it. A comparison stays if it found something, or if it is the last of its window. The plan
//! of the last reconciliation of a stream stays, since the next one is scheduled from it. Small batches skip locked
//! rows, so that several instances may prune and no poll waits.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgPool;

use crate::store::StoreError;

/// Rows removed in one transaction.
const BATCH: i64 = 1_000;

/// Age limits.
#[derive(Debug, Clone, Copy)]
pub struct Cutoffs {
    /// Superseded versions of raw records last received before this are removed; `None`: all stay.
    pub raw_before: Option<DateTime<Utc>>,
    /// Runs, calls and reconciliations that ended before this are removed.
    pub journals_before: DateTime<Utc>,
    /// Hashes of webhooks received before this are removed.
    pub webhooks_before: DateTime<Utc>,
    /// Entries of the audit log before this are removed.
    pub audit_before: DateTime<Utc>,
}

/// Removed rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// Superseded versions of raw records.
    pub raw_records: u64,
    /// Runs that stored nothing.
    pub runs: u64,
    /// Calls that started something and have ended.
    pub actions: u64,
    /// Comparisons without a difference.
    pub comparisons: u64,
    /// Plans of finished reconciliations, with their windows.
    pub reconciliations: u64,
    /// Entries of the audit log.
    pub audit_entries: u64,
    /// Resolved incidents of alerts with their messages, and tests.
    pub incidents: u64,
    /// Hashes of webhooks that are too old to be followed again.
    pub webhooks: u64,
    /// Sessions whose content was erased, because it is older than its source keeps it.
    pub erased_sessions: u64,
}

/// Removes expired rows, batch by batch, until none is left or `is_stopped` returns true.
pub async fn prune(pool: &PgPool, cutoffs: &Cutoffs, is_stopped: impl Fn() -> bool) -> Result<Pruned, StoreError> {
    let mut pruned = Pruned::default();
    if let Some(before) = cutoffs.raw_before {
        for source_id in source_ids(pool).await? {
            pruned.raw_records += batches(&is_stopped, || raw_records(pool, source_id, before)).await?;
        }
    }
    pruned.runs = batches(&is_stopped, || runs(pool, cutoffs.journals_before)).await?;
    pruned.actions = batches(&is_stopped, || actions(pool, cutoffs.journals_before)).await?;
    pruned.comparisons = batches(&is_stopped, || comparisons(pool, cutoffs.journals_before)).await?;
    pruned.reconciliations = batches(&is_stopped, || reconciliations(pool, cutoffs.journals_before)).await?;
    pruned.incidents = batches(&is_stopped, || incidents(pool, cutoffs.journals_before)).await?;
    pruned.webhooks = batches(&is_stopped, || webhooks(pool, cutoffs.webhooks_before)).await?;
    pruned.audit_entries = batches(&is_stopped, || audit_entries(pool, cutoffs.audit_before)).await?;
    Ok(pruned)
}

async fn batches<F>(is_stopped: impl Fn() -> bool, mut batch: impl FnMut() -> F) -> Result<u64, StoreError>
where
    F: Future<Output = Result<u64, StoreError>>,
{
    let mut removed = 0;
    while !is_stopped() {
        match batch().await? {
            0 => break,
            some => removed += some,
        }
    }
    Ok(removed)
}

/// Defines the removal of one batch of expired rows; `$1` is the age limit, `$2` the number of rows.
macro_rules! removal {
    ($name:ident, $doing:literal, $sql:literal) => {
        async fn $name(pool: &PgPool, before: DateTime<Utc>) -> Result<u64, StoreError> {
            let removed = sqlx::query!($sql, before, BATCH).execute(pool).await.map_err(StoreError::doing($doing))?;
            Ok(removed.rows_affected())
        }
    };
}

async fn source_ids(pool: &PgPool) -> Result<Vec<i32>, StoreError> {
    let ids = sqlx::query_scalar!("select source_id from core.sources order by source_id").fetch_all(pool).await;
    ids.map_err(StoreError::doing("removing old raw records"))
}

/// Removes a batch of one source: rows of one node can be locked.
async fn raw_records(pool: &PgPool, source_id: i32, before: DateTime<Utc>) -> Result<u64, StoreError> {
    let removed = sqlx::query!(
        "with old as (
         select r.stream, r.provider_record_id, r.content_hash
           from ingest.raw_records r
          where r.source_id = $3 and r.last_fetched_at < $1
            and exists (select from ingest.raw_records o
                         where o.source_id = r.source_id and o.stream = r.stream
                           and o.provider_record_id = r.provider_record_id
                           and o.last_fetched_at > r.last_fetched_at
                           and (r.is_partial or not o.is_partial))
            and not exists (select from core.sessions s
                             where s.source_id = r.source_id and r.stream = 'sessions'
                               and s.provider_session_id = r.provider_record_id and s.raw_hash = r.content_hash)
          limit $2
            for update of r skip locked)
     delete from ingest.raw_records r using old
      where r.source_id = $3 and r.stream = old.stream
        and r.provider_record_id = old.provider_record_id and r.content_hash = old.content_hash",
        before,
        BATCH,
        source_id,
    )
    .execute(pool)
    .await
    .map_err(StoreError::doing("removing old raw records"))?;
    Ok(removed.rows_affected())
}

removal!(
    runs,
    "removing old runs",
    "with old as (
         select r.run_id
           from ingest.runs r
          where r.finished_at < $1
            and r.inserted_count = 0 and r.updated_count = 0 and r.rejected_count = 0
            and exists (select from ingest.runs n
                         where n.source_id = r.source_id and n.stream = r.stream and n.run_id > r.run_id)
            and not exists (select from ingest.windows w where w.source_id = r.source_id and w.run_id = r.run_id)
            and not exists (select from ingest.streams s where s.source_id = r.source_id and s.run_id = r.run_id)
          limit $2
            for update of r skip locked)
     delete from ingest.runs r using old where r.run_id = old.run_id"
);

removal!(
    actions,
    "removing old calls",
    "with old as (
         select a.action_id from ingest.actions a
          where a.ended_at < $1
          limit $2
            for update of a skip locked)
     delete from ingest.actions a using old where a.action_id = old.action_id"
);

removal!(
    comparisons,
    "removing old comparisons",
    "with old as (
         select r.reconciliation_id
           from ingest.reconciliations r
          where r.checked_at < $1 and r.state = 'match' and r.minutes_state is distinct from 'differs'
            and exists (select from ingest.reconciliations n
                         where n.source_id = r.source_id and n.stream = r.stream
                           and n.window_from = r.window_from and n.window_to = r.window_to
                           and n.reconciliation_id > r.reconciliation_id)
          limit $2
            for update of r skip locked)
     delete from ingest.reconciliations r using old where r.reconciliation_id = old.reconciliation_id"
);

removal!(
    reconciliations,
    "removing old reconciliations",
    "with old as (
         select b.backfill_id
           from ingest.backfills b
          where b.purpose = 'reconcile' and b.finished_at < $1
            and exists (select from ingest.backfills n
                         where n.source_id = b.source_id and n.stream = b.stream and n.purpose = b.purpose
                           and n.created_at > b.created_at)
          limit $2
            for update of b skip locked)
     delete from ingest.backfills b using old where b.backfill_id = old.backfill_id"
);

removal!(
    audit_entries,
    "removing old entries of the audit log",
    "with old as (
         select a.audit_id from ingest.audit a
          where a.at < $1
          limit $2
            for update of a skip locked)
     delete from ingest.audit a using old where a.audit_id = old.audit_id"
);

removal!(
    webhooks,
    "removing old hashes of webhooks",
    "with old as (
         select h.source_id, h.body_hash from ingest.hook_deliveries h
          where h.received_at < $1
          limit $2
            for update of h skip locked)
     delete from ingest.hook_deliveries h using old
      where h.source_id = old.source_id and h.body_hash = old.body_hash"
);

async fn incidents(pool: &PgPool, before: DateTime<Utc>) -> Result<u64, StoreError> {
    let removed = sqlx::query_scalar!(
        r#"with old as (
             select i.incident_id from ingest.alert_incidents i
              where i.resolved_at < $1
              limit $2
                for update of i skip locked),
           incidents as (
             delete from ingest.alert_incidents i using old where i.incident_id = old.incident_id returning 1),
           tests as (
             delete from ingest.alert_deliveries d where d.incident_id is null and d.created_at < $1 returning 1)
         select (select count(*) from incidents) + (select count(*) from tests) as "removed!""#,
        before,
        BATCH,
    )
    .fetch_one(pool)
    .await
    .map_err(StoreError::doing("removing old incidents"))?;
    Ok(u64::try_from(removed).unwrap_or_default())
}
