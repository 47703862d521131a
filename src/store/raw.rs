//! Raw records: the bytes as received, once per distinct content.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use sqlx::PgConnection;

use crate::model::id::SourceId;
use crate::model::stream::Stream;
use crate::store::StoreError;
use crate::store::bulk::batches;

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

/// The origin of raw records.
#[derive(Debug, Clone, Copy)]
pub(super) struct Origin<'a> {
    /// Their stream.
    pub(super) stream: Stream,
    /// The session they belong to, in per-session streams.
    pub(super) session: Option<&'a str>,
    /// The run that received them.
    pub(super) run_id: i64,
    /// When they were requested.
    pub(super) fetched_at: DateTime<Utc>,
}

/// Stores records of one origin, see [`insert_each`].
pub(super) async fn insert(
    tx: &mut PgConnection,
    source_id: SourceId,
    origin: Origin<'_>,
    records: &[RawRecord<'_>],
) -> Result<(), StoreError> {
    insert_each(tx, source_id, &records.iter().map(|record| (origin, record)).collect::<Vec<_>>()).await
}

/// Stores the records that are not stored yet; bytes that were stored before and are received again become the newest.
pub(super) async fn insert_each(
    tx: &mut PgConnection,
    source_id: SourceId,
    records: &[(Origin<'_>, &RawRecord<'_>)],
) -> Result<(), StoreError> {
    for batch in batches(records, usize::MAX, |(_, record)| record.body.len()) {
        let sessions: Vec<Option<&str>> = batch.iter().map(|(origin, _)| origin.session).collect();
        sqlx::query!(
            "insert into ingest.raw_records as k (source_id, stream, provider_record_id, content_hash, body, fetched_at,
                                                  last_fetched_at, run_id, provider_session_id, is_partial)
             select $1, r.stream, r.id, r.hash, r.body, r.at, r.at, r.run_id, r.session, r.is_partial
               from unnest($2::text[], $3::text[], $4::bytea[], $5::bytea[], $6::timestamptz[], $7::bigint[], $8::text[],
                           $9::bool[])
                    r(stream, id, hash, body, at, run_id, session, is_partial)
             on conflict (source_id, stream, provider_record_id, content_hash) do update
                set last_fetched_at = excluded.last_fetched_at, is_partial = excluded.is_partial, gone_at = null
              where k.last_fetched_at < excluded.last_fetched_at",
            source_id.0,
            &batch.iter().map(|(origin, _)| origin.stream.as_str()).collect::<Vec<_>>() as &[&str],
            &batch.iter().map(|(_, record)| &*record.id).collect::<Vec<_>>() as &[&str],
            &batch.iter().map(|(_, record)| &record.hash[..]).collect::<Vec<_>>() as &[&[u8]],
            &batch.iter().map(|(_, record)| record.body).collect::<Vec<_>>() as &[&[u8]],
            &batch.iter().map(|(origin, _)| origin.fetched_at).collect::<Vec<_>>(),
            &batch.iter().map(|(origin, _)| origin.run_id).collect::<Vec<_>>(),
            &sessions as &[Option<&str>],
            &batch.iter().map(|(_, record)| record.is_partial).collect::<Vec<_>>(),
        )
        .execute(&mut *tx)
        .await
        .map_err(StoreError::doing("storing raw records"))?;
    }
    Ok(())
}
