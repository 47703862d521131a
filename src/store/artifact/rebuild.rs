//! Rebuilding of per-session data from raw records.
//!
//! The records are read first, interpreted outside, and saved in one transaction. It begins by locking the task and
//! checking that nothing newer was stored meanwhile: a concurrent poll of the same session wins. Unchanged rows are
//! not written again. This module does not interpret the bytes.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use sqlx::{PgConnection, PgPool};

use crate::model::artifact::{Artifact, ArtifactPage, ArtifactState, SessionRef};
use crate::model::id::{ProviderRecordId, SourceId};
use crate::model::stream::Stream;
use crate::store::artifact::content::{self, SaveContext};
use crate::store::artifact::rows_exist::is_there;
use crate::store::artifact::save::write_rows;
use crate::store::artifact::settle::resolve_rejects;
use crate::store::artifact::task::Task;
use crate::store::artifact::{enqueue, quality};
use crate::store::data_version::{self, Changed};
use crate::store::raw::{self, Origin, RawRecord};
use crate::store::{StoreError, StreamKey, person, reject};

/// The newest version of one record of an artifact.
#[derive(Debug, Clone)]
pub struct Part {
    /// The record's name within its session; empty for a file, which is the whole artifact.
    pub name: String,
    /// The bytes.
    pub body: Vec<u8>,
    /// When any version of the record was first received.
    pub first_at: DateTime<Utc>,
    /// When these bytes were first received.
    pub fetched_at: DateTime<Utc>,
    /// When they were last received as something new.
    pub last_fetched_at: DateTime<Utc>,
    /// The run that received them.
    pub run_id: i64,
    /// Whether the provider no longer lists it.
    pub is_gone: bool,
    /// Whether its bytes were erased.
    pub is_erased: bool,
}

/// Stored records of one artifact.
#[derive(Debug, Clone)]
pub struct StoredArtifact {
    /// The task that fetched it, or an equivalent one.
    pub task: Task,
    /// Its records, by name.
    pub parts: Vec<Part>,
    has_task: bool,
    newest_at: Option<DateTime<Utc>>,
}

impl StoredArtifact {
    /// Returns when the newest of its records was received.
    pub fn newest_at(&self) -> Option<DateTime<Utc>> {
        newest_of(&self.parts)
    }

    /// Adds a part that was stored as a reject; returns false where a newer one of that name is stored.
    pub fn take_in(&mut self, part: Part) -> bool {
        match self.parts.iter_mut().find(|known| known.name == part.name) {
            Some(known) if known.last_fetched_at > part.last_fetched_at => return false,
            Some(known) => *known = part,
            None => self.parts.push(part),
        }
        true
    }
}

/// Result of rebuilding an artifact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rebuilt {
    /// Rows were written.
    Written,
    /// The rows were already correct.
    Unchanged,
    /// Something newer was stored meanwhile; nothing was written.
    Overtaken,
}

/// Returns the next artifacts of a source with stored records: the provider's session ids and streams after `after`.
pub async fn next(
    pool: &PgPool,
    source_id: SourceId,
    after: Option<&(String, String)>,
    limit: i64,
) -> Result<Vec<(String, String)>, StoreError> {
    let (session, stream) = after.map_or(("", ""), |(session, stream)| (session, stream));
    let rows = sqlx::query!(
        r#"select distinct provider_session_id as "session!", stream from ingest.raw_records
            where source_id = $1 and provider_session_id is not null and (provider_session_id, stream) > ($2, $3)
            order by 1, 2
            limit $4"#,
        source_id.0,
        session,
        stream,
        limit,
    )
    .fetch_all(pool)
    .await
    .map_err(StoreError::doing("listing stored artifacts"))?;
    Ok(rows.into_iter().map(|row| (row.session, row.stream)).collect())
}

/// Returns the number of artifacts of a source with stored records.
pub async fn count(pool: &PgPool, source_id: SourceId) -> Result<i64, StoreError> {
    sqlx::query_scalar!(
        r#"select count(distinct (provider_session_id, stream)) as "count!" from ingest.raw_records
            where source_id = $1 and provider_session_id is not null"#,
        source_id.0,
    )
    .fetch_one(pool)
    .await
    .map_err(StoreError::doing("counting stored artifacts"))
}

