//! `GET /metrics`: what this process counted, and gauges from the facts that health is computed from.
//!
//! A scrape costs the same few statements as health. Where the database does not answer in time, the answer holds what
//! is known without it.

use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};

use crate::api::health::{criteria, probe};
use crate::api::parameters::{Asked, NoParameters};
use crate::api::problem::ApiError;
use crate::api::problem_responses::PlainProblems;
use crate::api::state::{ApiState, ForCaller};
use crate::db;
use crate::model::source_access::SourceAccess;
use crate::query::pollers::{Health, Poller};
use crate::telemetry::metrics::{self, Gauges};
use crate::telemetry::{COMMIT, VERSION, traces};

/// The text format of Prometheus.
const PROMETHEUS_TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Metrics for Prometheus
///
/// Counters and histograms are of this process; gauges of streams, call budgets and instances are the facts of
/// `/v1/health/pollers`, the same from every process. `docs/operations.md` describes them, `deploy/alerts.rules.yml`
/// has alerts.
#[utoipa::path(
    get, path = "/metrics", tag = "health",
    responses(
        (status = 200, description = "The metrics, also where the database does not answer (`tributary_database_up`).",
         body = String, content_type = "text/plain; version=0.0.4; charset=utf-8",
         example = "# TYPE tributary_stream_failing gauge\ntributary_stream_failing{source=\"rtk-prod\",provider=\"realtimekit\",stream=\"sessions\"} 0\n"),
        PlainProblems
    )
)]
pub(crate) async fn read_metrics(
    ForCaller(state): ForCaller,
    asked: Asked<NoParameters>,
) -> Result<Response, ApiError> {
    asked.faults.refuse()?;
    let criteria = criteria(&state);
    let health = probe(&state, state.health.probe_timeout, state.health_reads.read(&state.probes, &criteria)).await;
    let text = metrics::render(|gauges| {
        set_process(gauges, &state);
        gauges.set("tributary_database_up", &[], i64::from(health.is_ok()));
        if let Ok(health) = &health {
            set_service(gauges, health);
            let visible = health.pollers.iter().filter(|one| state.caller.sources.allows(&one.source));
            for poller in visible {
                set_stream(gauges, poller, criteria.now);
            }
        }
    });
    let text = if state.caller.sources.limit().is_some() { of_visible(&text, &state.caller.sources) } else { text };
    let form = HeaderValue::from_static(PROMETHEUS_TEXT);
    Ok(([(header::CONTENT_TYPE, form)], text).into_response())
}

/// Leaves out what this process counted for other sources.
fn of_visible(text: &str, sources: &SourceAccess) -> String {
    let source = |line: &str| Some(line.split_once("source=\"")?.1.split('"').next()?.to_owned());
    let is_visible = |line: &&str| source(line).is_none_or(|source| sources.allows(&source));
    text.lines().filter(is_visible).flat_map(|line| [line, "\n"]).collect()
}

fn set_process(gauges: Gauges, state: &ApiState) {
    let schema = db::schema_version().to_string();
    let build = [("version", VERSION), ("commit", COMMIT), ("schema", &schema)];
    gauges.set("tributary_build_info", &build, 1);
    let polls = state.source_changes.as_ref().map(|changes| &changes.pool);
    let replica = state.replica.pool();
    // a process that only polls answers probes alone, and by their pool
    let is_shared = Arc::ptr_eq(&state.pool.connect_options(), &state.probes.connect_options());
    let pools = [
        ("answer", (!is_shared).then_some(&state.pool)),
        ("probe", Some(&state.probes)),
        ("poll", polls),
        ("replica", replica),
    ];
    for (name, pool) in pools.into_iter().filter_map(|(name, pool)| Some((name, pool?))) {
        let idle = i64::try_from(pool.num_idle()).unwrap_or_default();
        let busy = (i64::from(pool.size()) - idle).max(0);
        gauges.set("tributary_pool_connections", &[("pool", name), ("state", "idle")], idle);
        gauges.set("tributary_pool_connections", &[("pool", name), ("state", "busy")], busy);
        let limit = i64::from(pool.options().get_max_connections());
        gauges.set("tributary_pool_connections_limit", &[("pool", name)], limit);
    }
    if let Some(replica) = state.replica.health() {
        gauges.set("tributary_replica_used", &[], i64::from(replica.is_used));
        if let Some(lag) = replica.lag_seconds {
            gauges.set("tributary_replica_lag_seconds", &[], lag);
        }
    }
}

