//! Enqueues artifact tasks for sessions.
//!
//! This happens in the transaction that stores a session, so that a crash cannot separate the two; and once for all
//! sessions stored before, when a source runs with a stream for the first time. This module decides nothing about
//! tries.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgConnection, PgPool};

use crate::model::id::SourceId;
use crate::store::StoreError;
use crate::store::artifact::task::SessionStream;

/// Sessions enqueued by one statement.
const CHUNK: i64 = 2_000;

/// Enqueues the tasks of these sessions. A task whose session has ended since, or ended at another time than assumed,
/// becomes due again; all others stay.
pub(in crate::store) async fn enqueue(
    tx: &mut PgConnection,
    source_id: SourceId,
    session_ids: &[i64],
    streams: &[SessionStream],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if streams.is_empty() || session_ids.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = streams.iter().map(|stream| stream.stream.as_str()).collect();
    let per_participant: Vec<bool> = streams.iter().map(|stream| stream.per_participant).collect();
    let waiting = streams.iter().filter(|stream| stream.per_participant).map(|stream| stream.stream.as_str());
    let waiting: Vec<&str> = waiting.collect();
    let has_tasks = relink(tx, source_id, session_ids, &waiting, now).await?;
    let seconds = |of: fn(&SessionStream) -> TimeDelta| -> Vec<f64> {
        streams.iter().map(|stream| of(stream).as_seconds_f64()).collect()
    };
    let while_live: Vec<bool> = streams.iter().map(|stream| stream.while_live).collect();
    sqlx::query_file!(
        "src/store/artifact/enqueue.sql",
        source_id.0,
        session_ids,
        &names as &[&str],
        &seconds(|stream| stream.first_try_after),
        &seconds(|stream| stream.retention),
        &while_live,
        now,
        &per_participant,
    )
    .execute(&mut *tx)
    .await
    .map_err(StoreError::doing("enqueuing artifact tasks"))?;
    // the insert locks existing tasks for participants, so that none of them is settled meanwhile
    if has_tasks && !waiting.is_empty() {
        wake(tx, source_id, session_ids, now).await?;
    }
    Ok(())
}

/// Makes tasks due whose session's participants are now known or given up.
pub(super) async fn wake(
    tx: &mut PgConnection,
    source_id: SourceId,
    session_ids: &[i64],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update ingest.artifact_tasks w
            set is_waiting = false, is_ready = w.claimed_until is null and coalesce(w.next_try_at <= $3, false)
          where w.source_id = $1 and w.session_id = any($2) and w.is_waiting
            and (select p.state in ('available', 'empty') or p.next_try_at is null
                   from ingest.artifact_tasks p
                  where p.source_id = w.source_id and p.session_id = w.session_id and p.stream = 'participants')",
        source_id.0,
        session_ids,
        now,
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("ending the wait for participants"))?;
    Ok(())
}

/// Relinks the tasks of sessions that were removed and came back under new numbers. Their data was deleted with the
/// session, so it is requested as for the first time, at any age, since providers keep some of it longer than stated;
/// a replay rebuilds it from raw records. Returns whether any of the sessions had tasks before.
async fn relink(
    tx: &mut PgConnection,
    source_id: SourceId,
    session_ids: &[i64],
    waiting: &[&str],
    now: DateTime<Utc>,
) -> Result<bool, StoreError> {
    sqlx::query_scalar!(
        r#"with known as (
               select t.source_id, t.session_id as old_id, t.stream, s.session_id
                 from core.sessions s
                 -- session by session: a join would read all tasks of the source while there are no statistics
                cross join lateral (select t.source_id, t.session_id, t.stream from ingest.artifact_tasks t
                                     where t.source_id = s.source_id and t.provider_session_id = s.provider_session_id
                                    offset 0) t
                where s.source_id = $1 and s.session_id = any($2)),
           relinked as (
               update ingest.artifact_tasks t
                  set session_id = known.session_id, content_hash = null, claim_token = null, claimed_until = null,
                      owed_since = null, agreed_since = null, tries = 0,
                      next_try_at = case when t.next_try_at is null and (t.state = 'available' or t.expires_at > $3)
                                         then $3::timestamptz else t.next_try_at end,
                      first_attempt_at = case when t.state <> 'available' then t.first_attempt_at end,
                      state = case when t.state <> 'available' then t.state else 'pending' end,
                      is_ready = false, is_waiting = t.stream = any($4)
                 from known
                where t.source_id = known.source_id and t.session_id = known.old_id and t.stream = known.stream
                  and known.old_id <> known.session_id)
           select exists (select from known) as "has_tasks!""#,
        source_id.0,
        session_ids,
        now,
        waiting as &[&str],
    )
    .fetch_one(tx)
    .await
    .map_err(StoreError::doing("relinking artifact tasks"))
}

/// Enqueues tasks for the sessions stored before: the first time a source runs with these streams.
pub async fn enqueue_stored(
    pool: &PgPool,
    source_id: SourceId,
    streams: &[SessionStream],
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let failed = StoreError::doing("enqueuing artifact tasks for stored sessions");
    let names: Vec<&str> = streams.iter().map(|stream| stream.stream.as_str()).collect();
    let wanted = names.join(",");
    let enqueued = sqlx::query_scalar!(
        "select value from ingest.source_facts where source_id = $1 and name = 'enlisted_streams'",
        source_id.0
    )
    .fetch_optional(pool)
    .await
    .map_err(&failed)?;
    if enqueued.as_deref() == Some(&wanted) || (enqueued.is_none() && wanted.is_empty()) {
        return Ok(());
    }
    let mut below = i64::MAX;
    loop {
        let ids = sqlx::query_scalar!(
            "select session_id from core.sessions where source_id = $1 and session_id < $2
              order by session_id desc limit $3",
            source_id.0,
            below,
            CHUNK,
        )
        .fetch_all(pool)
        .await
        .map_err(&failed)?;
        let Some(lowest) = ids.last().copied() else { break };
        below = lowest;
        let mut connection = pool.acquire().await.map_err(&failed)?;
        enqueue(&mut connection, source_id, &ids, streams, now).await?;
    }
    sqlx::query!(
        "insert into ingest.source_facts (source_id, name, value, learnt_at) values ($1, 'enlisted_streams', $2, $3)
         on conflict (source_id, name) do update set value = excluded.value, learnt_at = excluded.learnt_at",
        source_id.0,
        wanted,
        now,
    )
    .execute(pool)
    .await
    .map_err(&failed)?;
    Ok(())
}
