//! Sessions that a provider's webhook named, to be read now.
//!
//! The process that receives a webhook and the poller that reads the session share one small table, as they share
//! operators' commands. A hint is due, is claimed for a while, and is deleted once its session was read.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::model::id::{ProviderRecordId, SourceId};
use crate::model::stream::Stream;
use crate::store::run::{self, Finish};
use crate::store::write_guard::keep_source;
use crate::store::{StoreError, StreamKey};

/// Duration of a claim, which is how long a killed poller blocks a hint.
const CLAIM_DURATION: Duration = Duration::from_mins(2);
/// Hints claimed at once.
const BATCH: i64 = 20;
/// A run of hints that has not ended after this time never will.
const ABANDONED_AFTER: Duration = Duration::from_mins(10);

/// A webhook that was verified.
#[derive(Debug, Clone)]
pub struct NewHint<'a> {
    /// Slug of its source.
    pub source: &'a str,
    /// Hash of its body.
    pub body_hash: &'a [u8],
    /// The session to read; `None`: the list is read.
    pub session: Option<&'a ProviderRecordId>,
    /// Per-session streams that have become available.
    pub streams: &'a [Stream],
    /// When to read it.
    pub due_at: DateTime<Utc>,
    /// The present.
    pub now: DateTime<Utc>,
}

/// What became of a webhook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Received {
    /// It is stored, and a poller reads the session.
    Stored,
    /// The same one came before.
    Replayed,
    /// No poller has registered the source yet.
    NoSource,
}

/// A claimed hint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hinted {
    /// The session.
    pub session: ProviderRecordId,
    /// Per-session streams that have become available.
    pub streams: Vec<Stream>,
    /// Number of this try, from 1.
    pub attempts: i32,
    received_at: DateTime<Utc>,
}

/// Stores a hint, unless the same webhook came before.
pub async fn receive(pool: &PgPool, hint: &NewHint<'_>) -> Result<Received, StoreError> {
    let failed = StoreError::doing("storing a hint");
    let mut tx = pool.begin().await.map_err(&failed)?;
    let source_id = sqlx::query_scalar!("select source_id from core.sources where source_slug = $1", hint.source)
        .fetch_optional(&mut *tx)
        .await
        .map_err(&failed)?;
    let Some(source_id) = source_id else { return Ok(Received::NoSource) };
    if !keep_source(&mut tx, SourceId(source_id)).await? {
        return Ok(Received::NoSource);
    }
    let noted = sqlx::query!(
        "insert into ingest.hook_deliveries (source_id, body_hash, received_at) values ($1, $2, $3)
         on conflict do nothing",
        source_id,
        hint.body_hash,
        hint.now,
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    if noted.rows_affected() == 0 {
        return Ok(Received::Replayed);
    }
    if let Some(session) = hint.session {
        sqlx::query!(
            "insert into ingest.session_hints as h (source_id, provider_session_id, due_at, hinted_at, streams)
             values ($1, $2, $3, $4, $5)
             on conflict (source_id, provider_session_id) do update
            set due_at = least(h.due_at, excluded.due_at), hinted_at = excluded.hinted_at, attempts = 0,
                streams = case when h.streams @> excluded.streams then h.streams else h.streams || excluded.streams end",
            source_id,
            session.as_str(),
            hint.due_at,
            hint.now,
            &names(hint.streams) as &[&str],
        )
        .execute(&mut *tx)
        .await
        .map_err(&failed)?;
    } else {
        sqlx::query!(
            "insert into ingest.controls as c (source_id, stream, due_at) values ($1, 'sessions', $2)
             on conflict (source_id, stream) do update set due_at = excluded.due_at where c.paused_at is null",
            source_id,
            hint.now,
        )
        .execute(&mut *tx)
        .await
        .map_err(&failed)?;
    }
    tx.commit().await.map_err(&failed)?;
    Ok(Received::Stored)
}

/// Returns the sources with hints that are due.
pub async fn due(pool: &PgPool, now: DateTime<Utc>) -> Result<Vec<SourceId>, StoreError> {
    let ids = sqlx::query_scalar!(
        "select distinct source_id from ingest.session_hints
          where due_at <= $1 and coalesce(claimed_until, '-infinity') <= now()",
        now,
    )
    .fetch_all(pool)
    .await
    .map_err(StoreError::doing("reading hints"))?;
    Ok(ids.into_iter().map(SourceId).collect())
}

/// Claims due hints, unless the list of the source is paused, or the provider allows no call.
pub async fn claim(pool: &PgPool, source_id: SourceId, now: DateTime<Utc>) -> Result<Vec<Hinted>, StoreError> {
    let rows = sqlx::query!(
        "with next as (
             select h.source_id, h.provider_session_id
               from ingest.session_hints h
              where h.source_id = $1 and h.due_at <= $2 and coalesce(h.claimed_until, '-infinity') <= now()
                and not exists (select from ingest.controls c
                                 where c.source_id = $1 and c.stream = 'sessions' and c.paused_at is not null)
                and not exists (select from ingest.streams s
                                 where s.source_id = $1 and s.stream = 'sessions' and s.parked_until > $2)
              order by h.due_at
              limit $3
                for update of h skip locked)
         update ingest.session_hints h
            set claimed_until = now() + make_interval(secs => $4), attempts = h.attempts + 1
           from next
          where h.source_id = next.source_id and h.provider_session_id = next.provider_session_id
         returning h.provider_session_id, h.streams, h.attempts, h.hinted_at",
        source_id.0,
        now,
        BATCH,
        CLAIM_DURATION.as_secs_f64(),
    )
    .fetch_all(pool)
    .await
    .map_err(StoreError::doing("claiming hints"))?;
    let hinted = rows.into_iter().filter_map(|row| {
        let streams = row.streams.iter().filter_map(|name| Stream::parse(name)).collect();
        let session = ProviderRecordId::parse(&row.provider_session_id).ok()?;
        Some(Hinted { session, streams, attempts: row.attempts, received_at: row.hinted_at })
    });
    Ok(hinted.collect())
}

