//! The shared call budget: two instances over real HTTP against a provider that counts calls.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod arithmetic;
mod counting_provider;
mod stated_limits;

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use tributary::clock::{Clock, Dice, SettableClock, SystemClock};
use tributary::connector::Credential;
use tributary::connector::error::PullErrorKind;
use tributary::connector::http::{ApiClient, HttpLimits, Priority, http_client};
use tributary::connector::limits::{CallBudget, Refusal};
use tributary::ingest::budget::SharedLedger;
use tributary::store::budget::{self, BudgetRegistration};

use self::counting_provider::{Provider, Rules};
use crate::harness::db::TestDatabase;
use crate::harness::{World, noon, plain_feed};

const KEY: &str = "provider.test/account";

/// Creates an instance of the service: a separate pool and budget, one provider.
async fn instance(db: &TestDatabase, url: &str, clock: Arc<dyn Clock>) -> ApiClient {
    let pool = sqlx::postgres::PgPoolOptions::new().max_connections(4).connect_with(db.options.clone()).await.unwrap();
    let limits = HttpLimits::default();
    ApiClient {
        large: tributary::connector::body::LargeAnswers::default(),
        http: http_client(limits).unwrap(),
        base_url: url.parse().unwrap(),
        credential: Credential::Bearer,
        api_key: "key".into(),
        budget: Arc::new(CallBudget::new(Arc::new(SharedLedger { pool, key: KEY.to_owned() }))),
        priority: Priority::Depth,
        default_retry_after: TimeDelta::seconds(60),
        limits,
        clock,
        dice: Arc::new(Dice::seeded(1)),
    }
}

/// Registers a ceiling that an operator set.
async fn register(db: &TestDatabase, requests_per_minute: u32) {
    register_rate(db, requests_per_minute, true).await;
}

async fn register_rate(db: &TestDatabase, requests_per_minute: u32, is_set_by_hand: bool) {
    let registration = BudgetRegistration {
        key: KEY.to_owned(),
        requests_per_minute,
        is_set_by_hand,
        share_permille: 800,
        sources: Vec::new(),
    };
    budget::register(&db.pool, &registration, noon()).await.unwrap();
}

/// Makes calls from `count` tasks at once, without a pause, until `end`.
fn work(client: &ApiClient, count: usize, end: Instant) -> Vec<tokio::task::JoinHandle<()>> {
    let worker = || {
        let client = client.clone();
        tokio::spawn(async move {
            while Instant::now() < end {
                if let Err(error) = client.get("/", &[]).await {
                    assert!(error.retry_at().is_some(), "{error}");
                    tokio::time::sleep(Duration::from_millis(20)).await;
                }
            }
        })
    };
    (0..count).map(|_| worker()).collect()
}

