//! What health says during faults: the rows of the table in `docs/operations.md`, tried from outside. Each clears by
//! itself.

use std::str::FromStr;

use chrono::TimeDelta;
use rustix::process::Signal;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnectOptions;
use tributary::app::App;
use tributary::app::serving::Role;
use tributary::store::instance::{Instance, note_alive};
use tributary_simulator::faults::{Effect, Fault, RetryAfter};
use tributary_simulator::quirks::Quirks;
use tributary_simulator::{Platform, Simulator};

use super::*;
use crate::db::unavailable::{Flow, Valve};
use crate::harness::processes::{EVERY_SECOND, Providers};
use crate::harness::serving::{client, serve};
use crate::harness::{World, noon, plain_feed};
use crate::ingest::clocks::Ahead;

/// Returns the first stream of the health.
async fn first(api: &crate::harness::Api) -> Value {
    api.ok("/v1/health/pollers").await["items"][0].clone()
}

/// A provider that was read once.
async fn read_once(http: &str) -> (World, Simulator) {
    let mut world = World::new().await;
    world.set_http(http);
    let provider = world.simulate(Platform::Konvo, plain_feed(Platform::Konvo, 3), Quirks::default()).await;
    assert!(world.poll_one().await.is_complete());
    (world, provider)
}

/// Tries a fault of the provider: health names it after one poll, and forgets it after the next success.
async fn shows(effect: Effect, http: &str, state: &str, class: &str) {
    let (world, provider) = read_once(http).await;
    let api = world.api().await;
    assert_eq!((&first(&api).await["state"], &first(&api).await["is_failing"]), (&json!("idle"), &json!(false)));
    provider.script(vec![Fault::new(effect).forever()]);
    for failures in 1..=2 {
        world.poll_one().await;
        let stream = first(&api).await;
        assert_eq!((&stream["state"], &stream["is_failing"]), (&json!(state), &json!(true)), "{stream:#}");
        assert_eq!(stream["failing_because"], json!(["failed_runs"]));
        assert_eq!(
            (&stream["last_error"]["class"], &stream["consecutive_failures"]),
            (&json!(class), &json!(failures))
        );
        assert!(stream["last_error"]["advice"].as_str().is_some_and(|advice| advice.len() > 20), "{stream:#}");
    }
    // a retry under way hides nothing
    let begin = "update ingest.streams set lease_until = '2026-03-10 13:00Z', lease_owner = 'test';
                 insert into ingest.runs (source_id, stream, started_at, heartbeat_at)
                 select source_id, 'sessions', '2026-03-10 12:00Z', '2026-03-10 12:00Z' from core.sources";
    sqlx::raw_sql(begin).execute(&world.db.pool).await.unwrap();
    let stream = first(&api).await;
    assert_eq!((&stream["state"], &stream["is_failing"]), (&json!(state), &json!(true)), "{stream:#}");
    let end = "update ingest.streams set lease_until = null, lease_owner = null;
               update ingest.runs set finished_at = started_at, verdict = 'cancelled' where finished_at is null";
    sqlx::raw_sql(end).execute(&world.db.pool).await.unwrap();
    assert_eq!(first(&api).await["is_failing"], json!(true), "a run that was stopped clears nothing");

    provider.script(Vec::new());
    assert!(world.poll_one().await.is_complete());
    let stream = first(&api).await;
    assert_eq!((&stream["state"], &stream["is_failing"]), (&json!("idle"), &json!(false)), "{stream:#}");
    assert_eq!((&stream["last_error"], &stream["failing_because"]), (&Value::Null, &json!([])));
}

