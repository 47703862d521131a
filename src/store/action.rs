//! The journal of calls that start something, and what they leave behind.
//!
//! A call is written down before it is made. Its end, the settings it was made with and the task that fetches what it
//! has generated are written in one transaction, so that none is known without the others. The same idempotency key
//! finds the first call again for a day: keys are unique, so that of two callers at once one begins.
//!
//! Never gets to see what a provider hands over, or a caller's texts.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::{PgConnection, PgPool};

use crate::model::action::{ActionKind, ActionOutcome, LaunchLimits, LaunchSettings};
use crate::model::id::{ProviderRecordId, SourceId};
use crate::model::stream::Stream;
use crate::store::{Place, StoreError, version};

/// How long a key finds its first call.
pub const KEY_LIFETIME: TimeDelta = TimeDelta::hours(24);

/// How long after its generation began a summary is first asked for.
const FIRST_LOOK: TimeDelta = TimeDelta::minutes(1);

/// A call that is about to be made.
#[derive(Debug, Clone)]
pub struct NewAction<'a> {
    /// At which source.
    pub source_id: SourceId,
    /// What is started.
    pub kind: ActionKind,
    /// The stored session it is about.
    pub session: Option<(i64, &'a str)>,
    /// Who asks: an address.
    pub requested_by: &'a str,
    /// The id of the request.
    pub request_id: &'a str,
    /// Hashes of its idempotency key and of what is asked for.
    pub key: Option<&'a KeyHashes>,
    /// The present.
    pub now: DateTime<Utc>,
    /// When the call is over in any case.
    pub deadline_at: DateTime<Utc>,
}

/// An idempotency key and the request it came with, as hashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyHashes {
    /// Of the key.
    pub key: Vec<u8>,
    /// Of key and request.
    pub request: Vec<u8>,
}

/// What became of the wish to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    /// It is written down, and the caller of this makes the call.
    New(i64),
    /// The key has been used for this already, by that call.
    Repeated(i64),
    /// The key has been used for something else, by that call.
    OtherRequest(i64),
}

/// How a call ended.
#[derive(Debug, Clone)]
pub struct ActionEnd<'a> {
    /// What became of it.
    pub outcome: ActionOutcome,
    /// The provider's status.
    pub http_status: Option<u16>,
    /// Class of the error.
    pub error_class: Option<&'static str>,
    /// What happened, in words.
    pub detail: Option<&'a str>,
    /// When it ended.
    pub now: DateTime<Utc>,
    /// What it leaves behind.
    pub trace: Trace<'a>,
}

/// What a call leaves behind besides its line in the journal.
#[derive(Debug, Clone, Copy)]
pub enum Trace<'a> {
    /// Nothing.
    Nothing,
    /// A summary that may come.
    Summary {
        /// Of which source.
        source_id: SourceId,
        /// Of which session.
        session_id: i64,
    },
    /// A session that was launched.
    Launch {
        /// At which source.
        source_id: SourceId,
        /// Its id.
        provider_session_id: &'a ProviderRecordId,
        /// When it was asked for.
        launched_at: DateTime<Utc>,
        /// With which settings.
        settings: &'a LaunchSettings,
        /// Within which limits.
        limits: LaunchLimits,
    },
}

/// Writes down that a call is about to be made, unless its key was used already.
pub async fn begin(pool: &PgPool, action: &NewAction<'_>) -> Result<Begun, StoreError> {
    let failed = StoreError::doing("writing down a call that starts something");
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

/// Lets go of a key after its time, and of one under which nothing could be started.
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

/// Ends a call, with what it leaves behind.
pub async fn end(pool: &PgPool, action_id: i64, end: &ActionEnd<'_>) -> Result<(), StoreError> {
    let failed = StoreError::doing("writing down how a call that starts something ended");
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
            version::raise(&mut tx, Place { source_id, stream: Stream::Summary }).await?;
        }
        Trace::Launch { source_id, .. } => {
            keep_launch(&mut tx, &end.trace).await.map_err(&failed)?;
            // figures can be grouped by how a session was launched
            version::raise(&mut tx, Place { source_id, stream: Stream::Sessions }).await?;
        }
    }
    tx.commit().await.map_err(&failed)
}

/// Has the artifact queue look for a summary again, whatever it had decided: a session may have ended months ago, so
/// its tries are counted from now. Whoever is at it loses the claim: what it
/// brings is older than what was just asked for.
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
        "insert into core.konpro_launches (source_id, provider_session_id, launched_at, quality, avatar_id, voice_id,
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

/// The number of a source that the database knows.
pub async fn source_id(pool: &PgPool, slug: &str) -> Result<Option<SourceId>, StoreError> {
    let id = sqlx::query_scalar!("select source_id from core.sources where source_slug = $1", slug)
        .fetch_optional(pool)
        .await
        .map_err(StoreError::doing("looking up a source"))?;
    Ok(id.map(SourceId))
}
