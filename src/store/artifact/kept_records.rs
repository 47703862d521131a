//! Raw records of many artifacts in one statement, each with the session it belongs to.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::model::id::SourceId;
use crate::store::StoreError;
use crate::store::artifact::content::SaveContext;
use crate::store::raw::{self, Origin, RawRecord};

/// The records of one artifact.
pub(super) struct Records<'a> {
    pub(super) context: SaveContext<'a>,
    pub(super) bodies: Vec<RawRecord<'a>>,
    /// Whether these are all: stored records of the artifact that are not among them are no longer listed.
    pub(super) is_whole: bool,
}

/// Stores the records, in the order of their key, and identical bytes of a record once.
pub(super) async fn insert(
    tx: &mut PgConnection,
    source_id: SourceId,
    artifacts: &[Records<'_>],
) -> Result<(), StoreError> {
    let mut distinct: BTreeMap<(&str, &str, &[u8]), (Origin<'_>, &RawRecord<'_>)> = BTreeMap::new();
    for Records { context: SaveContext { task, run_id, now, .. }, bodies, .. } in artifacts {
        let session = Some(task.session.provider_session_id.as_str());
        let origin = Origin { stream: task.stream, session, run_id: *run_id, fetched_at: *now };
        for record in bodies {
            distinct.insert((task.stream.as_str(), &record.id, &record.hash), (origin, record));
        }
    }
    raw::insert_each(tx, source_id, &distinct.into_values().collect::<Vec<_>>()).await
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
