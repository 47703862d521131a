//! The audit log, newest first.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{PgPool, Postgres, QueryBuilder};
use utoipa::ToSchema;

use crate::query::ReadError;
use crate::query::list::{newest, push_any};

/// The kinds of entries.
pub const KINDS: [&str; 3] = ["read", "command", "refused"];

/// One entry of the audit log. It holds no content.
#[derive(Debug, Clone, Serialize, ToSchema, sqlx::FromRow)]
pub struct AuditItem {
    /// Number of the entry; increases.
    pub audit_id: i64,
    /// Time of the request.
    pub at: DateTime<Utc>,
    /// `read`: texts or names were read; `command`; `refused`.
    pub kind: String,
    /// Label of the key, `open` where the service needs none, or user of the command line.
    pub caller: String,
    /// Address of the client; null: the command line.
    pub address: Option<String>,
    /// Id of the key; null: none.
    pub key_id: Option<String>,
    /// Method and route, or kind of the command on the command line.
    pub action: String,
    /// Path of the request, or target of the command.
    pub target: Option<String>,
    /// Scope that the request needs; null: the command line.
    pub scope: Option<String>,
    /// HTTP status of the answer; null: the command line, or a command whose outcome is unknown.
    pub status: Option<i32>,
    /// Id of the request, also in the log; null: the command line.
    pub request_id: Option<String>,
}

/// Filter of entries. Empty lists mean all.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Any of these kinds.
    pub kinds: Vec<String>,
    /// Any of these keys.
    pub key_ids: Vec<String>,
    /// Any of these scopes.
    pub scopes: Vec<String>,
    /// Only entries with a lower number.
    pub before_audit_id: Option<i64>,
}

/// Returns the newest `limit` entries that pass the filter.
pub async fn list(pool: &PgPool, filter: &AuditFilter, limit: i64) -> Result<Vec<AuditItem>, ReadError> {
    let mut sql = QueryBuilder::<Postgres>::new(
        "select a.audit_id, a.at::timestamptz as at, a.kind, a.caller, a.address, a.key_id, a.action, a.target, a.scope,
                a.status, a.request_id
           from ingest.audit a
          where true",
    );
    push_any(&mut sql, [("a.kind", &filter.kinds), ("a.key_id", &filter.key_ids), ("a.scope", &filter.scopes)]);
    newest(pool, sql, "a.audit_id", filter.before_audit_id, limit, "the audit log").await
}
