//! Raw records of many artifacts in one statement, each with the session it belongs to.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::model::id::SourceId;
use crate::store::StoreError;
use crate::store::artifact::content::SaveContext;
use crate::store::bulk::batches;
use crate::store::raw::RawRecord;

/// The records of one artifact.
pub(super) struct Records<'a> {
    pub(super) context: SaveContext<'a>,
    pub(super) bodies: Vec<RawRecord<'a>>,
    /// Whether these are all: stored records of the artifact that are not among them are no longer listed.
    pub(super) is_whole: bool,
}

/// Stores the records that are not stored yet; bytes that were stored before and are received again become the
/// newest.
pub(super) async fn insert(
    tx: &mut PgConnection,
    source_id: SourceId,
    artifacts: &[Records<'_>],
) -> Result<(), StoreError> {
    // in the order of their key, and identical bytes of a record once
    let mut distinct: BTreeMap<(&str, &str, &[u8]), (SaveContext<'_>, &RawRecord<'_>)> = BTreeMap::new();
    for artifact in artifacts {
        let stream = artifact.context.task.stream.as_str();
        for record in &artifact.bodies {
            distinct.insert((stream, &record.id, &record.hash), (artifact.context, record));
        }
    }
    let rows: Vec<(SaveContext<'_>, &RawRecord<'_>)> = distinct.into_values().collect();
    for batch in batches(&rows, usize::MAX, |(_, record)| record.body.len()) {
        let streams: Vec<&str> = batch.iter().map(|(context, _)| context.task.stream.as_str()).collect();
        let sessions: Vec<&str> =
            batch.iter().map(|(context, _)| context.task.session.provider_session_id.as_str()).collect();
        let runs: Vec<i64> = batch.iter().map(|(context, _)| context.run_id).collect();
        let times: Vec<DateTime<Utc>> = batch.iter().map(|(context, _)| context.now).collect();
        let ids: Vec<&str> = batch.iter().map(|(_, record)| &*record.id).collect();
        let hashes: Vec<&[u8]> = batch.iter().map(|(_, record)| &record.hash[..]).collect();
        let bodies: Vec<&[u8]> = batch.iter().map(|(_, record)| record.body).collect();
        sqlx::query!(
            "insert into ingest.raw_records as k (source_id, stream, provider_record_id, content_hash, body, fetched_at,
                                                  last_fetched_at, run_id, provider_session_id, is_partial)
             select $1, r.stream, r.id, r.hash, r.body, r.at, r.at, r.run_id, r.session, false
               from unnest($2::text[], $3::text[], $4::bytea[], $5::bytea[], $6::timestamptz[], $7::bigint[], $8::text[])
                    r(stream, id, hash, body, at, run_id, session)
             on conflict (source_id, stream, provider_record_id, content_hash) do update
                set last_fetched_at = excluded.last_fetched_at, is_partial = excluded.is_partial, gone_at = null
              where k.last_fetched_at < excluded.last_fetched_at",
            source_id.0,
            &streams as &[&str],
            &ids as &[&str],
            &hashes as &[&[u8]],
            &bodies as &[&[u8]],
            &times,
            &runs,
            &sessions as &[&str],
        )
        .execute(&mut *tx)
        .await
        .map_err(StoreError::doing("storing raw records"))?;
    }
    Ok(())
}

/// Marks the stored records that are no longer listed.
pub(super) async fn mark_gone(
    tx: &mut PgConnection,
    source_id: SourceId,
    artifacts: &[Records<'_>],
) -> Result<(), StoreError> {
    let whole: Vec<&Records<'_>> = artifacts.iter().filter(|artifact| artifact.is_whole).collect();
    if whole.is_empty() {
        return Ok(());
    }
    let streams: Vec<&str> = whole.iter().map(|one| one.context.task.stream.as_str()).collect();
    let sessions: Vec<&str> = whole.iter().map(|one| one.context.task.session.provider_session_id.as_str()).collect();
    let times: Vec<DateTime<Utc>> = whole.iter().map(|one| one.context.now).collect();
    // a record's name begins with the name of its session
    let listed: Vec<&str> = whole.iter().flat_map(|one| one.bodies.iter().map(|record| &*record.id)).collect();
    sqlx::query!(
        "update ingest.raw_records k set gone_at = whole.at
           from unnest($1::int[], $2::text[], $3::text[], $4::timestamptz[]) whole(source_id, stream, session, at)
          where k.source_id = whole.source_id and k.provider_session_id = whole.session
            -- not for an index: before there are statistics, the planner would read the stream
            and k.stream || '' = whole.stream
            and k.gone_at is null and k.provider_record_id <> all($5)",
        &vec![source_id.0; whole.len()],
        &streams as &[&str],
        &sessions as &[&str],
        &times,
        &listed as &[&str],
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("marking records that are no longer listed"))?;
    Ok(())
}
