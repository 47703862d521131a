//! People: pseudonyms, when each was first stored, and when each came first.
//!
//! When somebody came first is read from what is stored, so that it does not depend on the order in which pages came.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::model::id::SourceId;
use crate::store::StoreError;

/// Keeps the people not kept yet: pseudonym and kind of identity of each. Records that are read again may show that
/// somebody was seen earlier.
pub(super) async fn insert(
    tx: &mut PgConnection,
    source_id: SourceId,
    people: &BTreeMap<&str, &str>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if people.is_empty() {
        return Ok(());
    }
    let people = people.iter().map(|(id, kind)| ((*id).to_owned(), (*kind, now))).collect();
    insert_each(tx, source_id, &people).await
}

/// The same, where each was seen at another time.
pub(super) async fn insert_each(
    tx: &mut PgConnection,
    source_id: SourceId,
    people: &BTreeMap<String, (&str, DateTime<Utc>)>,
) -> Result<(), StoreError> {
    if people.is_empty() {
        return Ok(());
    }
    let ids: Vec<&str> = people.keys().map(String::as_str).collect();
    let kinds: Vec<&str> = people.values().map(|(kind, _)| *kind).collect();
    let seen: Vec<DateTime<Utc>> = people.values().map(|(_, at)| *at).collect();
    sqlx::query!(
        "insert into core.people as k (source_id, person_id, identity_kind, first_seen_at)
         select $1, p.* from unnest($2::text[], $3::text[], $4::timestamptz[]) p
         on conflict (source_id, person_id) do update set first_seen_at = excluded.first_seen_at
          where k.first_seen_at > excluded.first_seen_at",
        source_id.0,
        &ids as &[&str],
        &kinds as &[&str],
        &seen,
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("keeping people"))?;
    Ok(())
}

/// Works out anew when these people came first: the start of the first stored session each was in. To be called when
/// their sessions and presences are written; they are held already, by being kept.
pub(super) async fn date(tx: &mut PgConnection, source_id: SourceId, people: &[&str]) -> Result<(), StoreError> {
    if people.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "update core.people k
            set first_visit_at = visit.first_at
           from (select p.person_id,
                        least((select min(s.started_at) from core.sessions s
                                where s.source_id = $1 and s.person_id = p.person_id),
                              (select min(s.started_at)
                                 from core.participants there
                                 join core.sessions s using (source_id, session_id)
                                where there.source_id = $1 and there.person_id = p.person_id)) as first_at
                   from unnest($2::text[]) p (person_id)) visit
          where k.source_id = $1 and k.person_id = visit.person_id
            and k.first_visit_at is distinct from visit.first_at",
        source_id.0,
        people as &[&str],
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("dating people"))?;
    Ok(())
}
