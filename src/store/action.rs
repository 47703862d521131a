//! The journal of calls that start something, and their traces.
//!
//! A call is recorded before it is made. Its end, its settings and the task that fetches its result are written in
//! one transaction, so that none is known without the others. For a day the same idempotency key returns the first
//! call: keys are unique, so that of two concurrent callers only one begins.
//!
//! This module never receives the provider's access data or a caller's texts.
//! Never gets to see what a provider hands over, or a caller's texts.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgConnection, PgPool};

use crate::model::action::{ActionKind, ActionOutcome, LaunchLimits, LaunchSettings};
use crate::model::id::{ProviderRecordId, SourceId};
use crate::model::stream::Stream;
use crate::store::data_version::{self, Changed};
use crate::store::{StoreError, StreamKey};

/// Time for which a key returns its first call.
pub const KEY_LIFETIME: TimeDelta = TimeDelta::hours(24);

/// Wait before a generated summary is first requested.
const FIRST_LOOK: TimeDelta = TimeDelta::minutes(1);

/// A call about to be made.
#[derive(Debug, Clone)]
pub struct NewAction<'a> {
    /// The source.
    pub source_id: SourceId,
    /// What is started.
    pub kind: ActionKind,
    /// The stored session it concerns.
    pub session: Option<(i64, &'a str)>,
    /// The address of the caller.
    pub requested_by: &'a str,
    /// The id of the request.
    pub request_id: &'a str,
    /// Hashes of its idempotency key and of its request.
    pub key: Option<&'a KeyHashes>,
    /// The present.
    pub now: DateTime<Utc>,
    /// Time by which the call is over in any case.
    pub deadline_at: DateTime<Utc>,
}

/// An idempotency key and the request it came with, as hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHashes {
    /// Hash of the key.
    pub key: Vec<u8>,
    /// Hash of key and request.
    pub request: Vec<u8>,
}

/// Result of beginning a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// The call is recorded, and the caller now makes it.
    New(i64),
    /// The key was already used for the same request, by that call.
    Repeated(i64),
    /// The key was already used for another request, by that call.
    OtherRequest(i64),
}

/// The end of a call.
#[derive(Debug, Clone)]
pub struct ActionEnd<'a> {
    /// The outcome.
    pub outcome: ActionOutcome,
    /// The provider's status.
    pub http_status: Option<u16>,
    /// Class of the error.
    pub error_class: Option<&'static str>,
    /// Description for people.
    pub detail: Option<&'a str>,
    /// Time of the end.
    pub now: DateTime<Utc>,
    /// The traces it leaves.
    pub trace: Trace<'a>,
}

/// The trace of a call besides its row in the journal.
#[derive(Debug, Clone, Copy)]
pub enum Trace<'a> {
    /// No trace.
    Nothing,
    /// A summary that is expected.
    Summary {
        /// The source.
        source_id: SourceId,
        /// The session.
        session_id: i64,
    },
    /// A session that was launched.
    Launch {
        /// The source.
        source_id: SourceId,
        /// Its provider's id.
        provider_session_id: &'a ProviderRecordId,
        /// Time of the request.
        launched_at: DateTime<Utc>,
        /// The settings of the launch.
        settings: &'a LaunchSettings,
        /// The limits of the launch.
        limits: LaunchLimits,
    },
}

/// Records that a call is about to be made, unless its key was already used.
pub async fn begin(pool: &PgPool, action: &NewAction<'_>) -> Result<Begun, StoreError> {
    let failed = StoreError::doing("recording an action");
    let mut tx = pool.begin().await.map_err(&failed)?;
    if let Some(key) = action.key {
        free_key(&mut tx, action, key).await.map_err(&failed)?;
    }
    let begun = match insert(&mut tx, action).await.map_err(&failed)? {
        Some(action_id) => Begun::New(action_id),
        None => first_call(&mut tx, action).await.map_err(&failed)?,
    };
    tx.commit().await.map_err(&failed)?;
    Ok(begun)
}

/// Frees a key after its lifetime, and one whose call could start nothing.
async fn free_key(tx: &mut PgConnection, action: &NewAction<'_>, key: &KeyHashes) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "update ingest.actions set key_hash = null, request_hash = null
          where source_id = $1 and key_hash = $2 and (started_at <= $3 or state = 'postponed')",
        action.source_id.0,
        key.key,
        action.now - KEY_LIFETIME,
    )
    .execute(tx)
    .await
    .map(drop)
}

async fn insert(tx: &mut PgConnection, action: &NewAction<'_>) -> Result<Option<i64>, sqlx::Error> {
    let (session_id, provider_session_id) = action.session.unzip();
    sqlx::query_scalar!(
        "insert into ingest.actions (source_id, kind, session_id, provider_session_id, requested_by, request_id,
                                     key_hash, request_hash, started_at, deadline_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
         on conflict (source_id, key_hash) do nothing
         returning action_id",
        action.source_id.0,
        action.kind.as_str(),
        session_id,
        provider_session_id,
        action.requested_by,
        action.request_id,
        action.key.map(|key| key.key.as_slice()),
        action.key.map(|key| key.request.as_slice()),
        action.now,
        action.deadline_at,
    )
    .fetch_optional(tx)
    .await
}

