//! Commands of operators and pollers on a whole backfill: find, pause, resume, end.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use crate::store::backfill::stored::{Backfill, BackfillState, read};
use crate::store::operation::{self, Operation};
use crate::store::{StoreError, StreamKey};

/// A command of an operator on a backfill.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Command {
    /// Stop work on it until it is resumed.
    Pause,
    /// Continue work on it; failed units are retried.
    Resume,
    /// End it. Data read so far stays.
    Cancel,
}

impl Command {
    /// Returns the kind in the journal of operations.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Pause => "pause_backfill",
            Self::Resume => "resume_backfill",
            Self::Cancel => "cancel_backfill",
        }
    }
}

/// Result of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commanded {
    /// The command was applied.
    Done,
    /// There was nothing to do: the backfill is in this state.
    Unchanged(BackfillState),
    /// There is no such backfill.
    NotFound,
}

/// Returns the backfill of that number.
pub async fn find(pool: &PgPool, backfill_id: i64) -> Result<Option<Backfill>, StoreError> {
    let mut connection = pool.acquire().await.map_err(StoreError::doing("reading a backfill"))?;
    read(&mut connection, backfill_id).await
}

/// Returns the backfills and reconciliations of a source that wait for a worker, oldest first.
pub async fn running(pool: &PgPool, stream_key: StreamKey) -> Result<Vec<i64>, StoreError> {
    sqlx::query_scalar!(
        "select b.backfill_id from ingest.backfills b
          where b.source_id = $1 and b.stream = $2 and b.state = 'running'
            and not exists (select from ingest.controls c
                            where c.source_id = b.source_id and c.stream = b.stream
                              and c.paused_at is not null)
            and exists (select from ingest.backfill_units u
                         where u.backfill_id = b.backfill_id and u.state = 'open'
                           and coalesce(u.claimed_until, '-infinity') <= now()
                           and coalesce(u.not_before, '-infinity') <= now())
          order by b.backfill_id",
        stream_key.source_id.0,
        stream_key.stream.as_str(),
    )
    .fetch_all(pool)
    .await
    .map_err(StoreError::doing("looking for backfills"))
}

/// Whether an operator paused the whole stream: then its past is not read either.
pub async fn is_stream_paused(pool: &PgPool, stream_key: StreamKey) -> Result<bool, StoreError> {
    let paused = sqlx::query_scalar!(
        r#"select exists (select from ingest.controls
                          where source_id = $1 and stream = $2 and paused_at is not null) as "is_paused!""#,
        stream_key.source_id.0,
        stream_key.stream.as_str(),
    )
    .fetch_one(pool)
    .await
    .map_err(StoreError::doing("reading whether a stream is paused"))?;
    Ok(paused)
}

/// Returns when the last reconciliation of a stream was planned, or else when the stream was created.
pub async fn last_reconciled(pool: &PgPool, stream_key: StreamKey) -> Result<Option<DateTime<Utc>>, StoreError> {
    sqlx::query_scalar!(
        r#"select coalesce((select max(b.created_at) from ingest.backfills b
                             where b.source_id = s.source_id and b.stream = s.stream and b.purpose = 'reconcile'),
                           s.registered_at)::timestamptz as "at!"
             from ingest.streams s where s.source_id = $1 and s.stream = $2"#,
        stream_key.source_id.0,
        stream_key.stream.as_str(),
    )
    .fetch_optional(pool)
    .await
    .map_err(StoreError::doing("reading when a source was last reconciled"))
}

/// Applies an operator's command, and records it.
pub async fn command(
    pool: &PgPool,
    backfill_id: i64,
    command: Command,
    operation: &Operation<'_>,
) -> Result<Commanded, StoreError> {
    let failed = StoreError::doing("changing a backfill");
    let mut tx = pool.begin().await.map_err(&failed)?;
    let locked = sqlx::query_scalar!(
        "select backfill_id from ingest.backfills where backfill_id = $1 for no key update",
        backfill_id
    );
    if locked.fetch_optional(&mut *tx).await.map_err(&failed)?.is_none() {
        return Ok(Commanded::NotFound);
    }
    let Some(found) = read(&mut tx, backfill_id).await? else { return Ok(Commanded::NotFound) };
    let is_done = match command {
        Command::Resume => revive(&mut tx, backfill_id, &["paused", "failed"], operation.now).await?,
        Command::Pause | Command::Cancel => {
            let (from, to): (&[&str], &str) = if command == Command::Pause {
                (&["running"], "paused")
            } else {
                (&["running", "paused", "failed"], "cancelled")
            };
            let ended_at = (command == Command::Cancel).then_some(operation.now);
            let changed = sqlx::query!(
                "update ingest.backfills set state = $2, finished_at = $3 where backfill_id = $1 and state = any($4)",
                backfill_id,
                to,
                ended_at,
                from as &[&str],
            );
            changed.execute(&mut *tx).await.map_err(&failed)?.rows_affected() > 0
        }
    };
    if !is_done {
        return Ok(Commanded::Unchanged(found.state));
    }
    operation::record(&mut tx, operation).await?;
    tx.commit().await.map_err(&failed)?;
    Ok(Commanded::Done)
}

/// Fails a backfill that cannot continue now, unless others work on it. Resuming it tries again.
pub async fn fail(pool: &PgPool, backfill_id: i64, reason: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!(
        "update ingest.backfills b set state = 'failed', finished_at = $2, reason = $3
          where backfill_id = $1 and state = 'running'
            and not exists (select from ingest.backfill_units u
                             where u.backfill_id = b.backfill_id and u.claimed_until > now())",
        backfill_id,
        now,
        reason,
    )
    .execute(pool)
    .await
    .map_err(StoreError::doing("ending a backfill"))?;
    Ok(())
}

/// Sets backfills in one of `states` running again, and retries their failed units.
pub(super) async fn revive(
    tx: &mut PgConnection,
    backfill_id: i64,
    states: &[&str],
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    let failed = StoreError::doing("resuming a backfill");
    let revived = sqlx::query!(
        "update ingest.backfills set state = 'running', resumed_at = $3, finished_at = null, reason = null
          where backfill_id = $1 and state = any($2)",
        backfill_id,
        states as &[&str],
        now,
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    if revived.rows_affected() == 0 {
        return Ok(false);
    }
    sqlx::query!(
        "update ingest.backfill_units set state = 'open', attempts = 0, not_before = null, finished_at = null
          where backfill_id = $1 and state in ('doubtful', 'failed')",
        backfill_id,
    )
    .execute(tx)
    .await
    .map_err(&failed)?;
    Ok(true)
}

/// Notes that a backfill without workers is resumed, so that the idle time does not enter the estimate of the
/// remaining time.
pub(super) async fn take_up(tx: &mut PgConnection, backfill_id: i64, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!(
        "update ingest.backfills b set resumed_at = $2
          where backfill_id = $1
            and not exists (select from ingest.backfill_units u
                             where u.backfill_id = b.backfill_id and u.claimed_until > now())",
        backfill_id,
        now,
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("continuing a backfill"))?;
    Ok(())
}
