//! `/metrics`: the facts of health in the form of Prometheus, few series, no personal data, well-formed.

mod grafana;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};

use tributary::db::DatabaseTrouble;
use tributary::query::replication::ReplicaTrouble;
use tributary::store::instance::{Instance, note_alive};
use tributary_simulator::Platform;
use tributary_simulator::quirks::Quirks;

use super::*;
use crate::harness::{API_KEY, World, plain_feed};

/// Parses a scrape: the samples, by series.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| line.rsplit_once(' ').unwrap())
        .map(|(name, value)| (name.to_owned(), value.parse().unwrap()))
        .collect()
}

#[tokio::test]
async fn a_scrape_states_the_facts_of_health() {
    let api = Api::in_depth().await;
    let answer = api.send("GET", "/metrics", &[]).await;
    assert_eq!(
        (answer.status, answer.header("content-type")),
        (StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8")
    );
    let samples = samples(&answer.text);
    let of = |name: &str, source: &str| {
        let found = samples.iter().filter(|(series, _)| {
            series.starts_with(&format!("{name}{{"))
                && series.contains(&format!("source=\"{source}\""))
                && series.contains("stream=\"sessions\"")
        });
        let found: Vec<(&String, f64)> = found.map(|(series, value)| (series, *value)).collect();
        assert!(found.len() < 2, "{found:?}");
        found.first().map(|(_, value)| *value)
    };
    assert_eq!(of("tributary_stream_failing", "konpro-eu"), Some(1.0));
    assert_eq!(of("tributary_stream_failing", "konvo-eu"), Some(0.0));
    assert_eq!(of("tributary_stream_consecutive_failures", "konpro-eu"), Some(3.0));
    assert_eq!(of("tributary_stream_lag_seconds", "konvo-eu"), Some(600.0));
    assert_eq!(of("tributary_stream_incomplete_windows", "konvo-us"), Some(1.0));
    // 2026-11-20 11:50 UTC
    assert_eq!(of("tributary_stream_complete_through_timestamp_seconds", "konvo-eu"), Some(1_795_175_400.0));
    let state = r#"tributary_stream_state{source="konpro-eu",provider="konpro",stream="sessions",state="auth_failed"}"#;
    assert_eq!(samples.get(state), Some(&1.0), "{}", answer.text);
    assert_eq!(
        (samples.get("tributary_database_up"), samples.get("tributary_database_writable")),
        (Some(&1.0), Some(&1.0))
    );
    // few series for each stream
    let mut series: BTreeMap<(String, String), u32> = BTreeMap::new();
    for name in samples.keys() {
        let label = |label: &str| {
            name.split_once(&format!("{label}=\"")).map(|(_, rest)| rest.split('"').next().unwrap().to_owned())
        };
        if let (Some(source), Some(stream)) = (label("source"), label("stream")) {
            *series.entry((source, stream)).or_default() += 1;
        }
    }
    assert!(!series.is_empty() && series.values().all(|count| *count <= 30), "{series:?}");
}

#[tokio::test]
async fn a_scrape_and_health_agree_on_whether_a_poller_is_missing() {
    let api = Api::new().await;
    let both = async || {
        let text = api.send("GET", "/metrics", &[]).await.text;
        let health = api.get("/v1/health/pollers").await;
        let lacks = health["problems"].as_array().unwrap().iter().any(|problem| problem["class"] == "no_poller");
        (samples(&text).get("tributary_pollers_alive").copied(), lacks)
    };
    assert_eq!(both().await, (None, false), "polls by hand need no poller");
    let poller = Instance { id: "host:1:0".to_owned(), role: "poller", version: "0.1.0", commit: "dev" };
    note_alive(api.pool(), &poller, true).await.unwrap();
    assert_eq!(both().await, (Some(1.0), false));
    let age = "update ingest.instances set last_seen_at = now() - interval '40 seconds'";
    sqlx::raw_sql(age).execute(api.pool()).await.unwrap();
    assert_eq!(both().await, (Some(0.0), true));
}

#[tokio::test]
async fn a_scrape_counts_what_this_process_did_and_holds_no_credential() {
    tributary::telemetry::metrics::start();
    let mut world = World::new().await;
    let _provider = world.simulate(Platform::Konpro, plain_feed(Platform::Konpro, 7), Quirks::default()).await;
    assert!(world.poll_one().await.is_complete());
    let clock = world.clock.clone();
    let api = Api::over(world.db.pool.clone());
    api.clock.set(clock.now());
    api.get("/v1/health/pollers").await;
    let text = api.send("GET", "/metrics", &[]).await.text;
    let samples = samples(&text);
    let at_least = |series: &str, least: f64| {
        let value = samples.get(series).copied();
        assert!(value.is_some_and(|value| value >= least), "{series} {value:?}\n{text}");
    };
    // other tests of this process count too
    at_least(r#"tributary_runs_total{source="konpro",stream="sessions",verdict="complete"}"#, 1.0);
    at_least(r#"tributary_records_total{source="konpro",stream="sessions",result="inserted"}"#, 7.0);
    at_least(r#"tributary_http_requests_total{route="/v1/health/pollers",method="GET",status="200"}"#, 1.0);
    at_least(r#"tributary_provider_request_duration_seconds_count{host="127.0.0.1",status="200"}"#, 1.0);
    at_least("tributary_page_save_duration_seconds_count", 1.0);
    assert!(!text.contains(API_KEY));
    check(&text);
}

#[tokio::test]
async fn a_scrape_without_a_database_says_so() {
    let nowhere = PgPoolOptions::new().acquire_timeout(Duration::from_millis(200));
    let api = Api::over(nowhere.connect_lazy("postgres://app@127.0.0.1:1/none").unwrap());
    let answer = api.send("GET", "/metrics", &[]).await;
    assert_eq!(answer.status, StatusCode::OK);
    let samples = samples(&answer.text);
    assert_eq!(samples.get("tributary_database_up"), Some(&0.0));
    assert!(!answer.text.contains("tributary_stream_failing{"), "{}", answer.text);
}

/// Returns the names of metrics in a text.
fn names_in(text: &str) -> BTreeSet<String> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words.filter(|word| word.starts_with("tributary_")).map(ToOwned::to_owned).collect()
}

#[test]
fn a23_the_metrics_of_shipped_alerts_exist() {
    let read =
        |path: &str| std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let known: BTreeSet<String> = tributary::telemetry::metrics::table().map(|(_, name, _)| name.to_owned()).collect();
    let rules = read("deploy/alerts.rules.yml");
    let unknown: Vec<String> = names_in(&rules).difference(&known).cloned().collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    let described = names_in(&read("docs/operations.md"));
    let missing: Vec<&String> = known.iter().filter(|name| !described.contains(*name)).collect();
    assert!(missing.is_empty(), "not in docs/operations.md: {missing:?}");
    // each alert has a section of the runbook, and a case that fires
    let (runbook, cases) = (read("docs/runbook.md"), read("deploy/alerts.tests.yml"));
    let alerts: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert_eq!(alerts.len(), 14);
    for alert in alerts {
        assert!(runbook.contains(&format!("\n## {alert}\n")), "no section for {alert}");
        assert!(rules.contains(&format!("docs/runbook.md#{}\"", alert.to_lowercase())), "no link to {alert}");
        assert!(cases.contains(&format!("- name: {alert}\n")), "no case for {alert}");
    }
    let troubles = [
        DatabaseTrouble::Unreachable,
        DatabaseTrouble::Restarting,
        DatabaseTrouble::NoConnections,
        DatabaseTrouble::ReadOnly,
        DatabaseTrouble::DiskFull,
        DatabaseTrouble::Refused,
        DatabaseTrouble::Slow,
    ];
    let of_replica = [
        ReplicaTrouble::Unreachable,
        ReplicaTrouble::NotStandby,
        ReplicaTrouble::Foreign,
        ReplicaTrouble::OtherTimeline,
        ReplicaTrouble::Behind,
    ];
    let of_replica = of_replica.map(ReplicaTrouble::class);
    let classes = troubles.map(DatabaseTrouble::class).into_iter().chain(["no_poller", "clock_skew"]);
    for class in classes.chain(of_replica) {
        let mut rows = runbook.lines().filter(|line| line.starts_with("| `"));
        assert!(rows.any(|row| row.contains(&format!("`{class}`"))), "no row for {class}");
    }
    for state in [
        "idle",
        "running",
        "rate_limited",
        "backing_off",
        "auth_failed",
        "config_error",
        "incomplete",
        "stalled",
        "paused",
        "disabled",
    ] {
        let titles = runbook.lines().filter_map(|line| line.strip_prefix("## "));
        assert!(titles.flat_map(|title| title.split(", ")).any(|title| title == state), "no section for {state}");
    }
}

/// Lints a scrape with Prometheus' own tool, where that is installed.
fn check(text: &str) {
    let tool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut tool) = tool else {
        println!("skipped: promtool is not installed (apt install prometheus)");
        return;
    };
    tool.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = tool.wait_with_output().unwrap();
    let findings = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success() && findings.trim().is_empty(), "{findings}");
}
