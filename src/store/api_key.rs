//! Keys of API callers: made, rotated, revoked. Each command is recorded in its transaction.
//!
//! Only the hash of a key is written. This module does not decide who may make which key.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgConnection, PgPool};

use crate::model::api_key::{KeyText, Scope};
use crate::store::StoreError;
use crate::store::operation::{self, Operation, Operator};

/// A key to be made.
#[derive(Debug, Clone)]
pub struct NewKey {
    /// Name of the client it is for.
    pub label: String,
    /// Person or team that answers for it.
    pub owner: String,
    /// What it may do; never empty.
    pub scopes: Vec<Scope>,
    /// Slugs of the sources it is limited to; `None`: all.
    pub sources: Option<Vec<String>>,
    /// Time at which it ends; `None`: never.
    pub expires_at: Option<DateTime<Utc>>,
}

/// The reason why a command about a key was not executed.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// No source has this slug.
    #[error("there is no source `{0}`")]
    NoSource(String),
    /// No key has this id.
    #[error("there is no key `{0}`")]
    NoKey(String),
    /// The key is revoked, has expired, or has a successor.
    #[error("the key `{0}` is revoked, has expired, or was rotated already")]
    Ended(String),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

fn failed(source: sqlx::Error) -> KeyError {
    StoreError::doing("changing an API key")(source).into()
}

/// Makes a key.
pub async fn create(
    pool: &PgPool,
    key: &KeyText,
    new: &NewKey,
    operator: &Operator,
    now: DateTime<Utc>,
) -> Result<(), KeyError> {
    let mut tx = pool.begin().await.map_err(failed)?;
    let source_ids = match &new.sources {
        None => None,
        Some(slugs) => Some(source_ids(&mut tx, slugs).await?),
    };
    let hash = key.hash().0;
    let scopes: Vec<String> = new.scopes.iter().map(|scope| scope.as_str().to_owned()).collect();
    sqlx::query!(
        "insert into ingest.api_keys (key_id, secret_hash, label, owner, scopes, source_ids, created_at, expires_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        key.id,
        &hash[..],
        new.label,
        new.owner,
        &scopes,
        source_ids.as_deref(),
        now,
        new.expires_at,
    )
    .execute(&mut *tx)
    .await
    .map_err(failed)?;
    record(&mut tx, "key_create", &key.id, operator, now).await?;
    tx.commit().await.map_err(failed)
}

async fn source_ids(tx: &mut PgConnection, slugs: &[String]) -> Result<Vec<i32>, KeyError> {
    let found = sqlx::query!("select source_id, source_slug from core.sources where source_slug = any($1)", slugs)
        .fetch_all(tx)
        .await
        .map_err(failed)?;
    if let Some(unknown) = slugs.iter().find(|slug| !found.iter().any(|row| row.source_slug == **slug)) {
        return Err(KeyError::NoSource(unknown.clone()));
    }
    Ok(found.into_iter().map(|row| row.source_id).collect())
}

/// Makes `key` the successor of the key `old_id`, which ends after `overlap`. The successor may do the same, and lasts
/// as long from now as the old key did. Returns the end of the old key.
pub async fn rotate(
    pool: &PgPool,
    key: &KeyText,
    old_id: &str,
    overlap: TimeDelta,
    operator: &Operator,
    now: DateTime<Utc>,
) -> Result<DateTime<Utc>, KeyError> {
    let mut tx = pool.begin().await.map_err(failed)?;
    let hash = key.hash().0;
    let made = sqlx::query!(
        "insert into ingest.api_keys (key_id, secret_hash, label, owner, scopes, source_ids, created_at, expires_at,
                                      replaces)
         select $1, $2, o.label, o.owner, o.scopes, o.source_ids, $4::timestamptz,
                $4 + (o.expires_at::timestamptz - o.created_at::timestamptz), o.key_id
           from ingest.api_keys o
          where o.key_id = $3 and o.revoked_at is null and (o.expires_at is null or o.expires_at > $4)
            and not exists (select from ingest.api_keys n where n.replaces = o.key_id)
            for update of o",
        key.id,
        &hash[..],
        old_id,
        now,
    )
    .execute(&mut *tx)
    .await
    .map_err(failed)?;
    if made.rows_affected() == 0 {
        return Err(absent(&mut tx, old_id).await?);
    }
    let ends_at = sqlx::query_scalar!(
        r#"update ingest.api_keys set expires_at = least(expires_at::timestamptz, $2)
            where key_id = $1 returning expires_at as "expires_at!: DateTime<Utc>""#,
        old_id,
        now + overlap,
    )
    .fetch_one(&mut *tx)
    .await
    .map_err(failed)?;
    record(&mut tx, "key_rotate", old_id, operator, now).await?;
    tx.commit().await.map_err(failed)?;
    Ok(ends_at)
}

/// Ends a key at once. Ending it again changes nothing.
pub async fn revoke(pool: &PgPool, key_id: &str, operator: &Operator, now: DateTime<Utc>) -> Result<(), KeyError> {
    let mut tx = pool.begin().await.map_err(failed)?;
    let found =
        sqlx::query!("update ingest.api_keys set revoked_at = coalesce(revoked_at, $2) where key_id = $1", key_id, now)
            .execute(&mut *tx)
            .await
            .map_err(failed)?;
    if found.rows_affected() == 0 {
        return Err(KeyError::NoKey(key_id.to_owned()));
    }
    record(&mut tx, "key_revoke", key_id, operator, now).await?;
    tx.commit().await.map_err(failed)
}

/// Writes that a key was used in the minute of `minute`.
pub async fn mark_used(pool: &PgPool, key_id: &str, minute: DateTime<Utc>) -> Result<(), StoreError> {
    sqlx::query!(
        "update ingest.api_keys set last_used_at = $2
          where key_id = $1 and (last_used_at is null or last_used_at < $2)",
        key_id,
        minute
    )
    .execute(pool)
    .await
    .map_err(StoreError::doing("marking a key as used"))?;
    Ok(())
}

async fn absent(tx: &mut PgConnection, key_id: &str) -> Result<KeyError, KeyError> {
    let exists =
        sqlx::query_scalar!(r#"select exists (select from ingest.api_keys where key_id = $1) as "exists!""#, key_id);
    let exists = exists.fetch_one(tx).await.map_err(failed)?;
    Ok(if exists { KeyError::Ended(key_id.to_owned()) } else { KeyError::NoKey(key_id.to_owned()) })
}

async fn record(
    tx: &mut PgConnection,
    kind: &str,
    key_id: &str,
    operator: &Operator,
    now: DateTime<Utc>,
) -> Result<(), KeyError> {
    let operation = Operation { source_id: None, stream: None, kind, target: Some(key_id), operator, now };
    operation::record(tx, &operation).await?;
    Ok(())
}
