//! Problems of calls that start something.
//!
//! Above all, the caller must learn whether something may have been started. 502 means no, 504 means that it is
//! unknown; every other status means that the provider was not called. The provider's message is cleared of
//! what the caller sent and of the tokens the provider returned.

use std::time::Duration;

use axum::http::StatusCode;

use super::text::ProblemText;
use crate::model::action::ActionOutcome;

/// The reason why a call failed or was not made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ActionProblem {
    /// A page of another origin sent the request.
    CrossSite,
    /// The body is not declared as JSON.
    NotJson,
    /// The body is too large.
    TooLarge {
        /// Bytes allowed.
        max_bytes: usize,
    },
    /// The body did not arrive in time.
    TooSlow {
        /// Longest time that it may take.
        within: Duration,
    },
    /// The source does not allow the call.
    Disabled {
        /// Slug of the source.
        source: String,
    },
    /// The provider has no such call.
    NotOffered {
        /// Slug of the source.
        source: String,
        /// The action, in words.
        what: &'static str,
    },
    /// The source is not configured here, so its records cannot be read.
    NotConfigured {
        /// Slug of the source.
        source: String,
    },
    /// The session is still running, or its state is unknown.
    NotEnded {
        /// State of the session.
        session_state: String,
    },
    /// An operator paused the streams that are to run.
    Paused {
        /// Slug of the source.
        source: String,
        /// The paused streams.
        streams: String,
    },
    /// The source is no longer configured, so it is not polled.
    NotPolled {
        /// Slug of the source.
        source: String,
    },
    /// No window of this kind touches the range.
    NoWindow {
        /// Slug of the source.
        source: String,
        /// State of the windows: `doubtful` or `accepted`.
        state: &'static str,
    },
    /// The source cannot be renamed, merged or removed, now or at all.
    SourceNotChanged {
        /// Reason.
        reason: String,
    },
    /// The current rate cards are not those that the caller knows.
    CardsChanged,
    /// The API key is revoked, has expired, or has a successor.
    KeyEnded,
    /// A call with this key is under way.
    InFlight,
    /// The outcome of the call with this key is unknown.
    StillUnknown {
        /// Number of the call.
        action_id: i64,
    },
    /// The key was used for another request.
    KeyReused {
        /// Number of the call that used it.
        action_id: i64,
    },
    /// The call was made, or was about to be made, and failed.
    Failed {
        /// Number of the call.
        action_id: i64,
        /// Whether something may have been started.
        outcome: ActionOutcome,
        /// Description, in the provider's words.
        detail: String,
        /// Seconds after which to retry, where the provider accepts no call now.
        retry_after_seconds: Option<u32>,
    },
}

const KEY_ENDED: &str = "It is revoked, has expired, or was rotated already.";

impl ActionProblem {
    pub(super) fn text(&self) -> ProblemText {
        let conflict = |code, title, detail| ProblemText::new(StatusCode::CONFLICT, code, title, detail);
        match self {
            Self::CrossSite => ProblemText::new(
                StatusCode::FORBIDDEN,
                "cross_site_request",
                "A page of another origin may not start anything",
                "The Origin or Sec-Fetch-Site header names another site. Programs send neither.",
            ),
            Self::NotJson => ProblemText::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported_media_type",
                "The body must be JSON",
                "Send content-type: application/json and no content-encoding; a request without a body needs neither.",
            ),
            Self::TooLarge { max_bytes } => {
                let detail = format!("It may have at most {max_bytes} bytes.");
                ProblemText::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", "The body is too large", detail)
            }
            Self::TooSlow { within } => too_slow_text(*within),
            Self::Disabled { source } => disabled_text(source),
            Self::NotOffered { source, what } => conflict(
                "not_offered",
                "The provider has no such call",
                format!("The provider of `{source}` has no call to {what}."),
            ),
            Self::NotConfigured { source } => conflict(
                "source_not_configured",
                "The source is not configured here",
                format!(
                    "The source `{source}` is not configured in this process, so its records cannot be read again."
                ),
            ),
            Self::NotEnded { session_state } => conflict(
                "session_not_ended",
                "The session has not ended",
                format!("Its state is `{session_state}`; a summary is generated only for an ended session."),
            ),
            Self::Paused { source, streams } => pause_text(source, streams),
            Self::NotPolled { source } => conflict(
                "source_not_polled",
                "The source is not polled",
                format!("`{source}` is no longer configured; its history stays. Configure it again to poll it."),
            ),
            Self::NoWindow { source, state } => no_window_text(source, state),
            Self::SourceNotChanged { reason } => {
                conflict("source_not_changed", "The source was not changed", reason.clone())
            }
            Self::CardsChanged => ProblemText::new(
                StatusCode::PRECONDITION_FAILED,
                "rate_cards_changed",
                "The rate cards have changed",
                "Nothing was changed. List the rate cards, and make the new set of those, with their `ETag`.",
            ),
            Self::KeyEnded => conflict("key_ended", "The key has ended", KEY_ENDED.to_owned()),
            Self::InFlight => conflict(
                "action_in_flight",
                "The first call with this key is under way",
                "Retry in a moment with the same key: the response is then that of the first call.".to_owned(),
            )
            .retry_after(2),
            Self::StillUnknown { action_id } => unknown_key_text(*action_id),
            Self::KeyReused { action_id } => reused_key_text(*action_id),
            Self::Failed { action_id, outcome, detail, retry_after_seconds } => {
                failure_text(*action_id, *outcome, detail, *retry_after_seconds)
            }
        }
    }
}

