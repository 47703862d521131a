//! The router of the API over a hand-counted world (`api_world.sql`), without a network.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

pub(crate) use std::collections::BTreeMap;
pub(crate) use std::sync::Arc;
pub(crate) use std::time::Duration;

pub(crate) use axum::Router;
pub(crate) use axum::body::{Body, to_bytes};
pub(crate) use axum::http::{HeaderMap, Request, StatusCode};
pub(crate) use serde_json::{Value, json};
pub(crate) use sqlx::postgres::{PgPool, PgPoolOptions};
pub(crate) use tokio_util::sync::CancellationToken;
pub(crate) use tower::ServiceExt;
pub(crate) use tributary::api::access::caller::Caller;
pub(crate) use tributary::api::access::policy::AccessPolicy;
pub(crate) use tributary::api::memory::Memory;
pub(crate) use tributary::api::{ApiState, HealthSettings, document, router};
pub(crate) use tributary::clock::{Clock, SettableClock};
pub(crate) use tributary::model::api_key::{KeyText, Scope};
use tributary::model::person::PersonKey;
pub(crate) use tributary::store::api_key::{self, NewKey};
pub(crate) use tributary::store::operation::Operator;
use tributary::store::source_change::SourceChanges;

pub(crate) use super::db::TestDatabase;

pub(crate) const NOW: &str = "2026-11-20T12:00:00Z";

/// Creates a database with the world of `api_world.sql`.
pub(crate) async fn database() -> TestDatabase {
    let db = TestDatabase::new().await;
    sqlx::raw_sql(include_str!("../worlds/api_world.sql")).execute(&db.pool).await.unwrap();
    db
}

pub(crate) struct Api {
    pub(crate) db: Option<TestDatabase>,
    pub(crate) router: Router,
    pub(crate) clock: Arc<SettableClock>,
    pub(crate) draining: CancellationToken,
    pub(crate) access_policy: Arc<AccessPolicy>,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Api {
    pub(crate) async fn new() -> Self {
        let db = database().await;
        let api = Self::over(db.pool.clone());
        Self { db: Some(db), ..api }
    }

    /// Adds the meetings of `meetings_world.sql`.
    pub(crate) async fn in_depth() -> Self {
        let api = Self::new().await;
        sqlx::raw_sql(include_str!("../worlds/meetings_world.sql")).execute(api.pool()).await.unwrap();
        api
    }

    pub(crate) fn pool(&self) -> &PgPool {
        &self.db.as_ref().unwrap().pool
    }

    /// Creates an API that needs keys and gives answers from memory, over the same world.
    pub(crate) async fn with_keys(server: &str) -> Self {
        let db = database().await;
        let toml = format!("[server]\nauth = \"keys\"\n{server}");
        let api = Self::over_with(db.pool.clone(), &toml, Memory::new(1 << 20, Duration::ZERO));
        Self { db: Some(db), ..api }
    }

    /// Gives answers from memory; the version of the data counts for `max_age`.
    pub(crate) async fn remembering(max_age: Duration, toml: &str) -> Self {
        let db = database().await;
        let api = Self::over_with(db.pool.clone(), toml, Memory::new(1 << 20, max_age));
        Self { db: Some(db), ..api }
    }

    pub(crate) fn over(pool: PgPool) -> Self {
        Self::configured(pool, "")
    }

    pub(crate) fn configured(pool: PgPool, toml: &str) -> Self {
        Self::over_with(pool, toml, Memory::off())
    }

    fn over_with(pool: PgPool, toml: &str, memory: Memory) -> Self {
        let clock = Arc::new(SettableClock::at(NOW.parse().unwrap()));
        let state = state(pool, toml, memory, clock.clone());
        let (draining, access_policy) = (state.draining.clone(), state.access_policy.clone());
        Self { db: None, router: router(state, tributary::web::pages()), clock, draining, access_policy }
    }

    pub(crate) async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let mut bytes = to_bytes(body, usize::MAX).await.unwrap().to_vec();
        if parts.headers.get("content-encoding").is_some_and(|coding| coding == "gzip") {
            let packed = std::mem::take(&mut bytes);
            std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&packed[..]), &mut bytes).unwrap();
        }
        Answer { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes).unwrap() }
    }

    /// Makes a key with these scopes; none of `sources` means all.
    pub(crate) async fn key(&self, scopes: &[Scope], sources: &[&str]) -> String {
        let sources = (!sources.is_empty()).then(|| sources.iter().map(|slug| (*slug).to_owned()).collect());
        let new = NewKey {
            label: "test".to_owned(),
            owner: "tests".to_owned(),
            scopes: scopes.to_vec(),
            sources,
            expires_at: None,
        };
        let key = KeyText::generate("live", &tributary::clock::secret_bytes());
        let operator = Operator { requested_by: "tests".to_owned(), request_id: None };
        api_key::create(self.pool(), &key, &new, &operator, self.clock.now()).await.unwrap();
        key.reveal().to_owned()
    }

    /// Sends a request with a key.
    pub(crate) async fn send_as(&self, key: &str, method: &str, path: &str) -> Answer {
        self.send(method, path, &[("authorization", &format!("Bearer {key}"))]).await
    }

    /// Sends a body; returns the status and the response.
    pub(crate) async fn send_json(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> (u16, Value) {
        let mut request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(Body::from(body.to_string())).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap())
    }

    pub(crate) async fn get(&self, path: &str) -> Value {
        let answer = self.send("GET", path, &[]).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
        answer.json()
    }

    pub(crate) async fn problem(&self, path: &str, status: u16) -> Value {
        let answer = self.send("GET", path, &[]).await;
        assert_eq!(answer.status.as_u16(), status, "{path}: {}", answer.text);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        let problem = answer.json();
        assert_eq!(problem["instance"], answer.header("request-id"));
        assert_eq!(problem["status"], status);
        problem
    }
}

