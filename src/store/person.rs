//! People: pseudonyms seen for the first time.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::model::id::SourceId;
use crate::store::StoreError;

/// Keeps the people not kept yet: pseudonym and kind of identity of each.
pub(super) async fn insert(
    tx: &mut PgConnection,
    source_id: SourceId,
    people: &BTreeMap<&str, &str>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if people.is_empty() {
        return Ok(());
    }
    let (ids, kinds): (Vec<&str>, Vec<&str>) = people.iter().unzip();
    sqlx::query!(
        "insert into core.people (source_id, person_id, identity_kind, first_seen_at)
         select $1, p.id, p.kind, $4 from unnest($2::text[], $3::text[]) p(id, kind)
         on conflict (source_id, person_id) do nothing",
        source_id.0,
        &ids as &[&str],
        &kinds as &[&str],
        now,
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("keeping people"))?;
    Ok(())
}
