//! The KonPro call that starts a session: `POST /v1/streaming/new`. It begins billing, so it is made once.
//!
//! The answer contains the access data: it goes to the caller only. So an error quotes the vendor's words only
//! where they contain no text of the caller's, and it quotes nothing of an answer that looks like success.

use async_trait::async_trait;
use secrecy::SecretString;
use serde_json::Value;

use crate::connector::actions::{Access, Actions, BodyFault, Launch, StartError, StreamingSession};
use crate::connector::error::PullError;
use crate::connector::record::DriftItems;
use crate::model::action::{ActionKind, ActionOutcome, LaunchLimits};
use crate::model::id::ProviderRecordId;
use crate::providers::konpro::wire::Envelope;
use crate::providers::konpro::{KonPro, client, launch_request};

const PATH: &str = "/v1/streaming/new";

/// Longest sequence of characters of a confidential text that no message may contain.
const TELLING_CHARS: usize = 8;

#[async_trait]
impl Actions for KonPro {
    fn offers(&self, kind: ActionKind) -> bool {
        kind == ActionKind::StartStreamingSession
    }

    fn validate(&self, body: &Value) -> Result<Launch, Vec<BodyFault>> {
        launch_request::read(body)
    }

    async fn start_streaming_session(&self, launch: &Launch) -> Result<StreamingSession, StartError> {
        let answer = self.api.post_once(PATH, Some(&launch.body)).await;
        let answer = answer.map_err(|error| discreet(error, &launch.body))?;
        let envelope = Envelope::open(&answer);
        if let Some(code) = envelope.as_ref().and_then(Envelope::error_code) {
            let error = discreet(client::refusal(&self.api, &answer, &code), &launch.body);
            return Err(StartError { outcome: ActionOutcome::Refused, error });
        }
        // the session may have been started with an unreadable id
        let unreadable = || answer.contract_error("status 200, but there is no usable `data.session_id`");
        Ok(envelope.and_then(started).ok_or_else(unreadable)?)
    }
}

fn started(envelope: Envelope<'_>) -> Option<StreamingSession> {
    let ignored = DriftItems::default();
    let data = envelope.started(&ignored)?;
    let secret = |name| data.text(name).map(SecretString::from);
    Some(StreamingSession {
        provider_session_id: ProviderRecordId::parse(&data.text("session_id")?).ok()?,
        limits: LaunchLimits {
            session_duration_limit_seconds: data.count("session_duration_limit").filter(|limit| *limit >= 0),
            is_paid: data.flag("is_paid"),
        },
        access: Access {
            url: secret("url"),
            access_token: secret("access_token"),
            livekit_agent_token: secret("livekit_agent_token"),
            realtime_endpoint: secret("realtime_endpoint"),
        },
    })
}

/// Returns the error without the vendor's words where these repeat confidential text of the caller.
fn discreet(error: PullError, body: &Value) -> PullError {
    let repeats = launch_request::confidential_texts(body).into_iter().any(|text| repeats(&error.detail, text));
    if !repeats {
        return error;
    }
    let status = error.http_status.map_or_else(String::new, |status| format!("status {status}, "));
    let detail = format!("{status}and the provider's message repeats the request, so it is left out");
    PullError { detail, ..error }
}

/// Whether `words` contain a revealing part of `text`.
fn repeats(words: &str, text: &str) -> bool {
    let letters: Vec<char> = words.chars().collect();
    let length = text.chars().count().min(TELLING_CHARS);
    length > 0 && letters.windows(length).any(|part| text.contains(&part.iter().collect::<String>()))
}
