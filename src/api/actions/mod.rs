//! Calls that start something at a provider, and their journal.
//!
//! This part of the API does more than read: the provider may bill a call. All calls follow the same rules. The
//! source must allow it, and a web page of another origin is refused. The command is stored before the call,
//! and an idempotency key finds the first call again. The call is made once; a lost response makes its outcome
//! `unknown`, and it is never retried. Providers are known only as connectors that are handed in.

pub mod access;
pub(crate) mod launch;
pub(crate) mod list;
pub(crate) mod request;
pub(crate) mod summary;

use std::time::Duration;

use chrono::TimeDelta;
use tracing::Instrument;

use crate::api::actions::request::ActionRequest;
use crate::api::problem::{ActionProblem, ApiError};
use crate::api::state::ApiState;
use crate::connector::actions::StartError;
use crate::connector::error::{PullError, PullErrorKind};
use crate::model::action::{ActionKind, ActionOutcome};
use crate::model::id::SourceId;
use crate::query::actions::{self, Action};
use crate::store::action::{self as journal, ActionEnd, Begun, NewAction, Trace};

/// Time after the deadline within which the outcome of a call is still stored.
const WRITING_TIME: TimeDelta = TimeDelta::seconds(30);
/// Attempts to store the outcome of a call: a started session or summary is worth more than one.
const MAX_WRITES: u32 = 4;
/// Wait before the second attempt; it grows with each attempt.
const WRITE_AGAIN_AFTER: Duration = Duration::from_millis(250);

/// A command: the kind of action, and the source and session it is for.
#[derive(Debug, Clone)]
struct Wish {
    source: String,
    source_id: SourceId,
    kind: ActionKind,
    /// The stored session: our number and the provider's id.
    session: Option<(i64, String)>,
}

/// Next step for a request.
enum Beginning {
    /// Make the call, under this number.
    Call(i64),
    /// Return the first call, which succeeded.
    Before(Box<Action>),
}

/// Stores the command, or finds the outcome of the first call with the same key.
async fn begin(state: &ApiState, request: &ActionRequest, wish: &Wish) -> Result<Beginning, ApiError> {
    let now = state.clock.now();
    let call_deadline = TimeDelta::from_std(state.actions.call_deadline).unwrap_or(TimeDelta::hours(1));
    let session_id = wish.session.as_ref().map(|(session_id, _)| *session_id);
    let hashes = request.key_hashes(wish.kind, session_id);
    let new = NewAction {
        source_id: wish.source_id,
        kind: wish.kind,
        session: wish.session.as_ref().map(|(session_id, id)| (*session_id, id.as_str())),
        requested_by: &request.requested_by,
        request_id: &request.request_id,
        key: hashes.as_ref(),
        now,
        deadline_at: now + call_deadline + WRITING_TIME,
    };
    match journal::begin(&state.pool, &new).await? {
        Begun::New(action_id) => Ok(Beginning::Call(action_id)),
        Begun::OtherRequest(action_id) => Err(ActionProblem::KeyReused { action_id }.into()),
        Begun::Repeated(action_id) => {
            let first = actions::find(&state.pool, action_id, now).await?;
            first.map_or(Err(ActionProblem::InFlight.into()), before)
        }
    }
}

/// Decides what the outcome of the first call with a key means for a repeated one.
fn before(first: Action) -> Result<Beginning, ApiError> {
    let action_id = first.action_id;
    match first.state.as_str() {
        "succeeded" => Ok(Beginning::Before(Box::new(first))),
        "unknown" => Err(ActionProblem::StillUnknown { action_id }.into()),
        "refused" => {
            let detail = first.detail.unwrap_or_default();
            let outcome = ActionOutcome::Refused;
            Err(ActionProblem::Failed { action_id, outcome, detail, retry_after_seconds: None }.into())
        }
        _ => Err(ActionProblem::InFlight.into()),
    }
}

/// Runs `work` to its end even if the caller disconnects: what was started must be stored.
async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, ApiError>> + Send + 'static,
) -> Result<T, ApiError> {
    let done = tokio::spawn(work.in_current_span()).await;
    done.unwrap_or_else(|_| Err(ApiError::Panicked("a call that starts something was interrupted".to_owned())))
}

/// Makes the call with a deadline, after which its outcome is unknown.
async fn call<T>(state: &ApiState, call: impl Future<Output = Result<T, StartError>>) -> Result<T, StartError> {
    let answer = tokio::time::timeout(state.actions.call_deadline, call).await;
    answer.unwrap_or_else(|_| {
        let error = PullError {
            kind: PullErrorKind::Transient,
            call: "the call".to_owned(),
            detail: format!("no response within {} s", state.actions.call_deadline.as_secs()),
            http_status: None,
        };
        Err(error.into())
    })
}

/// Stores that the call succeeded. Returns false if that could not be stored.
async fn succeed(state: &ApiState, wish: &Wish, action_id: i64, trace: Trace<'_>) -> bool {
    let (outcome, now) = (ActionOutcome::Succeeded, state.clock.now());
    let end = ActionEnd { outcome, http_status: None, error_class: None, detail: None, now, trace };
    tracing::info!(action_id, source = wish.source, kind = wish.kind.as_str(), "started");
    write_end(state, action_id, &end).await
}

/// Stores that the call failed, and returns the error to report.
async fn fail(state: &ApiState, wish: &Wish, action_id: i64, failed: StartError, trace: Trace<'_>) -> ApiError {
    let StartError { outcome, error } = failed;
    let (now, detail) = (state.clock.now(), error.to_string());
    let class = error.kind.policy().class;
    let (source, kind) = (wish.source.as_str(), wish.kind.as_str());
    tracing::warn!(
        action_id,
        source,
        kind,
        outcome = outcome.as_str(),
        class,
        status = error.http_status,
        "not started"
    );
    let end = ActionEnd {
        outcome,
        http_status: error.http_status,
        error_class: Some(class),
        detail: Some(&detail),
        now,
        trace,
    };
    write_end(state, action_id, &end).await;
    let wait = error.retry_at().map(|until| (until - now).num_seconds().max(1));
    let retry_after_seconds = wait.and_then(|seconds| u32::try_from(seconds).ok());
    ActionProblem::Failed { action_id, outcome, detail, retry_after_seconds }.into()
}

/// Stores the outcome and returns whether that worked. Without it the outcome counts as unknown, which is safe.
async fn write_end(state: &ApiState, action_id: i64, end: &ActionEnd<'_>) -> bool {
    for number in 1..=MAX_WRITES {
        match journal::end(&state.pool, action_id, end).await {
            Ok(()) => return true,
            Err(error) if error.is_transient() && number < MAX_WRITES => {
                tokio::time::sleep(WRITE_AGAIN_AFTER * number).await;
            }
            Err(error) => {
                tracing::error!(action_id, error = error.cause(), "the outcome of a call could not be stored");
                break;
            }
        }
    }
    false
}
