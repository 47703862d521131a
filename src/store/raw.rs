//! Raw records: the bytes as received, once per distinct content.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;

use crate::store::batch::batches;
use crate::store::{Place, StoreError};

/// A content hash: the first 16 bytes of SHA-256. 128 bits keep accidental equality out of reach.
pub(super) type Hash = [u8; 16];

/// Hashes parts, each with its length before it, so that no two lists of parts run together.
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
}

/// Keeps the records that are not kept yet. `session` is the session they belong to, in per-session streams.
pub(super) async fn insert(
    tx: &mut PgConnection,
    place: Place,
    session: Option<&str>,
    records: &[RawRecord<'_>],
    run_id: i64,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    for batch in batches(records, usize::MAX, |record| record.body.len()) {
        let ids: Vec<&str> = batch.iter().map(|record| &*record.id).collect();
        let hashes: Vec<&[u8]> = batch.iter().map(|record| &record.hash[..]).collect();
        let bodies: Vec<&[u8]> = batch.iter().map(|record| record.body).collect();
        sqlx::query!(
            "insert into ingest.raw_records (source_id, stream, provider_record_id, content_hash, body, fetched_at, run_id,
                                             provider_session_id)
             select $1, $2, r.id, r.hash, r.body, $6, $7, $8
               from unnest($3::text[], $4::bytea[], $5::bytea[]) r(id, hash, body)
             on conflict (source_id, stream, provider_record_id, content_hash) do nothing",
            place.source_id.0,
            place.stream.as_str(),
            &ids as &[&str],
            &hashes as &[&[u8]],
            &bodies as &[&[u8]],
            now,
            run_id,
            session,
        )
        .execute(&mut *tx)
        .await
        .map_err(StoreError::doing("keeping raw records"))?;
    }
    Ok(())
}
