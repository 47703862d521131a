//! Rejects that are tried again: which are open, and what became of them.
//!
//! What is made of a reject's bytes is stored by the ways all records are stored; here only the reject itself is read
//! and settled. Knows no reason by name.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::model::id::SourceId;
use crate::model::page::Reject;
use crate::model::stream::Stream;
use crate::store::operation::{self, Operation};
use crate::store::{Place, StoreError};

/// A reject as it is kept.
#[derive(Debug, Clone)]
pub struct StoredReject {
    /// Its number.
    pub reject_id: i64,
    /// Slug of its source.
    pub source: String,
    /// Where it belongs.
    pub place: Place,
    /// The record's id, where it could be read.
    pub provider_record_id: Option<String>,
    /// The session it belongs to, in per-session streams.
    pub provider_session_id: Option<String>,
    /// The bytes.
    pub body: Vec<u8>,
    /// Hash of the bytes.
    pub content_hash: Vec<u8>,
    /// Why it was rejected.
    pub reason_code: String,
    /// When it last came.
    pub last_seen_at: DateTime<Utc>,
    /// It names only part of its session.
    pub is_partial: bool,
    /// The run that met it first.
    pub run_id: i64,
    /// It waits for a version that can read it.
    pub is_open: bool,
}

/// How a reject was resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resolution {
    /// It is stored now.
    Stored,
    /// It was stored already.
    Unchanged,
    /// Something newer is stored.
    Stale,
}

impl Resolution {
    /// The value in `ingest.rejects.resolution`.
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

/// The reject of that number.
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

/// The open rejects of a source with a number above `after`, oldest first.
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

/// Writes down that somebody wants a replay.
pub async fn record(pool: &PgPool, operation: &Operation<'_>) -> Result<i64, StoreError> {
    let failed = StoreError::doing("writing down a replay");
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

/// Keeps why a reject cannot be read today, where that is another reason than before.
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
    .map_err(StoreError::doing("keeping a reject"))?;
    Ok(())
}