macro_rules! rows {
    ($($name:ident: $effect:expr, $http:literal, $state:literal $class:literal;)*) => {
        $(#[tokio::test] async fn $name() { shows($effect, $http, $state, $class).await; })*
    };
}

rows! {
    a_provider_that_hangs_is_backing_off: Effect::Delay(Duration::from_secs(30)), "total_timeout_ms = 300", "backing_off" "transient";
    a_401_is_auth_failed: Effect::json(401, "{}"), "", "auth_failed" "auth_failed";
    a_404_is_a_config_error: Effect::json(404, "{}"), "", "config_error" "not_found";
    a_500_is_backing_off: Effect::json(500, "{}"), "", "backing_off" "transient";
    html_is_a_contract_error: Effect::html(), "", "backing_off" "contract_error";
}

#[tokio::test]
async fn a_provider_that_is_down_is_backing_off() {
    let mut world = World::new().await;
    world.poll_elsewhere("konvo", "http://127.0.0.1:1");
    world.poll_one().await;
    let stream = first(&world.api().await).await;
    assert_eq!((&stream["state"], &stream["last_error"]["class"]), (&json!("backing_off"), &json!("transient")));
    assert_eq!(stream["failing_because"], json!(["failed_runs"]), "{stream:#}");
}

#[tokio::test]
async fn a_429_without_end_is_failing_once_the_lag_exceeds_what_the_source_allows() {
    let (world, provider) = read_once("").await;
    let api = world.api().await;
    provider.script(vec![Fault::new(Effect::RateLimited(RetryAfter::Seconds(60))).forever()]);
    world.clock.set(noon() + TimeDelta::minutes(10));
    world.poll_one().await;
    let stream = first(&api).await;
    assert_eq!((&stream["state"], &stream["is_failing"]), (&json!("rate_limited"), &json!(false)), "{stream:#}");
    assert_eq!((&stream["lag_seconds"], &stream["stale_after_seconds"]), (&json!(600), &json!(900)));
    world.clock.set(noon() + TimeDelta::minutes(16));
    world.poll_one().await;
    let stream = first(&api).await;
    assert_eq!((&stream["state"], &stream["failing_because"]), (&json!("rate_limited"), &json!(["lag"])), "{stream:#}");
    assert_eq!(stream["last_error"]["class"], "rate_limited");

    provider.script(Vec::new());
    world.clock.set(noon() + TimeDelta::minutes(18));
    assert!(world.poll_one().await.is_complete());
    assert_eq!(first(&api).await["is_failing"], false);
}

#[tokio::test]
async fn no_sign_of_life_of_any_poller_makes_every_stream_stalled() {
    let (world, _provider) = read_once("").await;
    let (api, pool) = (world.api().await, &world.db.pool);
    let health = api.ok("/v1/health/pollers").await;
    assert_eq!((&health["instances"], &health["problems"]), (&json!([]), &json!([])), "polls by hand need no poller");
    let poller = Instance { id: "host:1:0".to_owned(), role: "poller", version: "0.1.0", commit: "dev" };
    let reader = Instance { id: "host:2:0".to_owned(), role: "api", ..poller.clone() };
    for instance in [&poller, &reader] {
        note_alive(pool, instance, true).await.unwrap();
    }
    assert_eq!(api.ok("/v1/health/pollers").await["is_failing"], false);
    // killed, or suspended
    let age = "update ingest.instances set last_seen_at = now() - interval '40 seconds' where role = 'poller'";
    sqlx::raw_sql(age).execute(pool).await.unwrap();
    let health = api.ok("/v1/health/pollers").await;
    assert_eq!((&health["is_failing"], &health["problems"][0]["class"]), (&json!(true), &json!("no_poller")));
    let stream = &health["items"][0];
    assert_eq!(
        (&stream["state"], &stream["failing_because"]),
        (&json!("stalled"), &json!(["no_poller"])),
        "{stream:#}"
    );
    let alive = health["instances"].as_array().unwrap().iter().filter(|one| one["is_alive"] == true).count();
    assert_eq!(alive, 1, "a process that only answers is no poller: {health:#}");
    let (status, problem) = api.get("/v1/health/pollers?strict=true").await;
    assert_eq!(status, 503);
    assert!(problem["detail"].as_str().unwrap().starts_with("No poller is alive"), "{problem}");

    note_alive(pool, &poller, false).await.unwrap();
    let health = api.ok("/v1/health/pollers?strict=true").await;
    assert_eq!((&health["is_failing"], &health["items"][0]["state"]), (&json!(false), &json!("idle")));
}

#[tokio::test]
async fn a_read_only_database_is_named() {
    let (world, _provider) = read_once("").await;
    let (api, pool) = (world.api().await, &world.db.pool);
    let name: String = sqlx::query_scalar("select current_database()").fetch_one(pool).await.unwrap();
    let set = async |what: &str| {
        sqlx::raw_sql(AssertSqlSafe(format!("alter database {name} {what}"))).execute(pool).await.unwrap();
    };
    set("set default_transaction_read_only = on").await;
    let health = api.ok("/v1/health/pollers").await;
    assert_eq!((&health["is_failing"], &health["problems"][0]["class"]), (&json!(true), &json!("database_read_only")));
    assert_eq!(health["database"]["is_writable"], false);
    let advice = health["problems"][0]["advice"].as_str().unwrap();
    assert!(advice.contains("default_transaction_read_only"), "{advice}");
    set("reset default_transaction_read_only").await;
    assert_eq!(api.ok("/v1/health/pollers").await["problems"], json!([]));
}

#[tokio::test]
async fn a_database_without_free_connections_is_named() {
    let world = World::new().await;
    let role = format!("tributary_test_full_{}", std::process::id());
    let create = format!("create role {role} login password 'x' connection limit 0");
    sqlx::raw_sql(AssertSqlSafe(create)).execute(&world.db.pool).await.unwrap();
    let options = world.db.options.clone().username(&role).password("x");
    let pool = PgPoolOptions::new().acquire_timeout(Duration::from_millis(200)).connect_lazy_with(options);
    let problem = Api::over(pool).problem("/readyz", 503).await;
    sqlx::raw_sql(AssertSqlSafe(format!("drop role {role}"))).execute(&world.db.pool).await.unwrap();
    assert_eq!(problem["detail"], "All connections of the database are in use.");
}

/// Starts the service on a free port.
async fn answering(mut app: App) -> (String, tokio_util::sync::DropGuard) {
    app.config.server.listen = ([127, 0, 0, 1], 0).into();
    serve(app, Role::Api).await
}

/// Asks a running service until the health has this class of problem first; an empty one means none.
async fn until_problem(base: &str, class: &str) -> Value {
    let http = client();
    for _ in 0..200 {
        if let Ok(answer) = http.get(format!("{base}/v1/health/pollers")).send().await
            && let Ok(health) = answer.json::<Value>().await
            && health["problems"].is_array()
            && health["problems"][0]["class"].as_str().unwrap_or_default() == class
        {
            return health;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never: {class}");
}

#[tokio::test]
async fn a_full_disk_is_named_and_ends_by_itself() {
    let world = World::new().await;
    let refuse = "create function public.full_disk() returns trigger language plpgsql as $$
                  begin raise exception 'No space left on device' using errcode = '53100'; end $$;
                  create trigger full_disk before insert on ingest.instances execute function public.full_disk()";
    sqlx::raw_sql(refuse).execute(&world.db.pool).await.unwrap();
    let (base, _stop) = answering(world.app()).await;
    let health = until_problem(&base, "database_disk_full").await;
    assert_eq!(health["database"]["is_writable"], false);
    sqlx::raw_sql("drop trigger full_disk on ingest.instances").execute(&world.db.pool).await.unwrap();
    until_problem(&base, "").await;
}

#[tokio::test]
async fn a_clock_that_differs_from_the_databases_is_named() {
    let world = World::new().await;
    let (base, _stop) = answering(world.app_at(Arc::new(Ahead))).await;
    let health = until_problem(&base, "clock_skew").await;
    let skew = health["database"]["clock_skew_seconds"].as_i64().unwrap();
    assert!((skew + 3 * 3_600).abs() < 60, "{skew}");
}

#[tokio::test]
async fn a_database_that_is_gone_or_hangs_is_named_and_ends_by_itself() {
    let providers = Providers::start(&[], 0, 0).await;
    let stage = providers.stage("", 10).await;
    let valve = Valve::before(&stage).await;
    let app = App { database: PgConnectOptions::from_str(&valve.url).unwrap(), ..stage.world.app() };
    let (base, _stop) = answering(app).await;
    let http = client();
    let ready = async || {
        let answer = http.get(format!("{base}/readyz")).send().await.unwrap();
        let (status, body) = (answer.status().as_u16(), answer.json::<Value>().await.unwrap());
        (status, body["detail"].as_str().unwrap_or_default().to_owned())
    };
    assert_eq!(ready().await.0, 200);
    for (flow, detail) in
        [(Flow::Nothing, "The database cannot be reached."), (Flow::Frozen, "The database does not respond in time.")]
    {
        valve.flow.send_replace(flow);
        assert_eq!(ready().await, (503, detail.to_owned()));
        assert_eq!(http.get(format!("{base}/healthz")).send().await.unwrap().status().as_u16(), 200);
        valve.flow.send_replace(Flow::All);
        let began = std::time::Instant::now();
        while ready().await.0 != 200 {
            assert!(began.elapsed() < Duration::from_secs(20), "it comes back");
        }
    }
}

#[tokio::test]
async fn a_poller_shows_that_it_lives_and_that_it_was_stopped_and_reports_its_state() {
    let providers = Providers::start(&[Platform::Konvo], 20, 0).await;
    let stage = providers.stage(EVERY_SECOND, 10).await;
    let mut poller = stage.poller("");
    stage.until(1, "select count(*) from ingest.instances where role = 'poller' and stopped_at is null").await;
    stage.until(1, "select count(*) from ingest.runs where verdict = 'complete'").await;
    poller.signal(Signal::USR1);
    let began = std::time::Instant::now();
    while !poller.log().contains("state of a stream") {
        assert!(began.elapsed() < Duration::from_secs(20), "{}", poller.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(poller.end().await.success(), "{}", poller.log());
    assert_eq!(stage.number("select count(*) from ingest.instances where stopped_at is not null").await, 1);
    let id = stage.world.text("select instance_id from ingest.instances").await.unwrap();
    let log = poller.log();
    for line in log.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!((&line["instance"], &line["version"]), (&json!(id), &json!(env!("CARGO_PKG_VERSION"))), "{line}");
    }
}

#[tokio::test]
async fn health_is_given_as_a_list_of_checks_on_request() {
    let api = Api::new().await;
    let answer = api.send("GET", "/v1/health/pollers", &[("accept", "application/health+json")]).await;
    assert_eq!(answer.header("content-type"), "application/health+json");
    let list = answer.json();
    assert_eq!((&list["status"], &list["version"]), (&json!("fail"), &json!(env!("CARGO_PKG_VERSION"))));
    let check = &list["checks"]["konpro-eu/sessions:lag"][0];
    assert_eq!(
        (&check["status"], &check["output"]),
        (&json!("fail"), &json!("auth_failed: GET /sessions: 401: Check the key."))
    );
    let well = &list["checks"]["konvo-eu/sessions:lag"][0];
    assert_eq!(
        (&well["status"], &well["observedValue"], &well["observedUnit"]),
        (&json!("pass"), &json!(600), &json!("s"))
    );
}
