//! A world: a separate database, simulated providers on free ports, and the service as a user runs it.

pub(crate) mod citus;
pub(crate) mod db;
pub(crate) mod dump;
pub(crate) mod logs;
pub(crate) mod orphans;
pub(crate) mod poller_process;
pub(crate) mod processes;
pub(crate) mod records;
pub(crate) mod replica;
pub(crate) mod round_trips;
pub(crate) mod router;
pub(crate) mod serving;
pub(crate) mod wire;

use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;
use tributary::app::polling::{self, PollLine, Selection};
use tributary::app::{self, App};
use tributary::clock::{Clock, Dice, SettableClock};
use tributary::query::zones::Zones;
use tributary_simulator::feed::Feed;
use tributary_simulator::fixed_feed::{FixedFeed, FixedRecord};
use tributary_simulator::quirks::Quirks;
use tributary_simulator::{Now, Platform, Simulator, SimulatorSettings};

use self::db::TestDatabase;

/// The key that every simulator accepts. It must appear only in requests to its provider.
pub(crate) const API_KEY: &str = "key-that-must-not-leak-5f3a";

/// Returns noon of a quiet day: the current time unless a test moves it.
pub(crate) fn noon() -> DateTime<Utc> {
    at("2026-03-10T12:00:00Z")
}

/// Parses an instant.
pub(crate) fn at(text: &str) -> DateTime<Utc> {
    text.parse().expect("an RFC 3339 instant")
}

/// A database, a clock, and sources to poll.
pub(crate) struct World {
    pub(crate) db: TestDatabase,
    pub(crate) clock: Arc<SettableClock>,
    /// The time zones of the database; a test that changes them sets its own.
    pub(crate) zones: Zones,
    sources: Vec<(String, Platform, String)>,
    extra: String,
    http: String,
    api_key: String,
    with_depth: bool,
}

impl World {
    pub(crate) async fn new() -> Self {
        Self {
            db: TestDatabase::new().await,
            clock: Arc::new(SettableClock::at(noon())),
            zones: db::zones(),
            sources: Vec::new(),
            extra: String::new(),
            http: String::new(),
            with_depth: false,
            api_key: API_KEY.to_owned(),
        }
    }

    /// Configures a key that the providers do not accept.
    pub(crate) fn with_key(mut self, key: &str) -> Self {
        key.clone_into(&mut self.api_key);
        self
    }

    /// Fetches session artifacts too. Tests of lists alone leave them out.
    pub(crate) fn with_depth(mut self) -> Self {
        self.with_depth = true;
        self
    }

    /// Adds keys for each source, as TOML lines.
    pub(crate) fn with_settings(mut self, toml: &str) -> Self {
        toml.clone_into(&mut self.extra);
        self
    }

    /// Sets the keys of `[http]`, as TOML lines, from the next poll on.
    pub(crate) fn set_http(&mut self, toml: &str) {
        toml.clone_into(&mut self.http);
    }

    /// Starts a simulated provider and configures it as a source named after its platform.
    /// Neither the provider nor the service limits its calls, unless a test sets a number.
    pub(crate) async fn simulate(&mut self, platform: Platform, feed: Arc<dyn Feed>, quirks: Quirks) -> Simulator {
        let usual = Quirks::default().calls_per_window;
        let calls_per_window = if quirks.calls_per_window == usual { 100_000_000 } else { quirks.calls_per_window };
        let quirks = Quirks { calls_per_window, ..quirks };
        let simulator = simulator(platform, feed, quirks, Arc::clone(&self.clock) as Arc<dyn Clock>).await;
        let number = self.sources.iter().filter(|(_, other, _)| *other == platform).count();
        let slug = if number == 0 { platform.as_str().to_owned() } else { format!("{}-{number}", platform.as_str()) };
        self.sources.push((slug, platform, simulator.base_url()));
        simulator
    }

    /// Polls a provider that is not simulated here.
    pub(crate) fn poll_elsewhere(&mut self, slug: &str, base_url: &str) {
        let platform = Platform::parse(slug).expect("a platform");
        self.sources.push((slug.to_owned(), platform, base_url.to_owned()));
    }

