//! The work of an erasure: sessions in batches, each a transaction, then what only a search finds, then the proof.
//!
//! Each step can be repeated and leaves whole sessions, so that any process continues where another was killed. A step
//! locks the source, so that it meets no writer in the middle of a session.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use crate::failpoint;
use crate::model::id::SourceId;
use crate::store::erasure::people::{People, Sought, Work};
use crate::store::erasure::redact::ErasedRows;
use crate::store::erasure::search;
use crate::store::erasure::step::{erase_rest, step};
use crate::store::erasure::tombstone::Pseudonyms;
use crate::store::write_guard::take_source;
use crate::store::{StoreError, bulk};

/// Returns the numbers of the erasures that have not finished, oldest first.
pub async fn unfinished(pool: &PgPool) -> Result<Vec<i64>, StoreError> {
    sqlx::query_scalar!("select erasure_id from ingest.erasures where finished_at is null order by erasure_id")
        .fetch_all(pool)
        .await
        .map_err(StoreError::doing("looking for unfinished erasures"))
}

/// An erasure as it is stored.
struct Stored {
    source_id: i32,
    slug: String,
    progress: i64,
    deletes_sessions: bool,
    sought: Option<serde_json::Value>,
}

impl People {
    /// Continues an erasure to its end, unless `is_stopped`, or another process works on it.
    pub async fn finish(
        &self,
        erasure_id: i64,
        now: impl Fn() -> DateTime<Utc>,
        is_stopped: impl Fn() -> bool,
    ) -> Result<(), StoreError> {
        let failed = StoreError::doing("erasing a person");
        while !is_stopped() {
            let mut tx = bulk::begin_durable(&self.pool).await.map_err(&failed)?;
            sqlx::query("set local statement_timeout = 0").execute(&mut *tx).await.map_err(&failed)?;
            let Some(stored) = claim(&mut tx, erasure_id).await? else { return Ok(()) };
            let mut rows = ErasedRows::new();
            let work = Work {
                erasure_id,
                source_id: SourceId(stored.source_id),
                pseudonyms: Pseudonyms { key: &self.person_key, slug: &stored.slug },
                progress: stored.progress,
                deletes_sessions: stored.deletes_sessions,
                now: now(),
            };
            take_source(&mut tx, work.source_id).await?;
            if let Some(progress) = step(&mut tx, &work, &mut rows).await? {
                add_rows(&mut tx, erasure_id, &rows).await?;
                advance(&mut tx, erasure_id, progress).await?;
                failpoint::reach("erasure.before_commit");
                tx.commit().await.map_err(&failed)?;
                failpoint::reach("erasure.after_commit");
                continue;
            }
            tx.rollback().await.map_err(&failed)?;
            return self.prove(&work, stored.sought).await;
        }
        Ok(())
    }

    /// Erases what only a search finds, looks for the person once more, and ends the erasure. Other transactions write
    /// meanwhile, and leave the person out.
    async fn prove(&self, work: &Work<'_>, sought: Option<serde_json::Value>) -> Result<(), StoreError> {
        let failed = StoreError::doing("proving an erasure");
        let sought: Sought = sought.and_then(|sought| serde_json::from_value(sought).ok()).unwrap_or_default();
        let mut tx = self.pool.begin().await.map_err(&failed)?;
        sqlx::query("set local statement_timeout = 0").execute(&mut *tx).await.map_err(&failed)?;
        if claim(&mut tx, work.erasure_id).await?.is_none() {
            return Ok(());
        }
        let mut rows = ErasedRows::new();
        erase_rest(&mut tx, work, &sought, &mut rows).await?;
        add_rows(&mut tx, work.erasure_id, &rows).await?;
        let found = search::everywhere(&mut tx, work, &sought).await?;
        sqlx::query!(
            "update ingest.erasures
                set finished_at = $2, sought = null, found_by_identifier = $3, found_by_name = $4
              where erasure_id = $1",
            work.erasure_id,
            work.now,
            serde_json::json!(found.by_identifier),
            serde_json::json!(found.by_name),
        )
        .execute(&mut *tx)
        .await
        .map_err(&failed)?;
        failpoint::reach("erasure.before_commit");
        tx.commit().await.map_err(&failed)
    }
}

/// Locks an erasure; `None`: it has finished, or another process works on it.
async fn claim(tx: &mut PgConnection, erasure_id: i64) -> Result<Option<Stored>, StoreError> {
    sqlx::query_as!(
        Stored,
        "select e.source_id, s.pseudonym_slug as slug, e.progress, e.deletes_sessions, e.sought
           from ingest.erasures e join core.sources s using (source_id)
          where e.erasure_id = $1 and e.finished_at is null
            for update of e skip locked",
        erasure_id,
    )
    .fetch_optional(tx)
    .await
    .map_err(StoreError::doing("continuing an erasure"))
}

async fn advance(tx: &mut PgConnection, erasure_id: i64, progress: i64) -> Result<(), StoreError> {
    sqlx::query!("update ingest.erasures set progress = $2 where erasure_id = $1", erasure_id, progress)
        .execute(tx)
        .await
        .map_err(StoreError::doing("continuing an erasure"))?;
    Ok(())
}

/// Adds rows to the journal of an erasure.
pub(super) async fn add_rows(tx: &mut PgConnection, erasure_id: i64, rows: &ErasedRows) -> Result<(), StoreError> {
    sqlx::query!(
        "update ingest.erasures r
            set erased_rows = (select coalesce(jsonb_object_agg(key, rows), '{}')
                                 from (select key, sum(value::bigint) as rows
                                         from (select * from jsonb_each_text(r.erased_rows)
                                               union all
                                               select * from jsonb_each_text($2)) part
                                        group by key) whole)
          where erasure_id = $1",
        erasure_id,
        serde_json::json!(rows),
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("recording an erasure"))?;
    Ok(())
}
