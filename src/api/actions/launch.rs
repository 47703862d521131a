//! `POST /v1/sources/{slug}/streaming-sessions`: start a streaming session.
//!
//! The tokens to join the session are in the first response only: they are neither stored nor logged, and a repeated
//! request cannot get them again. The provider decides what a field may hold.

use std::sync::Arc;

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::api::actions::request::ActionRequest;
use crate::api::actions::{Beginning, Wish, begin, call, fail, succeed, to_its_end};
use crate::api::parameters::nearest;
use crate::api::parameters::path::PathName;
use crate::api::parameters::{Asked, NoParameters};
use crate::api::problem::{ApiError, Fault};
use crate::api::problem_responses::ActionProblems;
use crate::api::state::{ApiState, ForCaller};
use crate::connector::actions::{Access, Actions, BodyFault, Launch, StreamingSession, StreamingSessionRequest};
use crate::model::action::{ActionKind, LaunchLimits};
use crate::query::actions;
use crate::store::action::{self as journal, Trace};

/// A started streaming session.
#[derive(Serialize, ToSchema)]
pub(crate) struct SessionStarted {
    /// Number of the call in `/v1/actions`.
    action_id: i64,
    /// Slug of the source.
    source: String,
    /// The provider's id of the session. `/v1/sessions` lists it once it is polled.
    provider_session_id: String,
    /// Longest duration of the session, seconds; null: not stated by the provider.
    session_duration_limit_seconds: Option<i32>,
    /// Whether the session is on a paid plan; null: not stated by the provider.
    is_paid: Option<bool>,
    /// Address and tokens to join. Given once; null where `tokens_already_given` is true.
    access: Option<JoinAccess>,
    /// True: this repeats the response to the first call with this key. The provider was not called again, and
    /// the tokens to join were in the first response only.
    tokens_already_given: bool,
    /// False: the outcome could not be stored, so the journal shows it as `unknown` and the session's settings
    /// are not stored.
    is_recorded: bool,
}

/// Address and tokens to join a streaming session, verbatim from the provider.
#[derive(Serialize, ToSchema)]
pub(crate) struct JoinAccess {
    /// Address of the room.
    url: Option<String>,
    /// Token for the room.
    access_token: Option<String>,
    /// Token for the provider's audio agents.
    livekit_agent_token: Option<String>,
    /// Address for real-time signals.
    realtime_endpoint: Option<String>,
}

impl From<Access> for JoinAccess {
    fn from(access: Access) -> Self {
        let text = |secret: Option<SecretString>| secret.map(|secret| secret.expose_secret().to_owned());
        Self {
            url: text(access.url),
            access_token: text(access.access_token),
            livekit_agent_token: text(access.livekit_agent_token),
            realtime_endpoint: text(access.realtime_endpoint),
        }
    }
}

