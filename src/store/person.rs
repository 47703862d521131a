//! People: pseudonyms seen for the first time.

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
