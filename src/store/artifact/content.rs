//! An artifact as it is passed on to be saved, its hash, and its raw records.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use sqlx::PgConnection;

use crate::model::artifact::{Artifact, ArtifactPage};
use crate::model::id::{ProviderRecordId, SourceId};
use crate::model::person::PersonKey;
use crate::model::session::MAPPING_VERSION;
use crate::store::StoreError;
use crate::store::artifact::task::{ClaimKey, Task, TaskDecision};
use crate::store::erasure::tombstone::Pseudonyms;
use crate::store::field_presence::FieldBook;
use crate::store::raw::{self, Origin, RawRecord};

/// Context of saving an artifact.
#[derive(Debug, Clone, Copy)]
pub struct SaveContext<'a> {
    /// The claimed task.
    pub task: &'a Task,
    /// The pass it belongs to.
    pub run_id: i64,
    /// The slug used for pseudonyms: the first one of the source.
    pub source_slug: &'a str,
    /// Key that turns people into pseudonyms.
    pub person_key: &'a PersonKey,
    /// The usual fields of the stream's records, and the counts of the pass.
    pub fields: &'a FieldBook,
    /// The present.
    pub now: DateTime<Utc>,
}

impl SaveContext<'_> {
    pub(in crate::store) fn pseudonyms(&self) -> Pseudonyms<'_> {
        Pseudonyms { key: self.person_key, slug: self.source_slug }
    }
}

/// One of the tries that are saved together.
#[derive(Debug, Clone, Copy)]
pub struct Member<'a> {
    /// The context of saving it.
    pub context: SaveContext<'a>,
    /// Its content; `None`: nothing to store.
    pub content: Option<&'a ArtifactPage>,
    /// The decision about its task.
    pub decision: &'a TaskDecision,
}

/// Hashes the bytes and all else that decides what is stored: the session's times, which offsets and ends depend on.
pub(super) fn hash(content: &ArtifactPage, task: &Task) -> raw::Hash {
    let times = [Some(task.session.started_at), task.session.ended_at];
    let times = times.map(|at| at.map_or(i64::MIN, |at| at.timestamp_micros()).to_be_bytes());
    let version = [MAPPING_VERSION, u8::from(content.is_whole_list)];
    let mut parts: Vec<&[u8]> = vec![&version, &times[0], &times[1]];
    parts.extend(content.raw.as_deref());
    if let Artifact::Participants(list) = &content.artifact {
        let mut records: Vec<&[u8]> = list.iter().map(|participant| &participant.raw[..]).collect();
        records.sort_unstable();
        parts.extend(records);
    }
    parts.extend(content.rejects.iter().map(|reject| &reject.raw[..]));
    raw::hash(&parts)
}

/// Whether this is the content that the task has stored.
pub fn is_stored(content: &ArtifactPage, task: &Task) -> bool {
    task.content_hash.as_deref() == Some(&hash(content, task)[..])
}

/// Returns the longest stored file of each task whose new file may be cut: a shorter one must not replace it.
pub(super) async fn longest_files(
    tx: &mut PgConnection,
    source_id: SourceId,
    members: &[Member<'_>],
) -> Result<HashMap<ClaimKey, usize>, StoreError> {
    let open = members.iter().filter(|member| member.content.is_some_and(|content| content.is_end_open));
    let tasks: Vec<&Task> = open.map(|member| member.context.task).filter(|task| task.has_content()).collect();
    if tasks.is_empty() {
        return Ok(HashMap::new());
    }
    let rows = sqlx::query!(
        r#"select k.provider_session_id as "session!", k.stream, max(length(k.body)) as "length!"
             from unnest($2::text[], $3::text[]) stored(session, stream)
             join ingest.raw_records k on k.provider_session_id = stored.session and k.stream = stored.stream
            where k.source_id = $1 and k.erased_at is null
            group by k.provider_session_id, k.stream"#,
        source_id.0,
        &tasks.iter().map(|task| task.session.provider_session_id.as_str()).collect::<Vec<_>>() as &[&str],
        &tasks.iter().map(|task| task.stream.as_str()).collect::<Vec<_>>() as &[&str],
    )
    .fetch_all(tx)
    .await
    .map_err(StoreError::doing("reading how long stored files are"))?;
    let of = |task: &Task| {
        let is_its = |session: &str, stream: &str| {
            session == task.session.provider_session_id.as_str() && stream == task.stream.as_str()
        };
        let row = rows.iter().find(|row| is_its(&row.session, &row.stream))?;
        Some((task.key(), usize::try_from(row.length).ok()?))
    };
    Ok(tasks.into_iter().filter_map(of).collect())
}

/// The records of one artifact.
pub(super) struct Records<'a> {
    context: SaveContext<'a>,
    bodies: Vec<RawRecord<'a>>,
    /// Whether these are all: stored records of the artifact that are not among them are no longer listed.
    is_whole: bool,
}

impl<'a> Records<'a> {
    /// Returns the records of an artifact, each under the name of its session.
    pub(super) fn of((context, content): &(SaveContext<'a>, &'a ArtifactPage)) -> Self {
        let session = context.task.session.provider_session_id.as_str();
        let record = |(participant, body): (Option<&ProviderRecordId>, &'a [u8])| RawRecord {
            id: participant.map_or_else(|| session.into(), |id| format!("{session}/{}", id.as_str()).into()),
            body,
            hash: raw::hash(&[body]),
            is_partial: false,
        };
        Self { context: *context, bodies: content.bodies().map(record).collect(), is_whole: content.is_whole_list }
    }
}

/// Stores the records, in the order of their key, and identical bytes of a record once.
pub(super) async fn keep_records(
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
