//! Metrics for Prometheus: the one table of their names, and the events that this process counts.
//!
//! Counters and histograms are of this process since its start. Gauges are set at each scrape, from facts, into a set
//! of their own, so that what no longer exists has no series. Labels hold neither credentials nor data of people.

use std::sync::{Once, OnceLock};
use std::time::Duration;

use metrics::{
    Unit, counter, describe_counter, describe_gauge, describe_histogram, gauge, histogram, set_global_recorder,
    with_local_recorder,
};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

/// Upper bounds of the buckets of durations, seconds.
const SECONDS: [f64; 10] = [0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];

/// Counters: name and help.
const COUNTERS: [(&str, &str); 8] = [
    (RUNS, "Runs that ended in this process, by verdict."),
    (RECORDS, "Records of runs that ended in this process, by what became of them."),
    (CALL_REFUSALS, "Calls to providers that the call budget put off."),
    (HTTP_REQUESTS, "Requests that this process answered."),
    (HOOKS, "Webhooks of providers, by what became of them."),
    (ALERT_DELIVERIES, "Attempts to send messages about incidents of alerts, by result."),
    (ANSWER_MEMORY, "Requests that could be answered from memory, and whether they were."),
    (REPLICA_FALLBACKS, "Requests for the read replica that the primary answered, by reason."),
];
/// Histograms: name and help.
const HISTOGRAMS: [(&str, &str); 4] = [
    (CALL_WAIT, "Time that calls to providers waited for the call budget."),
    (CALLS, "Duration of calls to providers, by status."),
    (PAGES, "Duration of saving a page, retries included."),
    (HTTP_DURATION, "Duration of requests to this process, up to the first byte of the answer."),
];
/// Gauges: name and help.
const GAUGES: [(&str, &str); 34] = [
    ("tributary_build_info", "Version, commit and schema version of the program; always 1."),
    ("tributary_database_up", "Whether the database answered this scrape."),
    ("tributary_database_writable", "Whether the database accepts writes."),
    ("tributary_database_connections", "Connections of the database in use, of all programs."),
    ("tributary_database_connections_limit", "Connections that the database allows."),
    ("tributary_database_clock_skew_seconds", "Clock of the database minus that of this process."),
    ("tributary_service_problem", "A problem that concerns all streams, by class; 1 while it lasts."),
    ("tributary_pollers_alive", "Pollers that gave a sign of life within 35 seconds."),
    ("tributary_pool_connections", "Connections of a pool of this process, by state."),
    ("tributary_pool_connections_limit", "Most connections of a pool of this process."),
    ("tributary_replica_used", "Whether this process reads answers from the read replica."),
    ("tributary_replica_lag_seconds", "Age of what the read replica is known to hold, as this process sees it."),
    ("tributary_stream_failing", "Whether an operator should look at a stream."),
    ("tributary_stream_state", "The state of a stream; always 1."),
    ("tributary_stream_paused", "Whether an operator paused a stream."),
    ("tributary_stream_lag_seconds", "Age of what a list is proven up to, or of the oldest due artifact."),
    ("tributary_stream_stale_after_seconds", "Lag from which a stream is failing."),
    ("tributary_stream_state_age_seconds", "Age of the oldest state of stored records."),
    ("tributary_stream_complete_through_timestamp_seconds", "Instant up to which a list is proven complete."),
    ("tributary_stream_last_success_timestamp_seconds", "End of the last complete run."),
    ("tributary_stream_consecutive_failures", "Failed or incomplete runs since the last complete one."),
    ("tributary_stream_incomplete_windows", "Ranges that could not be proven complete and are not accepted."),
    ("tributary_stream_open_rejects", "Records that could not be normalized and wait for a fix."),
    ("tributary_stream_drift_kinds", "Kinds of unknown fields and values that were seen."),
    ("tributary_artifacts", "Sessions by the state of their artifact."),
    ("tributary_artifacts_owed", "Artifacts that faults kept from being read."),
    ("tributary_artifacts_due", "Artifacts due now."),
    ("tributary_artifacts_oldest_due_seconds", "Age of the oldest due artifact."),
    ("tributary_artifacts_lost_ratio", "Share of the artifacts tried within 30 days that were given up after errors."),
    ("tributary_artifacts_expiring_undrained", "Artifacts that expire before they are read, at the last hour's pace."),
    ("tributary_provider_clock_skew_seconds", "Clock of a provider minus that of the database, at the last poll."),
    ("tributary_call_quota_calls", "Calls in a window of the provider's quota."),
    ("tributary_call_quota_remaining_calls", "Calls left in the current window, of all clients."),
    ("tributary_call_budget_blocked_seconds", "Time until calls are allowed again."),
];