/// Ends a hint whose session was read, and makes tasks due for the streams that it named. One that came during the
/// reading stays.
pub async fn settle(pool: &PgPool, source_id: SourceId, hinted: &Hinted, now: DateTime<Utc>) -> Result<(), StoreError> {
    let failed = StoreError::doing("ending a hint");
    let mut tx = pool.begin().await.map_err(&failed)?;
    sqlx::query!(
        "update ingest.artifact_tasks set next_try_at = $4
          where source_id = $1 and provider_session_id = $2 and stream = any($3) and next_try_at > $4",
        source_id.0,
        hinted.session.as_str(),
        &names(&hinted.streams) as &[&str],
        now,
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    end(&mut tx, source_id, hinted).await?;
    tx.commit().await.map_err(&failed)
}

/// Retries a hint at `retry_at`; `None`: it is given up, and the poll reads the session.
pub async fn postpone(
    pool: &PgPool,
    source_id: SourceId,
    hinted: &Hinted,
    retry_at: Option<DateTime<Utc>>,
) -> Result<(), StoreError> {
    let failed = StoreError::doing("postponing a hint");
    let mut tx = pool.begin().await.map_err(&failed)?;
    if let Some(retry_at) = retry_at {
        sqlx::query!(
            "update ingest.session_hints set claimed_until = null, due_at = $4
              where source_id = $1 and provider_session_id = $2 and hinted_at = $3",
            source_id.0,
            hinted.session.as_str(),
            hinted.received_at,
            retry_at,
        )
        .execute(&mut *tx)
        .await
        .map_err(&failed)?;
    }
    if retry_at.is_none() {
        end(&mut tx, source_id, hinted).await?;
    }
    tx.commit().await.map_err(&failed)
}

async fn end(tx: &mut sqlx::PgConnection, source_id: SourceId, hinted: &Hinted) -> Result<(), StoreError> {
    let failed = StoreError::doing("ending a hint");
    let ended = sqlx::query!(
        "delete from ingest.session_hints where source_id = $1 and provider_session_id = $2 and hinted_at = $3",
        source_id.0,
        hinted.session.as_str(),
        hinted.received_at,
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    if ended.rows_affected() == 0 {
        sqlx::query!(
            "update ingest.session_hints set claimed_until = null where source_id = $1 and provider_session_id = $2",
            source_id.0,
            hinted.session.as_str(),
        )
        .execute(tx)
        .await
        .map_err(&failed)?;
    }
    Ok(())
}

/// Opens the run that reads hinted sessions; closes earlier ones that a crash left open.
pub async fn start_run(pool: &PgPool, stream_key: StreamKey, now: DateTime<Utc>) -> Result<i64, StoreError> {
    let failed = StoreError::doing("opening a run");
    let mut tx = pool.begin().await.map_err(&failed)?;
    sqlx::query!(
        "update ingest.runs
            set finished_at = $2, verdict = 'failed', error_class = 'crashed',
                reason = 'the poller stopped without ending the run; what it had stored stays'
          where source_id = $1 and stream = 'sessions' and finished_at is null and purpose = 'hint'
            and started_at < $2::timestamptz - make_interval(secs => $3)",
        stream_key.source_id.0,
        now,
        ABANDONED_AFTER.as_secs_f64(),
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    let run_id = run::open(&mut tx, stream_key, None, "hint", now).await?;
    tx.commit().await.map_err(&failed)?;
    Ok(run_id)
}

/// Ends the run that read hinted sessions.
pub async fn finish_run(pool: &PgPool, run_id: i64, finish: &Finish, now: DateTime<Utc>) -> Result<(), StoreError> {
    let failed = StoreError::doing("ending a run");
    let mut tx = pool.begin().await.map_err(&failed)?;
    run::close(&mut tx, run_id, finish, now).await?;
    crate::db::notify_of_change(&mut tx).await.map_err(&failed)?;
    tx.commit().await.map_err(&failed)
}

fn names(streams: &[Stream]) -> Vec<&'static str> {
    streams.iter().map(|stream| stream.as_str()).collect()
}
