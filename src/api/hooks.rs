//! `POST /v1/hooks/{provider}/{slug}`: webhooks of providers, as hints.
//!
//! The signature is the authentication: no key is needed. A webhook only makes a poller read a session now. Nothing of
//! it is stored but a hash, by which the same one is refused when it comes again. Refusals are counted, and never say
//! what a right request would be.

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use chrono::TimeDelta;
use serde::Serialize;
use sha2::{Digest, Sha256};
use utoipa::ToSchema;

use crate::api::access::budget::ADDRESS;
use crate::api::access::guard::READ;
use crate::api::access::policy::Arrival;
use crate::api::configured::SourceHooks;
use crate::api::problem::{AccessProblem, ActionProblem, ApiError, HookProblem};
use crate::api::problem_responses::HookProblems;
use crate::api::request_body;
use crate::api::state::ApiState;
use crate::connector::hooks::HookFault;
use crate::store::hint::{self, NewHint, Received};
use crate::telemetry::metrics;

/// Largest body, bytes. The events of providers have a few hundred.
const MAX_BODY_BYTES: usize = 64 * 1024;
/// Oldest event that is followed: what it announces is not kept longer by the provider. The hashes of webhooks are kept
/// longer than this (`store/prune.rs`), so that no old one is followed twice.
const MAX_AGE: TimeDelta = TimeDelta::days(7);
/// Furthest that the provider's clock may be ahead.
const MAX_AHEAD: TimeDelta = TimeDelta::hours(1);

/// A webhook that is followed.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HookAccepted {
    /// True.
    accepted: bool,
}

/// Receive a webhook
///
/// For providers. An event whose signature is right makes a poller read the session that it names now; nothing of it is
/// stored. At most 64 KiB.
#[utoipa::path(
    post, path = "/v1/hooks/{provider}/{slug}", tag = "sync",
    params(
        ("provider" = String, Path, description = "Provider of the source.", example = "realtimekit"),
        ("slug" = String, Path, description = "Slug of the source.", example = "rtk-prod")
    ),
    request_body(content = String, description = "The event, as the provider sends it.", content_type = "application/json"),
    responses(
        (status = 202, description = "A poller reads the session, or the list, within seconds.", body = HookAccepted,
         example = json!({"accepted": true})),
        HookProblems
    )
)]
pub(crate) async fn receive_hook(
    State(state): State<ApiState>,
    Path((provider, slug)): Path<(String, String)>,
    request: Request,
) -> Result<(StatusCode, Json<HookAccepted>), ApiError> {
    let Some(hooks) = state.hooks.of(&provider, &slug) else {
        // the path is the caller's text, which is no label
        metrics::count_hook("none", "unknown_source");
        return Err(ApiError::NotFound("No webhooks are received for this source.".to_owned()));
    };
    let followed = follow(&state, &slug, &hooks, request).await;
    metrics::count_hook(&slug, followed.as_ref().err().map_or("accepted", result));
    followed.map(|()| (StatusCode::ACCEPTED, Json(HookAccepted { accepted: true })))
}

async fn follow(state: &ApiState, slug: &str, hooks: &SourceHooks, request: Request) -> Result<(), ApiError> {
    let now = state.clock.now();
    let (parts, body) = request.into_parts();
    let address = parts.extensions.get::<Arrival>().and_then(|arrival| arrival.address.clone());
    let address = address.unwrap_or_else(|| "unknown".to_owned());
    // by host, not by connection
    let host = address.rsplit_once(':').map_or(address.as_str(), |(host, _)| host);
    state.access_policy.budgets.take(&format!("{ADDRESS}{host}"), READ, now).map_err(AccessProblem::from)?;
    let body = request_body::read(body, &parts.extensions, MAX_BODY_BYTES).await?;
    let hint = (hooks.read)(&hooks.key, &parts.headers, &body).map_err(HookProblem::Refused)?;
    if hint.happened_at.is_some_and(|at| at < now - MAX_AGE || at > now + MAX_AHEAD) {
        return Err(HookProblem::Stale.into());
    }
    let pool = &state.source_changes.as_ref().ok_or(ApiError::NotReady("This process cannot write."))?.pool;
    let new = NewHint {
        source: slug,
        body_hash: &Sha256::digest(&body),
        session: hint.session.as_ref(),
        streams: &hint.streams,
        due_at: now + hint.delay,
        now,
    };
    match hint::receive(pool, &new).await? {
        Received::Stored => Ok(()),
        Received::Replayed => Err(HookProblem::Replayed.into()),
        // the provider sends it again
        Received::NoSource => Err(ApiError::NotReady("No poller has registered the source yet.")),
    }
}

/// Returns the name of a refusal in the metrics.
fn result(error: &ApiError) -> &'static str {
    match error {
        ApiError::Hook(HookProblem::Refused(HookFault::Unsigned)) => "unsigned",
        ApiError::Hook(HookProblem::Refused(HookFault::Forged)) => "forged",
        ApiError::Hook(HookProblem::Refused(HookFault::Unreadable)) => "unreadable",
        ApiError::Hook(HookProblem::Refused(HookFault::UnknownEvent)) => "unknown_event",
        ApiError::Hook(HookProblem::Stale) => "stale",
        ApiError::Hook(HookProblem::Replayed) => "replayed",
        ApiError::Access(_) => "over_budget",
        ApiError::Action(ActionProblem::TooLarge { .. }) => "too_large",
        ApiError::Action(_) => "too_slow",
        _ => "failed",
    }
}