const RUNS: &str = "tributary_runs_total";
const RECORDS: &str = "tributary_records_total";
const CALL_WAIT: &str = "tributary_call_budget_wait_seconds";
const CALL_REFUSALS: &str = "tributary_call_budget_refusals_total";
const CALLS: &str = "tributary_provider_request_duration_seconds";
const PAGES: &str = "tributary_page_save_duration_seconds";
const HTTP_REQUESTS: &str = "tributary_http_requests_total";
const HTTP_DURATION: &str = "tributary_http_request_duration_seconds";
const ANSWER_MEMORY: &str = "tributary_answer_memory_requests_total";
const REPLICA_FALLBACKS: &str = "tributary_replica_fallbacks_total";
const HOOKS: &str = "tributary_webhooks_total";
const ALERT_DELIVERIES: &str = "tributary_alert_deliveries_total";
const BUDGET_CALLS: &str = "tributary_call_budget_calls_total";
/// The counter that is set at each scrape: name and help.
const BUDGET_CALLS_ENTRY: (&str, &str) = (BUDGET_CALLS, "Calls made to the account of a source, by all instances.");

fn builder() -> PrometheusBuilder {
    let mut builder = PrometheusBuilder::new();
    for (name, _) in HISTOGRAMS {
        // it fails only without buckets
        builder = builder
            .set_buckets_for_metric(Matcher::Full(name.to_owned()), &SECONDS)
            .unwrap_or_else(|_| PrometheusBuilder::new());
    }
    builder
}

/// Returns type, name and help of all metrics.
pub fn table() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let of = |kind: &'static str| move |(name, help): &(&'static str, &'static str)| (kind, *name, *help);
    let counters = COUNTERS.iter().chain([&BUDGET_CALLS_ENTRY]).map(of("counter"));
    counters.chain(HISTOGRAMS.iter().map(of("histogram"))).chain(GAUGES.iter().map(of("gauge")))
}

/// Starts counting in this process; the first call does.
fn counted() -> &'static PrometheusHandle {
    static COUNTED: OnceLock<PrometheusHandle> = OnceLock::new();
    COUNTED.get_or_init(|| {
        let recorder = builder().build_recorder();
        let handle = recorder.handle();
        // only a program that counts elsewhere refuses this
        let _ = set_global_recorder(recorder);
        for (name, help) in COUNTERS {
            describe_counter!(name, help);
        }
        for (name, help) in HISTOGRAMS {
            describe_histogram!(name, Unit::Seconds, help);
        }
        handle
    })
}

/// Starts counting in this process.
pub fn start() {
    static STARTED: Once = Once::new();
    STARTED.call_once(|| _ = counted());
}

/// Frees what observations take that no scrape has read; to be called every few seconds.
pub fn tidy() {
    counted().run_upkeep();
}

/// Sets gauges of one scrape.
#[derive(Debug, Clone, Copy)]
pub struct Gauges(());

impl Gauges {
    /// Sets one of the gauges of the table, with its labels.
    #[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
    pub fn set(self, name: &'static str, labels: &[(&'static str, &str)], value: i64) {
        self.set_ratio(name, labels, value as f64);
    }

    /// Sets one of the gauges to a number that is no count.
    pub fn set_ratio(self, name: &'static str, labels: &[(&'static str, &str)], value: f64) {
        debug_assert!(GAUGES.iter().any(|(known, _)| *known == name), "{name} is not in the table");
        let labels: Vec<(&'static str, String)> =
            labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        gauge!(name, &labels).set(value);
    }

    /// Sets the number of calls made to the account of a source, which only grows.
    pub fn set_calls(self, source: &str, count: i64) {
        counter!(BUDGET_CALLS, "source" => source.to_owned()).absolute(u64::try_from(count).unwrap_or_default());
    }
}

