//! Calls that start something at a provider, and their journal.
//!
//! The one part of the API that does not only read. Whoever asks may be billed for it, so the way is the same for
//! each: the source must allow it, a web page of another origin may not ask, the wish is written down before the call,
//! an idempotency key finds the first call again, the call is made once, and an answer that is lost is called unknown
//! and never tried again. Providers are known only as connectors that are handed in.

pub(crate) mod launch;
pub(crate) mod launch_body;
pub(crate) mod list;
pub(crate) mod request;
pub(crate) mod summary;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::Duration;

use chrono::TimeDelta;
use tracing::Instrument;

use crate::api::ApiState;
use crate::api::actions::request::ActionRequest;
use crate::api::problem::{ActionProblem, ApiError};
use crate::connector::actions::{Actions, StartError};
use crate::connector::error::{PullError, PullErrorKind};
use crate::model::action::{ActionKind, ActionOutcome};
use crate::model::id::SourceId;
use crate::query::actions::{self, Action};
use crate::store::action::{self as journal, ActionEnd, Begun, NewAction, Trace};

/// Time after the deadline in which the end of a call is still written down.
const WRITING_TIME: TimeDelta = TimeDelta::seconds(30);
/// Tries to write down the end of a call: what was started is worth more than one.
const MAX_WRITES: u32 = 4;
/// The wait before the second of them; it grows with each.
const WRITE_AGAIN_AFTER: Duration = Duration::from_millis(250);

/// The sources that allow it, by slug, and what their providers offer.
pub type Allowed = BTreeMap<String, Option<Arc<dyn Actions>>>;

/// Where something may be started. Clones share it.
#[derive(Clone)]
pub struct ActionAccess {
    sources: Arc<RwLock<Allowed>>,
    /// How long one call may take; then its outcome is unknown.
    pub call_deadline: Duration,
}

impl Default for ActionAccess {
    /// Nowhere.
    fn default() -> Self {
        Self { sources: Arc::default(), call_deadline: Duration::from_secs(90) }
    }
}

impl fmt::Debug for ActionAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.allowed().keys()).finish()
    }
}

impl ActionAccess {
    /// Nothing may be started until [`Self::replace`] says where; one call may take `call_deadline`.
    pub fn new(call_deadline: Duration) -> Self {
        Self { call_deadline, ..Self::default() }
    }

    /// From now on something may be started at the `allowed` sources.
    pub fn replace(&self, allowed: Allowed) {
        *self.sources.write().unwrap_or_else(PoisonError::into_inner) = allowed;
    }

    fn allowed(&self) -> RwLockReadGuard<'_, Allowed> {
        self.sources.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What starts things at `source`, if something of `kind` may and can be started there.
    fn at(&self, source: &str, kind: ActionKind) -> Result<Arc<dyn Actions>, ActionProblem> {
        let allowed = self.allowed();
        let Some(actions) = allowed.get(source) else {
            return Err(ActionProblem::Disabled { source: source.to_owned() });
        };
        let offered = actions.as_ref().filter(|actions| actions.offers(kind));
        offered.map(Arc::clone).ok_or_else(|| ActionProblem::NotOffered {
            source: source.to_owned(),
            what: match kind {
                ActionKind::GenerateSummary => "generate a summary",
                ActionKind::StartStreamingSession => "start a streaming session",
            },
        })
    }
}

/// What is to be started where.
#[derive(Debug, Clone)]
struct Wish {
    source: String,
    source_id: SourceId,
    kind: ActionKind,
    /// The stored session it is about: our number and the provider's id.
    session: Option<(i64, String)>,
}

/// Whether the call is to be made.
enum Beginning {
    /// Yes, under this number.
    Call(i64),
    /// It was made before and went well.
    Before(Box<Action>),
}

/// Writes the wish down, or finds what became of it before.
async fn begin(state: &ApiState, request: &ActionRequest, wish: &Wish) -> Result<Beginning, ApiError> {
    let now = state.clock.now();
    let call_deadline = TimeDelta::from_std(state.actions.call_deadline).unwrap_or(TimeDelta::hours(1));
    let hashes = request.key_hashes(wish);
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

/// What the first call with a key means for the second.
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

/// Does `work` to its end, whether or not the caller waits for it: what was started must be written down.
async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T, ApiError>> + Send + 'static,
) -> Result<T, ApiError> {
    let done = tokio::spawn(work.in_current_span()).await;
    done.unwrap_or_else(|_| Err(ApiError::Panicked("a call that starts something was cut off".to_owned())))
}

/// Makes the call, with a deadline: past it, nobody knows.
async fn call<T>(state: &ApiState, call: impl Future<Output = Result<T, StartError>>) -> Result<T, StartError> {
    let answer = tokio::time::timeout(state.actions.call_deadline, call).await;
    answer.unwrap_or_else(|_| {
        let error = PullError {
            kind: PullErrorKind::Transient,
            call: "the call".to_owned(),
            detail: format!("no answer within {} s", state.actions.call_deadline.as_secs()),
            http_status: None,
        };
        Err(error.into())
    })
}

/// Writes down that the call went well. False where that could not be written.
async fn succeed(state: &ApiState, wish: &Wish, action_id: i64, trace: Trace<'_>) -> bool {
    let (outcome, now) = (ActionOutcome::Succeeded, state.clock.now());
    let end = ActionEnd { outcome, http_status: None, error_class: None, detail: None, now, trace };
    tracing::info!(action_id, source = wish.source, kind = wish.kind.as_str(), "started");
    write_end(state, action_id, &end).await
}

/// Writes down that the call did not go well, and what to say about it.
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

/// Whether the end could be written. Without it the outcome counts as unknown, which is safe.
async fn write_end(state: &ApiState, action_id: i64, end: &ActionEnd<'_>) -> bool {
    for number in 1..=MAX_WRITES {
        match journal::end(&state.pool, action_id, end).await {
            Ok(()) => return true,
            Err(error) if error.is_transient() && number < MAX_WRITES => {
                tokio::time::sleep(WRITE_AGAIN_AFTER * number).await;
            }
            Err(error) => {
                tracing::error!(action_id, error = error.cause(), "the end of a call could not be written down");
                break;
            }
        }
    }
    false
}
