//! The log and traces: slow statements have names, failed runs a level, an unread log stops nothing, and spans are
//! exported.

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tributary::telemetry::statements;
use tributary_simulator::Platform;
use tributary_simulator::faults::{Effect, Fault};
use tributary_simulator::quirks::Quirks;

use crate::harness::logs::Logs;
use crate::harness::poller_process::Running;
use crate::harness::{World, plain_feed};

/// A service whose log is not read. The pipe holds 64 KiB; one line a call fills it soon.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f82_an_unread_log_stops_neither_polls_nor_answers() {
    let mut world = World::new().await.with_settings("schedule = \"* * * * * *\"");
    let provider = world.simulate(Platform::Konvo, plain_feed(Platform::Konvo, 30), Quirks::default()).await;
    let folder = std::env::temp_dir().join(format!("tributary-log-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let config = folder.join("tributary.toml");
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address");
    std::fs::write(&config, format!("[server]\nlisten = \"{free}\"\n{}", world.toml())).expect("a config file");
    let child = Command::new(env!("CARGO_BIN_EXE_tributary"))
        .arg("--config")
        .arg(&config)
        .arg("serve")
        .env_clear()
        .envs(world.environment())
        .env("DATABASE_URL", &world.db.url)
        .env("TRIBUTARY_LOG", "trace")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = Running(child.expect("it starts"));
    let http = tributary::connector::http::http_client(tributary::connector::http::HttpLimits::default());
    let http = http.expect("a client");
    let answered = async |times: usize| {
        let started = Instant::now();
        let mut answers = 0;
        while answers < times && started.elapsed() < Duration::from_secs(40) {
            let answer = http.get(format!("http://{free}/healthz")).timeout(Duration::from_secs(5)).send().await;
            answers += usize::from(answer.is_ok_and(|answer| answer.status().is_success()));
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        answers
    };
    let first = answered(300).await;
    let calls = provider.requests().len();
    let started = Instant::now();
    while provider.requests().len() <= calls && started.elapsed() < Duration::from_secs(15) {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let goes_on = provider.requests().len() > calls;
    let second = answered(5).await;
    // the log is read again, and its lines are whole
    let mut log = child.stderr.take().expect("its log");
    let reading = std::thread::spawn(move || {
        let mut text = String::new();
        let _ = log.read_to_string(&mut text);
        text
    });
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let id = rustix::process::Pid::from_raw(i32::try_from(child.id()).expect("a process id")).expect("a process id");
    rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("it is told to stop");
    let ended = tokio::task::spawn_blocking(move || child.wait()).await.expect("it ends").expect("a status");
    let text = reading.join().expect("the log");
    std::fs::remove_dir_all(&folder).expect("cleaned up");
    assert_eq!((first, second), (300, 5), "it answers while its log is blocked");
    assert!(goes_on, "it polls while its log is blocked");
    assert!(ended.success(), "{ended}");
    assert!(text.len() > 3 * 65_536, "{} bytes were logged: the pipe was never full", text.len());
    for line in BufReader::new(text.as_bytes()).lines().map(|line| line.expect("text")) {
        assert!(serde_json::from_str::<serde_json::Value>(&line).is_ok(), "a broken line: {line}");
    }
}

#[test]
fn each_statement_has_the_name_of_the_item_that_holds_it() {
    let mut count = 0;
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.sqlx")).expect("the statements") {
        let text = std::fs::read_to_string(entry.expect("an entry").path()).expect("a file");
        let query: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let sql = query["query"].as_str().expect("a text");
        assert!(statements::name(sql).is_some(), "{sql}");
        count += 1;
    }
    assert!(count > 250, "{count}");
    let of_metrics = include_str!("../../src/query/metrics/sql/statements.sql");
    for sql in of_metrics.split("\n-- ").filter_map(|part| Some(part.split_once('\n')?.1)) {
        assert!(statements::name(sql).is_some_and(|name| name.starts_with("query::metrics::sql::")), "{sql}");
    }
    let of_file = include_str!("../../src/query/pollers/lists.sql");
    assert_eq!(statements::name(of_file), Some("query::pollers::lists"));
    assert_eq!(statements::name("select x from unknown where true"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_statement_is_logged_by_name_with_duration_and_rows() {
    let world = World::new().await;
    let mut holder = world.db.pool.begin().await.expect("a transaction");
    sqlx::query("lock table core.sources in access exclusive mode").execute(&mut *holder).await.expect("locked");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tributary"));
    command.args(["sources", "list"]).env_clear().env("DATABASE_URL", &world.db.url);
    command.env("TRIBUTARY_CONFIG", "/dev/null").stdin(Stdio::null());
    let asked = tokio::task::spawn_blocking(move || command.output());
    let waits = "select count(*) from pg_stat_activity
                  where datname = current_database() and wait_event_type = 'Lock' and query like '%core.sources%'";
    let started = Instant::now();
    while world.number(waits).await == 0 {
        assert!(started.elapsed() < Duration::from_mins(1), "it never asks");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_millis(1_300)).await;
    holder.rollback().await.expect("unlocked");
    let output = asked.await.expect("asked").expect("it runs");
    let log = String::from_utf8_lossy(&output.stderr).into_owned();
    let line = log.lines().find(|line| line.contains("a statement was slow")).unwrap_or_else(|| panic!("{log}"));
    let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
    let name = line["statement"].as_str().expect("a name");
    assert!(name.starts_with("query::") || name.starts_with("store::"), "{line}");
    assert!(line["seconds"].as_f64().is_some_and(|seconds| seconds > 1.0), "{line}");
    assert_eq!((&line["level"], &line["rows_returned"]), (&"WARN".into(), &0.into()), "{line}");
    assert!(!log.contains("select"), "no text: {log}");
}

#[tokio::test]
async fn a_failed_run_is_an_error_where_it_changes_health_and_then_a_warning() {
    let (logs, _guard) = Logs::caught();
    let mut world = World::new().await;
    let provider = world.simulate(Platform::Konvo, plain_feed(Platform::Konvo, 3), Quirks::default()).await;
    assert!(world.poll_one().await.is_complete());
    provider.script(vec![Fault::new(Effect::json(401, "{}")).forever()]);
    for _ in 0..2 {
        assert!(!world.poll_one().await.is_complete());
    }
    let text = logs.text();
    for (run_id, level) in [(1, "INFO"), (2, "ERROR"), (3, "WARN")] {
        let is_its_end = |line: &&str| line.contains("run ended") && line.contains(&format!("run_id={run_id} "));
        let line = text.lines().find(is_its_end).unwrap_or_else(|| panic!("run {run_id}: {text}"));
        assert!(line.contains(&format!(" {level} ")), "{line}");
        assert!(line.contains("source=konvo stream=sessions"), "{line}");
        let has_failed = line.contains(r#"verdict="failed" class="auth_failed" status=401"#);
        assert_eq!(has_failed, run_id > 1, "{line}");
    }
}

/// A process that exports its traces to this test.
#[cfg(feature = "otel")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn spans_of_requests_runs_and_calls_are_exported_without_personal_data() {
    let received = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let collector = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let endpoint = format!("http://{}", collector.local_addr().expect("an address"));
    let bodies = std::sync::Arc::clone(&received);
    let router = axum::Router::new().route(
        "/v1/traces",
        axum::routing::post(async move |body: axum::body::Bytes| {
            bodies.lock().expect("bodies").extend_from_slice(&body);
        }),
    );
    tokio::spawn(async move { axum::serve(collector, router).await });
    let mut world = World::new().await.with_settings("schedule = \"* * * * * *\"");
    let _provider = world.simulate(Platform::Konvo, plain_feed(Platform::Konvo, 3), Quirks::default()).await;
    let config = std::env::temp_dir().join(format!("tributary-otel-{}.toml", std::process::id()));
    let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("an address");
    std::fs::write(&config, format!("[server]\nlisten = \"{free}\"\n{}", world.toml())).expect("a config file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tributary"));
    command.arg("--config").arg(&config).arg("serve").env_clear().envs(world.environment());
    command.env("DATABASE_URL", &world.db.url).env("OTEL_EXPORTER_OTLP_ENDPOINT", endpoint);
    command.env("OTEL_BSP_SCHEDULE_DELAY", "200").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let _child = Running(command.spawn().expect("it starts"));
    let http = crate::harness::serving::client();
    let trace = "0af7651916cd43dd8448eb211c80319c";
    let trace_id: Vec<u8> =
        (0..16).map(|at| u8::from_str_radix(&trace[2 * at..2 * at + 2], 16).expect("hex")).collect();
    let wanted: [(&str, &[u8]); 8] = [
        ("the trace of the caller", &trace_id),
        ("the request", b"GET /v1/sessions"),
        ("its id", b"request-7f3a"),
        ("its status", b"http.response.status_code"),
        ("the run", b"verdict"),
        ("the call", b"provider call"),
        ("the program", b"tributary"),
        ("the process", b"service.instance.id"),
    ];
    let started = Instant::now();
    loop {
        let asked = http.get(format!("http://{free}/v1/sessions?search=secret-text"));
        let asked = asked.header("traceparent", format!("00-{trace}-b7ad6b7169203331-01"));
        let _ = asked.header("request-id", "request-7f3a").send().await;
        let bytes = received.lock().expect("bodies").clone();
        let has = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        let missing: Vec<&str> = wanted.iter().filter(|(_, part)| !has(part)).map(|(what, _)| *what).collect();
        assert!(!has(b"secret-text") && !has(crate::harness::API_KEY.as_bytes()), "no query, no credential");
        if missing.is_empty() {
            break;
        }
        assert!(started.elapsed() < Duration::from_mins(1), "never exported: {missing:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    std::fs::remove_file(&config).expect("cleaned up");
}
