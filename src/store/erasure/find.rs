//! A person as it is named: the stored pseudonyms, and all identities and names beside them.

use std::collections::BTreeSet;

use sqlx::PgConnection;

use crate::model::id::SourceId;
use crate::store::StoreError;
use crate::store::erasure::people::{ErasureError, Named, PERSON_ID, Sought};
use crate::store::erasure::tombstone::Pseudonyms;
use crate::store::write_guard::take_source;

/// A person in the stored data.
#[derive(Debug, Default)]
pub(super) struct Person {
    /// Pseudonyms under which rows are stored.
    pub(super) stored: Vec<String>,
    /// Pseudonyms of all identities, also of those that a later record may name first.
    pub(super) all: BTreeSet<String>,
    pub(super) sought: Sought,
}

/// The source of a person.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) source_id: SourceId,
    pub(super) slug: String,
}

/// Finds the source. `is_locked`: no other transaction writes for it until this one ends.
pub(super) async fn place(tx: &mut PgConnection, source: &str, is_locked: bool) -> Result<Place, ErasureError> {
    let failed = StoreError::doing("finding the source of a person");
    let row = sqlx::query!("select source_id, pseudonym_slug from core.sources where source_slug = $1", source)
        .fetch_optional(&mut *tx)
        .await
        .map_err(&failed)?;
    let row = row.ok_or_else(|| ErasureError::NoSource(source.to_owned()))?;
    if is_locked {
        take_source(tx, SourceId(row.source_id)).await?;
    }
    Ok(Place { source_id: SourceId(row.source_id), slug: row.pseudonym_slug })
}

/// Finds a person.
pub(super) async fn person(
    tx: &mut PgConnection,
    place: &Place,
    pseudonyms: Pseudonyms<'_>,
    named: &Named<'_>,
) -> Result<Person, StoreError> {
    let mut person = Person::default();
    let kinds = ["contact", "external_user", "custom_participant", "participant_user"];
    for kind in kinds.into_iter().filter(|kind| named.identity_kind.is_none_or(|wanted| wanted == *kind)) {
        person.all.insert(pseudonyms.of(kind, named.identity));
    }
    // an earlier erasure knew more identities
    let earlier = sqlx::query_scalar!(
        "select other.person_id from ingest.erased_people e join ingest.erased_people other using (erasure_id)
          where e.source_id = $1 and e.person_id = any($2) and other.source_id = $1",
        place.source_id.0,
        &person.all.iter().cloned().collect::<Vec<_>>(),
    )
    .fetch_all(&mut *tx)
    .await
    .map_err(StoreError::doing("finding an erased person"))?;
    person.all.extend(earlier);
    let known: Vec<String> = person.all.iter().cloned().collect();
    person.stored = sqlx::query_scalar!(
        r#"select person_id as "person_id!"
             from (select person_id from core.people
                    where source_id = $1 and (person_id = any($2) or person_id = $3 and ($4::text is null or $4 = $5))
                    union
                   select person_id from analytics_pii.session_contacts
                    where source_id = $1
                      and (contact_id = $3 and ($4 is null or $4 = 'contact')
                           or external_user_id = $3 and ($4 is null or $4 = 'external_user'))
                    union
                   select person_id from core.participants
                    where source_id = $1
                      and (custom_participant_id = $3 and ($4 is null or $4 = 'custom_participant')
                           or provider_user_id = $3 and ($4 is null or $4 = 'participant_user'))) theirs
            where person_id is not null
              -- an erasure that runs has replaced the pseudonym, and not yet erased the identity beside it
              and not exists (select from ingest.erased_people e
                               where e.source_id = $1 and e.erased_as = theirs.person_id)"#,
        place.source_id.0,
        &known,
        named.identity,
        named.identity_kind,
        PERSON_ID,
    )
    .fetch_all(&mut *tx)
    .await
    .map_err(StoreError::doing("finding a person"))?;
    person.all.extend(person.stored.iter().cloned());
    person.sought.identifiers.insert(named.identity.to_owned());
    add_identities(tx, place, pseudonyms, &mut person).await?;
    Ok(person)
}

/// Adds the identities and names that are stored beside the person's pseudonyms.
async fn add_identities(
    tx: &mut PgConnection,
    place: &Place,
    pseudonyms: Pseudonyms<'_>,
    person: &mut Person,
) -> Result<(), StoreError> {
    let failed = StoreError::doing("reading the identities of a person");
    let contacts = sqlx::query!(
        "select distinct contact_id, external_user_id from analytics_pii.session_contacts
          where source_id = $1 and person_id = any($2)",
        place.source_id.0,
        &person.stored,
    )
    .fetch_all(&mut *tx)
    .await
    .map_err(&failed)?;
    let presences = sqlx::query!(
        "select distinct custom_participant_id, provider_user_id, display_name from core.participants
          where source_id = $1 and person_id = any($2)",
        place.source_id.0,
        &person.stored,
    )
    .fetch_all(tx)
    .await
    .map_err(&failed)?;
    let mut add = |kind: &'static str, identity: Option<String>| {
        if let Some(identity) = identity.filter(|identity| !identity.trim().is_empty()) {
            person.all.insert(pseudonyms.of(kind, &identity));
            person.sought.identifiers.insert(identity);
        }
    };
    for row in contacts {
        add("contact", row.contact_id);
        add("external_user", row.external_user_id);
    }
    let mut names = BTreeSet::new();
    for row in presences {
        add("custom_participant", row.custom_participant_id);
        add("participant_user", row.provider_user_id);
        names.extend(row.display_name.filter(|name| !name.trim().is_empty()));
    }
    person.sought.names = names;
    Ok(())
}
