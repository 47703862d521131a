//! `GET /v1/health/pollers`: the polling state of each stream.
//!
//! It is for people and, with `strict`, for alarms. Without `strict` the status is always 200: a provider
//! outage is information, not a failure of this service.

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::content_negotiation::{JSON, chosen};
use crate::api::health::check_list::{CheckList, HEALTH_JSON};
use crate::api::health::{criteria, probe};
use crate::api::parameters::Asked;
use crate::api::parameters::values::switch;
use crate::api::problem::{ApiError, Problem};
use crate::api::problem_responses::TableProblems;
use crate::api::state::ForCaller;
use crate::query::pollers::Poller;
use crate::query::pollers::service::{DatabaseHealth, InstanceHealth, ServiceProblem};
use crate::query::readiness::contract_version;
use crate::query::replication::ReplicaHealth;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PollerParameters {
    /// `true`: the response is a 503 problem if a stream is failing, or a problem concerns all. For alarms that check
    /// only the status.
    #[param(value_type = Option<bool>, example = false)]
    strict: Option<String>,
}

/// The polling state of all streams.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Pollers {
    /// Time of this response.
    as_of: chrono::DateTime<chrono::Utc>,
    /// Whether a stream is failing, or a problem concerns all.
    is_failing: bool,
    /// Problems that concern all streams.
    problems: Vec<ServiceProblem>,
    /// The processes of the service seen within a day.
    instances: Vec<InstanceHealth>,
    /// The database.
    database: DatabaseHealth,
    /// The read replica. Absent: none is configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    replica: Option<ReplicaHealth>,
    /// One entry for each stream of each source.
    items: Vec<Poller>,
    /// The only sources that the caller's key may see. Absent: all sources.
    #[serde(skip_serializing_if = "Option::is_none")]
    limited_to_sources: Option<Vec<String>>,
}

/// Polling state of each stream
///
/// Computed on request, never stored. `state` is one word for the health of a stream; it is failing where
/// `failing_because` has reasons, and `last_error.advice` and `tasks.advice` state remedies. `problems` lists what
/// concerns all streams. With `Accept: application/health+json` the response is a list of checks, one for each
/// stream.
#[utoipa::path(
    get, path = "/v1/health/pollers", tag = "health", params(PollerParameters),
    responses(
        (status = 200, description = "The state of every stream, failing or not.", body = Pollers, example = json!({
            "as_of": "2026-11-20T10:42:30Z", "is_failing": true, "problems": [],
            "instances": [{"id": "host-1:7:5f3a09c1", "role": "all", "version": "0.1.0", "commit": "ca446f6b01d2",
                           "started_at": "2026-11-20T08:00:00Z", "last_seen_at": "2026-11-20T10:42:24Z",
                           "stopped_at": null, "is_alive": true}],
            "database": {"is_writable": true, "connection_count": 21, "connection_limit": 97, "clock_skew_seconds": 0},
            "items": [{
                "source": "rtk-prod", "provider": "realtimekit", "stream": "sessions", "state": "auth_failed", "is_failing": true,
                "failing_because": ["failed_runs"],
                "last_attempt_at": "2026-11-20T10:40:00Z", "last_success_at": "2026-11-20T10:35:04Z",
                "complete_through": "2026-11-20T10:34:58Z", "lag_seconds": 452, "stale_after_seconds": 900,
                "state_as_of": "2026-11-15T03:00:01Z",
                "next_run_at": "2026-11-20T10:45:00Z",
                "parked_until": null, "consecutive_failures": 1, "paused": null, "run": null, "lease": null, "drift_count": 0,
                "open_reject_count": 0,
                "incomplete_windows": {"count": 0, "first": []}, "accepted_windows": {"count": 0, "first": []}, "tasks": null,
                "quota": {"remaining": 412, "quota": 1200, "resets_at": "2026-11-20T10:44:10Z", "blocked_until": null},
                "last_error": {"class": "auth_failed", "detail": "GET /sessions: 401", "at": "2026-11-20T10:40:01Z",
                               "advice": "The provider refused the credential; check the source's api_key_env or api_key_file."}
            }]
        })),
        TableProblems,
        (status = 503, description = "The database does not respond (`not_ready`, with the reason), or, with `strict=true`, a stream is failing or there is a problem that concerns all (`streams_failing`).",
         body = Problem, content_type = "application/problem+json")
    )
)]
pub(crate) async fn list_pollers(
    ForCaller(state): ForCaller,
    headers: HeaderMap,
    mut asked: Asked<PollerParameters>,
) -> Result<Response, ApiError> {
    let is_strict = switch("strict", asked.given.strict.as_deref(), &mut asked.faults);
    asked.faults.refuse()?;
    let form = chosen(&headers, &[JSON, HEALTH_JSON])?;
    // a database that hangs is reported at once, before the caller's own timeout
    probe(&state, state.health.ready_timeout, contract_version(&state.probes)).await?;
    let criteria = criteria(&state);
    let mut health =
        probe(&state, state.health.probe_timeout, state.health_reads.read(&state.probes, &criteria)).await?;
    health.pollers.retain(|item| state.caller.sources.allows(&item.source));
    let problems = health.service.problems.iter().map(|problem| problem.detail.trim_end_matches('.').to_owned());
    let failing = health.pollers.iter().filter(|item| item.is_failing).map(name);
    let failing: Vec<String> = problems.chain(failing).collect();
    if is_strict && !failing.is_empty() {
        return Err(ApiError::StreamsFailing(format!("{}.", failing.join(", "))));
    }
    if form == HEALTH_JSON {
        let mut response = Json(CheckList::of(&health, criteria.now)).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(HEALTH_JSON));
        return Ok(response);
    }
    let limited_to_sources = state.caller.sources.limit().map(<[String]>::to_vec);
    let answer = Pollers {
        as_of: criteria.now,
        is_failing: !failing.is_empty(),
        problems: health.service.problems,
        instances: health.service.instances,
        database: health.service.database,
        replica: health.service.replica,
        items: health.pollers,
        limited_to_sources,
    };
    Ok(Json(answer).into_response())
}

fn name(poller: &Poller) -> String {
    format!("{}/{} is {}", poller.source, poller.stream, poller.state.as_str())
}
