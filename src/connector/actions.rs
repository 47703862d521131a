//! Calls that start something at a provider: the only part of the contract that does not only read.
//!
//! Such a call costs money at the provider. It is made once, never by a poller, and only for sources that allow it.
//! After a failure it matters whether something may have been started; [`outcome_of`] is the one table of that.
//! What the provider returns for joining a session is a secret: its `Debug` does not show it, and nothing stores
//! it.

use std::fmt;

use async_trait::async_trait;
use secrecy::SecretString;
use serde_json::Value;

use crate::connector::error::{PullError, PullErrorKind};
use crate::model::action::{ActionKind, ActionOutcome, LaunchLimits, LaunchSettings};
use crate::model::id::ProviderRecordId;
use crate::model::request_body::request_body;

/// The calls that start something. A provider implements those it offers.
#[async_trait]
pub trait Actions: Send + Sync {
    /// Whether the provider offers this call.
    fn offers(&self, kind: ActionKind) -> bool;

    /// Requests the generation of the summary of an ended session.
    async fn generate_summary(&self, id: &ProviderRecordId) -> Result<(), StartError> {
        let _ = id;
        Err(not_offered(ActionKind::GenerateSummary))
    }

    /// Reads the request body for a streaming session, or lists everything that is wrong with it. Makes no call.
    fn validate(&self, body: &Value) -> Result<Launch, Vec<BodyFault>> {
        let _ = body;
        Err(Vec::new())
    }

    /// Starts a streaming session.
    async fn start_streaming_session(&self, launch: &Launch) -> Result<StreamingSession, StartError> {
        let _ = launch;
        Err(not_offered(ActionKind::StartStreamingSession))
    }
}

fn not_offered(kind: ActionKind) -> StartError {
    let error = PullError::contract(kind.as_str(), "this provider has no such call");
    StartError { outcome: ActionOutcome::Refused, error }
}

request_body! {
    /// A request for a streaming session: the fields that the provider accepts.
    pub struct StreamingSessionRequest {
        /// `high` (2000 kbps, 720p), `medium` (1000 kbps, 480p, the provider's default) or `low` (500 kbps, 360p).
        #[schema(required = false)]
        quality: String,
        /// Id of the avatar; the provider's default is `default`.
        #[schema(required = false, max_length = 200)]
        avatar_id: String,
        /// Voice of the avatar.
        #[schema(required = false)]
        voice: VoiceRequest,
        /// Speech-to-text settings.
        #[schema(required = false)]
        stt_settings: SpeechToTextRequest,
        /// `H264` or `VP8` (the provider's default).
        #[schema(required = false)]
        video_encoding: String,
        /// A prompt on which the avatar bases its replies. Passed on and not stored.
        #[schema(required = false)]
        knowledge_base: String,
        /// Version; `v1`.
        #[schema(required = false)]
        version: String,
        /// Id of a knowledge base stored at the provider; only with version `v1`.
        #[schema(required = false, max_length = 200)]
        knowledge_base_id: String,
        /// True: the session does not end when it is idle, and billing continues.
        #[schema(required = false)]
        disable_idle_timeout: bool,
        /// Seconds without activity after which the session ends; the provider's default is 120.
        #[schema(required = false, minimum = 30, maximum = 3600)]
        activity_idle_timeout: i32,
        /// The caller's own room. Passed on and not stored.
        #[schema(required = false)]
        livekit_settings: RoomRequest,
    }

    /// The voice of an avatar.
    pub struct VoiceRequest {
        /// Id of the voice.
        #[schema(required = false, max_length = 200)]
        voice_id: String,
        /// Rate of speech, above 0; the provider's default is 1.
        #[schema(required = false)]
        rate: f64,
        /// Emotion, `Excited` or `Friendly` for example.
        #[schema(required = false, max_length = 200)]
        emotion: String,
        /// Parameters of the voice's own vendor, passed on unchanged.
        #[schema(required = false)]
        elevenlabs_settings: Object,
    }

    /// Speech-to-text settings.
    pub struct SpeechToTextRequest {
        /// `deepgram`, `gladia` or `assembly_ai`.
        #[schema(required = false)]
        provider: String,
        /// Confidence from which recognized speech counts; the provider's default is 0.55.
        #[schema(required = false, minimum = 0, maximum = 1)]
        confidence: f64,
    }

    /// The caller's own room.
    pub struct RoomRequest {
        /// Name of the room.
        room: String,
        /// Address of the room.
        url: String,
        /// Token to join the room. A secret.
        access_token: String,
    }
}

/// A validated request for a streaming session.
pub struct Launch {
    /// The body sent to the provider. Contains texts and tokens of the caller.
    pub body: Value,
    /// The part of the request that is stored.
    pub settings: LaunchSettings,
}

impl fmt::Debug for Launch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Launch").field("settings", &self.settings).finish_non_exhaustive()
    }
}

/// A streaming session that was started.
#[derive(Debug)]
pub struct StreamingSession {
    /// The provider's id of the session.
    pub provider_session_id: ProviderRecordId,
    /// Limits of the session.
    pub limits: LaunchLimits,
    /// Access data for joining the session; returned to the caller only.
    pub access: Access,
}

/// Access data for joining a streaming session: returned to the caller once and never stored.
#[derive(Debug)]
pub struct Access {
    /// Address of the room.
    pub url: Option<SecretString>,
    /// Token for the room.
    pub access_token: Option<SecretString>,
    /// Token for the provider's audio agents.
    pub livekit_agent_token: Option<SecretString>,
    /// Address for real-time signals.
    pub realtime_endpoint: Option<SecretString>,
}

/// One thing that is wrong with a request's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyFault {
    /// Location of the fault: a JSON pointer (RFC 6901).
    pub pointer: String,
    /// Machine-readable code of the fault.
    pub code: &'static str,
    /// Description for people. Quotes no value except a word for a field with a closed list.
    pub detail: String,
    /// The given word, where it is not among those allowed.
    pub given: Option<String>,
    /// The allowed words.
    pub allowed: Vec<&'static str>,
}

/// A call that is not known to have started anything.
#[derive(Debug)]
pub struct StartError {
    /// Whether something may have been started.
    pub outcome: ActionOutcome,
    /// The failure.
    pub error: PullError,
}

impl From<PullError> for StartError {
    fn from(error: PullError) -> Self {
        Self { outcome: outcome_of(&error), error }
    }
}

/// Returns what a failed call implies about the thing it was to start. In doubt it counts as possibly started,
/// because a second call could start it twice.
pub fn outcome_of(error: &PullError) -> ActionOutcome {
    match (&error.kind, error.http_status) {
        // refused by our own budget or the provider's before any processing, or never sent
        (PullErrorKind::RateLimited { .. } | PullErrorKind::Unreached | PullErrorKind::Database, _)
        | (PullErrorKind::OwnResources, None) => ActionOutcome::Postponed,
        // the provider timed out on a request that it had begun to read
        (_, Some(408)) => ActionOutcome::Unknown,
        // Never sent: a key that no header can carry, or an id that no address can contain. Or not followed: a
        // redirect. Or refused by the provider: a 4xx.
        (PullErrorKind::Auth | PullErrorKind::NotFound | PullErrorKind::Config, None) | (_, Some(300..=499 | 501)) => {
            ActionOutcome::Refused
        }
        _ => ActionOutcome::Unknown,
    }
}