async fn first_call(tx: &mut PgConnection, action: &NewAction<'_>) -> Result<Begun, sqlx::Error> {
    let row = sqlx::query!(
        "select action_id, request_hash from ingest.actions where source_id = $1 and key_hash = $2",
        action.source_id.0,
        action.key.map(|key| key.key.as_slice()),
    )
    .fetch_one(tx)
    .await?;
    let is_same = row.request_hash.as_ref() == action.key.map(|key| &key.request);
    Ok(if is_same { Begun::Repeated(row.action_id) } else { Begun::OtherRequest(row.action_id) })
}

/// Ends a call and writes its trace.
pub async fn end(pool: &PgPool, action_id: i64, end: &ActionEnd<'_>) -> Result<(), StoreError> {
    let failed = StoreError::doing("recording the outcome of an action");
    let mut tx = pool.begin().await.map_err(&failed)?;
    let launched = match end.trace {
        Trace::Launch { provider_session_id, .. } => Some(provider_session_id.as_str()),
        _ => None,
    };
    sqlx::query!(
        "update ingest.actions
            set state = $2, ended_at = $3, http_status = $4, error_class = $5, detail = $6,
                provider_session_id = coalesce($7, provider_session_id)
          where action_id = $1",
        action_id,
        end.outcome.as_str(),
        end.now,
        end.http_status.map(i32::from),
        end.error_class,
        end.detail,
        launched,
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    match end.trace {
        Trace::Nothing => {}
        Trace::Summary { source_id, session_id } => {
            ask_for_summary(&mut tx, source_id, session_id, end.now).await.map_err(&failed)?;
            let stream_key = StreamKey { source_id, stream: Stream::Summary };
            data_version::raise(&mut tx, stream_key, &Changed::numbers(vec![session_id])).await?;
        }
        Trace::Launch { source_id, provider_session_id, .. } => {
            keep_launch(&mut tx, &end.trace).await.map_err(&failed)?;
            // metrics can be grouped by how a session was launched
            let changed = Changed { ids: vec![provider_session_id.as_str()], ..Changed::nothing() };
            data_version::raise(&mut tx, StreamKey { source_id, stream: Stream::Sessions }, &changed).await?;
        }
    }
    tx.commit().await.map_err(&failed)
}

/// Makes the artifact queue request a summary again, regardless of the task's state: a session may have ended months
/// ago, so its tries count from now. A running try loses its claim, because its result is older than this request.
async fn ask_for_summary(
    tx: &mut PgConnection,
    source_id: SourceId,
    session_id: i64,
    now: DateTime<Utc>,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into ingest.artifact_tasks (source_id, session_id, stream, ended_at, next_try_at, requested_at)
         select source_id, session_id, 'summary', ended_at, $3, $4 from core.sessions
          where source_id = $1 and session_id = $2
         on conflict (source_id, session_id, stream) do update
            set state = 'pending', next_try_at = excluded.next_try_at, ended_at = excluded.ended_at, attempts = 0,
                requested_at = excluded.requested_at, expires_at = null, first_attempt_at = null, settled_at = null,
                reason = null, detail = null, claimed_until = null, claim_token = null,
                owed_since = null, agreed_since = null, tries = 0",
        source_id.0,
        session_id,
        now + FIRST_LOOK,
        now,
    )
    .execute(tx)
    .await
    .map(drop)
}

async fn keep_launch(tx: &mut PgConnection, trace: &Trace<'_>) -> Result<(), sqlx::Error> {
    let Trace::Launch { source_id, provider_session_id, launched_at, settings, limits } = trace else { return Ok(()) };
    sqlx::query!(
        "insert into core.session_launches (source_id, provider_session_id, launched_at, quality, avatar_id, voice_id,
                voice_rate, voice_emotion, stt_provider, stt_confidence, video_encoding, version, has_knowledge_base,
                knowledge_base_id, disable_idle_timeout, activity_idle_timeout_seconds,
                session_duration_limit_seconds, is_paid)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
         on conflict (source_id, provider_session_id) do nothing",
        source_id.0,
        provider_session_id.as_str(),
        launched_at,
        settings.quality,
        settings.avatar_id,
        settings.voice_id,
        settings.voice_rate,
        settings.voice_emotion,
        settings.stt_provider,
        settings.stt_confidence,
        settings.video_encoding,
        settings.version,
        settings.has_knowledge_base,
        settings.knowledge_base_id,
        settings.disable_idle_timeout,
        settings.activity_idle_timeout_seconds,
        limits.session_duration_limit_seconds,
        limits.is_paid,
    )
    .execute(tx)
    .await
    .map(drop)
}

/// Returns the id of a source that the database knows.
pub async fn source_id(pool: &PgPool, slug: &str) -> Result<Option<SourceId>, StoreError> {
    let id = sqlx::query_scalar!("select source_id from core.sources where source_slug = $1", slug)
        .fetch_optional(pool)
        .await
        .map_err(StoreError::doing("looking up a source"))?;
    Ok(id.map(SourceId))
}
