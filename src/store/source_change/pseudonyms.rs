//! Recomputes the pseudonyms of a source with the slug of another, so that a person of two merged sources is one.
//!
//! A pseudonym cannot be reversed, but the identity it was derived from is stored beside it: contacts of chats, ids
//! of participants, and names of speakers within their session. Both pseudonyms of each identity are computed, and
//! the first is replaced by the second. A pseudonym whose identity is no longer stored stays as it is.

use sqlx::{AssertSqlSafe, PgConnection};

use crate::model::person::{PersonKey, PersonRef};
use crate::store::StoreError;

/// Identities read at once.
const CHUNK: usize = 5_000;

/// The kinds of identity, and where each is stored; the order within a kind follows the rules for pseudonyms.
const IDENTITIES: [(&str, &str); 6] = [
    (
        "contact",
        "select contact_id from analytics_pii.session_contacts where source_id = $1 and contact_id is not null",
    ),
    (
        "external_user",
        "select external_user_id from analytics_pii.session_contacts
          where source_id = $1 and external_user_id is not null",
    ),
    (
        "custom_participant",
        "select custom_participant_id from core.participants where source_id = $1 and custom_participant_id is not null",
    ),
    (
        "participant_user",
        "select provider_user_id from core.participants where source_id = $1 and provider_user_id is not null",
    ),
    (
        "participant",
        "select s.provider_session_id || E'\\n' || t.provider_participant_id
           from core.transcript_segments t join core.sessions s using (source_id, session_id)
          where source_id = $1 and t.provider_participant_id is not null",
    ),
    (
        "speaker_label",
        "select s.provider_session_id || E'\\n' || t.speaker_label
           from core.transcript_segments t join core.sessions s using (source_id, session_id)
          where source_id = $1 and t.speaker_label is not null",
    ),
];

/// Replaces the pseudonyms of `source_id` made with the first slug by those made with the second.
pub(super) async fn rewrite(
    tx: &mut PgConnection,
    key: &PersonKey,
    source_id: i32,
    (before, after): (&str, &str),
) -> Result<(), StoreError> {
    for (identity_kind, identities) in IDENTITIES {
        let mut last: Option<String> = None;
        loop {
            let sql = format!(
                "select identity from ({identities}) known (identity)
                  where $2::text is null or identity > $2 group by identity order by identity limit {CHUNK}"
            );
            let chunk: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
                .bind(source_id)
                .bind(last.as_deref())
                .fetch_all(&mut *tx)
                .await
                .map_err(StoreError::doing("reading the identities of a source"))?;
            let pseudonyms = |slug: &str| -> Vec<String> {
                let person = |identity: &String| PersonRef { identity_kind, identity: identity.clone() };
                chunk.iter().map(|identity| key.person_id(slug, &person(identity))).collect()
            };
            replace(tx, source_id, &pseudonyms(before), &pseudonyms(after)).await?;
            match chunk.into_iter().last() {
                Some(identity) => last = Some(identity),
                None => break,
            }
        }
    }
    Ok(())
}

async fn replace(tx: &mut PgConnection, source_id: i32, before: &[String], after: &[String]) -> Result<(), StoreError> {
    for sql in [
        "update core.people p set person_id = r.after from unnest($2::text[], $3::text[]) r (before, after)
          where p.source_id = $1 and p.person_id = r.before",
        "update core.sessions s set person_id = r.after from unnest($2::text[], $3::text[]) r (before, after)
          where s.source_id = $1 and s.person_id = r.before",
        "update core.participants p set person_id = r.after from unnest($2::text[], $3::text[]) r (before, after)
          where p.source_id = $1 and p.person_id = r.before",
        "update core.transcript_segments t set speaker_id = r.after from unnest($2::text[], $3::text[]) r (before, after)
          where t.source_id = $1 and t.speaker_id = r.before",
        "update ingest.session_changes c set old_value = r.after from unnest($2::text[], $3::text[]) r (before, after)
          where c.source_id = $1 and c.field = 'person_id' and c.old_value = r.before",
        "update ingest.session_changes c set new_value = r.after from unnest($2::text[], $3::text[]) r (before, after)
          where c.source_id = $1 and c.field = 'person_id' and c.new_value = r.before",
    ] {
        sqlx::query(sql)
            .bind(source_id)
            .bind(before)
            .bind(after)
            .execute(&mut *tx)
            .await
            .map_err(StoreError::doing("writing the pseudonyms of a merged source"))?;
    }
    Ok(())
}
