//! Reading of stored raw records: in the order in which they were fetched, with the stored metadata of their bytes.
//!
//! Rebuilding rows needs every version of a record, since a later one may name only a part. The result is saved like
//! any page, by [`crate::store::page::save`], under [`crate::store::write_guard::WriteGuard::Replay`]. This module adds
//! only the steps of a replay: it sets the times of restored sessions, and removes sessions without a raw record. It
//! does not interpret the bytes.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt as _;
use sqlx::{PgConnection, PgPool};

use crate::model::id::SourceId;
use crate::model::stream::Stream;
use crate::store::data_version::{self, Changed};
use crate::store::page::prepared::Prepared;
use crate::store::page::seen::Known;
use crate::store::{StoreError, StreamKey, extension, person, session};

/// One version of a record.
#[derive(Debug, Clone)]
pub struct StoredRecord {
    /// The record's name within its stream.
    pub id: String,
    /// The bytes.
    pub body: Vec<u8>,
    /// When these bytes were first received.
    pub fetched_at: DateTime<Utc>,
    /// When they were last received as something new: judgements that depend on the present use this time.
    pub last_fetched_at: DateTime<Utc>,
    /// Whether they name only part of their session.
    pub is_partial: bool,
    /// The run that received them.
    pub run_id: i64,
    /// When the newest version of this record was received.
    pub newest_at: DateTime<Utc>,
}

/// Position in the list of records: the last record's name, and when its newest version was received.
#[derive(Debug, Clone)]
pub struct After {
    /// When its newest version was received.
    pub newest_at: DateTime<Utc>,
    /// The name of the record.
    pub id: String,
}

/// Returns the number of distinct stored records of a stream.
pub async fn count(pool: &PgPool, stream_key: StreamKey) -> Result<i64, StoreError> {
    sqlx::query_scalar!(
        r#"select count(distinct provider_record_id) as "count!" from ingest.raw_records
            where source_id = $1 and stream = $2"#,
        stream_key.source_id.0,
        stream_key.stream.as_str(),
    )
    .fetch_one(pool)
    .await
    .map_err(StoreError::doing("counting raw records"))
}

/// Passes every version of the next `limit` records to `take`, oldest first, one at a time: the history of a record may
/// be long. Records are ordered by their newest versions. Erased versions are left out.
pub async fn each_version(
    pool: &PgPool,
    stream_key: StreamKey,
    after: Option<&After>,
    limit: i64,
    mut take: impl FnMut(StoredRecord),
) -> Result<(), StoreError> {
    let mut versions = sqlx::query_as!(
        StoredRecord,
        r#"with newest as (
               select r.provider_record_id, r.last_fetched_at
                 from ingest.raw_records r
                where r.source_id = $1 and r.stream = $2 and r.erased_at is null
                  and ($3::timestamptz is null or (r.last_fetched_at, r.provider_record_id) > ($3, $4))
                  and not exists (select from ingest.raw_records o
                                   where o.source_id = r.source_id and o.stream = r.stream and o.erased_at is null
                                     and o.provider_record_id = r.provider_record_id
                                     and (o.last_fetched_at, o.content_hash) > (r.last_fetched_at, r.content_hash))
                order by r.last_fetched_at, r.provider_record_id
                limit $5)
           select v.provider_record_id as id, v.body, v.fetched_at as "fetched_at: DateTime<Utc>",
                  v.last_fetched_at as "last_fetched_at: DateTime<Utc>", v.is_partial, v.run_id,
                  n.last_fetched_at as "newest_at: DateTime<Utc>"
             from newest n
             join ingest.raw_records v on v.source_id = $1 and v.stream = $2
                                      and v.provider_record_id = n.provider_record_id and v.erased_at is null
            order by n.last_fetched_at, v.provider_record_id, v.last_fetched_at, v.content_hash"#,
        stream_key.source_id.0,
        stream_key.stream.as_str(),
        after.map(|after| after.newest_at) as Option<DateTime<Utc>>,
        after.map_or("", |after| &after.id),
        limit,
    )
    .fetch(pool);
    while let Some(version) = versions.try_next().await.map_err(StoreError::doing("reading raw records"))? {
        take(version);
    }
    Ok(())
}

