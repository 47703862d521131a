//! Rejects: records that could not be normalized, stored until they can be.
//!
//! The same bytes of a stream, or of a session, are one reject, however often they are received. It is resolved when
//! the record is received in a readable form, or when a later version of the code replays it. This module does not
//! interpret reasons.

mod retry;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::model::id::ProviderRecordId;
use crate::model::page::Reject;
use crate::store::{StoreError, StreamKey, raw};

pub use self::retry::{Resolution, StoredReject, find, keep_open, open, record, settle};

/// Reason of a record or an artifact that the database refuses.
pub const REFUSED_BY_DATABASE: &str = "refused_by_database";

/// Describes the refusal of a `record` or an `artifact`.
pub fn refusal_of(subject: &str) -> String {
    format!("a value of this {subject} does not fit the database")
}

/// Returns the reject of a `record` or an `artifact` that the database refuses.
pub(super) fn refused(subject: &str, body: &[u8], id: Option<&ProviderRecordId>, is_partial: bool) -> Reject {
    Reject {
        raw: body.to_vec(),
        provider_record_id: id.cloned(),
        reason_code: REFUSED_BY_DATABASE,
        json_pointer: String::new(),
        detail: refusal_of(subject),
        is_partial,
    }
}

/// Returns the hash of a reject. The same row in the files of two sessions is two rejects.
pub(super) fn hash(session: Option<&str>, reject: &Reject) -> Vec<u8> {
    let session = session.map(str::as_bytes);
    raw::hash(&session.into_iter().chain([&reject.raw[..]]).collect::<Vec<_>>()).to_vec()
}

/// Stores new rejects; the same bytes on every poll are one reject. `session` is the session they belong to, in
/// per-session streams.
pub(super) async fn insert(
    tx: &mut PgConnection,
    stream_key: StreamKey,
    session: Option<&str>,
    rejects: &[Reject],
    run_id: i64,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let failed = StoreError::doing("storing rejects");
    if rejects.is_empty() {
        return Ok(());
    }
    let hashes: Vec<Vec<u8>> = rejects.iter().map(|reject| hash(session, reject)).collect();
    let known = known(tx, stream_key, &hashes, now).await?;
    let fresh: Vec<(&Reject, &[u8])> = rejects
        .iter()
        .zip(&hashes)
        .filter(|(_, hash)| !known.contains(hash))
        .map(|(reject, hash)| (reject, hash.as_slice()))
        .collect();
    if fresh.is_empty() {
        return Ok(());
    }
    let hashes: Vec<&[u8]> = fresh.iter().map(|(_, hash)| *hash).collect();
    let ids: Vec<Option<&str>> =
        fresh.iter().map(|(r, _)| r.provider_record_id.as_ref().map(ProviderRecordId::as_str)).collect();
    let bodies: Vec<&[u8]> = fresh.iter().map(|(reject, _)| reject.raw.as_slice()).collect();
    let codes: Vec<&str> = fresh.iter().map(|(reject, _)| reject.reason_code).collect();
    let pointers: Vec<&str> = fresh.iter().map(|(reject, _)| reject.json_pointer.as_str()).collect();
    let details: Vec<&str> = fresh.iter().map(|(reject, _)| reject.detail.as_str()).collect();
    let partial: Vec<bool> = fresh.iter().map(|(reject, _)| reject.is_partial).collect();
    sqlx::query!(
        "insert into ingest.rejects (source_id, stream, content_hash, provider_record_id, body, reason_code,
                                     json_pointer, detail, first_seen_at, last_seen_at, run_id, provider_session_id,
                                     is_partial)
         select $1, $2, r.hash, r.id, r.body, r.code, r.pointer, r.detail, $9, $9, $10, $11, r.is_partial
           from unnest($3::bytea[], $4::text[], $5::bytea[], $6::text[], $7::text[], $8::text[], $12::bool[])
                r(hash, id, body, code, pointer, detail, is_partial)
         on conflict (source_id, stream, content_hash) do nothing",
        stream_key.source_id.0,
        stream_key.stream.as_str(),
        &hashes as &[&[u8]],
        &ids as &[Option<&str>],
        &bodies as &[&[u8]],
        &codes as &[&str],
        &pointers as &[&str],
        &details as &[&str],
        now,
        run_id,
        session,
        &partial,
    )
    .execute(tx)
    .await
    .map_err(&failed)?;
    Ok(())
}

/// Returns the stored rejects among `hashes`, which were received again.
async fn known(
    tx: &mut PgConnection,
    stream_key: StreamKey,
    hashes: &[Vec<u8>],
    now: DateTime<Utc>,
) -> Result<Vec<Vec<u8>>, StoreError> {
    let failed = StoreError::doing("storing rejects");
    // looked up first: `on conflict` would use up a sequence number for each of them on every poll
    let known = sqlx::query_scalar!(
        "select content_hash from ingest.rejects where source_id = $1 and stream = $2 and content_hash = any($3)",
        stream_key.source_id.0,
        stream_key.stream.as_str(),
        hashes,
    )
    .fetch_all(&mut *tx)
    .await
    .map_err(&failed)?;
    // The same bad bytes after a good version reopen the reject. The last time seen is updated once an hour only, so
    // that a poll without news writes nothing.
    sqlx::query!(
        "update ingest.rejects
            set resolved_at = null, resolution = null, last_seen_at = greatest(last_seen_at, $4),
                seen_count = seen_count + 1
          where source_id = $1 and stream = $2 and content_hash = any($3)
            and (resolved_at is not null or last_seen_at <= $4::timestamptz - interval '1 hour')",
        stream_key.source_id.0,
        stream_key.stream.as_str(),
        hashes,
        now,
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    Ok(known)
}

/// Closes the open rejects of the records `ids`, which were received again and could be read.
pub(super) async fn resolve(
    tx: &mut PgConnection,
    stream_key: StreamKey,
    ids: Vec<&str>,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    if ids.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "update ingest.rejects set resolved_at = $4, resolution = 'came_again'
          where source_id = $1 and stream = $2 and resolved_at is null and provider_record_id = any($3)",
        stream_key.source_id.0,
        stream_key.stream.as_str(),
        &ids as &[&str],
        now,
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("closing rejects"))?;
    Ok(())
}
