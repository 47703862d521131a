//! Raw records: the bytes as received, once per distinct content.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;

use crate::store::bulk::batches;
use crate::store::{StoreError, StreamKey};

/// A content hash: the first 16 bytes of SHA-256. With 128 bits, accidental collisions are practically impossible.
pub(super) type Hash = [u8; 16];

/// Hashes parts, each preceded by its length, so that different lists of parts never have the same input.
pub(super) fn hash(parts: &[&[u8]]) -> Hash {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    let mut hash = Hash::default();
    hash.copy_from_slice(&hasher.finalize()[..16]);
    hash
}

/// A record as received.
#[derive(Debug, Clone)]
pub(super) struct RawRecord<'a> {
    /// The record's name within its stream.
    pub(super) id: Cow<'a, str>,
    /// The bytes.
    pub(super) body: &'a [u8],
    /// Their hash.
    pub(super) hash: Hash,
    /// Whether it names only part of its session.
    pub(super) is_partial: bool,
}

/// Stores the records that are not stored yet; bytes that were stored before and are received again become the
/// newest. `session` is the session they belong to, in per-session streams.
pub(super) async fn insert(
    tx: &mut PgConnection,
    stream_key: StreamKey,
    session: Option<&str>,
    records: &[RawRecord<'_>],
    run_id: i64,
    fetched_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    for batch in batches(records, usize::MAX, |record| record.body.len()) {
        let ids: Vec<&str> = batch.iter().map(|record| &*record.id).collect();
        let hashes: Vec<&[u8]> = batch.iter().map(|record| &record.hash[..]).collect();
        let bodies: Vec<&[u8]> = batch.iter().map(|record| record.body).collect();
        let partial: Vec<bool> = batch.iter().map(|record| record.is_partial).collect();
        sqlx::query!(
            "insert into ingest.raw_records as k (source_id, stream, provider_record_id, content_hash, body, fetched_at,
                                                  last_fetched_at, run_id, provider_session_id, is_partial)
             select $1, $2, r.id, r.hash, r.body, $6, $6, $7, $8, r.is_partial
               from unnest($3::text[], $4::bytea[], $5::bytea[], $9::bool[]) r(id, hash, body, is_partial)
             on conflict (source_id, stream, provider_record_id, content_hash) do update
                set last_fetched_at = excluded.last_fetched_at, is_partial = excluded.is_partial, gone_at = null
              where k.last_fetched_at < excluded.last_fetched_at",
            stream_key.source_id.0,
            stream_key.stream.as_str(),
            &ids as &[&str],
            &hashes as &[&[u8]],
            &bodies as &[&[u8]],
            fetched_at,
            run_id,
            session,
            &partial,
        )
        .execute(&mut *tx)
        .await
        .map_err(StoreError::doing("storing raw records"))?;
    }
    Ok(())
}