/// Returns which of these sessions are stored.
pub async fn known(pool: &PgPool, source_id: SourceId, ids: &[&str]) -> Result<Vec<String>, StoreError> {
    sqlx::query_scalar!(
        "select provider_session_id from core.sessions where source_id = $1 and provider_session_id = any($2)",
        source_id.0,
        ids as &[&str],
    )
    .fetch_all(pool)
    .await
    .map_err(StoreError::doing("reading which sessions are stored"))
}

/// Returns the hash of the bytes from which a stored session was derived; `None`: it is not stored.
pub async fn made_from(pool: &PgPool, source_id: SourceId, id: &str) -> Result<Option<Vec<u8>>, StoreError> {
    sqlx::query_scalar!(
        "select raw_hash from core.sessions where source_id = $1 and provider_session_id = $2",
        source_id.0,
        id,
    )
    .fetch_optional(pool)
    .await
    .map_err(StoreError::doing("reading the hash of a session"))
}

/// Returns those of the unchanged sessions of which the database has fewer dependent rows than their records.
pub(super) async fn having_lost_rows(
    tx: &mut PgConnection,
    source_id: SourceId,
    records: &[&Prepared<'_>],
    known: &HashMap<String, Known>,
) -> Result<HashSet<String>, StoreError> {
    let ids: Vec<i64> = records.iter().filter_map(|record| Some(known.get(record.id())?.session_id)).collect();
    let rows = sqlx::query!(
        r#"select s.provider_session_id, s.session_id,
                  (select count(*) from core.messages m
                    where m.source_id = s.source_id and m.session_id = s.session_id) as "messages!",
                  (select count(*) from core.trail_steps d
                    where d.source_id = s.source_id and d.session_id = s.session_id) as "steps!",
                  exists (select from core.session_stats x
                           where x.source_id = s.source_id and x.session_id = s.session_id) as "has_stats!"
             from core.sessions s where s.source_id = $1 and s.session_id = any($2)"#,
        source_id.0,
        &ids,
    )
    .fetch_all(&mut *tx)
    .await
    .map_err(StoreError::doing("counting the rows of sessions"))?;
    let extended = extension::stored(tx, source_id, records, &ids).await?;
    let mut lost = HashSet::new();
    for row in rows {
        let Some(record) = records.iter().find(|record| record.id() == row.provider_session_id) else { continue };
        let session = &record.record.session;
        let messages = session.messages.as_deref().filter(|_| !record.lacks_message_field);
        let ids = messages.unwrap_or_default().iter().map(|message| message.provider_message_id.as_str());
        let ids: HashSet<&str> = ids.collect();
        let has_messages = row.messages >= wide(ids.len()) && (messages.is_none() || row.has_stats);
        let has_steps = row.steps >= wide(session.trail.as_deref().unwrap_or_default().len());
        let has_extension = extended.contains(&row.session_id) || !extension::is_written(record, known);
        if !(has_messages && has_steps && has_extension) {
            lost.insert(row.provider_session_id);
        }
    }
    Ok(lost)
}

fn wide(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

/// When a restored session had first been seen.
#[derive(Debug, Clone)]
pub struct Beginning {
    /// The provider's id of the session.
    pub id: String,
    /// When its first version was received.
    pub first_at: DateTime<Utc>,
    /// When the version that it was derived from was received.
    pub made_at: DateTime<Utc>,
}

/// Sets the time of restored sessions at which they were first seen. A restored row begins with the time of the
/// version it was derived from; rows with another time stay.
pub async fn restore_beginnings(
    pool: &PgPool,
    source_id: SourceId,
    beginnings: &[Beginning],
) -> Result<(), StoreError> {
    let older: Vec<&Beginning> = beginnings.iter().filter(|one| one.first_at < one.made_at).collect();
    if older.is_empty() {
        return Ok(());
    }
    let failed = StoreError::doing("restoring when sessions were first seen");
    let mut tx = pool.begin().await.map_err(&failed)?;
    let numbers = sqlx::query_scalar!(
        "update core.sessions s set first_seen_at = x.first_at
           from unnest($2::text[], $3::timestamptz[], $4::timestamptz[]) x(id, first_at, made_at)
          where s.source_id = $1 and s.provider_session_id = x.id
            and s.first_seen_at = x.made_at and s.last_changed_at >= x.made_at
         returning s.session_id",
        source_id.0,
        &older.iter().map(|one| one.id.as_str()).collect::<Vec<_>>() as &[&str],
        &older.iter().map(|one| one.first_at).collect::<Vec<_>>(),
        &older.iter().map(|one| one.made_at).collect::<Vec<_>>(),
    )
    .fetch_all(&mut *tx)
    .await
    .map_err(&failed)?;
    if !numbers.is_empty() {
        let stream_key = StreamKey { source_id, stream: Stream::Sessions };
        data_version::raise(&mut tx, stream_key, &Changed::numbers(numbers)).await?;
    }
    tx.commit().await.map_err(&failed)
}

/// Stores people that any version of a record names: pseudonym, kind of identity, first time.
pub async fn restore_people(
    pool: &PgPool,
    source_id: SourceId,
    people: &BTreeMap<String, (&'static str, DateTime<Utc>)>,
) -> Result<(), StoreError> {
    let mut tx = pool.acquire().await.map_err(StoreError::doing("storing people"))?;
    person::insert_each(&mut tx, source_id, people).await
}

/// Counts of a source's sessions, with and without raw records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsupported {
    /// Stored sessions without a raw record.
    pub sessions: i64,
    /// All stored sessions.
    pub of: i64,
}

/// Counts the sessions without a raw record.
pub async fn unsupported(pool: &PgPool, source_id: SourceId) -> Result<Unsupported, StoreError> {
    sqlx::query_as!(
        Unsupported,
        r#"select count(*) filter (where not exists (
                      select from ingest.raw_records r
                       where r.source_id = s.source_id and r.stream = 'sessions'
                         and r.provider_record_id = s.provider_session_id)) as "sessions!",
                  count(*) as "of!"
             from core.sessions s where s.source_id = $1"#,
        source_id.0,
    )
    .fetch_one(pool)
    .await
    .map_err(StoreError::doing("counting sessions without a raw record"))
}

