//! Operators' commands for a stream: pause, resume, run now.
//!
//! One small table serves lists and per-session streams alike. Pollers read it: while a stream is paused, claims are
//! refused, and so is the next page of an active run; requested runs are looked up every second. Each command is
//! written into the journal of operations in the same transaction. Rows are never deleted.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use crate::model::id::SourceId;
use crate::model::stream::Stream;
use crate::store::StoreError;
use crate::store::operation::{self, Operation};

/// Control row of one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// Name of the stream.
    pub stream: String,
    /// Start of the pause; `None`: the stream is polled.
    pub paused_at: Option<DateTime<Utc>>,
    /// The operator who paused it.
    pub paused_by: Option<String>,
    /// When a run was requested that has not begun.
    pub due_at: Option<DateTime<Utc>>,
}

/// Result of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// Its number in the journal of operations.
    pub operation_id: i64,
    /// The affected streams in their present state.
    pub streams: Vec<Control>,
}

/// Pauses `streams`, all of `wish.source_id`. A stream that is already paused keeps the time and author of its pause.
pub async fn pause(pool: &PgPool, wish: &Operation<'_>, streams: &[Stream]) -> Result<Told, StoreError> {
    let failed = StoreError::doing("pausing a stream");
    let mut tx = pool.begin().await.map_err(&failed)?;
    sqlx::query!(
        "insert into ingest.controls as c (source_id, stream, paused_at, paused_by)
         select $1, wanted.stream, $3, $4 from unnest($2::text[]) wanted(stream) order by wanted.stream
             on conflict (source_id, stream) do update
            set paused_at = excluded.paused_at, paused_by = excluded.paused_by
          where c.paused_at is null",
        wish.source_id.map(|id| id.0),
        &names(streams) as &[&str],
        wish.now,
        wish.operator.requested_by,
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    let told = write_down(&mut tx, wish, streams).await?;
    tx.commit().await.map_err(&failed)?;
    Ok(told)
}

/// Resumes `streams`; those that were paused are due at once.
pub async fn resume(pool: &PgPool, wish: &Operation<'_>, streams: &[Stream]) -> Result<Told, StoreError> {
    let failed = StoreError::doing("resuming a stream");
    let mut tx = pool.begin().await.map_err(&failed)?;
    sqlx::query!(
        "update ingest.controls set paused_at = null, paused_by = null, due_at = $3
          where source_id = $1 and stream = any($2) and paused_at is not null",
        wish.source_id.map(|id| id.0),
        &names(streams) as &[&str],
        wish.now,
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    let told = write_down(&mut tx, wish, streams).await?;
    tx.commit().await.map_err(&failed)?;
    Ok(told)
}

/// Makes `streams` due now, and with them the tasks that wait for their next try; leaves out paused streams. `None`:
/// all of them are paused, and nothing was written.
pub async fn run_now(pool: &PgPool, wish: &Operation<'_>, streams: &[Stream]) -> Result<Option<Told>, StoreError> {
    let failed = StoreError::doing("making a stream due");
    let mut tx = pool.begin().await.map_err(&failed)?;
    let due = sqlx::query_scalar!(
        "insert into ingest.controls as c (source_id, stream, due_at)
         select $1, wanted.stream, $3 from unnest($2::text[]) wanted(stream) order by wanted.stream
             on conflict (source_id, stream) do update set due_at = excluded.due_at
          where c.paused_at is null
         returning stream",
        wish.source_id.map(|id| id.0),
        &names(streams) as &[&str],
        wish.now,
    )
    .fetch_all(&mut *tx)
    .await
    .map_err(&failed)?;
    let due: Vec<Stream> =
        streams.iter().copied().filter(|stream| due.iter().any(|one| one == stream.as_str())).collect();
    if due.is_empty() {
        return Ok(None);
    }
    sqlx::query!(
        "update ingest.artifact_tasks set next_try_at = $3
          where source_id = $1 and stream = any($2) and next_try_at > $3",
        wish.source_id.map(|id| id.0),
        &names(&due) as &[&str],
        wish.now,
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    let told = write_down(&mut tx, wish, &due).await?;
    tx.commit().await.map_err(&failed)?;
    Ok(Some(told))
}

async fn write_down(tx: &mut PgConnection, wish: &Operation<'_>, streams: &[Stream]) -> Result<Told, StoreError> {
    let operation_id = operation::record(tx, wish).await?;
    let streams = sqlx::query_as!(
        Control,
        r#"select wanted.stream as "stream!", c.paused_at::timestamptz as "paused_at?", c.paused_by as "paused_by?",
                  c.due_at::timestamptz as "due_at?"
             from unnest($2::text[]) with ordinality wanted(stream, place)
             left join ingest.controls c on c.source_id = $1 and c.stream = wanted.stream
            order by wanted.place"#,
        wish.source_id.map(|id| id.0),
        &names(streams) as &[&str],
    )
    .fetch_all(tx)
    .await
    .map_err(StoreError::doing("reading operator commands for a stream"))?;
    Ok(Told { operation_id, streams })
}

/// Returns the requested runs that can start: the stream is not leased, and the provider allows calls.
pub async fn wanted(pool: &PgPool, now: DateTime<Utc>) -> Result<Vec<(SourceId, Stream)>, StoreError> {
    let rows = sqlx::query!(
        r#"select c.source_id as "source_id!", c.stream as "stream!"
           from ingest.controls c
           left join ingest.streams s on s.source_id = c.source_id and s.stream = c.stream
          where c.due_at is not null and c.paused_at is null
            and (s.lease_until is null or s.lease_until <= now())
            and (s.parked_until is null or s.parked_until <= $1)"#,
        now,
    )
    .fetch_all(pool)
    .await
    .map_err(StoreError::doing("reading requests to run now"))?;
    Ok(rows.into_iter().filter_map(|row| Some((SourceId(row.source_id), Stream::parse(&row.stream)?))).collect())
}

/// Returns those of `streams` that are to run now. Only one instance gets each.
pub async fn take_due(pool: &PgPool, source_id: SourceId, streams: &[Stream]) -> Result<Vec<Stream>, StoreError> {
    let taken = sqlx::query_scalar!(
        "update ingest.controls set due_at = null
          where source_id = $1 and stream = any($2) and due_at is not null and paused_at is null
         returning stream",
        source_id.0,
        &names(streams) as &[&str],
    )
    .fetch_all(pool)
    .await
    .map_err(StoreError::doing("taking requests to run now"))?;
    Ok(taken.iter().filter_map(|name| Stream::parse(name)).collect())
}

/// Returns the paused streams of a source.
pub async fn paused(pool: &PgPool, source_id: SourceId) -> Result<Vec<Stream>, StoreError> {
    let names = sqlx::query_scalar!(
        "select stream from ingest.controls where source_id = $1 and paused_at is not null",
        source_id.0,
    )
    .fetch_all(pool)
    .await
    .map_err(StoreError::doing("reading paused streams"))?;
    Ok(names.iter().filter_map(|name| Stream::parse(name)).collect())
}

fn names(streams: &[Stream]) -> Vec<&'static str> {
    streams.iter().map(|stream| stream.as_str()).collect()
}
