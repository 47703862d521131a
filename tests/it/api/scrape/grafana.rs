//! `deploy/grafana-dashboard.json`: made here from the list of metrics, with a panel for each, and each of its queries is
//! run by a real Prometheus over a real scrape.

use std::path::Path;
use std::process::Child;

use serde_json::{Value, json};
use tributary::telemetry::metrics;

use super::*;

/// A panel: title, unit, metrics. Metrics without a panel here get one in the last row, by their help.
type Panel = (&'static str, &'static str, &'static [&'static str]);

/// A panel of the dashboard, likewise.
type DrawnPanel = (&'static str, &'static str, Vec<&'static str>);

/// Rows: title, filter, panels. Units are those of Grafana.
const ROWS: [(&str, &str, &[Panel]); 5] = [
    (
        "Service",
        "",
        &[
            ("Pollers alive", "short", &["tributary_pollers_alive"]),
            ("Problems that concern all streams", "short", &["tributary_service_problem"]),
            (
                "Database answers and accepts writes",
                "bool_yes_no",
                &["tributary_database_up", "tributary_database_writable"],
            ),
            (
                "Connections of the database",
                "short",
                &["tributary_database_connections", "tributary_database_connections_limit"],
            ),
            ("Clock of the database minus ours", "s", &["tributary_database_clock_skew_seconds"]),
            ("Connections of pools", "short", &["tributary_pool_connections", "tributary_pool_connections_limit"]),
            ("The read replica is used", "bool_yes_no", &["tributary_replica_used"]),
            ("Lag of the read replica", "s", &["tributary_replica_lag_seconds"]),
            ("Requests that the primary answered instead", "reqps", &["tributary_replica_fallbacks_total"]),
        ],
    ),
    (
        "Streams",
        r#"source=~"$source""#,
        &[
            ("Failing", "bool_yes_no", &["tributary_stream_failing"]),
            ("State", "short", &["tributary_stream_state", "tributary_stream_paused"]),
            ("Lag, and its limit", "s", &["tributary_stream_lag_seconds", "tributary_stream_stale_after_seconds"]),
            ("Age of the oldest state", "s", &["tributary_stream_state_age_seconds"]),
            ("Proven complete up to", "dateTimeAsIso", &["tributary_stream_complete_through_timestamp_seconds"]),
            ("Last complete run", "dateTimeAsIso", &["tributary_stream_last_success_timestamp_seconds"]),
            ("Failures since the last complete run", "short", &["tributary_stream_consecutive_failures"]),
            (
                "Gaps, rejects and drift",
                "short",
                &[
                    "tributary_stream_incomplete_windows",
                    "tributary_stream_open_rejects",
                    "tributary_stream_drift_kinds",
                ],
            ),
            ("Runs", "ops", &["tributary_runs_total"]),
            ("Records", "ops", &["tributary_records_total"]),
        ],
    ),
    (
        "Session artifacts",
        r#"source=~"$source""#,
        &[
            ("Sessions by the state of their artifact", "short", &["tributary_artifacts"]),
            ("Due and owed", "short", &["tributary_artifacts_due", "tributary_artifacts_owed"]),
            ("Age of the oldest due artifact", "s", &["tributary_artifacts_oldest_due_seconds"]),
            ("Will expire before they are read", "short", &["tributary_artifacts_expiring_undrained"]),
            ("Given up after errors", "percentunit", &["tributary_artifacts_lost_ratio"]),
        ],
    ),
    (
        "Calls to providers",
        r#"source=~"$source""#,
        &[
            ("Calls to the account", "ops", &["tributary_call_budget_calls_total"]),
            ("Quota of the provider", "short", &["tributary_call_quota_calls", "tributary_call_quota_remaining_calls"]),
            ("Time until calls are allowed", "s", &["tributary_call_budget_blocked_seconds"]),
            ("Clock of the provider minus the database's", "s", &["tributary_provider_clock_skew_seconds"]),
        ],
    ),
    (
        "Calls, pages and requests of the instances",
        "",
        &[
            ("Duration of calls, 95th percentile", "s", &["tributary_provider_request_duration_seconds"]),
            ("Wait for the call budget, 95th percentile", "s", &["tributary_call_budget_wait_seconds"]),
            ("Calls that the budget put off", "ops", &["tributary_call_budget_refusals_total"]),
            ("Saving a page, 95th percentile", "s", &["tributary_page_save_duration_seconds"]),
            ("Requests", "reqps", &["tributary_http_requests_total"]),
            ("Duration of requests, 95th percentile", "s", &["tributary_http_request_duration_seconds"]),
            ("Answers from memory", "reqps", &["tributary_answer_memory_requests_total"]),
        ],
    ),
];

/// Returns the query of a metric. Gauges are the same from every instance, and counters are of one instance.
fn query(kind: &str, name: &str, filter: &str) -> String {
    let series = |suffix: &str| {
        if filter.is_empty() { format!("{name}{suffix}") } else { format!("{name}{suffix}{{{filter}}}") }
    };
    match kind {
        "counter" => format!("sum without (instance, job) (rate({}[$__rate_interval]))", series("")),
        "histogram" => format!(
            "histogram_quantile(0.95, sum without (instance, job) (rate({}[$__rate_interval])))",
            series("_bucket")
        ),
        _ if name.ends_with("_timestamp_seconds") => format!("1000 * max without (instance, job) ({})", series("")),
        // these differ from instance to instance
        _ if ["tributary_pool_", "tributary_replica_", "tributary_build_info", "tributary_database_clock_"]
            .iter()
            .any(|it| name.starts_with(it)) =>
        {
            series("")
        }
        _ => format!("max without (instance, job) ({})", series("")),
    }
}

/// Makes the dashboard.
fn dashboard() -> Value {
    let known: Vec<(&'static str, &'static str, &'static str)> = metrics::table().collect();
    let planned: BTreeSet<&str> =
        ROWS.iter().flat_map(|(_, _, panels)| *panels).flat_map(|(_, _, names)| *names).copied().collect();
    let drawn = |(title, unit, names): &Panel| -> DrawnPanel { (*title, *unit, names.to_vec()) };
    let mut rows =
        Vec::from(ROWS.map(|(title, filter, panels)| (title, filter, panels.iter().map(drawn).collect::<Vec<_>>())));
    let rest = known.iter().filter(|(_, name, _)| !planned.contains(name));
    let rest = rest.map(|(_, name, help)| (help.trim_end_matches('.'), "short", vec![*name])).collect();
    rows.push(("Others", "", rest));
    let source = json!({"type": "prometheus", "uid": "${datasource}"});
    let mut panels: Vec<Value> = Vec::new();
    let mut top = 0;
    for (title, filter, drawn) in rows {
        panels.push(json!({"id": panels.len() + 1, "type": "row", "title": title, "collapsed": false,
            "gridPos": {"h": 1, "w": 24, "x": 0, "y": top}, "panels": []}));
        top += 1;
        for (number, (title, unit, names)) in drawn.iter().enumerate() {
            let found = names.iter().map(|name| known.iter().find(|(_, known, _)| known == name).expect(name));
            let found: Vec<&(&str, &str, &str)> = found.collect();
            let targets = found.iter().zip('A'..).map(|((kind, name, _), letter)| {
                json!({"refId": letter.to_string(), "datasource": source, "expr": query(kind, name, filter),
                    "legendFormat": "__auto", "editorMode": "code", "range": true})
            });
            let targets: Vec<Value> = targets.collect();
            let help: Vec<&str> = found.iter().map(|(_, _, help)| *help).collect();
            panels.push(json!({"id": panels.len() + 1, "type": "timeseries", "title": title,
                "description": help.join(" "), "datasource": source, "targets": targets,
                "gridPos": {"h": 7, "w": 8, "x": number % 3 * 8, "y": top + number / 3 * 7},
                "fieldConfig": {"defaults": {"unit": unit}, "overrides": []},
                "options": {"legend": {"displayMode": "list", "placement": "bottom", "showLegend": true, "calcs": []},
                    "tooltip": {"mode": "multi", "sort": "desc"}}}));
        }
        top += drawn.len().div_ceil(3) * 7;
    }
    json!({"uid": "tributary", "title": "Tributary", "tags": ["tributary"], "schemaVersion": 39, "version": 1,
        "editable": true, "graphTooltip": 1, "refresh": "30s", "timezone": "browser",
        "time": {"from": "now-6h", "to": "now"}, "annotations": {"list": []}, "links": [], "panels": panels,
        "templating": {"list": [
            {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Data source", "hide": 0},
            {"name": "source", "type": "query", "label": "Source", "datasource": source, "hide": 0,
                "query": {"query": "label_values(tributary_stream_failing, source)", "refId": "source"},
                "refresh": 2, "sort": 1,
                "multi": true, "includeAll": true, "allValue": ".*"}]}})
}

#[test]
fn the_shipped_dashboard_is_what_the_metrics_give() {
    let made = format!("{}\n", serde_json::to_string_pretty(&dashboard()).unwrap());
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/grafana-dashboard.json");
    let draft = Path::new(env!("CARGO_TARGET_TMPDIR")).join("grafana-dashboard.json");
    std::fs::write(&draft, &made).unwrap();
    let is_same = std::fs::read_to_string(&shipped).is_ok_and(|shipped| shipped == made);
    assert!(is_same, "the metrics changed: cp {} {}", draft.display(), shipped.display());
    for (_, name, _) in metrics::table() {
        assert!(names_in(&made).iter().any(|shown| shown.strip_suffix("_bucket").unwrap_or(shown) == name), "{name}");
    }
}

/// A Prometheus that scrapes one address; ends with its owner.
struct Prometheus {
    process: Child,
    address: String,
    folder: std::path::PathBuf,
}

impl Prometheus {
    /// Starts one; `None` where it is not installed.
    fn start(target: &str) -> Option<Self> {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = std::env::temp_dir().join(format!("tributary-prometheus-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let config = format!(
            "{{global: {{scrape_interval: 1s}}, scrape_configs: [{{job_name: tributary, static_configs: [{{targets: [\"{target}\"]}}]}}]}}"
        );
        std::fs::write(folder.join("prometheus.yml"), config).unwrap();
        let address = format!("127.0.0.1:{port}");
        let process = Command::new("prometheus")
            .arg(format!("--config.file={}", folder.join("prometheus.yml").display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        Some(Self { process, address: format!("http://{address}"), folder })
    }

    /// Returns the number of series that a query returns, or its error.
    async fn ask(&self, http: &reqwest::Client, query: &str) -> Result<usize, String> {
        let url = format!("{}/api/v1/query", self.address);
        let answer = http.get(url).query(&[("query", query)]).send().await.map_err(|error| error.to_string())?;
        let answer: Value = answer.json().await.map_err(|error| error.to_string())?;
        let series = answer["data"]["result"].as_array().map(Vec::len);
        series.filter(|_| answer["status"] == "success").ok_or_else(|| answer.to_string())
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

#[tokio::test]
async fn prometheus_answers_each_query_of_the_dashboard() {
    metrics::start();
    let mut world = World::new().await.with_depth();
    let feed = plain_feed(Platform::Realtimekit, 3);
    let _provider = world.simulate(Platform::Realtimekit, feed, Quirks::default()).await;
    world.poll().await;
    let api = world.api().await;
    let http = crate::harness::serving::client();
    let Some(prometheus) = Prometheus::start(api.address()) else {
        println!("skipped: prometheus is not installed (apt install prometheus)");
        return;
    };
    let begun = std::time::Instant::now();
    // a rate needs two scrapes
    while prometheus.ask(&http, "count_over_time(up[30s]) > 2").await != Ok(1) {
        assert!(begun.elapsed() < Duration::from_secs(30), "no scrape succeeds");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let scrape = http.get(format!("http://{}/metrics", api.address())).send().await.unwrap().text().await.unwrap();
    let stored = |name: &str| {
        scrape.lines().any(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(['{', ' '])))
    };
    let dashboard = dashboard();
    let (mut asked, mut empty) = (0, BTreeSet::new());
    for target in
        dashboard["panels"].as_array().unwrap().iter().filter_map(|panel| panel["targets"].as_array()).flatten()
    {
        let query = target["expr"].as_str().unwrap();
        let concrete = query.replace("$__rate_interval", "30s").replace("$source", ".*");
        let series = prometheus.ask(&http, &concrete).await;
        let series = series.unwrap_or_else(|error| panic!("{query}: {error}"));
        let names = names_in(query);
        let name = names.first().unwrap();
        asked += 1;
        // there is no replica here; tests beside this one have some
        if name.starts_with("tributary_replica_") {
            continue;
        }
        assert_eq!(series > 0, stored(name), "{query}: {series} series");
        if series == 0 {
            empty.insert(name.clone());
        }
    }
    // these have series only where there is something to report: a problem, a refused call, the quota of another provider
    println!("{asked} queries; no series of {empty:?}");
    assert!(asked >= 40 && empty.len() < 6, "{empty:?}");
}
