//! `GET /v1/health/pollers`: the polling state of each stream.
//!
//! It is for people and, with `strict`, for alarms. Without `strict` the status is always 200: a provider
//! outage is information, not a failure of this service.

use axum::Json;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::health::probe;
use crate::api::parameters::Asked;
use crate::api::parameters::values::switch;
use crate::api::problem::{ApiError, Problem};
use crate::api::problem_responses::ReadProblems;
use crate::api::state::ForCaller;
use crate::query::pollers::{self, Poller};
use crate::query::readiness::contract_version;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PollerParameters {
    /// `true`: the response is a 503 problem if a stream is failing. For alarms that check only the status.
    #[param(value_type = Option<bool>, example = false)]
    strict: Option<String>,
}

/// The polling state of all streams.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Pollers {
    /// Time of this response.
    as_of: chrono::DateTime<chrono::Utc>,
    /// Whether any stream is failing.
    is_failing: bool,
    /// One entry for each stream of each source.
    items: Vec<Poller>,
    /// The only sources that the caller's key may see. Absent: all sources.
    #[serde(skip_serializing_if = "Option::is_none")]
    limited_to_sources: Option<Vec<String>>,
}

/// Polling state of each stream
///
/// Computed on request, never stored. `state` is one word: `idle`, `running`, `rate_limited`, `backing_off`,
/// `auth_failed`, `config_error`, `incomplete` (a range is not proven), `stalled` (a run sends no
/// heartbeat), `paused` or `disabled`. Failing are `backing_off`, `auth_failed`, `config_error`, `incomplete` and
/// `stalled`. `last_error.advice` states the remedy.
///
/// Streams that are fetched per session have a work list (`tasks`). A file that was never made or no longer exists is
/// counted there and is no failure. A file that could not be read because of a fault is owed (`tasks.owed`): the stream
/// is `incomplete` until the file is read or given up, and failing unless each owed file only needs a second try that
/// confirms its absence. `tasks.given_up` counts the files given up; if these are more than 5 % of the tasks tried
/// within 30 days (`tasks.lost_share`), the stream is `incomplete` and failing, and `tasks.advice` states the remedy.
/// `state_as_of` is the time up to which changes of stored sessions are known. A long overdue ring of the past makes
/// its stream `incomplete`.
#[utoipa::path(
    get, path = "/v1/health/pollers", tag = "health", params(PollerParameters),
    responses(
        (status = 200, description = "The state of every stream, failing or not.", body = Pollers, example = json!({
            "as_of": "2026-11-20T10:42:30Z", "is_failing": true,
            "items": [{
                "source": "rtk-prod", "provider": "realtimekit", "stream": "sessions", "state": "auth_failed", "is_failing": true,
                "last_attempt_at": "2026-11-20T10:40:00Z", "last_success_at": "2026-11-20T10:35:04Z",
                "complete_through": "2026-11-20T10:34:58Z", "lag_seconds": 452, "state_as_of": "2026-11-15T03:00:01Z",
                "next_run_at": "2026-11-20T10:45:00Z",
                "parked_until": null, "consecutive_failures": 1, "paused": null, "run": null, "lease": null, "open_reject_count": 0,
                "incomplete_windows": {"count": 0, "first": []}, "accepted_windows": {"count": 0, "first": []}, "tasks": null,
                "quota": {"remaining": 412, "quota": 1200, "resets_at": "2026-11-20T10:44:10Z", "blocked_until": null},
                "last_error": {"class": "auth_failed", "detail": "GET /sessions: 401", "at": "2026-11-20T10:40:01Z",
                               "advice": "The provider refused the credential; check the source's api_key_env or api_key_file."}
            }]
        })),
        ReadProblems,
        (status = 503, description = "The database does not respond, or, with `strict=true`, a stream is failing (`streams_failing`).",
         body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn list_pollers(
    ForCaller(state): ForCaller,
    mut asked: Asked<PollerParameters>,
) -> Result<Json<Pollers>, ApiError> {
    let is_strict = switch("strict", asked.given.strict.as_deref(), &mut asked.faults);
    asked.faults.refuse()?;
    // a database that hangs is reported at once, before the caller's own timeout
    probe(&state, state.health.ready_timeout, contract_version(&state.probes)).await?;
    let as_of = state.clock.now();
    let list = pollers::list(&state.probes, as_of, state.health.stalled_after, state.error_advice);
    let mut items = probe(&state, state.health.probe_timeout, list).await?;
    items.retain(|item| state.caller.sources.allows(&item.source));
    let failing: Vec<String> = items.iter().filter(|item| item.is_failing).map(name).collect();
    if is_strict && !failing.is_empty() {
        return Err(ApiError::StreamsFailing(format!("{}.", failing.join(", "))));
    }
    let limited_to_sources = state.caller.sources.limit().map(<[String]>::to_vec);
    Ok(Json(Pollers { as_of, is_failing: !failing.is_empty(), items, limited_to_sources }))
}

fn name(poller: &Poller) -> String {
    format!("{}/{} is {}", poller.source, poller.stream, poller.state.as_str())
}
