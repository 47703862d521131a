//! The audit log of the API: reads of content, commands, refusals.
//!
//! A command is written before it is executed and completed afterwards. Reads and refusals are written many at a time.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::store::StoreError;

/// Kind of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditKind {
    /// Texts or names were read.
    Read,
    /// A command.
    Command,
    /// The caller was refused.
    Refused,
}

impl AuditKind {
    /// Returns its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Command => "command",
            Self::Refused => "refused",
        }
    }
}

/// An entry of the log.
#[derive(Debug, Clone)]
pub struct AuditEntry {
    /// Time of the request.
    pub at: DateTime<Utc>,
    /// Kind.
    pub kind: AuditKind,
    /// Label of the caller's key.
    pub caller: String,
    /// Address of the client.
    pub address: String,
    /// Id of the caller's key.
    pub key_id: Option<String>,
    /// Method and route.
    pub action: String,
    /// Path of the request.
    pub target: String,
    /// The scope that the request needs.
    pub scope: String,
    /// Status of the answer; `None`: not answered yet.
    pub status: Option<u16>,
    /// Id of the request.
    pub request_id: String,
}

/// Writes entries; returns the number of the first.
pub async fn write(pool: &PgPool, entries: &[AuditEntry]) -> Result<i64, StoreError> {
    let texts = |of: fn(&AuditEntry) -> &str| entries.iter().map(|one| of(one).to_owned()).collect::<Vec<String>>();
    let at: Vec<DateTime<Utc>> = entries.iter().map(|entry| entry.at).collect();
    let key_ids: Vec<Option<String>> = entries.iter().map(|entry| entry.key_id.clone()).collect();
    let statuses: Vec<Option<i32>> = entries.iter().map(|entry| entry.status.map(i32::from)).collect();
    let numbers = sqlx::query_scalar!(
        r#"insert into ingest.audit (at, kind, caller, address, key_id, action, target, scope, status, request_id)
           select * from unnest($1::timestamptz[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[],
                                $7::text[], $8::text[], $9::int[], $10::text[])
           returning audit_id"#,
        &at,
        &texts(|entry| entry.kind.as_str()),
        &texts(|entry| &entry.caller),
        &texts(|entry| &entry.address),
        &key_ids as &[Option<String>],
        &texts(|entry| &entry.action),
        &texts(|entry| &entry.target),
        &texts(|entry| &entry.scope),
        &statuses as &[Option<i32>],
        &texts(|entry| &entry.request_id),
    )
    .fetch_all(pool)
    .await
    .map_err(StoreError::doing("writing the audit log"))?;
    Ok(numbers.first().copied().unwrap_or_default())
}

/// Writes the status of the answer to a command.
pub async fn complete(pool: &PgPool, audit_id: i64, status: u16) -> Result<(), StoreError> {
    sqlx::query!("update ingest.audit set status = $2 where audit_id = $1", audit_id, i32::from(status))
        .execute(pool)
        .await
        .map_err(StoreError::doing("completing the audit log"))?;
    Ok(())
}
