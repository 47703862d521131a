//! People: pseudonyms, the time each was first stored, and each first visit.
//!
//! The first visit is the start of the first stored session of the person. A write can make it earlier by itself.
//! Where it may become later, it is read from the stored sessions, so that it does not depend on the order of pages.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::model::id::SourceId;
use crate::store::StoreError;

/// A person in the data being written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Visit<'a> {
    /// Kind of identity.
    pub(super) kind: &'a str,
    /// The start of the person's first session in this data.
    pub(super) first_at: DateTime<Utc>,
}

/// People in the data being written, by pseudonym.
pub(super) type Visits<'a> = BTreeMap<&'a str, Visit<'a>>;

/// Adds a person's visit.
pub(super) fn add<'a>(visits: &mut Visits<'a>, id: &'a str, kind: &'a str, at: DateTime<Utc>) {
    let visit = visits.entry(id).or_insert(Visit { kind, first_at: at });
    visit.first_at = visit.first_at.min(at);
}

/// Stores new people, and the first visits of known people where they are earlier than the stored ones. Records that
/// are read again may show an earlier visit. Returns the known people whose first visit is another one now.
pub(super) async fn meet(
    tx: &mut PgConnection,
    source_id: SourceId,
    visits: &Visits<'_>,
    now: DateTime<Utc>,
) -> Result<Vec<String>, StoreError> {
    if visits.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<&str> = visits.keys().copied().collect();
    let kinds: Vec<&str> = visits.values().map(|visit| visit.kind).collect();
    let first: Vec<DateTime<Utc>> = visits.values().map(|visit| visit.first_at).collect();
    sqlx::query_scalar!(
        "with before as materialized (
             -- Citus runs one part after another, so that a later part would read what `met` writes
             select person_id, first_visit_at from core.people where source_id = $1 and person_id = any($2)
         ), met as (
             insert into core.people as k (source_id, person_id, identity_kind, first_seen_at, first_visit_at)
             select $1, p.id, p.kind, $5, p.first_at
               from unnest($2::text[], $3::text[], $4::timestamptz[]) p(id, kind, first_at)
             on conflict (source_id, person_id) do update
                set first_seen_at = least(k.first_seen_at, excluded.first_seen_at),
                    first_visit_at = least(k.first_visit_at, excluded.first_visit_at)
              where k.first_seen_at > excluded.first_seen_at
                 or k.first_visit_at > excluded.first_visit_at or k.first_visit_at is null
          returning person_id, first_visit_at)
         -- a new person has no other sessions
         select before.person_id from met join before on before.person_id = met.person_id
          where before.first_visit_at is distinct from met.first_visit_at",
        source_id.0,
        &ids as &[&str],
        &kinds as &[&str],
        &first,
        now,
    )
    .fetch_all(tx)
    .await
    .map_err(StoreError::doing("storing people"))
}

/// Stores people that are named without a visit, except erased ones: pseudonym, kind of identity, time seen.
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
         select $1, p.* from unnest($2::text[], $3::text[], $4::timestamptz[]) p(id, kind, seen_at)
          where not exists (select from ingest.erased_people e where e.source_id = $1 and e.person_id = p.id)
         on conflict (source_id, person_id) do update set first_seen_at = excluded.first_seen_at
          where k.first_seen_at > excluded.first_seen_at",
        source_id.0,
        &ids as &[&str],
        &kinds as &[&str],
        &seen,
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("storing people"))?;
    Ok(())
}

/// Reads the first visits of `people` again, where they may be later now. Call it after the write that causes this: a
/// session or presence was removed, begins at another time, or belonged to another person. Returns the people whose
/// first visit is another one now.
pub(super) async fn date(
    tx: &mut PgConnection,
    source_id: SourceId,
    people: &[&str],
) -> Result<Vec<String>, StoreError> {
    date_with(tx, source_id, people, &[]).await
}

/// Does the same, also for the people present in `sessions`.
pub(super) async fn date_with(
    tx: &mut PgConnection,
    source_id: SourceId,
    people: &[&str],
    sessions: &[i64],
) -> Result<Vec<String>, StoreError> {
    if people.is_empty() && sessions.is_empty() {
        return Ok(Vec::new());
    }
    sqlx::query_scalar!(
        "update core.people k
            set first_visit_at = visit.first_at
           from (select p.person_id,
                        least((select min(s.started_at) from core.sessions s
                                where s.source_id = $1 and s.person_id = p.person_id),
                              (select min(s.started_at)
                                 from core.participants there
                                 join core.sessions s using (source_id, session_id)
                                where there.source_id = $1 and there.person_id = p.person_id)) as first_at
                   from (select unnest($2::text[]) as person_id
                          union
                         select there.person_id from core.participants there
                          where there.source_id = $1 and there.session_id = any($3)) p) visit
          where k.source_id = $1 and k.person_id = visit.person_id
            and k.first_visit_at is distinct from visit.first_at
         returning k.person_id",
        source_id.0,
        people as &[&str],
        sessions,
    )
    .fetch_all(tx)
    .await
    .map_err(StoreError::doing("updating the first visits of people"))
}
