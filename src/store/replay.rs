//! Reading raw records again: in the order in which they were fetched, with all that was kept beside their bytes.
//!
//! Whoever makes rows of them anew needs every version of a record, since a later one may name only a part. What is
//! made of them goes the way every page goes, [`crate::store::page::save`], under [`crate::store::hold::Hold::Replay`].
//! This adds what only a replay does: it sets the times of sessions it brought back, and removes what no raw
//! record supports. Knows no meaning of the bytes.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt as _;
use sqlx::PgPool;

use crate::model::id::SourceId;
use crate::store::{Place, StoreError, person, session, version};

/// One version of a record.
#[derive(Debug, Clone)]
pub struct StoredRecord {
    /// The record's name within its stream.
    pub id: String,
    /// The bytes.
    pub body: Vec<u8>,
    /// When these bytes came first.
    pub fetched_at: DateTime<Utc>,
    /// When they last brought something new: judgements that depend on the present were made then.
    pub last_fetched_at: DateTime<Utc>,
    /// They name only part of their session.
    pub is_partial: bool,
    /// The run that brought them.
    pub run_id: i64,
    /// When the newest version of this record came.
    pub newest_at: DateTime<Utc>,
}

/// A place in the walk over records: when the newest version of the last one came, and its name.
#[derive(Debug, Clone)]
pub struct After {
    /// When.
    pub newest_at: DateTime<Utc>,
    /// Which.
    pub id: String,
}

/// How many different records of a stream are kept.
pub async fn count(pool: &PgPool, place: Place) -> Result<i64, StoreError> {
    sqlx::query_scalar!(
        r#"select count(distinct provider_record_id) as "count!" from ingest.raw_records
            where source_id = $1 and stream = $2"#,
        place.source_id.0,
        place.stream.as_str(),
    )
    .fetch_one(pool)
    .await
    .map_err(StoreError::doing("counting raw records"))
}

/// Hands every version of the next `limit` records to `take`, oldest first, one at a time: the history of a record may
/// be long. Records come in the order of their newest versions.
pub async fn each_version(
    pool: &PgPool,
    place: Place,
    after: Option<&After>,
    limit: i64,
    mut take: impl FnMut(StoredRecord),
) -> Result<(), StoreError> {
    let mut versions = sqlx::query_as!(
        StoredRecord,
        r#"with newest as (
               select r.provider_record_id, r.last_fetched_at
                 from ingest.raw_records r
                where r.source_id = $1 and r.stream = $2
                  and ($3::timestamptz is null or (r.last_fetched_at, r.provider_record_id) > ($3, $4))
                  and not exists (select from ingest.raw_records o
                                   where o.source_id = r.source_id and o.stream = r.stream
                                     and o.provider_record_id = r.provider_record_id
                                     and (o.last_fetched_at, o.content_hash) > (r.last_fetched_at, r.content_hash))
                order by r.last_fetched_at, r.provider_record_id
                limit $5)
           select v.provider_record_id as id, v.body, v.fetched_at as "fetched_at: DateTime<Utc>",
                  v.last_fetched_at as "last_fetched_at: DateTime<Utc>", v.is_partial, v.run_id,
                  n.last_fetched_at as "newest_at: DateTime<Utc>"
             from newest n
             join ingest.raw_records v on v.source_id = $1 and v.stream = $2
                                      and v.provider_record_id = n.provider_record_id
            order by n.last_fetched_at, v.provider_record_id, v.last_fetched_at, v.content_hash"#,
        place.source_id.0,
        place.stream.as_str(),
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

/// Which of these sessions are stored.
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

/// The hash of the bytes a stored session was made from; `None`: it is not stored.
pub async fn made_from(pool: &PgPool, source_id: SourceId, id: &str) -> Result<Option<Vec<u8>>, StoreError> {
    sqlx::query_scalar!(
        "select raw_hash from core.sessions where source_id = $1 and provider_session_id = $2",
        source_id.0,
        id,
    )
    .fetch_optional(pool)
    .await
    .map_err(StoreError::doing("reading what a session was made from"))
}

/// When a session that was brought back had first been seen.
#[derive(Debug, Clone)]
pub struct Beginning {
    /// The provider's id of the session.
    pub id: String,
    /// When its first version came.
    pub first_at: DateTime<Utc>,
    /// When the version came that it was made of.
    pub made_at: DateTime<Utc>,
}

/// Gives sessions that were brought back the instant at which they had first been seen. Others are recognized by
/// theirs and stay: what is made anew begins with the version it was made of.
pub async fn restore_beginnings(
    pool: &PgPool,
    source_id: SourceId,
    beginnings: &[Beginning],
) -> Result<(), StoreError> {
    let older: Vec<&Beginning> = beginnings.iter().filter(|one| one.first_at < one.made_at).collect();
    if older.is_empty() {
        return Ok(());
    }
    sqlx::query!(
        "update core.sessions s set first_seen_at = x.first_at
           from unnest($2::text[], $3::timestamptz[], $4::timestamptz[]) x(id, first_at, made_at)
          where s.source_id = $1 and s.provider_session_id = x.id
            and s.first_seen_at = x.made_at and s.last_changed_at >= x.made_at",
        source_id.0,
        &older.iter().map(|one| one.id.as_str()).collect::<Vec<_>>() as &[&str],
        &older.iter().map(|one| one.first_at).collect::<Vec<_>>(),
        &older.iter().map(|one| one.made_at).collect::<Vec<_>>(),
    )
    .execute(pool)
    .await
    .map_err(StoreError::doing("restoring when sessions were first seen"))?;
    Ok(())
}

/// Keeps people that any version of a record names: pseudonym, kind of identity, when first.
pub async fn restore_people(
    pool: &PgPool,
    source_id: SourceId,
    people: &BTreeMap<String, (&'static str, DateTime<Utc>)>,
) -> Result<(), StoreError> {
    let mut tx = pool.acquire().await.map_err(StoreError::doing("keeping people"))?;
    person::insert_each(&mut tx, source_id, people).await
}

/// What of a source no raw record supports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unsupported {
    /// Stored sessions without a raw record.
    pub sessions: i64,
    /// Stored sessions in all.
    pub of: i64,
}

/// Counts the sessions that no raw record supports.
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

/// Removes the sessions that no raw record supports, with all that belongs to them. A poll stores both in one
/// transaction, so that none of its sessions is met without its record.
pub async fn remove_unsupported(pool: &PgPool, place: Place) -> Result<u64, StoreError> {
    let failed = StoreError::doing("removing sessions without a raw record");
    let mut tx = pool.begin().await.map_err(&failed)?;
    let ids = sqlx::query_scalar!(
        "select s.session_id from core.sessions s
          where s.source_id = $1
            and not exists (select from ingest.raw_records r
                             where r.source_id = s.source_id and r.stream = 'sessions'
                               and r.provider_record_id = s.provider_session_id)
            for update of s",
        place.source_id.0,
    )
    .fetch_all(&mut *tx)
    .await
    .map_err(&failed)?;
    let removed = session::remove(&mut tx, place.source_id, &ids).await?;
    if removed > 0 {
        version::raise(&mut tx, place).await?;
    }
    tx.commit().await.map_err(&failed)?;
    Ok(removed)
}