    /// Returns the configuration as a user would write it.
    pub(crate) fn toml(&self) -> String {
        let mut toml = String::new();
        let streams = if self.with_depth { "" } else { "session_streams = []\n" };
        for (slug, platform, base_url) in &self.sources {
            let account =
                if *platform == Platform::Realtimekit { "account_id = \"acc\"\napp_id = \"app\"\n" } else { "" };
            write!(
                toml,
                "[[sources]]\nslug = \"{slug}\"\nprovider = \"{}\"\nbase_url = \"{base_url}\"\n\
                 api_key_env = \"TEST_KEY\"\nrequests_per_minute = 100000\n{streams}{account}{}\n",
                platform.as_str(),
                self.extra
            )
            .expect("text");
        }
        write!(toml, "[http]\n{}\n", self.http).expect("text");
        toml
    }

    /// Returns the environment that belongs to [`Self::toml`].
    pub(crate) fn environment(&self) -> BTreeMap<String, String> {
        let engine = if citus::is_used() { "citus" } else { "postgres" };
        BTreeMap::from([
            ("TEST_KEY".to_owned(), self.api_key.clone()),
            ("TRIBUTARY_DATABASE__ENGINE".to_owned(), engine.to_owned()),
        ])
    }

    pub(crate) fn app(&self) -> App {
        self.app_at(Arc::clone(&self.clock) as Arc<dyn Clock>)
    }

    /// Creates the service with a separate clock.
    pub(crate) fn app_at(&self, clock: Arc<dyn Clock>) -> App {
        let config = app::parse_config(&self.toml(), &self.environment()).expect("the configuration is right");
        App::new(config, Some(self.db.options.clone()), clock, Arc::new(Dice::seeded(7))).expect("an app")
    }

    /// Runs `tributary poll`.
    pub(crate) async fn poll(&self) -> Vec<PollLine> {
        polling::poll(&self.app(), &Selection::default(), CancellationToken::new()).await.expect("the poll runs")
    }

    /// Runs `tributary poll` with one source; returns its line.
    pub(crate) async fn poll_one(&self) -> PollLine {
        let mut lines = self.poll().await;
        assert_eq!(lines.len(), 1, "{lines:?}");
        lines.remove(0)
    }

    pub(crate) async fn number(&self, sql: &'static str) -> i64 {
        sqlx::query_scalar(sql).fetch_one(&self.db.pool).await.expect(sql)
    }

    pub(crate) async fn text(&self, sql: &'static str) -> Option<String> {
        sqlx::query_scalar(sql).fetch_one(&self.db.pool).await.expect(sql)
    }

    /// Returns the rows inserted, updated and deleted so far in the tables of providers' data.
    pub(crate) async fn tuples_written(&self) -> i64 {
        // the statistics of a backend are flushed when it has been idle, and at its end
        for _ in 0..50 {
            let busy = self
                .number(
                    "select count(*) from pg_stat_activity
                      where datname = current_database() and application_name like 'tributary%'",
                )
                .await;
            if busy == 0 {
                break;
            }
            tokio::time::sleep(TimeDelta::milliseconds(50).to_std().expect("positive")).await;
        }
        sqlx::query("select pg_stat_clear_snapshot()").execute(&self.db.pool).await.expect("a fresh look");
        self.number(
            "select coalesce(sum(n_tup_ins + n_tup_upd + n_tup_del), 0)::bigint from pg_stat_user_tables
              where schemaname = 'core'
                 or relname in ('raw_records', 'rejects', 'oddities', 'source_facts', 'secrets')",
        )
        .await
    }
}

/// The API over real HTTP.
pub(crate) struct Api {
    http: reqwest::Client,
    base: String,
    _stop: tokio_util::sync::DropGuard,
}

