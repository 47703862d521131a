//! Queries to the API about a hand-counted world (`api_world.sql`).
//!
//! The whole router is tested, as a client sees it.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod attribution;
mod catalogue;
mod costs;
mod depth_figures;
mod edges;
mod explain;
mod families;
mod figures;
mod as_of;
mod ledger;
mod concurrency;
mod lists;
mod operation;
mod parts;
mod protocol;
mod tables;
mod questions;

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use serde_json::{Value, json};
use sqlx::postgres::{PgPool, PgPoolOptions};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tributary::api::{ApiState, HealthSettings, document, router};
use tributary::clock::SettableClock;

use crate::harness::db::TestDatabase;

const NOW: &str = "2026-11-20T12:00:00Z";

/// Creates a database with the world of `api_world.sql`.
async fn database() -> TestDatabase {
    let db = TestDatabase::new().await;
    sqlx::raw_sql(include_str!("api_world.sql")).execute(&db.pool).await.unwrap();
    db
}

struct Api {
    db: Option<TestDatabase>,
    router: Router,
    clock: Arc<SettableClock>,
    draining: CancellationToken,
}

struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    text: String,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("not JSON: {}", self.text))
    }

    fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }
}

impl Api {
    async fn new() -> Self {
        let db = database().await;
        let api = Self::over(db.pool.clone());
        Self { db: Some(db), ..api }
    }

    /// Adds the meetings of `depth_world.sql`.
    async fn in_depth() -> Self {
        let api = Self::new().await;
        sqlx::raw_sql(include_str!("depth_world.sql")).execute(api.pool()).await.unwrap();
        api
    }

    fn pool(&self) -> &PgPool {
        &self.db.as_ref().unwrap().pool
    }

    fn over(pool: PgPool) -> Self {
        let clock = Arc::new(SettableClock::at(NOW.parse().unwrap()));
        let draining = CancellationToken::new();
        let state = ApiState {
            pool,
            clock: clock.clone(),
            default_zone: chrono_tz::Europe::Berlin,
            zones: tributary::query::zones::Zones::default(),
            health: HealthSettings::default(),
            draining: draining.clone(),
            actions: tributary::api::actions::ActionAccess::default(),
            replays: None,
            source_changes: None,
            error_advice: |class| (class == "auth_failed").then_some("Check the key."),
        };
        Self { db: None, router: router(state), clock, draining }
    }

    async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let bytes = to_bytes(body, usize::MAX).await.unwrap();
        Answer { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
    }

    /// Sends a body; returns the status and the response.
    async fn send_json(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> (u16, Value) {
        let mut request = Request::builder().method(method).uri(path).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(Body::from(body.to_string())).unwrap()).await.unwrap();
        let status = response.status().as_u16();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap())
    }

    async fn get(&self, path: &str) -> Value {
        let answer = self.send("GET", path, &[]).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.text);
        answer.json()
    }

    async fn problem(&self, path: &str, status: u16) -> Value {
        let answer = self.send("GET", path, &[]).await;
        assert_eq!(answer.status.as_u16(), status, "{path}: {}", answer.text);
        assert_eq!(answer.header("content-type"), "application/problem+json");
        let problem = answer.json();
        assert_eq!(problem["instance"], answer.header("request-id"));
        assert_eq!(problem["status"], status);
        problem
    }
}

/// Returns the row of a group (as text) in the bucket that begins at `start` (as far as given).
fn row<'a>(answer: &'a Value, group: &Value, start: &str) -> &'a Value {
    let is_row = |row: &&Value| {
        &row["dimensions"] == group && row["bucket"]["start"].as_str().is_some_and(|text| text.starts_with(start))
    };
    let rows = answer["rows"].as_array().unwrap();
    rows.iter().find(is_row).unwrap_or_else(|| panic!("no row {group} {start} in {rows:#?}"))
}

/// All sources but `konvo-us`, whose polling is late.
const WELL: &str = "source=rtk-prod,konpro-eu,konpro-old,konvo-eu";
