//! Changes of stored sessions: field, old value, new value, time and run.
//!
//! The values of the sessions that a page may change are read before and compared after, both within the page's
//! transaction and each by one statement. A page of new or unchanged sessions costs nothing. The view
//! `ingest.session_figures` defines the compared fields; none holds a text or a person's own words. The growing
//! duration of a live session is no change: every poll would record it.

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::store::lateness::{self, Kind};
use crate::store::{Place, StoreError};

/// The values of sessions before a write.
#[derive(Debug, Default)]
pub(super) struct Before {
    ids: Vec<String>,
    figures: Vec<String>,
}

/// Time and run of a write.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stamp {
    /// The run.
    pub(super) run_id: i64,
    /// When the record was requested.
    pub(super) fetched_at: DateTime<Utc>,
    /// The present.
    pub(super) now: DateTime<Utc>,
}

/// Reads the values of the stored sessions among `ids`.
pub(super) async fn before(tx: &mut PgConnection, place: Place, ids: &[&str]) -> Result<Before, StoreError> {
    if ids.is_empty() {
        return Ok(Before::default());
    }
    let rows = sqlx::query!(
        r#"select provider_session_id as "id!", figures::text as "figures!" from ingest.session_figures
            where source_id = $1 and provider_session_id = any($2)
            order by provider_session_id"#,
        place.source_id.0,
        ids as &[&str],
    )
    .fetch_all(tx)
    .await
    .map_err(StoreError::doing("reading the values of sessions"))?;
    let (ids, figures) = rows.into_iter().map(|row| (row.id, row.figures)).unzip();
    Ok(Before { ids, figures })
}

/// Records what has changed since, and how long after their end sessions still changed.
pub(super) async fn record(
    tx: &mut PgConnection,
    place: Place,
    before: &Before,
    stamp: Stamp,
) -> Result<(), StoreError> {
    if before.ids.is_empty() {
        return Ok(());
    }
    let late = sqlx::query!(
        r#"with before as (
               select b.id, b.figures::jsonb as figures from unnest($2::text[], $3::text[]) b(id, figures)
           ), changed as (
               insert into ingest.session_changes (source_id, session_id, provider_session_id, field, old_value,
                                                   new_value, changed_at, provider_time, run_id)
               select f.source_id, f.session_id, f.provider_session_id, old.key, old.value #>> '{}', new.value #>> '{}',
                      $4, case when old.key <> 'is_deleted_at_provider' then f.provider_updated_at end, $5
                 from before b
                 join ingest.session_figures f on f.source_id = $1 and f.provider_session_id = b.id
                cross join lateral jsonb_each(b.figures) old
                 join lateral jsonb_each(f.figures) new on new.key = old.key
                where old.value is distinct from new.value
                  and not (old.key in ('last_activity_at', 'duration_seconds', 'provider_minutes')
                           and b.figures ->> 'session_state' = 'live' and f.figures ->> 'session_state' = 'live')
                order by f.provider_session_id, old.key
            returning provider_session_id, field, provider_time
           )
           select count(distinct b.id) as "sessions!",
                  coalesce(max(extract(epoch from coalesce(c.provider_time, $6)
                                                  - (b.figures ->> 'ended_at')::timestamptz)), 0)::bigint as "seconds!"
             from changed c
             join before b on b.id = c.provider_session_id
            where c.field <> 'is_deleted_at_provider' and b.figures ->> 'ended_at' is not null"#,
        place.source_id.0,
        &before.ids,
        &before.figures,
        stamp.now,
        stamp.run_id,
        stamp.fetched_at,
    )
    .fetch_one(&mut *tx)
    .await
    .map_err(StoreError::doing("recording changes of sessions"))?;
    lateness::note(tx, place, Kind::Changed, late.sessions, late.seconds, stamp.now).await
}