/// Returns the state of an API over a database.
pub(crate) fn state(pool: PgPool, toml: &str, memory: Memory, clock: Arc<SettableClock>) -> ApiState {
    let server = tributary::app::parse_config(toml, &BTreeMap::new()).expect("a configuration").server;
    ApiState {
        replica: tributary::api::replica::handle::Replica::none(),
        on_replica: None,
        probes: pool.clone(),
        pool: pool.clone(),
        access_policy: Arc::new(AccessPolicy::new(&server, &pool, clock.clone())),
        caller: Caller::default(),
        departures: tributary::db::Departures::default(),
        writes: tributary::db::WriteState::default(),
        memory,
        clock,
        default_zone: chrono_tz::Europe::Berlin,
        zones: super::db::zones(),
        shared_catalogs: None,
        is_distributed: super::citus::is_used(),
        health: HealthSettings::default(),
        health_reads: tributary::query::pollers::HealthReads::default(),
        draining: CancellationToken::new(),
        actions: tributary::api::actions::access::ActionAccess::default(),
        alerts: tributary::api::configured::Alerts::default(),
        hooks: tributary::api::configured::Hooks::default(),
        replays: None,
        source_changes: Some(SourceChanges {
            pool,
            person_key: PersonKey::new(vec![7; 32]).unwrap(),
            is_distributed: super::citus::is_used(),
        }),
        error_advice: |class| (class == "auth_failed").then_some("Check the key."),
    }
}

/// Returns the row of a group (as text) in the bucket that begins at `start` (as far as given).
pub(crate) fn row<'a>(answer: &'a Value, group: &Value, start: &str) -> &'a Value {
    let is_row = |row: &&Value| {
        &row["dimensions"] == group && row["bucket"]["start"].as_str().is_some_and(|text| text.starts_with(start))
    };
    let rows = answer["rows"].as_array().unwrap();
    rows.iter().find(is_row).unwrap_or_else(|| panic!("no row {group} {start} in {rows:#?}"))
}

/// All sources but `konvo-us`, whose polling is late.
pub(crate) const WELL: &str = "source=rtk-prod,konpro-eu,konpro-old,konvo-eu";

pub(crate) fn texts(answer: &Value, field: &str) -> Vec<String> {
    answer["items"].as_array().unwrap().iter().map(|item| item[field].as_str().unwrap_or("-").to_owned()).collect()
}

pub(crate) const QUERY: &str = "/v1/metrics/query";

/// November until the 20th: the range of most chats.
pub(crate) const NOVEMBER: &str = "from=2026-11-01&to=2026-11-21&zone=UTC";

/// The world with the meetings of `meetings_world.sql` and the chats of `chats_world.sql`.
pub(crate) async fn world() -> Api {
    let api = Api::in_depth().await;
    sqlx::raw_sql(include_str!("../worlds/chats_world.sql")).execute(api.pool()).await.unwrap();
    api
}

pub(crate) async fn run(api: &Api, sql: &'static str) {
    sqlx::raw_sql(sql).execute(api.pool()).await.unwrap();
}
