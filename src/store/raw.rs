//! Raw records: the bytes as received, once per distinct content.

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;

use crate::store::StoreError;
use crate::store::lease::Lease;
use crate::store::page::Prepared;

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

/// Keeps the records that are not kept yet.
pub(super) async fn insert(
    tx: &mut PgConnection,
    lease: &Lease,
    records: &[&Prepared<'_>],
    run_id: i64,
    now: DateTime<Utc>,
) -> Result<(), StoreError> {
    let ids: Vec<&str> = records.iter().map(|record| record.id()).collect();
    let hashes: Vec<&[u8]> = records.iter().map(|record| &record.raw_hash[..]).collect();
    let bodies: Vec<&[u8]> = records.iter().map(|record| &record.record.raw[..]).collect();
    sqlx::query!(
        "insert into ingest.raw_records (source_id, stream, provider_record_id, content_hash, body, fetched_at, run_id)
         select $1, $2, r.id, r.hash, r.body, $6, $7
           from unnest($3::text[], $4::bytea[], $5::bytea[]) r(id, hash, body)
         on conflict (source_id, stream, provider_record_id, content_hash) do nothing",
        lease.source_id.0,
        lease.stream.as_str(),
        &ids as &[&str],
        &hashes as &[&[u8]],
        &bodies as &[&[u8]],
        now,
        run_id,
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("keeping raw records"))?;
    Ok(())
}
