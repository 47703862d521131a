//! Sessions: what is known, and one batched upsert.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::model::id::SourceId;
use crate::model::session::Session;
use crate::store::StoreError;
use crate::store::page::Prepared;
use crate::store::raw::Hash;

/// What is stored of a session already.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) row_hash: Hash,
    pub(super) provider_updated_at: Option<DateTime<Utc>>,
}

/// The stored sessions among `records`, by the provider's id.
pub(super) async fn known(
    tx: &mut PgConnection,
    source_id: SourceId,
    records: &[Prepared<'_>],
) -> Result<HashMap<String, Known>, StoreError> {
    if records.is_empty() {
        return Ok(HashMap::new());
    }
    let failed = StoreError::doing("comparing hashes");
    let ids: Vec<&str> = records.iter().map(Prepared::id).collect();
    // A plan made while the table was empty would stay for the life of the connection. Only for this
    // statement: the checks of foreign keys would be planned anew for every row.
    sqlx::query("set local plan_cache_mode = force_custom_plan").execute(&mut *tx).await.map_err(&failed)?;
    let rows = sqlx::query!(
        "select provider_session_id, row_hash, provider_updated_at from core.sessions
          where source_id = $1 and provider_session_id = any($2)",
        source_id.0,
        &ids as &[&str],
    )
    .fetch_all(&mut *tx)
    .await
    .map_err(&failed)?;
    sqlx::query("set local plan_cache_mode = auto").execute(tx).await.map_err(&failed)?;
    let known = rows.into_iter().map(|row| {
        let row_hash = Hash::try_from(row.row_hash.as_slice()).unwrap_or_default();
        (row.provider_session_id, Known { row_hash, provider_updated_at: row.provider_updated_at })
    });
    Ok(known.collect())
}

/// Writes sessions and returns their numbers by the provider's id. A record that names only part of a
/// session updates state and status, and blanks nothing out; one that is only read again does not say that the provider
/// lists it.
pub(super) async fn upsert(
    tx: &mut PgConnection,
    source_id: SourceId,
    records: &[&Prepared<'_>],
    is_replay: bool,
    now: DateTime<Utc>,
) -> Result<HashMap<String, i64>, StoreError> {
    let (partial, full): (Vec<_>, Vec<_>) = records.iter().partition(|record| record.record.session.is_partial);
    let mut ids = write(tx, source_id, &full, is_replay, now).await?;
    ids.extend(write(tx, source_id, &partial, is_replay, now).await?);
    Ok(ids)
}

async fn write(
    tx: &mut PgConnection,
    source_id: SourceId,
    records: &[&Prepared<'_>],
    is_replay: bool,
    now: DateTime<Utc>,
) -> Result<HashMap<String, i64>, StoreError> {
    let Some(first) = records.first() else { return Ok(HashMap::new()) };
    let is_partial = first.record.session.is_partial;
    let of = Columns { records };
    let rows = sqlx::query_file!(
        "src/store/session_upsert.sql",
        source_id.0,
        &of.text(|s| s.provider_session_id.as_str()) as &[&str],
        &of.text(|s| s.kind.as_str()) as &[&str],
        &of.optional(|s| s.provider_status.as_deref()) as &[Option<&str>],
        &of.text(|s| s.state.as_str()) as &[&str],
        &of.text(|s| s.outcome.as_str()) as &[&str],
        &of.any(|s| s.is_flagged_unresolved) as &[Option<bool>],
        &of.optional(|s| s.channel.as_deref()) as &[Option<&str>],
        &records.iter().map(|r| r.person_id.as_deref()).collect::<Vec<_>>() as &[Option<&str>],
        &of.optional(|s| s.parent_provider_session_id.as_deref()) as &[Option<&str>],
        &of.optional(|s| s.group_key.as_deref()) as &[Option<&str>],
        &of.any(|s| s.created_at),
        &of.any(|s| s.started_at),
        &of.any(|s| s.ended_at) as &[Option<DateTime<Utc>>],
        &of.optional(|s| s.ended_at_source.map(crate::model::session::EndSource::as_str)) as &[Option<&str>],
        &of.any(|s| s.completed_at) as &[Option<DateTime<Utc>>],
        &of.any(|s| s.last_activity_at) as &[Option<DateTime<Utc>>],
        &of.any(|s| s.duration_seconds) as &[Option<rust_decimal::Decimal>],
        &of.any(|s| s.provider_minutes) as &[Option<rust_decimal::Decimal>],
        &of.any(|s| s.max_concurrent_participants) as &[Option<i32>],
        &of.any(|s| s.provider_updated_at) as &[Option<DateTime<Utc>>],
        &records.iter().map(|r| &r.row_hash[..]).collect::<Vec<_>>() as &[&[u8]],
        now,
        &records.iter().map(|r| &r.raw_hash[..]).collect::<Vec<_>>() as &[&[u8]],
        is_partial,
        is_replay,
    )
    .fetch_all(tx)
    .await
    .map_err(StoreError::doing("writing sessions"))?;
    Ok(rows.into_iter().map(|row| (row.provider_session_id, row.session_id)).collect())
}

/// Turns rows into the columns that one statement takes.
struct Columns<'a, 'r> {
    records: &'a [&'a Prepared<'r>],
}

impl<'a> Columns<'a, '_> {
    fn any<T>(&self, of: impl Fn(&'a Session) -> T) -> Vec<T> {
        self.records.iter().map(|record| of(&record.record.session)).collect()
    }

    fn text(&self, of: impl Fn(&'a Session) -> &'a str) -> Vec<&'a str> {
        self.any(of)
    }

    fn optional(&self, of: impl Fn(&'a Session) -> Option<&'a str>) -> Vec<Option<&'a str>> {
        self.any(of)
    }
}
