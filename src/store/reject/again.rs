//! Retried rejects: which are open, and the results of retries.
//!
//! Records read from a reject's bytes are stored like all records; this module only reads and settles the reject
//! itself. It does not interpret reasons.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::model::id::SourceId;
use crate::model::page::Reject;
use crate::model::stream::Stream;
use crate::store::operation::{self, Operation};
use crate::store::{Place, StoreError};

/// A stored reject.
#[derive(Debug, Clone)]
pub struct StoredReject {
    /// Its number.
    pub reject_id: i64,
    /// Slug of its source.
    pub source: String,
    /// Its source and stream.
    pub place: Place,
    /// The record's id, where it could be read.
    pub provider_record_id: Option<String>,
    /// The session it belongs to, in per-session streams.
    pub provider_session_id: Option<String>,
    /// The bytes.
    pub body: Vec<u8>,
    /// Hash of the bytes.
    pub content_hash: Vec<u8>,
    /// The reason of the reject.
    pub reason_code: String,
    /// When it was last received.
    pub last_seen_at: DateTime<Utc>,
    /// Whether it names only part of its session.
    pub is_partial: bool,
    /// The run that first received it.
    pub run_id: i64,
    /// Whether it still waits for code that can read it.
    pub is_open: bool,
}

/// Resolution of a reject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// The record is stored now.
    Stored,
    /// The record was already stored.
    Unchanged,
    /// A newer record is stored.
    Stale,
}

impl Resolution {
    /// Returns the value in `ingest.rejects.resolution`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Unchanged => "unchanged",
            Self::Stale => "stale",
        }
    }
}

struct Row {
    reject_id: i64,
    source: String,
    source_id: i32,
    stream: String,
    provider_record_id: Option<String>,
    provider_session_id: Option<String>,
    body: Vec<u8>,
    content_hash: Vec<u8>,
    reason_code: String,
    last_seen_at: DateTime<Utc>,
    is_partial: bool,
    run_id: i64,
    is_open: bool,
}

impl Row {
    fn into_reject(self) -> Option<StoredReject> {
        Some(StoredReject {
            place: Place { source_id: SourceId(self.source_id), stream: Stream::parse(&self.stream)? },
            reject_id: self.reject_id,
            source: self.source,
            provider_record_id: self.provider_record_id,
            provider_session_id: self.provider_session_id,
            body: self.body,
            content_hash: self.content_hash,
            reason_code: self.reason_code,
            last_seen_at: self.last_seen_at,
            is_partial: self.is_partial,
            run_id: self.run_id,
            is_open: self.is_open,
        })
    }
}

/// Returns the reject of that number.
pub async fn find(pool: &PgPool, reject_id: i64) -> Result<Option<StoredReject>, StoreError> {
    let row = sqlx::query_as!(
        Row,
        r#"select r.reject_id, s.source_slug as source, r.source_id, r.stream, r.provider_record_id,
                  r.provider_session_id, r.body, r.content_hash, r.reason_code,
                  r.last_seen_at as "last_seen_at: DateTime<Utc>", r.is_partial, r.run_id,
                  r.resolved_at is null as "is_open!"
             from ingest.rejects r join core.sources s using (source_id)
            where r.reject_id = $1"#,
        reject_id,
    )
    .fetch_optional(pool)
    .await
    .map_err(StoreError::doing("reading a reject"))?;
    Ok(row.and_then(Row::into_reject))
}

/// Returns the open rejects of a source with a number above `after`, oldest first.
pub async fn open(pool: &PgPool, source_id: SourceId, after: i64, limit: i64) -> Result<Vec<StoredReject>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        r#"select r.reject_id, s.source_slug as source, r.source_id, r.stream, r.provider_record_id,
                  r.provider_session_id, r.body, r.content_hash, r.reason_code,
                  r.last_seen_at as "last_seen_at: DateTime<Utc>", r.is_partial, r.run_id,
                  r.resolved_at is null as "is_open!"
             from ingest.rejects r join core.sources s using (source_id)
            where r.source_id = $1 and r.resolved_at is null and r.reject_id > $2
            order by r.reject_id
            limit $3"#,
        source_id.0,
        after,
        limit,
    )
    .fetch_all(pool)
    .await
    .map_err(StoreError::doing("reading open rejects"))?;
    Ok(rows.into_iter().filter_map(Row::into_reject).collect())
}

/// Records that an operator requested a replay.
pub async fn record(pool: &PgPool, operation: &Operation<'_>) -> Result<i64, StoreError> {
    let failed = StoreError::doing("recording a replay");
    let mut tx = pool.begin().await.map_err(&failed)?;
    let id = operation::record(&mut tx, operation).await?;
    tx.commit().await.map_err(&failed)?;
    Ok(id)
}

/// Closes a reject.
pub async fn settle(
    pool: &PgPool,
    reject: &StoredReject,
    resolution: Resolution,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "update ingest.rejects set resolved_at = $3, resolution = $4 where source_id = $1 and reject_id = $2",
        reject.place.source_id.0,
        reject.reject_id,
        now,
        resolution.as_str(),
    )
    .execute(pool)
    .await
    .map_err(StoreError::doing("closing a reject"))?;
    Ok(())
}

/// Stores why a reject still cannot be read, where the reason is a new one.
pub async fn keep_open(pool: &PgPool, reject: &StoredReject, why: &Reject) -> Result<(), StoreError> {
    sqlx::query!(
        "update ingest.rejects
            set reason_code = $3, json_pointer = $4, detail = $5, resolved_at = null, resolution = null
          where source_id = $1 and reject_id = $2
            and (reason_code, json_pointer, detail, resolved_at) is distinct from ($3, $4, $5, null)",
        reject.place.source_id.0,
        reject.reject_id,
        why.reason_code,
        why.json_pointer,
        why.detail,
    )
    .execute(pool)
    .await
    .map_err(StoreError::doing("storing the reason of a reject"))?;
    Ok(())
}