/// Returns the text of a scrape: what this process counted, and the gauges that `set` sets.
pub fn render(set: impl FnOnce(Gauges)) -> String {
    let recorder = builder().build_recorder();
    let gauges = recorder.handle();
    with_local_recorder(&recorder, || {
        let (name, help) = BUDGET_CALLS_ENTRY;
        describe_counter!(name, help);
        for (name, help) in GAUGES {
            describe_gauge!(name, help);
        }
        set(Gauges(()));
    });
    format!("{}{}", counted().render(), gauges.render())
}

/// What became of the records of a run.
#[derive(Debug, Clone, Copy, Default)]
pub struct RecordCounts {
    /// New ones.
    pub inserted: i64,
    /// Changed ones.
    pub updated: i64,
    /// Unchanged ones.
    pub unchanged: i64,
    /// Those that could not be normalized.
    pub rejected: i64,
}

/// Counts a run that ended.
pub fn count_run(source: &str, stream: &'static str, verdict: &'static str, records: RecordCounts) {
    let source = source.to_owned();
    counter!(RUNS, "source" => source.clone(), "stream" => stream, "verdict" => verdict).increment(1);
    let RecordCounts { inserted, updated, unchanged, rejected } = records;
    for (result, count) in
        [("inserted", inserted), ("updated", updated), ("unchanged", unchanged), ("rejected", rejected)]
    {
        let count = u64::try_from(count).unwrap_or_default();
        counter!(RECORDS, "source" => source.clone(), "stream" => stream, "result" => result).increment(count);
    }
}

/// Counts a call to a provider. `status` is its HTTP status, or `none` for a call without an answer.
pub fn observe_call(host: &str, status: Option<u16>, duration: Duration) {
    let status = status.map_or_else(|| "none".to_owned(), |status| status.to_string());
    histogram!(CALLS, "host" => host.to_owned(), "status" => status).record(duration);
}

/// Counts the wait of a call for its budget, and whether it was put off.
pub fn count_call_wait(host: &str, wait: Duration, is_refused: bool) {
    histogram!(CALL_WAIT, "host" => host.to_owned()).record(wait);
    counter!(CALL_REFUSALS, "host" => host.to_owned()).increment(u64::from(is_refused));
}

/// Notes the time that saving a page took.
pub fn observe_page(duration: Duration) {
    histogram!(PAGES).record(duration);
}

/// Counts a request to this process.
pub fn observe_request(route: &str, method: &'static str, status: u16, duration: Duration) {
    let route = route.to_owned();
    let status = status.to_string();
    counter!(HTTP_REQUESTS, "route" => route.clone(), "method" => method, "status" => status).increment(1);
    histogram!(HTTP_DURATION, "route" => route).record(duration);
}

/// Counts a request that may be answered from memory.
pub fn count_recall(is_hit: bool) {
    counter!(ANSWER_MEMORY, "result" => if is_hit { "hit" } else { "miss" }).increment(1);
}

/// Counts a request for the read replica that the primary answers.
pub fn count_replica_fallback(reason: &'static str) {
    counter!(REPLICA_FALLBACKS, "reason" => reason).increment(1);
}

/// Counts a webhook of a source; `none`: of no source.
pub fn count_hook(source: &str, result: &'static str) {
    counter!(HOOKS, "source" => source.to_owned(), "result" => result).increment(1);
}

/// Counts an attempt to send a message about an incident of an alert.
pub fn count_alert_delivery(alert: &str, is_accepted: bool) {
    let result = if is_accepted { "accepted" } else { "failed" };
    counter!(ALERT_DELIVERIES, "alert" => alert.to_owned(), "result" => result).increment(1);
}