impl World {
    /// Starts the API on a free port.
    pub(crate) async fn api(&self) -> Api {
        let stop = CancellationToken::new();
        let clock = Arc::clone(&self.clock) as Arc<dyn Clock>;
        let policy = tributary::api::access::policy::AccessPolicy::new(&self.app().config.server, &self.db.pool, clock);
        let state = tributary::api::ApiState {
            access_policy: Arc::new(policy),
            caller: tributary::api::access::caller::Caller::default(),
            pool: self.db.pool.clone(),
            replica: tributary::api::replica::handle::Replica::none(),
            on_replica: None,
            probes: self.db.pool.clone(),
            departures: tributary::db::Departures::default(),
            writes: tributary::db::WriteState::default(),
            memory: tributary::api::memory::Memory::off(),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            default_zone: chrono_tz::Tz::UTC,
            zones: self.zones.clone(),
            shared_catalogs: None,
            is_distributed: citus::is_used(),
            health: tributary::api::HealthSettings::default(),
            health_reads: tributary::query::pollers::HealthReads::default(),
            draining: stop.clone(),
            actions: tributary::api::actions::access::ActionAccess::default(),
            alerts: tributary::api::configured::Alerts::default(),
            hooks: tributary::api::configured::Hooks::default(),
            replays: None,
            source_changes: Some(self.app().source_changes(&self.db.pool).await.expect("a key")),
            error_advice: tributary::ingest::advice_for,
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base = format!("http://{}", listener.local_addr().expect("an address"));
        let shutdown = stop.clone().cancelled_owned();
        let router = tributary::api::router(state, tributary::web::pages());
        tokio::spawn(async move { axum::serve(listener, router).with_graceful_shutdown(shutdown).await });
        let http = tributary::connector::http::http_client(tributary::connector::http::HttpLimits::default());
        Api { http: http.expect("a client"), base, _stop: stop.drop_guard() }
    }
}

impl Api {
    /// Returns its address and port.
    pub(crate) fn address(&self) -> &str {
        self.base.trim_start_matches("http://")
    }

    /// Returns status and JSON body of `GET path`.
    pub(crate) async fn get(&self, path: &str) -> (u16, serde_json::Value) {
        let answer = self.http.get(format!("{}{path}", self.base)).send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.json().await.expect("JSON"))
    }

    /// Returns status and JSON body of `POST path` with a body.
    pub(crate) async fn ask(&self, path: &str, body: &serde_json::Value) -> (u16, serde_json::Value) {
        let answer = self.http.post(format!("{}{path}", self.base)).json(body).send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    /// Returns status and JSON body of `POST path` with an empty object.
    pub(crate) async fn tell(&self, path: &str) -> (u16, serde_json::Value) {
        let request = self.http.post(format!("{}{path}", self.base)).json(&serde_json::json!({}));
        let answer = request.send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    /// Returns status and JSON body of `POST path` with this body.
    pub(crate) async fn send(&self, path: &str, body: &serde_json::Value) -> (u16, serde_json::Value) {
        let answer = self.http.post(format!("{}{path}", self.base)).json(body).send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    /// Returns status and JSON body of `POST path` without a body, as a program sends it; with these headers besides.
    pub(crate) async fn post(&self, path: &str, headers: &[(&str, &str)]) -> (u16, serde_json::Value) {
        let mut request = self.http.post(format!("{}{path}", self.base)).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        (status, answer.json().await.expect("JSON"))
    }

    /// Returns the body of a `GET path` with status 200.
    pub(crate) async fn ok(&self, path: &str) -> serde_json::Value {
        let (status, body) = self.get(path).await;
        assert_eq!(status, 200, "{path}: {body:#}");
        body
    }
}

/// Starts a simulated provider on a free port.
pub(crate) async fn simulator(
    platform: Platform,
    feed: Arc<dyn Feed>,
    quirks: Quirks,
    clock: Arc<dyn Clock>,
) -> Simulator {
    let listen = ([127, 0, 0, 1], 0).into();
    let now = Now::new(move || clock.now());
    let settings = SimulatorSettings { platform, feed, now, api_key: API_KEY.to_owned(), listen, quirks };
    Simulator::start(settings).await.expect("a free port")
}

/// Creates a feed of `count` plain records, a minute apart, the last an hour before noon.
pub(crate) fn plain_feed(platform: Platform, count: usize) -> Arc<FixedFeed> {
    Arc::new(FixedFeed::new((0..count).map(|number| plain_record(platform, number, count))))
}

/// Returns record `number` of `count`.
pub(crate) fn plain_record(platform: Platform, number: usize, count: usize) -> FixedRecord {
    let age = i32::try_from(count - number).expect("a small count");
    let created_at = noon() - TimeDelta::hours(1) - TimeDelta::minutes(1) * age;
    records::record(platform, &format!("{}-{number:05}", platform.as_str()), created_at)
}
