//! When the state of stored sessions was last seen, as ranges of creation.
//!
//! A proven walk has seen every session of its range, changed or not. This is stored as ranges that do not overlap,
//! so that no session is written for it. The latest time wins; `window_record.sql` writes it with the proof.

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use crate::model::id::SourceId;
use crate::model::time::Window;
use crate::store::{Place, StoreError};

/// Deletes ranges seen later than `now`, which a fast clock has written.
pub(super) async fn forget_future(tx: &mut PgConnection, place: Place, now: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!(
        "delete from ingest.state_coverage where source_id = $1 and stream = $2 and seen_at > $3",
        place.source_id.0,
        place.stream.as_str(),
        now,
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("deleting ranges seen in the future"))?;
    Ok(())
}

/// Returns the parts of `reach` that are proven complete and were last seen before `since`, newest first.
pub async fn unseen(
    pool: &PgPool,
    place: Place,
    reach: &Window,
    since: DateTime<Utc>,
) -> Result<Vec<Window>, StoreError> {
    let rows = sqlx::query!(
        r#"select lower(part) as "from!", upper(part) as "to!"
             from (select unnest(range_agg(tstzrange(greatest(range_from, $3), least(range_to, $4)))) as part
                     from ingest.state_ranges
                    where source_id = $1 and stream = $2 and range_from < $4 and range_to > $3
                      and coalesce(seen_at, '-infinity') < $5) unseen
            order by 1 desc"#,
        place.source_id.0,
        place.stream.as_str(),
        reach.from,
        reach.to,
        since,
    )
    .fetch_all(pool)
    .await
    .map_err(StoreError::doing("reading which sessions were not seen lately"))?;
    Ok(rows.into_iter().map(|row| Window { from: row.from, to: row.to }).collect())
}

/// Returns where the open sessions were created whose state was last seen before `since`: ranges from the first to
/// the last of them, oldest first. Sessions that are near enough to be listed on about one page are in one range.
pub async fn unseen_open(pool: &PgPool, place: Place, since: DateTime<Utc>) -> Result<Vec<Window>, StoreError> {
    let rows = sqlx::query!(
        r#"with unseen as materialized (
                select range_agg(tstzrange(range_from, range_to)) as ranges from ingest.state_ranges
                 where source_id = $1 and stream = $2 and coalesce(seen_at, '-infinity') < $3),
                open_set as materialized (
                select s.created_at::timestamptz as created_at
                  from core.sessions s, unseen
                 where s.source_id = $1 and s.session_state in ('live', 'open', 'unknown')
                   and not s.is_deleted_at_provider and s.created_at::timestamptz <@ unseen.ranges),
                extent as (
                select min(created_at) as first, max(created_at) as last from open_set),
                -- in which time a hundred sessions begin
                near as (
                select greatest(interval '1 hour',
                                100 * (last - first) / greatest((select count(*) from core.sessions s
                                                                  where s.source_id = $1 and s.created_at >= first
                                                                    and s.created_at <= last), 1)) as gap
                  from extent),
                marked as (
                select created_at, coalesce(created_at - lag(created_at) over (order by created_at) > gap, true) as begins
                  from open_set, near),
                numbered as (
                select created_at, count(*) filter (where begins) over (order by created_at) as number from marked)
           select min(created_at) as "first!", max(created_at) as "last!" from numbered group by number order by 1"#,
        place.source_id.0,
        place.stream.as_str(),
        since,
    )
    .fetch_all(pool)
    .await
    .map_err(StoreError::doing("reading which open sessions were not seen lately"))?;
    Ok(rows.into_iter().map(|row| Window { from: row.first, to: row.last }).collect())
}

/// Returns which of `windows` hold sessions that can still change, or were last seen before `since`.
pub async fn due(
    pool: &PgPool,
    place: Place,
    windows: &[Window],
    since: DateTime<Utc>,
) -> Result<Vec<bool>, StoreError> {
    let from: Vec<DateTime<Utc>> = windows.iter().map(|window| window.from).collect();
    let to: Vec<DateTime<Utc>> = windows.iter().map(|window| window.to).collect();
    sqlx::query_scalar!(
        r#"with unseen as materialized (
                select range_agg(tstzrange(range_from, range_to)) as ranges from ingest.state_ranges
                 where source_id = $1 and stream = $2 and coalesce(seen_at, '-infinity') < $5)
           select exists (select from core.sessions s
                           where s.source_id = $1 and s.created_at >= w.window_from and s.created_at < w.window_to
                             and s.session_state in ('live', 'open', 'unknown') and not s.is_deleted_at_provider)
                  or coalesce(tstzrange(w.window_from, w.window_to) && (select ranges from unseen), false) as "is_due!"
             from unnest($3::timestamptz[], $4::timestamptz[]) with ordinality w(window_from, window_to, number)
            order by w.number"#,
        place.source_id.0,
        place.stream.as_str(),
        &from,
        &to,
        since,
    )
    .fetch_all(pool)
    .await
    .map_err(StoreError::doing("choosing the windows whose states are compared"))
}

/// Whether no more than `limit` stored sessions were created in `window`.
pub async fn holds_at_most(
    pool: &PgPool,
    source_id: SourceId,
    window: &Window,
    limit: u64,
) -> Result<bool, StoreError> {
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let held = sqlx::query_scalar!(
        r#"select count(*) as "count!"
             from (select from core.sessions where source_id = $1 and created_at >= $2 and created_at < $3
                    limit $4::bigint) held"#,
        source_id.0,
        window.from,
        window.to,
        limit.saturating_add(1),
    )
    .fetch_one(pool)
    .await
    .map_err(StoreError::doing("counting the sessions of the last days"))?;
    Ok(held <= limit)
}
