//! Keys of API callers, with the slugs of their sources.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::model::api_key::{KeyHash, Scope};
use crate::model::source_access::SourceAccess;
use crate::query::{ReadError, reading};

/// A stored key.
#[derive(Debug, Clone)]
pub struct StoredKey {
    /// The part of the key that finds it.
    pub key_id: String,
    /// Hash of the whole key.
    pub hash: KeyHash,
    /// Name of the client it is for.
    pub label: String,
    /// Person or team that answers for it.
    pub owner: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// The sources it may see; of sources that were removed nothing remains.
    pub sources: SourceAccess,
    /// Time at which it was made.
    pub created_at: DateTime<Utc>,
    /// Time at which it ends; `None`: never.
    pub expires_at: Option<DateTime<Utc>>,
    /// Time at which it was revoked.
    pub revoked_at: Option<DateTime<Utc>>,
    /// Minute of its last use.
    pub last_used_at: Option<DateTime<Utc>>,
    /// Id of the key that it succeeds.
    pub replaces: Option<String>,
}

impl StoredKey {
    /// Returns whether it is in force: `active`, `expired` or `revoked`.
    pub fn state(&self, now: DateTime<Utc>) -> &'static str {
        if self.revoked_at.is_some() {
            "revoked"
        } else if self.expires_at.is_some_and(|end| end <= now) {
            "expired"
        } else {
            "active"
        }
    }
}

/// Returns all keys, newest first.
pub async fn list(pool: &PgPool) -> Result<Vec<StoredKey>, ReadError> {
    let rows = sqlx::query!(
        r#"select k.key_id, k.secret_hash, k.label, k.owner, k.scopes, k.created_at as "created_at: DateTime<Utc>",
                  k.expires_at as "expires_at: DateTime<Utc>", k.revoked_at as "revoked_at: DateTime<Utc>",
                  k.last_used_at as "last_used_at: DateTime<Utc>", k.replaces,
                  case when k.source_ids is not null then
                       array(select s.source_slug from core.sources s
                              where s.source_id = any(k.source_ids) order by s.source_slug) end as sources
             from ingest.api_keys k
            order by k.created_at desc, k.key_id"#
    )
    .fetch_all(pool)
    .await
    .map_err(reading("the API keys"))?;
    let keys = rows.into_iter().filter_map(|row| {
        Some(StoredKey {
            key_id: row.key_id,
            hash: KeyHash(row.secret_hash.try_into().ok()?),
            label: row.label,
            owner: row.owner,
            scopes: row.scopes.iter().filter_map(|name| Scope::parse(name)).collect(),
            sources: row.sources.map_or(SourceAccess::All, SourceAccess::Only),
            created_at: row.created_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            last_used_at: row.last_used_at,
            replaces: row.replaces,
        })
    });
    Ok(keys.collect())
}