/// Start a streaming session
///
/// Calls the provider once to start an avatar's session. **The provider bills the session from then on.** The
/// tokens to join are in this response only: they are neither stored nor logged. Quality, voice, speech-to-text
/// and limits are stored as the session's launch settings (`analytics.session_launches`). Only for sources with
/// `[sources.actions] enabled = true`. A repeated request with the same `Idempotency-Key` within 24 hours
/// returns the first outcome without the tokens and starts nothing.
#[utoipa::path(
    post, path = "/v1/sources/{slug}/streaming-sessions", tag = "actions",
    params(
        ("slug" = String, Path, description = "Slug of the source.", example = "rtk-prod"),
        ("Idempotency-Key" = Option<String>, Header, description = "Recommended. 1 to 255 visible ASCII characters, a new one for each call; stored for 24 hours, as a hash.", example = "f1a7c1de-5f0c-4b8e-9c63-3f1f2d0a7b55")
    ),
    request_body(
        content = StreamingSessionRequest,
        description = "All fields are optional; unknown fields and null are refused.",
        example = json!({
            "quality": "medium", "avatar_id": "default", "voice": {"rate": 1}, "video_encoding": "VP8", "version": "v1",
            "disable_idle_timeout": false, "stt_settings": {"provider": "deepgram", "confidence": 0.55},
            "activity_idle_timeout": 120
        })
    ),
    responses(
        (status = 201, description = "It was started, now or (`tokens_already_given`) by the first call with this key.", body = SessionStarted, example = json!({
            "action_id": 18, "source": "konpro-main", "provider_session_id": "9fdd3ad1-f396-1ed0-b5f1-96ea928c2858",
            "session_duration_limit_seconds": 600, "is_paid": false,
            "access": {
                "url": "wss://livekit.example", "access_token": "…", "livekit_agent_token": null,
                "realtime_endpoint": "wss://webrtc-signaling.example/v1-alpha/interactive-avatar/session/9fdd3ad1"
            },
            "tokens_already_given": false, "is_recorded": true
        })),
        ActionProblems
    )
)]
pub(crate) async fn start_streaming_session(
    ForCaller(state): ForCaller,
    PathName(slug): PathName,
    asked: Asked<NoParameters>,
    request: ActionRequest,
) -> Result<Response, ApiError> {
    asked.faults.refuse()?;
    let kind = ActionKind::StartStreamingSession;
    let no_source = || ApiError::NotFound("There is no source with this slug; see /v1/sources.".to_owned());
    let source_id = journal::source_id(&state.pool, &slug).await?.ok_or_else(no_source)?;
    let actions = state.actions.at(&slug, kind)?;
    let no_body = json!({});
    let body = if request.body.is_null() { &no_body } else { &request.body };
    let launch =
        actions.validate(body).map_err(|faults| ApiError::InvalidBody(faults.into_iter().map(told).collect()))?;
    let wish = Wish { source: slug, source_id, kind, session: None };
    let answer = match begin(&state, &request, &wish).await? {
        Beginning::Call(action_id) => to_its_end(start(state, actions, wish, action_id, launch)).await?,
        Beginning::Before(first) => {
            let limits = actions::launch_limits(&state.pool, first.action_id).await?;
            SessionStarted {
                action_id: first.action_id,
                source: wish.source,
                provider_session_id: first.provider_session_id.unwrap_or_default(),
                session_duration_limit_seconds: limits.session_duration_limit_seconds,
                is_paid: limits.is_paid,
                access: None,
                tokens_already_given: true,
                is_recorded: true,
            }
        }
    };
    let no_store = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((StatusCode::CREATED, no_store, Json(answer)).into_response())
}

/// Makes the call and stores its outcome.
async fn start(
    state: ApiState,
    actions: Arc<dyn Actions>,
    wish: Wish,
    action_id: i64,
    launch: Launch,
) -> Result<SessionStarted, ApiError> {
    let launched_at = state.clock.now();
    let session = match call(&state, actions.start_streaming_session(&launch)).await {
        Ok(session) => session,
        Err(failed) => return Err(fail(&state, &wish, action_id, failed, Trace::Nothing).await),
    };
    let StreamingSession { provider_session_id, limits, access } = session;
    let trace = Trace::Launch {
        source_id: wish.source_id,
        provider_session_id: &provider_session_id,
        launched_at,
        settings: &launch.settings,
        limits,
    };
    // a session whose outcome cannot be stored is started and billed nonetheless, so the caller receives it
    let is_recorded = succeed(&state, &wish, action_id, trace).await;
    let LaunchLimits { session_duration_limit_seconds, is_paid } = limits;
    Ok(SessionStarted {
        action_id,
        source: wish.source,
        provider_session_id: provider_session_id.to_string(),
        session_duration_limit_seconds,
        is_paid,
        access: Some(access.into()),
        tokens_already_given: false,
        is_recorded,
    })
}

/// Converts a fault that the provider's reader found into a fault of the API.
fn told(fault: BodyFault) -> Fault {
    let allowed: Vec<String> = fault.allowed.into_iter().map(ToOwned::to_owned).collect();
    Fault {
        parameter: String::new(),
        pointer: Some(fault.pointer),
        code: fault.code,
        detail: fault.detail,
        did_you_mean: fault.given.map(|given| nearest(&given, &allowed)).unwrap_or_default(),
        allowed,
    }
}
