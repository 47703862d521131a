//! Stored state of a page's records, read before saving together with the right to write.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::store::StoreError;
use crate::store::erasure::tombstone::Erased;
use crate::store::page::prepared::Prepared;
use crate::store::raw::Hash;
use crate::store::write_guard::WriteGuard;

/// Stored state of a session.
#[derive(Debug, Clone)]
pub(in crate::store) struct Known {
    pub(in crate::store) session_id: i64,
    pub(in crate::store) row_hash: Hash,
    pub(in crate::store) provider_updated_at: Option<DateTime<Utc>>,
    /// When the stored state was requested; `None`: stored before this was recorded.
    pub(in crate::store) fetched_at: Option<DateTime<Utc>>,
    pub(in crate::store) started_at: DateTime<Utc>,
    pub(in crate::store) person_id: Option<String>,
    pub(in crate::store) is_deleted: bool,
    pub(in crate::store) has_state: bool,
    /// When the provider last did not have it, since it was last seen.
    pub(in crate::store) last_missed_at: Option<DateTime<Utc>>,
}

/// Stored state of the records of a page, and of their stream.
#[derive(Debug, Default)]
pub(in crate::store) struct Seen {
    /// The stored sessions, by the provider's id.
    pub(in crate::store) known: HashMap<String, Known>,
    /// The numbers assigned to new sessions.
    pub(super) numbers: HashMap<String, i64>,
    /// The erased people among those of the records.
    pub(super) erased: Erased,
    /// Text-search configuration of the source's texts; `None`: `simple`. It stays until the transaction ends.
    pub(super) search_language: Option<String>,
    /// Whether the stream has open rejects.
    pub(super) has_rejects: bool,
    /// Whether part of the time in which the records were created is proven.
    pub(super) is_proven: bool,
}

/// Compares and locks the right to write, and reads the stored state of `records`.
pub(super) async fn read(
    tx: &mut PgConnection,
    guard: &WriteGuard,
    records: &[Prepared<'_>],
) -> Result<Seen, StoreError> {
    let stream_key = guard.stream_key();
    let (lease, unit) = match guard {
        WriteGuard::Lease(lease) => (Some(lease.grant()), None),
        WriteGuard::Unit(unit) => (None, Some((unit.unit_id, unit.token))),
        WriteGuard::Single(_) | WriteGuard::Replay(_) => (None, None),
    };
    if lease.is_none() && unit.is_none() {
        guard.check(tx).await?;
    }
    let (token, fence) = lease.unzip();
    let (unit_id, unit_token) = unit.unzip();
    let ids: Vec<&str> = records.iter().map(Prepared::id).collect();
    let people: Vec<&str> = records.iter().flat_map(Prepared::person_ids).collect();
    let created = records.iter().map(|record| record.record.session.created_at);
    let rows = sqlx::query_file!(
        "src/store/page/seen.sql",
        stream_key.source_id.0,
        stream_key.stream.as_str(),
        token,
        fence,
        unit_id,
        unit_token,
        &ids as &[&str],
        created.clone().min() as Option<DateTime<Utc>>,
        created.max() as Option<DateTime<Utc>>,
        &people as &[&str],
    )
    .fetch_all(tx)
    .await
    .map_err(StoreError::doing("comparing hashes"))?;
    let mut seen = Seen::default();
    for (index, row) in rows.into_iter().enumerate() {
        if index == 0 {
            let (ids, erased_as, erasures) = (row.erased_ids, row.erased_as, row.erasures);
            seen.erased = Erased::new(row.is_any_erased, ids, erased_as, erasures, &row.deletions);
            seen.search_language = row.search_language;
        }
        match guard {
            WriteGuard::Lease(lease) if row.is_paused.is_none() => return Err(lease.lost()),
            WriteGuard::Lease(_) if row.is_paused == Some(true) => {
                let (source_id, stream) = (stream_key.source_id.0, stream_key.stream.as_str());
                return Err(StoreError::Paused { source_id, stream });
            }
            WriteGuard::Unit(unit) if !row.has_unit => return Err(unit.lost()),
            WriteGuard::Lease(_) | WriteGuard::Unit(_) | WriteGuard::Single(_) | WriteGuard::Replay(_) => {}
        }
        (seen.has_rejects, seen.is_proven) = (row.has_rejects, row.is_proven);
        let Some((id, session_id)) = row.id.zip(row.session_id) else { continue };
        let Some(hash) = row.row_hash else {
            seen.numbers.insert(id, session_id);
            continue;
        };
        let known = Known {
            session_id,
            row_hash: Hash::try_from(hash.as_slice()).unwrap_or_default(),
            provider_updated_at: row.provider_updated_at,
            fetched_at: row.fetched_at,
            started_at: row.started_at.unwrap_or_default(),
            person_id: row.person_id,
            is_deleted: row.is_deleted.unwrap_or_default(),
            has_state: row.has_state.unwrap_or_default(),
            last_missed_at: row.last_missed_at,
        };
        seen.known.insert(id, known);
    }
    Ok(seen)
}