/// Removes the sessions without a raw record, with all their data. A poll stores both in one transaction, so that its
/// sessions always have their record.
pub async fn remove_unsupported(pool: &PgPool, stream_key: StreamKey) -> Result<u64, StoreError> {
    let failed = StoreError::doing("removing sessions without a raw record");
    let mut tx = pool.begin().await.map_err(&failed)?;
    let unsupported = sqlx::query!(
        "select s.session_id, s.provider_session_id from core.sessions s
          where s.source_id = $1
            and not exists (select from ingest.raw_records r
                             where r.source_id = s.source_id and r.stream = 'sessions'
                               and r.provider_record_id = s.provider_session_id)
            for update of s",
        stream_key.source_id.0,
    )
    .fetch_all(&mut *tx)
    .await
    .map_err(&failed)?;
    if !unsupported.is_empty() {
        let numbers: Vec<i64> = unsupported.iter().map(|row| row.session_id).collect();
        let people = session::remove(&mut tx, stream_key.source_id, &numbers).await?;
        let ids = unsupported.iter().map(|row| row.provider_session_id.as_str()).collect();
        data_version::raise(&mut tx, stream_key, &Changed { ids, people, ..Changed::nothing() }).await?;
    }
    tx.commit().await.map_err(&failed)?;
    Ok(unsupported.len().try_into().unwrap_or(u64::MAX))
}