async fn finish(workers: Vec<tokio::task::JoinHandle<()>>) {
    for worker in workers {
        worker.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p11_two_instances_use_their_share_of_every_window_and_never_more() {
    const WINDOWS: u64 = 3;
    let db = TestDatabase::new().await;
    register(&db, 100_000).await;
    let provider = Provider::start(Rules { quota: 400, window: Duration::from_secs(8), ..Rules::default() }).await;
    let one = instance(&db, &provider.url, Arc::new(SystemClock)).await;
    let two = instance(&db, &provider.url, Arc::new(SystemClock)).await;
    // the quota is known from the first response on
    one.get("/", &[]).await.unwrap();
    let end = Instant::now() + Duration::from_secs(8 * WINDOWS) + Duration::from_millis(500);
    let mut workers = work(&one, 4, end);
    workers.extend(work(&two, 4, end));
    finish(workers).await;
    let counts = provider.calls_by_window();
    let full = &counts[..usize::try_from(WINDOWS).unwrap()];
    assert!(full.iter().all(|count| *count <= 320), "more than four fifths of 400: {counts:?}");
    assert!(full.iter().all(|count| *count >= 304), "less than 95 % of 320: {counts:?}");
    assert_eq!(provider.refusals(), 0);
}

/// Waits until the ledger contains a refusal.
async fn refusal_stored(db: &TestDatabase, end: Instant) -> Instant {
    let is_stored = "select exists (select from ingest.call_budgets where blocked_until is not null)";
    while Instant::now() < end {
        if sqlx::query_scalar::<_, bool>(is_stored).fetch_one(&db.pool).await.unwrap() {
            return Instant::now();
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("no refusal was stored");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn p11_a_refusal_in_the_middle_of_a_burst_stops_both_instances() {
    const WORKERS: usize = 3;
    let db = TestDatabase::new().await;
    register(&db, 60_000).await;
    let provider = Provider::start(Rules { refuse_at: Some(40), ..Rules::default() }).await;
    let one = instance(&db, &provider.url, Arc::new(SystemClock)).await;
    let two = instance(&db, &provider.url, Arc::new(SystemClock)).await;
    let end = Instant::now() + Duration::from_secs(5);
    let mut workers = work(&one, WORKERS, end);
    workers.extend(work(&two, WORKERS, end));
    let stored_at = refusal_stored(&db, end).await;
    finish(workers).await;
    let (refused_at, stated) = provider.refused().unwrap();
    assert!(stored_at - refused_at < Duration::from_millis(500), "other instances knew nothing of it for so long");
    let calls = provider.calls();
    let during = calls.iter().filter(|at| **at > stored_at && **at < refused_at + stated).count();
    // at most the calls in progress; without the wait there would be thousands
    assert!(during < 2 * WORKERS, "{during} calls between the stored refusal and its end");
    let after = calls.iter().filter(|at| **at > refused_at && **at < refused_at + stated).count();
    assert!(after < 6 * WORKERS, "{after} calls between the refusal and its end");
    assert!(calls.iter().any(|at| *at >= refused_at + stated), "the work did not go on");
    // calls in progress when the refusal arrived may have been refused as well
    assert!(provider.refusals() <= 2 * WORKERS);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_customers_own_calls_leave_us_less_and_keep_their_reserve() {
    const WORKERS: usize = 4;
    let db = TestDatabase::new().await;
    register(&db, 60_000).await;
    let rules = Rules { quota: 300, window: Duration::from_secs(6), customer_calls: 2, ..Rules::default() };
    let provider = Provider::start(rules).await;
    let one = instance(&db, &provider.url, Arc::new(SystemClock)).await;
    one.get("/", &[]).await.unwrap();
    finish(work(&one, WORKERS, Instant::now() + Duration::from_secs(5))).await;
    // a fifth of 300; calls in flight may coincide with the customer's own calls, which are not reported to us
    let into_reserve = provider.lefts().iter().filter(|left| **left < 60).count();
    assert!(into_reserve <= WORKERS, "{into_reserve} of our calls were made out of the reserve");
    assert!(provider.calls().len() >= 70, "the rest was not used: {}", provider.calls().len());
    assert_eq!(provider.refusals(), 0);
}

#[tokio::test]
async fn urgent_calls_go_first_even_across_instances() {
    let db = TestDatabase::new().await;
    register(&db, 600).await; // one in 103 ms, 15 at once
    let provider = Provider::start(Rules::default()).await;
    let depth = instance(&db, &provider.url, Arc::new(SystemClock)).await;
    let live = instance(&db, &provider.url, Arc::new(SystemClock)).await.with_priority(Priority::Live);
    let end = Instant::now() + Duration::from_secs(3);
    let crowd = work(&depth, 6, end);
    tokio::time::sleep(Duration::from_millis(600)).await;
    // artifact calls left a fifth of the burst
    let mut urgent = Vec::new();
    for _ in 0..12 {
        let began = Instant::now();
        live.get("/", &[]).await.unwrap();
        urgent.push(began.elapsed());
    }
    urgent.sort();
    finish(crowd).await;
    // twelve took nine tokens that came in turn; in a fair queue of seven each would have waited for seven
    assert!(urgent[6] < Duration::from_millis(350), "{urgent:?}");
}

#[tokio::test]
async fn a_long_wait_is_reported_and_not_slept_through() {
    let db = TestDatabase::new().await;
    register(&db, 60_000).await;
    let clock = Arc::new(SettableClock::at(noon()));
    let rules = Rules { refuse_at: Some(0), retry_after_seconds: 300, ..Rules::default() };
    let provider = Provider::start(rules).await;
    let one = instance(&db, &provider.url, Arc::clone(&clock) as Arc<dyn Clock>).await;
    let two = instance(&db, &provider.url, Arc::clone(&clock) as Arc<dyn Clock>).await;
    let until = noon() + TimeDelta::seconds(300);
    for client in [&one, &two] {
        let error = client.get("/", &[]).await.unwrap_err();
        assert_eq!(error.kind, PullErrorKind::RateLimited { until });
    }
    assert_eq!(provider.calls().len(), 1, "the second instance knew");
    clock.set(until);
    two.get("/", &[]).await.unwrap();
}

#[tokio::test]
async fn few_calls_a_minute_are_waited_for() {
    let budget = CallBudget::per_minute(240); // one in 256 ms, 6 at once
    for _ in 0..6 {
        budget.reserve(Priority::Live, &SystemClock).await.unwrap();
    }
    let began = Instant::now();
    budget.reserve(Priority::Live, &SystemClock).await.unwrap();
    assert!(began.elapsed() > Duration::from_millis(100));
}

#[tokio::test]
async fn a_database_that_fails_makes_the_call_fail_for_a_moment() {
    let db = TestDatabase::new().await;
    let provider = Provider::start(Rules::default()).await;
    let client = instance(&db, &provider.url, Arc::new(SystemClock)).await;
    // not registered
    let refusal = client.budget.reserve(Priority::Live, &SystemClock).await.unwrap_err();
    assert!(matches!(refusal, Refusal::Unknown(_)));
    let error = client.post_once("/", None).await.unwrap_err();
    assert_eq!(error.kind, PullErrorKind::Database);
    assert!(provider.calls().is_empty());
    register(&db, 60_000).await;
    client.post_once("/", None).await.unwrap();
}

#[tokio::test]
async fn a_call_that_starts_something_is_made_once() {
    let db = TestDatabase::new().await;
    register(&db, 60_000).await;
    for status in [500, 503, 429] {
        let provider = Provider::start(Rules { status, ..Rules::default() }).await;
        let client = instance(&db, &provider.url, Arc::new(SystemClock)).await;
        client.post_once("/", Some(&serde_json::json!({"a": 1}))).await.unwrap_err();
        assert_eq!(provider.calls().len(), 1, "{status}");
    }
}

#[tokio::test]
async fn sources_of_one_account_share_a_budget_that_names_no_credential() {
    use tributary::app::{self, sources::connect_sources};
    let world = World::new().await;
    let source = |slug: &str, provider: &str, more: &str| {
        format!("[[sources]]\nslug = \"{slug}\"\nprovider = \"{provider}\"\napi_key_env = \"{more}\n")
    };
    let toml = [
        source("rtk-b", "realtimekit", "KEY_B\"\naccount_id = \"acc\"\napp_id = \"two\"\nrequests_per_minute = 90"),
        source("rtk-a", "realtimekit", "KEY_A\"\naccount_id = \"acc\"\napp_id = \"one\"\nquota_share = 0.5"),
        source("rtk-c", "realtimekit", "KEY_A\"\naccount_id = \"other\"\napp_id = \"three\""),
        source("konvo", "konvo", "KEY_A\""),
    ];
    let environment =
        [("KEY_A", "secret-a"), ("KEY_B", "secret-b")].map(|(name, key)| (name.to_owned(), key.to_owned()));
    let config = app::parse_config(&toml.concat(), &environment.into()).unwrap();
    let app = app::App::new(config, Some(world.db.options.clone()), Arc::new(SystemClock), Arc::new(Dice::seeded(1)));
    connect_sources(&app.unwrap(), &world.db.pool).await.unwrap();
    let keys = "select string_agg(source_slug || ' ' || budget_key, ', ' order by source_slug) from core.sources";
    let one = "api.cloudflare.com/acc";
    let expected = format!("konvo api.konvoai.com/konvo, rtk-a {one}, rtk-b {one}, rtk-c {one}");
    assert_eq!(world.text(keys).await.unwrap(), expected);
    let strictest = "select count(*) from ingest.call_budgets where budget_key = 'api.cloudflare.com/acc'
                        and requests_per_minute = 90 and share_permille = 500 and burst = 2";
    assert_eq!(world.number(strictest).await, 1);
}

#[tokio::test]
async fn health_reports_the_remaining_calls() {
    use tributary_simulator::Platform;
    use tributary_simulator::quirks::Quirks;
    let mut world = World::new().await;
    let _konpro = world.simulate(Platform::Konpro, plain_feed(Platform::Konpro, 3), Quirks::default()).await;
    let _rtk = world.simulate(Platform::Realtimekit, plain_feed(Platform::Realtimekit, 3), Quirks::default()).await;
    world.poll().await;
    let api = world.api().await;
    let quota = async || api.ok("/v1/health/pollers").await["items"].as_array().unwrap()[1]["quota"].clone();
    assert!(api.ok("/v1/health/pollers").await["items"][0]["quota"].is_null(), "KonPro says nothing of quotas");
    let told = quota().await;
    assert!(told["remaining"].as_i64().unwrap() < told["quota"].as_i64().unwrap(), "{told}");
    assert!(told["resets_at"].is_string() && told["blocked_until"].is_null(), "{told}");
    sqlx::query("update ingest.call_budgets set blocked_until = $1")
        .bind(noon() + TimeDelta::seconds(90))
        .execute(&world.db.pool)
        .await
        .unwrap();
    assert_eq!(quota().await["blocked_until"], "2026-03-10T12:01:30Z");
    world.clock.set(noon() + TimeDelta::hours(1));
    let over = quota().await;
    assert!(over["remaining"].is_null() && over["resets_at"].is_null() && over["blocked_until"].is_null(), "{over}");
}
