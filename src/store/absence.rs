//! Stored sessions that their provider no longer has.
//!
//! A session counts as missing where a proven reading of its range did not hold it, or where a call for it alone was
//! answered with "not found". After two runs, some minutes apart, it is treated as deleted: a single answer may come
//! from a stale cache. Any record of the session, even a reject, restores it. The caller decides which sessions are
//! missing; nothing is written where there are none.

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::TryStreamExt;
use sqlx::{PgConnection, PgPool};

use crate::model::id::{ProviderRecordId, SourceId};
use crate::model::time::Window;
use crate::store::{StoreError, StreamKey};

/// Up to this many missing sessions in one reading are always accepted,
const MISSING_BORNE: usize = 10;
/// and more than this many never.
const MISSING_MOST: usize = 5_000;

/// Whether `missing` out of `of` sessions are plausibly deleted. Where most of the stored sessions are missing, a
/// different account or a limited retention of lists is likelier.
pub fn is_credible(missing: usize, of: usize) -> bool {
    missing <= MISSING_BORNE || (missing * 2 <= of && missing <= MISSING_MOST)
}

/// Sessions that a reading of a range did not hold.
#[derive(Debug, Default)]
pub struct Missing {
    /// Sessions of the range that were stored before the reading began.
    pub stored_count: usize,
    /// Those among them that the reading did not hold; no more are listed than [`is_credible`] could accept.
    pub ids: Vec<ProviderRecordId>,
}

/// Returns the sessions stored before `stored_before` whose whole known life lies in `window`, and which are not
/// `listed`. Rows are streamed, so memory is needed for the missing ones only.
pub async fn missing(
    pool: &PgPool,
    source_id: SourceId,
    window: &Window,
    stored_before: DateTime<Utc>,
    is_listed: impl Fn(&ProviderRecordId) -> bool,
) -> Result<Missing, StoreError> {
    let failed = StoreError::doing("looking for missing sessions");
    // the condition on starts lets the query use the index
    let mut rows = sqlx::query_scalar!(
        "select provider_session_id from core.sessions
          where source_id = $1 and started_at >= $2 and started_at < $3 and created_at >= $2 and created_at < $3
            and coalesce(provider_updated_at, ended_at, created_at) < $3 and first_seen_at < $4
            and not is_deleted_at_provider",
        source_id.0,
        window.from,
        window.to,
        stored_before,
    )
    // planned for this range each time: a plan made while the table was small would persist
    .persistent(false)
    .fetch(pool);
    let mut missing = Missing::default();
    while let Some(id) = rows.try_next().await.map_err(&failed)? {
        missing.stored_count += 1;
        let Ok(id) = ProviderRecordId::parse(&id) else { continue };
        if missing.ids.len() <= MISSING_MOST && !is_listed(&id) {
            missing.ids.push(id);
        }
    }
    Ok(missing)
}

/// Returns since when all of the sessions `ids` were missing in earlier readings; `None`: some were not.
pub async fn missed_since(
    pool: &PgPool,
    source_id: SourceId,
    ids: &[ProviderRecordId],
) -> Result<Option<DateTime<Utc>>, StoreError> {
    let names: Vec<&str> = ids.iter().map(ProviderRecordId::as_str).collect();
    let missed = sqlx::query!(
        r#"select count(*) as "count!", max(first_missed_at)::timestamptz as last_at from ingest.absences
            where source_id = $1 and provider_session_id = any($2)"#,
        source_id.0,
        &names as &[&str],
    )
    .fetch_one(pool)
    .await
    .map_err(StoreError::doing("reading since when sessions are missing"))?;
    Ok(missed.last_at.filter(|_| usize::try_from(missed.count) == Ok(ids.len())))
}

