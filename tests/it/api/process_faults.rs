//! What health says while processes are killed, suspended or stopped, and a key is wrong: real processes, and real
//! minutes.

use std::time::Instant;

use rustix::process::Signal;
use tributary::app::serving::Role;
use tributary::clock::SystemClock;
use tributary::embedded::{Server, ServerSettings};
use tributary_simulator::Platform;
use tributary_simulator::quirks::Quirks;

use super::*;
use crate::harness::processes::{EVERY_SECOND, Providers, Stage};
use crate::harness::serving::{client, free_port, serve};
use crate::harness::{API_KEY, World};

/// Longest time until a fault shows, and until its end does.
const NOTICED_WITHIN: Duration = Duration::from_mins(1);

/// A running service, asked from outside.
struct Asked {
    base: String,
    http: reqwest::Client,
    began: Instant,
}

impl Asked {
    fn at(base: String) -> Self {
        Self { base, http: client(), began: Instant::now() }
    }

    /// Returns status and body; status 0 where nothing answers.
    async fn ask(&self, path: &str) -> (u16, Value) {
        match self.http.get(format!("{}{path}", self.base)).send().await {
            Ok(answer) => (answer.status().as_u16(), answer.json().await.unwrap_or_default()),
            Err(_) => (0, Value::Null),
        }
    }

    /// Waits until the health is so; returns it.
    async fn until(&self, what: &str, holds: impl Fn(u16, &Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let (status, health) = self.ask("/v1/health/pollers").await;
            if holds(status, &health) {
                return health;
            }
            assert!(began.elapsed() < NOTICED_WITHIN, "never {what}: {status} {health:#}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Lets the clock of the provider, which stands still, go on.
    fn set_clock(&self, providers: &Providers) {
        let clock_skew_seconds = i64::try_from(self.began.elapsed().as_secs()).unwrap();
        let quirks = Quirks { clock_skew_seconds, calls_per_window: 100_000_000, ..Quirks::default() };
        providers.simulators[0].1.set_quirks(quirks);
    }
}

fn is_well(status: u16, health: &Value) -> bool {
    status == 200 && health["is_failing"] == false && !health["items"][0]["last_success_at"].is_null()
}

/// Returns the answers of this process over a database that other processes poll into.
async fn answers(world: &World) -> (Asked, tokio_util::sync::DropGuard) {
    let mut app = world.app_at(Arc::new(SystemClock));
    app.config.server.listen = ([127, 0, 0, 1], 0).into();
    let (base, stop) = serve(app, Role::Api).await;
    (Asked::at(base), stop)
}

async fn one_poller() -> (Providers, Stage) {
    let providers = Providers::start(&[Platform::Konvo], 20, 0).await;
    let stage = providers.stage(EVERY_SECOND, 10).await;
    (providers, stage)
}

#[tokio::test]
async fn pollers_that_are_suspended_or_killed_are_missed_within_a_minute_until_one_is_back() {
    let (providers, stage) = one_poller().await;
    let (asked, _stop) = answers(&stage.world).await;
    let mut poller = stage.poller("");
    asked.until("well", is_well).await;
    let is_missed = |_: u16, health: &Value| {
        let stream = &health["items"][0];
        health["problems"][0]["class"] == "no_poller"
            && stream["state"] == "stalled"
            && stream["failing_because"][0] == "no_poller"
    };
    poller.signal(Signal::STOP);
    let suspended_at = Instant::now();
    let health = asked.until("missed", is_missed).await;
    assert!(health["problems"][0]["advice"].as_str().unwrap().contains("serve --role poller"), "{health:#}");
    // two minutes, in which nothing else is said
    while suspended_at.elapsed() < Duration::from_mins(2) {
        let (status, health) = asked.ask("/v1/health/pollers").await;
        assert!(is_missed(status, &health), "{health:#}");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    asked.set_clock(&providers);
    poller.signal(Signal::CONT);
    asked.until("well again", is_well).await;
    poller.kill();
    asked.until("missed again", is_missed).await;
    asked.set_clock(&providers);
    let mut other = stage.poller("");
    asked.until("well with another", is_well).await;
    assert!(other.end().await.success(), "{}", other.log());
}

#[tokio::test]
async fn a_postgres_that_is_stopped_for_a_minute_is_named_and_forgotten() {
    let folder = std::env::temp_dir().join(format!("tributary-stopped-{}", std::process::id()));
    let settings = ServerSettings {
        data_dir: folder.clone(),
        bin_dir: None,
        search_path: Vec::new(),
        fetch: None,
        tcp: None,
        durable: true,
    };
    let mut server = Server::start(&settings).unwrap();
    server.create_database().await.unwrap();
    let (providers, mut stage) = one_poller().await;
    stage.url = format!("postgres://tributary@localhost/tributary?host={}", server.socket_dir().display());
    let port = free_port();
    let of_one_server = format!("export TRIBUTARY_DATABASE__ENGINE=postgres TRIBUTARY_SERVER__LISTEN=127.0.0.1:{port}");
    let mut service = stage.start_within(&of_one_server, &["serve"]);
    let asked = Asked::at(format!("http://127.0.0.1:{port}"));
    asked.until("well", is_well).await;

    server.stop();
    drop(server);
    let stopped_at = Instant::now();
    let detail = "The database cannot be reached.";
    asked.until("named", |status, health| status == 503 && health["detail"] == detail).await;
    while stopped_at.elapsed() < Duration::from_mins(1) {
        for (path, expected) in [("/readyz", 503), ("/v1/health/pollers", 503), ("/healthz", 200), ("/metrics", 200)] {
            let (status, body) = asked.ask(path).await;
            assert_eq!(status, expected, "{path}: {body}");
            assert!(expected == 200 || body["detail"] == detail, "{path}: {body}");
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    asked.set_clock(&providers);
    let again = Server::start(&settings).unwrap();
    let health = asked.until("well again", is_well).await;
    assert_eq!(health["items"][0]["last_error"], Value::Null, "{health:#}");
    assert_eq!(asked.ask("/readyz").await.0, 200);
    assert!(service.end().await.success(), "{}", service.log());
    drop(again);
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test]
async fn a_rotated_key_is_auth_failed_until_the_file_has_the_new_one() {
    let (_providers, stage) = one_poller().await;
    let (asked, _stop) = answers(&stage.world).await;
    let file = stage.folder().join("api-key");
    std::fs::write(&file, API_KEY).unwrap();
    let in_file = format!("api_key_file = \"{}\"", file.display());
    stage.configure(&stage.world.toml().replace("api_key_env = \"TEST_KEY\"", &in_file));
    let mut poller = stage.poller("");
    asked.until("well", is_well).await;
    // the simulator keeps its key: the file has one that is no longer valid
    std::fs::write(&file, "the-old-key").unwrap();
    let refused = |_: u16, health: &Value| health["items"][0]["state"] == "auth_failed";
    let health = asked.until("refused", refused).await;
    let error = &health["items"][0]["last_error"];
    assert_eq!((&error["class"], &health["items"][0]["is_failing"]), (&json!("auth_failed"), &json!(true)));
    assert!(error["advice"].as_str().unwrap().contains("api_key_file"), "{error}");
    std::fs::write(&file, API_KEY).unwrap();
    let began = Instant::now();
    asked.until("well again", is_well).await;
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert!(poller.end().await.success(), "{}", poller.log());
}
