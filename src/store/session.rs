//! Sessions: what is known, and one batched upsert.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::model::id::SourceId;
use crate::model::session::{MAPPING_VERSION, Session};
use crate::store::page::Prepared;
use crate::store::raw::Hash;
use crate::store::{StoreError, order};

/// What is stored of a session already.
#[derive(Debug, Clone, Copy)]
pub(super) struct Known {
    pub(super) row_hash: Hash,
    pub(super) provider_updated_at: Option<DateTime<Utc>>,
    /// When what is stored was asked for; `None`: before that was kept.
    pub(super) fetched_at: Option<DateTime<Utc>>,
    pub(super) is_deleted: bool,
    pub(super) has_state: bool,
    /// When the provider last did not have it, since it was last seen.
    pub(super) last_missed_at: Option<DateTime<Utc>>,
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
        r#"select s.provider_session_id, s.row_hash, s.provider_updated_at, s.fetched_at, s.is_deleted_at_provider,
                  s.session_state <> 'unknown' as "has_state!", a.last_missed_at as "last_missed_at?"
             from core.sessions s
             left join ingest.absences a on a.source_id = s.source_id and a.provider_session_id = s.provider_session_id
            where s.source_id = $1 and s.provider_session_id = any($2)"#,
        source_id.0,
        &ids as &[&str],
    )
    .fetch_all(&mut *tx)
    .await
    .map_err(&failed)?;
    sqlx::query("set local plan_cache_mode = auto").execute(tx).await.map_err(&failed)?;
    let known = rows.into_iter().map(|row| {
        let known = Known {
            row_hash: Hash::try_from(row.row_hash.as_slice()).unwrap_or_default(),
            provider_updated_at: row.provider_updated_at,
            fetched_at: row.fetched_at,
            is_deleted: row.is_deleted_at_provider,
            has_state: row.has_state,
            last_missed_at: row.last_missed_at,
        };
        (row.provider_session_id, known)
    });
    Ok(known.collect())
}

/// Writes sessions and returns their numbers by the provider's id. A record that names only part of a
/// session adds what it says, and blanks nothing out. They were asked for at `fetched_at`.
pub(super) async fn upsert(
    tx: &mut PgConnection,
    source_id: SourceId,
    records: &[&Prepared<'_>],
    known: &HashMap<String, Known>,
    (fetched_at, now): (DateTime<Utc>, DateTime<Utc>),
) -> Result<HashMap<String, i64>, StoreError> {
    let (partial, whole): (Vec<_>, Vec<&Prepared<'_>>) =
        records.iter().partition(|record| order::is_partial(record, known));
    let (lacking, full): (Vec<_>, Vec<&Prepared<'_>>) = whole.iter().partition(|record| record.lacks_field);
    let mut ids = write(tx, source_id, &full, Scope::Full, (fetched_at, now)).await?;
    ids.extend(write(tx, source_id, &partial, Scope::Partial, (fetched_at, now)).await?);
    ids.extend(write(tx, source_id, &lacking, Scope::Lacking, (fetched_at, now)).await?);
    Ok(ids)
}

/// How much of their sessions records say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// All of it.
    Full,
    /// Part of it.
    Partial,
    /// All but a field that is usual: a state that may follow from its absence is not believed.
    Lacking,
}

async fn write(
    tx: &mut PgConnection,
    source_id: SourceId,
    records: &[&Prepared<'_>],
    scope: Scope,
    (fetched_at, now): (DateTime<Utc>, DateTime<Utc>),
) -> Result<HashMap<String, i64>, StoreError> {
    if records.is_empty() {
        return Ok(HashMap::new());
    }
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
        scope != Scope::Full,
        fetched_at,
        i16::from(MAPPING_VERSION),
        scope == Scope::Lacking,
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