/// Returns the stored records of an artifact; `None` where its session is not stored, or its records are erased.
pub async fn load(
    pool: &PgPool,
    source_id: SourceId,
    stream: Stream,
    session: &str,
    now: DateTime<Utc>,
) -> Result<Option<StoredArtifact>, StoreError> {
    let failed = StoreError::doing("reading a stored artifact");
    let row = sqlx::query!(
        r#"select s.session_id, s.started_at as "started_at: DateTime<Utc>", s.ended_at as "ended_at: DateTime<Utc>",
                  t.session_id is not null as "has_task!", t.content_hash, coalesce(t.state, 'pending') as "state!",
                  t.ended_at as "task_ended_at: DateTime<Utc>"
             from core.sessions s
             left join ingest.artifact_tasks t
               on t.source_id = s.source_id and t.session_id = s.session_id and t.stream = $3
            where s.source_id = $1 and s.provider_session_id = $2"#,
        source_id.0,
        session,
        stream.as_str(),
    )
    .fetch_optional(pool)
    .await
    .map_err(&failed)?;
    let Some((row, id)) = row.zip(ProviderRecordId::parse(session).ok()) else { return Ok(None) };
    let mut parts = sqlx::query_as!(
        Part,
        r#"select distinct on (provider_record_id) substr(provider_record_id, length($3) + 2) as "name!", body,
                  min(fetched_at::timestamptz) over (partition by provider_record_id) as "first_at!",
                  fetched_at as "fetched_at: DateTime<Utc>", last_fetched_at as "last_fetched_at: DateTime<Utc>",
                  run_id, gone_at is not null as "is_gone!", erased_at is not null as "is_erased!"
             from ingest.raw_records
            where source_id = $1 and stream = $2 and provider_session_id = $3
            order by provider_record_id, last_fetched_at desc, content_hash desc"#,
        source_id.0,
        stream.as_str(),
        session,
    )
    .fetch_all(pool)
    .await
    .map_err(&failed)?;
    // of an artifact that was erased in part, the rows that are stored are all there is
    if parts.iter().any(|part| part.is_erased && !part.is_gone) {
        return Ok(None);
    }
    parts.retain(|part| !part.is_erased);
    let ended_at = if row.has_task { row.task_ended_at } else { row.ended_at };
    let session = SessionRef { provider_session_id: id, started_at: row.started_at, ended_at };
    let state = ArtifactState::parse(&row.state).unwrap_or(ArtifactState::Pending);
    let task = Task {
        // rows may be stored without a hash, where their task is gone
        content_hash: Some(row.content_hash.unwrap_or_default()),
        ..Task::unclaimed(source_id, row.session_id, stream, session, state, now)
    };
    let newest_at = newest_of(&parts);
    Ok(Some(StoredArtifact { task, parts, has_task: row.has_task, newest_at }))
}

fn newest_of(parts: &[Part]) -> Option<DateTime<Utc>> {
    parts.iter().filter(|part| !part.is_gone).map(|part| part.last_fetched_at).max()
}

/// People in the records of an artifact: pseudonym, kind of identity, first time seen.
pub type People = BTreeMap<String, (&'static str, DateTime<Utc>)>;

/// Additions to a rebuilt artifact.
#[derive(Debug, Clone, Copy)]
pub struct Made<'a> {
    /// The people in it.
    pub people: &'a People,
    /// The new state of its task.
    pub state: ArtifactState,
    /// A part that is not stored yet.
    pub taken_in: Option<&'a Part>,
}

