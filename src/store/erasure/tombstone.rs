//! Pseudonyms of erased people: who of the people being written is erased, and under which pseudonym rows stay.
//!
//! The look-up locks the source, so that no transaction writes an erased person that it did not see.

use std::collections::HashMap;

use sqlx::PgConnection;

use crate::model::id::SourceId;
use crate::model::person::{PersonKey, PersonRef};
use crate::model::speaker;
use crate::store::StoreError;

/// Key and slug from which pseudonyms of a source are made.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Pseudonyms<'a> {
    pub(in crate::store) key: &'a PersonKey,
    pub(in crate::store) slug: &'a str,
}

impl Pseudonyms<'_> {
    /// Returns the pseudonym of an identity.
    pub(super) fn of(self, identity_kind: &'static str, identity: &str) -> String {
        self.key.person_id(self.slug, &PersonRef { identity_kind, identity: identity.to_owned() })
    }

    /// Returns the pseudonym of a name within a session, however it is spelled there.
    pub(in crate::store) fn of_name(self, session: &str, name: &str) -> String {
        self.of("name_in_session", &format!("{session}\n{}", speaker::key(name)))
    }
}

/// One erased person.
#[derive(Debug, Clone)]
pub(in crate::store) struct Replacement {
    /// The pseudonym under which rows of the person are stored.
    pub(in crate::store) erased_as: String,
    pub(in crate::store) erasure_id: i64,
    /// Whether sessions of the person are not stored at all.
    pub(in crate::store) is_deletion: bool,
}

/// The erased people among those being written.
#[derive(Debug, Clone, Default)]
pub(in crate::store) struct Erased {
    /// Whether anything of the source may have to be erased again.
    pub(in crate::store) is_any: bool,
    people: HashMap<String, Replacement>,
}

impl Erased {
    /// Locks the source and reads which of `people` are erased.
    pub(in crate::store) async fn read(
        tx: &mut PgConnection,
        source_id: SourceId,
        people: &[String],
    ) -> Result<Self, StoreError> {
        let row = sqlx::query!(
            r#"select is_any as "is_any!", person_ids as "person_ids!", erased_as as "erased_as!",
                      erasures as "erasures!", deletions as "deletions!"
                 from ingest.erased_among($1, $2)"#,
            source_id.0,
            people,
        )
        .fetch_one(tx)
        .await
        .map_err(StoreError::doing("reading which people are erased"))?;
        Ok(Self::new(row.is_any, row.person_ids, row.erased_as, row.erasures, &row.deletions))
    }

    /// Creates it from the columns of `ingest.erased_among`.
    pub(in crate::store) fn new(
        is_any: bool,
        person_ids: Vec<String>,
        erased_as: Vec<String>,
        erasures: Vec<i64>,
        deletions: &[bool],
    ) -> Self {
        let replacements = erased_as.into_iter().zip(erasures).zip(deletions);
        let replacements = replacements.map(|((erased_as, erasure_id), is_deletion)| Replacement {
            erased_as,
            erasure_id,
            is_deletion: *is_deletion,
        });
        Self { is_any, people: person_ids.into_iter().zip(replacements).collect() }
    }

    /// Returns whether none of the people being written is erased.
    pub(in crate::store) fn is_empty(&self) -> bool {
        self.people.is_empty()
    }

    /// Returns the erased person that any of these pseudonyms names.
    pub(in crate::store) fn find<'a>(&self, person_ids: impl IntoIterator<Item = &'a str>) -> Option<&Replacement> {
        person_ids.into_iter().find_map(|person_id| self.people.get(person_id))
    }
}

/// Stores pseudonyms as erased, each with its erasure. One that an earlier erasure stored keeps its replacement.
pub(in crate::store) async fn insert(
    tx: &mut PgConnection,
    source_id: SourceId,
    people: &[(String, i64)],
) -> Result<(), StoreError> {
    if people.is_empty() {
        return Ok(());
    }
    let (ids, erasures): (Vec<&str>, Vec<i64>) = people.iter().map(|(id, erasure)| (id.as_str(), *erasure)).unzip();
    sqlx::query!(
        "insert into ingest.erased_people (source_id, person_id, erased_as, erasure_id)
         select distinct on (x.id) $1, x.id, replace(gen_random_uuid()::text, '-', ''), x.erasure_id
           from unnest($2::text[], $3::bigint[]) x(id, erasure_id) order by x.id, x.erasure_id desc
         on conflict (source_id, person_id) do update set erasure_id = excluded.erasure_id
          where ingest.erased_people.erasure_id < excluded.erasure_id",
        source_id.0,
        &ids as &[&str],
        &erasures,
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("storing which people are erased"))?;
    Ok(())
}