/// Records that the sessions `ids` were missing, and returns those that are treated as deleted from now on: at the
/// earliest `deleted_after` their first absence.
pub(super) async fn sight(
    tx: &mut PgConnection,
    stream_key: StreamKey,
    (ids, deleted_after): (&[ProviderRecordId], TimeDelta),
    (run_id, now): (i64, DateTime<Utc>),
) -> Result<Vec<String>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<&str> = ids.iter().map(ProviderRecordId::as_str).collect();
    let seen = sqlx::query!(
        r#"insert into ingest.absences as a (source_id, provider_session_id, first_missed_at, first_missed_run_id,
                                             last_missed_at, last_missed_run_id, missed_count)
           select s.source_id, s.provider_session_id, $3::timestamptz, $4::bigint, $3::timestamptz, $4::bigint, 1
             from core.sessions s where s.source_id = $1 and s.provider_session_id = any($2)
            order by s.provider_session_id
           on conflict (source_id, provider_session_id) do update
              set last_missed_at = excluded.last_missed_at, last_missed_run_id = excluded.last_missed_run_id,
                  missed_count = a.missed_count + 1,
                  -- two readings closer together than five minutes count as one
                  deleted_at = case when excluded.last_missed_at - a.first_missed_at >= greatest(interval '5 minutes', make_interval(secs => $5))
                                    then excluded.last_missed_at end
            where a.deleted_at is null and a.last_missed_run_id <> excluded.last_missed_run_id
        returning a.provider_session_id, a.deleted_at is not null as "is_gone!""#,
        stream_key.source_id.0,
        &ids as &[&str],
        now,
        run_id,
        deleted_after.as_seconds_f64(),
    )
    .fetch_all(tx)
    .await
    .map_err(StoreError::doing("recording missing sessions"))?;
    Ok(seen.into_iter().filter(|row| row.is_gone).map(|row| row.provider_session_id).collect())
}

/// Returns those of the sessions `ids` that were missing before `fetched_at`: a record names them, so they are back.
pub(super) async fn missed(
    tx: &mut PgConnection,
    stream_key: StreamKey,
    ids: &[&str],
    fetched_at: DateTime<Utc>,
) -> Result<Vec<String>, StoreError> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query_scalar!(
        "select provider_session_id from ingest.absences
          where source_id = $1 and provider_session_id = any($2) and last_missed_at <= $3",
        stream_key.source_id.0,
        ids as &[&str],
        fetched_at,
    )
    .fetch_all(tx)
    .await
    .map_err(StoreError::doing("looking for sessions that are no longer missing"))
}

/// Deletes the records that the sessions `ids` were missing.
pub(super) async fn forget(tx: &mut PgConnection, stream_key: StreamKey, ids: &[&str]) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "delete from ingest.absences where source_id = $1 and provider_session_id = any($2)",
        stream_key.source_id.0,
        ids as &[&str],
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("deleting records of missing sessions"))?;
    Ok(())
}

/// Marks the stored sessions `ids` as deleted at the provider or not.
pub(super) async fn mark(
    tx: &mut PgConnection,
    stream_key: StreamKey,
    ids: &[&str],
    is_deleted: bool,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "update core.sessions set is_deleted_at_provider = $3, last_changed_at = $4
          where source_id = $1 and provider_session_id = any($2) and is_deleted_at_provider <> $3",
        stream_key.source_id.0,
        ids as &[&str],
        is_deleted,
        now,
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("marking sessions"))?;
    Ok(())
}

/// Keeps the sessions among `ids` that are treated as deleted in that state, even if an old record of theirs is
/// stored.
pub(super) async fn keep_deleted(tx: &mut PgConnection, stream_key: StreamKey, ids: &[&str]) -> Result<(), StoreError> {
    sqlx::query!(
        "update core.sessions s set is_deleted_at_provider = true, last_changed_at = a.deleted_at
           from ingest.absences a
          where a.source_id = $1 and a.provider_session_id = any($2) and a.deleted_at is not null
            and s.source_id = a.source_id and s.provider_session_id = a.provider_session_id
            and not s.is_deleted_at_provider",
        stream_key.source_id.0,
        ids as &[&str],
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("marking deleted sessions"))?;
    Ok(())
}
