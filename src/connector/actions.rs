//! What a provider can be told to start: the one part of the contract that does not only read.
//!
//! Such a call costs money at the provider, so it is made once, never by a poller, and only for sources that allow it.
//! What matters when it fails is whether something may have been started; [`outcome_of`] is the one table of that.
//! What the provider hands over to join a session is a secret that passes through: it has no `Debug` that shows it
//! and nothing that could store it.

use std::fmt;

use async_trait::async_trait;
use secrecy::SecretString;
use serde_json::Value;

use crate::connector::error::{PullError, PullErrorKind};
use crate::model::action::{ActionKind, ActionOutcome, LaunchLimits, LaunchSettings};
use crate::model::id::ProviderRecordId;

/// The calls that start something. A provider implements those it offers.
#[async_trait]
pub trait Actions: Send + Sync {
    /// Whether the provider has this call at all.
    fn offers(&self, kind: ActionKind) -> bool;

    /// Has the summary of an ended session generated.
    async fn generate_summary(&self, id: &ProviderRecordId) -> Result<(), StartError> {
        let _ = id;
        Err(not_offered(ActionKind::GenerateSummary))
    }

    /// Reads what a streaming session is asked for with, or names everything that is wrong with it. Makes no call.
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

/// A streaming session as it was asked for.
pub struct Launch {
    /// What the provider is sent. Holds texts and tokens of the caller.
    pub body: Value,
    /// What of it is kept.
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
    /// The provider's id.
    pub provider_session_id: ProviderRecordId,
    /// What it may do.
    pub limits: LaunchLimits,
    /// What is needed to join it; for the caller alone.
    pub access: Access,
}

/// What is needed to join a streaming session: for the caller alone, given once.
#[derive(Debug)]
pub struct Access {
    /// Address of the room.
    pub url: Option<SecretString>,
    /// Token for the room.
    pub access_token: Option<SecretString>,
    /// Token for the provider's audio agents.
    pub livekit_agent_token: Option<SecretString>,
    /// Address for signals in real time.
    pub realtime_endpoint: Option<SecretString>,
}

/// One thing that is wrong with a request's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyFault {
    /// Where: a JSON pointer (RFC 6901).
    pub pointer: String,
    /// Kind of fault, for programs.
    pub code: &'static str,
    /// What is wrong, in words. Repeats no value but a word of a closed list.
    pub detail: String,
    /// The word that is none of those allowed.
    pub given: Option<String>,
    /// Words that would be understood.
    pub allowed: Vec<&'static str>,
}

/// Nothing is known to have been started.
#[derive(Debug)]
pub struct StartError {
    /// Whether something may have been.
    pub outcome: ActionOutcome,
    /// What happened.
    pub error: PullError,
}

impl From<PullError> for StartError {
    fn from(error: PullError) -> Self {
        Self { outcome: outcome_of(&error), error }
    }
}

/// What a failed call says about what it was to start. In doubt it may have been started: asking again could start it
/// a second time.
pub fn outcome_of(error: &PullError) -> ActionOutcome {
    match (&error.kind, error.http_status) {
        // refused by our own budget or by the provider's, before anything was looked at; or never sent
        (PullErrorKind::RateLimited { .. } | PullErrorKind::Unreached | PullErrorKind::Database, _)
        | (PullErrorKind::OwnResources, None) => ActionOutcome::Postponed,
        // the provider gave up on a request that it had begun to read
        (_, Some(408)) => ActionOutcome::Unknown,
        // Never sent: a key that no header can carry, an id that no address can name. Or not followed: a redirect. Or
        // not done, by the provider's own word: a 4xx.
        (PullErrorKind::Auth | PullErrorKind::NotFound | PullErrorKind::Config, None) | (_, Some(300..=499 | 501)) => {
            ActionOutcome::Refused
        }
        _ => ActionOutcome::Unknown,
    }
}