fn disabled_text(source: &str) -> ProblemText {
    let detail = "unless [sources.actions] enabled = true is configured for it.";
    ProblemText::new(
        StatusCode::FORBIDDEN,
        "actions_disabled",
        "The source does not allow this",
        format!("Nothing may be started at `{source}` {detail}"),
    )
}

fn too_slow_text(within: Duration) -> ProblemText {
    let detail = format!("It may take at most {} seconds.", within.as_secs());
    ProblemText::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", "The body did not arrive in time", detail)
}

fn pause_text(source: &str, streams: &str) -> ProblemText {
    let detail = format!(
        "An operator paused `{streams}` of `{source}`, see /v1/sync/operations. Resume it: it then runs at once."
    );
    ProblemText::new(StatusCode::CONFLICT, "stream_paused", "The stream is paused", detail)
}

fn no_window_text(source: &str, state: &str) -> ProblemText {
    let detail = format!("Nothing was changed. /v1/sync/windows?source={source}&state={state} lists such windows.");
    ProblemText::new(StatusCode::CONFLICT, "no_such_window", "No window of this kind touches the range", detail)
}

fn reused_key_text(action_id: i64) -> ProblemText {
    ProblemText::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "idempotency_key_reused",
        "The idempotency key belongs to another request",
        format!("Call {action_id} used this key for another request. Use a new key for each call."),
    )
}

fn unknown_key_text(action_id: i64) -> ProblemText {
    ProblemText::new(
        StatusCode::CONFLICT,
        "outcome_still_unknown",
        "The outcome of the first call with this key is unknown",
        format!(
            "Call {action_id} has an unknown outcome, see /v1/actions. Check at the provider whether it was started; \
             if not, retry with another Idempotency-Key."
        ),
    )
}

fn failure_text(action_id: i64, outcome: ActionOutcome, detail: &str, retry_after_seconds: Option<u32>) -> ProblemText {
    match outcome {
        ActionOutcome::Refused => ProblemText::new(
            StatusCode::BAD_GATEWAY,
            "provider_refused",
            "The provider refused",
            format!("Nothing was started (call {action_id}). {detail}"),
        ),
        ActionOutcome::Postponed => ProblemText::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "provider_not_now",
            "The provider accepts no call now",
            format!("Nothing was started (call {action_id}); retry later. {detail}"),
        )
        .retry_after(retry_after_seconds.unwrap_or(60)),
        ActionOutcome::Succeeded | ActionOutcome::Unknown => ProblemText::new(
            StatusCode::GATEWAY_TIMEOUT,
            "outcome_unknown",
            "It may have been started",
            format!(
                "The response to call {action_id} was lost or cannot be read, so it may have been started and may be \
                 billed. Check at the provider before you retry. {detail}"
            ),
        ),
    }
}
