//! Drift: unexpected content in provider records, newest first.
//!
//! It shows that a provider changes before anything breaks: a new field, a new word of a closed list, a value that
//! can no longer be read. The records themselves are stored unchanged.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::{PgPool, Postgres, QueryBuilder};
use utoipa::ToSchema;

use crate::query::list::push_any;
use crate::query::{ReadError, reading};

/// Unexpected content in records of a provider.
#[derive(Debug, Clone, Serialize, ToSchema, sqlx::FromRow)]
pub struct Drift {
    /// Slug of the source that sent it.
    pub source: String,
    /// Kind of platform.
    pub provider: String,
    /// Kind of record.
    pub stream: String,
    /// `unknown_field`, `unknown_value`, `unreadable_value`, `replaced_text` or `stray_quote`.
    pub kind: String,
    /// JSON pointer into the record, without list positions; empty: the whole record, or its envelope.
    pub path: String,
    /// The value, if it is a word of a closed list, or its fault; null: it may be personal and is only in
    /// the raw records.
    pub value: Option<String>,
    /// Time at which it was first seen.
    pub first_seen_at: DateTime<Utc>,
    /// Time at which it was last seen in a new or changed record.
    pub last_seen_at: DateTime<Utc>,
    /// Number of records with distinct content that contained it.
    pub record_count: i64,
}

/// Kinds of drift.
pub const KINDS: [&str; 5] = ["unknown_field", "unknown_value", "unreadable_value", "replaced_text", "stray_quote"];

/// Sort key of a line in the list.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DriftKey {
    /// Time at which it was first seen.
    pub first_seen_at: DateTime<Utc>,
    /// Source, stream, kind, path and value.
    pub name: (String, String, String, String, String),
}

impl Drift {
    /// Returns its sort key.
    pub fn key(&self) -> DriftKey {
        let value = self.value.clone().unwrap_or_default();
        let name = (self.source.clone(), self.stream.clone(), self.kind.clone(), self.path.clone(), value);
        DriftKey { first_seen_at: self.first_seen_at, name }
    }
}

/// Filter of lines. Empty lists mean all.
#[derive(Debug, Clone, Default)]
pub struct DriftFilter {
    /// Any of these slugs.
    pub sources: Vec<String>,
    /// Any of these streams.
    pub streams: Vec<String>,
    /// Any of these kinds.
    pub kinds: Vec<String>,
}

/// Returns the newest `limit` lines that pass the filter, after `after`.
pub async fn list(
    pool: &PgPool,
    filter: &DriftFilter,
    after: Option<&DriftKey>,
    limit: i64,
) -> Result<Vec<Drift>, ReadError> {
    let mut sql = QueryBuilder::<Postgres>::new(
        "select source, provider, stream, kind, path, value, first_seen_at, last_seen_at, record_count
           from analytics.provider_drift
          where true",
    );
    push_any(&mut sql, [("source", &filter.sources), ("stream", &filter.streams), ("kind", &filter.kinds)]);
    if let Some(DriftKey { first_seen_at, name: (source, stream, kind, path, value) }) = after {
        sql.push(" and (first_seen_at < ").push_bind(*first_seen_at).push(" or (first_seen_at = ");
        sql.push_bind(*first_seen_at).push(" and (source, stream, kind, path, coalesce(value, '')) > (");
        for (index, part) in [source, stream, kind, path, value].into_iter().enumerate() {
            sql.push(if index == 0 { "" } else { ", " }).push_bind(part.clone());
        }
        sql.push(")))");
    }
    sql.push(" order by first_seen_at desc, source, stream, kind, path, coalesce(value, '') limit ").push_bind(limit);
    sql.build_query_as().fetch_all(pool).await.map_err(reading("the unknown provider values"))
}
