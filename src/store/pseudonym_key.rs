//! The key for pseudonyms, where none is configured: generated once and stored in `ingest`, which analysts cannot
//! read.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::model::person::PersonKey;
use crate::store::StoreError;

/// Returns the stored key; generates one of 32 bytes the first time. Safe when several instances start at once.
pub async fn load(pool: &PgPool, now: DateTime<Utc>) -> Result<Option<PersonKey>, StoreError> {
    let failed = StoreError::doing("reading the key for pseudonyms");
    // two version-4 UUIDs hold 244 random bits from the server's strong generator
    sqlx::query!(
        "insert into ingest.secrets (name, value, created_at)
         select 'person_key', uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()), $1
          where not exists (select from ingest.secrets where name = 'person_key')
         on conflict (name) do nothing",
        now,
    )
    .execute(pool)
    .await
    .map_err(&failed)?;
    let value = sqlx::query_scalar!("select value from ingest.secrets where name = 'person_key'")
        .fetch_one(pool)
        .await
        .map_err(&failed)?;
    Ok(PersonKey::new(value))
}