fn set_service(gauges: Gauges, health: &Health) {
    let service = &health.service;
    let alive = service.instances.iter().filter(|one| one.is_alive && one.role != "api").count();
    // where no poller ever ran, polls are made by hand, and none is missing
    if alive > 0 || service.lacks_poller {
        gauges.set("tributary_pollers_alive", &[], i64::try_from(alive).unwrap_or_default());
    }
    gauges.set("tributary_database_writable", &[], i64::from(service.database.is_writable));
    gauges.set("tributary_database_connections", &[], service.database.connection_count);
    gauges.set("tributary_database_connections_limit", &[], service.database.connection_limit);
    if let Some(skew) = service.database.clock_skew_seconds {
        gauges.set("tributary_database_clock_skew_seconds", &[], skew);
    }
    for problem in &service.problems {
        gauges.set("tributary_service_problem", &[("class", problem.class)], 1);
    }
}

fn set_stream(gauges: Gauges, poller: &Poller, now: DateTime<Utc>) {
    let labels =
        [("source", poller.source.as_str()), ("provider", poller.provider.as_str()), ("stream", &poller.stream)];
    let set = |name: &'static str, value: i64| gauges.set(name, &labels, value);
    let set_known = |name: &'static str, value: Option<i64>| {
        if let Some(value) = value {
            set(name, value);
        }
    };
    let with = |name: &'static str, label: (&'static str, &str), value: i64| {
        let [source, provider, stream] = labels;
        gauges.set(name, &[source, provider, stream, label], value);
    };
    set("tributary_stream_failing", i64::from(poller.is_failing));
    with("tributary_stream_state", ("state", poller.state.as_str()), 1);
    set("tributary_stream_paused", i64::from(poller.paused.is_some()));
    set_known("tributary_stream_lag_seconds", poller.lag_seconds);
    set("tributary_stream_stale_after_seconds", poller.stale_after_seconds.into());
    set_known("tributary_stream_state_age_seconds", poller.state_as_of.map(|at| (now - at).num_seconds()));
    let through = poller.complete_through.map(|at| at.timestamp());
    set_known("tributary_stream_complete_through_timestamp_seconds", through);
    let success = poller.last_success_at.map(|at| at.timestamp());
    set_known("tributary_stream_last_success_timestamp_seconds", success);
    set("tributary_stream_consecutive_failures", poller.consecutive_failures.into());
    set("tributary_stream_open_rejects", poller.open_reject_count);
    set("tributary_stream_drift_kinds", poller.drift_count);
    if let Some(tasks) = &poller.tasks {
        let states = [
            ("pending", tasks.pending),
            ("available", tasks.available),
            ("empty", tasks.empty),
            ("not_enabled", tasks.not_enabled),
            ("expired", tasks.expired),
            ("failed", tasks.failed),
        ];
        for (state, count) in states {
            with("tributary_artifacts", ("state", state), count);
        }
        set("tributary_artifacts_owed", tasks.owed.iter().map(|owed| owed.count).sum());
        set("tributary_artifacts_due", tasks.due);
        set("tributary_artifacts_oldest_due_seconds", poller.lag_seconds.unwrap_or_default());
        gauges.set_ratio("tributary_artifacts_lost_ratio", &labels, tasks.lost_share.unwrap_or_default());
        set("tributary_artifacts_expiring_undrained", tasks.will_expire);
        return;
    }
    set("tributary_stream_incomplete_windows", poller.incomplete_windows.count);
    // the budget belongs to the account: its list reports it
    let of_source = |name: &'static str, value: Option<i64>| {
        if let Some(value) = value {
            gauges.set(name, &labels[..1], value);
        }
    };
    if let Some(count) = poller.call_count {
        gauges.set_calls(&poller.source, count);
    }
    of_source("tributary_provider_clock_skew_seconds", poller.provider_skew_seconds.map(i64::from));
    let quota = poller.quota.as_ref();
    of_source("tributary_call_quota_calls", quota.and_then(|quota| quota.quota));
    of_source("tributary_call_quota_remaining_calls", quota.and_then(|quota| quota.remaining));
    let blocked = quota.and_then(|quota| quota.blocked_until).map_or(0, |until| (until - now).num_seconds().max(0));
    of_source("tributary_call_budget_blocked_seconds", Some(blocked));
}

/// Counts each request by its route, status and duration.
pub(crate) async fn measure(request: Request, next: Next) -> Response {
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let method = match *request.method() {
        Method::GET => "GET",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::DELETE => "DELETE",
        Method::HEAD => "HEAD",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    };
    let began = Instant::now();
    let response = next.run(request).await;
    let route = route.as_deref().unwrap_or("none");
    metrics::observe_request(route, method, response.status().as_u16(), began.elapsed());
    traces::answered(Some(response.status().as_u16()));
    response
}