/// Saves the content derived from `stored`, and stores the part `taken_in`. `state` is the new state of its task, if
/// it has one.
pub async fn save(
    pool: &PgPool,
    stored: &StoredArtifact,
    context: &SaveContext<'_>,
    content: &ArtifactPage,
    made: &Made<'_>,
) -> Result<Rebuilt, StoreError> {
    let task = &stored.task;
    let stream_key = StreamKey { source_id: task.source_id, stream: task.stream };
    let failed = StoreError::doing("saving a rebuilt artifact");
    let mut tx = pool.begin().await.map_err(&failed)?;
    if !is_newest(&mut tx, stored).await? {
        return Ok(Rebuilt::Overtaken);
    }
    person::insert_each(&mut tx, task.source_id, made.people).await?;
    let hash = content::hash(content, task);
    if stored.has_task
        && task.content_hash.as_deref() == Some(&hash[..])
        && is_there(&mut tx, task, &content.artifact).await?
    {
        tx.commit().await.map_err(&failed)?;
        return Ok(Rebuilt::Unchanged);
    }
    if let Some(part) = made.taken_in {
        keep(&mut tx, task, part).await?;
    }
    if content.raw.is_some() {
        // rows of a file: those that can be read now are no longer rejects
        let session = task.session.provider_session_id.as_str();
        reject::insert(&mut tx, stream_key, Some(session), &content.rejects, context.run_id, context.now).await?;
        resolve_rejects(&mut tx, task.source_id, &[(*context, &content.rejects[..])]).await?;
    }
    let people;
    if let Artifact::Quality(reports) = &content.artifact {
        // reports arrive in parts, so there is no whole to compare
        people = Vec::new();
        if quality::upsert(&mut tx, task.source_id, &[(*context, &reports[..])]).await? == 0 && made.taken_in.is_none()
        {
            tx.commit().await.map_err(&failed)?;
            return Ok(Rebuilt::Unchanged);
        }
    } else {
        people = write_rows(&mut tx, task.source_id, &[(*context, content)]).await?;
    }
    sqlx::query!(
        "update ingest.artifact_tasks
            set content_hash = $4, state = $5, content_at = coalesce(content_at, $6),
                -- a task that was settled before its session was restored stays settled
                next_try_at = case when settled_at is null then next_try_at end,
                is_ready = is_ready and settled_at is null
          where source_id = $1 and session_id = $2 and stream = $3",
        task.source_id.0,
        task.session_id,
        task.stream.as_str(),
        &hash[..],
        made.state.as_str(),
        context.now,
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    enqueue::wake(&mut tx, task.source_id, &[task.session_id], context.now).await?;
    data_version::raise(&mut tx, stream_key, &Changed { people, ..Changed::numbers(vec![task.session_id]) }).await?;
    tx.commit().await.map_err(&failed)?;
    Ok(Rebuilt::Written)
}

async fn keep(tx: &mut PgConnection, task: &Task, part: &Part) -> Result<(), StoreError> {
    let session = task.session.provider_session_id.as_str();
    let id = if part.name.is_empty() { session.to_owned() } else { format!("{session}/{}", part.name) };
    let hash = raw::hash(&[&part.body]);
    let record = RawRecord { id: id.into(), body: &part.body, hash, is_partial: false };
    let (run_id, fetched_at) = (part.run_id, part.last_fetched_at);
    let origin = Origin { stream: task.stream, session: Some(session), run_id, fetched_at };
    raw::insert(tx, task.source_id, origin, &[record]).await
}

/// Locks the task, so that no poll saves meanwhile, and checks that none did.
async fn is_newest(tx: &mut PgConnection, stored: &StoredArtifact) -> Result<bool, StoreError> {
    let task = &stored.task;
    let failed = StoreError::doing("comparing a stored artifact");
    sqlx::query!(
        "select from ingest.artifact_tasks where source_id = $1 and session_id = $2 and stream = $3 for no key update",
        task.source_id.0,
        task.session_id,
        task.stream.as_str(),
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    let newest = sqlx::query_scalar!(
        r#"select max(last_fetched_at)::timestamptz as "newest" from ingest.raw_records
            where source_id = $1 and stream = $2 and provider_session_id = $3 and gone_at is null"#,
        task.source_id.0,
        task.stream.as_str(),
        task.session.provider_session_id.as_str(),
    )
    .fetch_one(tx)
    .await
    .map_err(&failed)?;
    Ok(newest == stored.newest_at)
}
