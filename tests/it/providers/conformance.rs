//! The rules for every provider, tested over all of them.
//!
//! Each check is a function over a platform, and each row of the providers' table runs all of them.

use std::sync::Arc;

use tributary_simulator::Platform;
use tributary_simulator::faults::{Effect, Fault, RetryAfter};
use tributary_simulator::fixed_feed::FixedRecord;
use tributary_simulator::quirks::Quirks;

use crate::harness::{World, noon, plain_feed, records};

/// Runs each check over each platform.
macro_rules! over_all_providers {
    ($($check:ident),* $(,)?) => {
        mod konpro { $( #[tokio::test] async fn $check() { super::$check(super::Platform::Konpro).await; } )* }
        mod konvo { $( #[tokio::test] async fn $check() { super::$check(super::Platform::Konvo).await; } )* }
        mod realtimekit { $( #[tokio::test] async fn $check() { super::$check(super::Platform::Realtimekit).await; } )* }
    };
}

pub(crate) use over_all_providers;

over_all_providers!(
    a05_a06_reads_everything_then_writes_nothing,
    a04_an_empty_account_is_complete,
    f01_obeys_a_long_429,
    f02_waits_out_a_short_429,
    f30_f39_p05_a_bad_record_costs_no_other,
    f18_f36_an_answer_that_breaks_the_contract_moves_nothing,
    a02_f21_a_wrong_key_is_tried_once,
    f06_f25_a_provider_that_is_down_is_tried_a_few_times,
    f30_numbers_as_text_mean_the_same,
    f67_a_provider_whose_clock_is_behind_limits_the_claim,
    p09_the_key_is_nowhere,
);

#[test]
fn every_provider_runs_the_suite() {
    let names: Vec<&str> = tributary::providers::ALL.iter().map(|entry| entry.name).collect();
    let platforms: Vec<&str> = Platform::ALL.iter().map(|platform| platform.as_str()).collect();
    assert_eq!(names, platforms, "a provider without a simulator is not tested: add it to `Platform`");
}

pub(crate) async fn stored(world: &World) -> i64 {
    world.number("select count(*) from core.sessions").await
}

async fn a05_a06_reads_everything_then_writes_nothing(platform: Platform) {
    let mut world = World::new().await;
    let _provider = world.simulate(platform, plain_feed(platform, 450), Quirks::default()).await;
    let line = world.poll_one().await;
    assert!(line.is_complete(), "{line:?}");
    assert_eq!((line.inserted, line.updated, line.rejected), (450, 0, 0));
    assert_eq!(stored(&world).await, 450);
    assert_eq!(line.complete_through.as_deref(), Some("2026-03-10T12:00:00+00:00"));
    let raw = world.number("select count(*) from ingest.raw_records").await;
    assert_eq!(raw, 450, "every row has its raw record");

    let before = world.tuples_written().await;
    let again = world.poll_one().await;
    assert!(again.is_complete(), "{again:?}");
    assert_eq!((again.inserted, again.updated), (0, 0));
    assert!(again.unchanged > 0, "{again:?}");
    assert_eq!(world.tuples_written().await, before, "an unchanged poll writes no tuple");
}

async fn a04_an_empty_account_is_complete(platform: Platform) {
    let mut world = World::new().await;
    let _provider = world.simulate(platform, plain_feed(platform, 0), Quirks::default()).await;
    let line = world.poll_one().await;
    assert!(line.is_complete(), "{line:?}");
    assert_eq!(stored(&world).await, 0);
}

async fn f01_obeys_a_long_429(platform: Platform) {
    let mut world = World::new().await;
    let provider = world.simulate(platform, plain_feed(platform, 450), Quirks::default()).await;
    provider.script(vec![Fault::new(Effect::RateLimited(RetryAfter::Seconds(3_600))).from_request(2)]);
    let line = world.poll_one().await;
    assert_eq!(line.result, "rate_limited", "{line:?}");
    let calls = provider.requests().len();
    assert_eq!(calls, 2, "no call after the refusal");
    let line = world.poll_one().await;
    assert_eq!(line.result, "parked", "{line:?}");
    assert_eq!(provider.requests().len(), calls, "no call before the stated time, not even by another process");
    world.clock.set(noon() + chrono::TimeDelta::seconds(3_601));
    let line = world.poll_one().await;
    assert!(line.is_complete(), "{line:?}");
    assert_eq!(stored(&world).await, 450);
}

async fn f02_waits_out_a_short_429(platform: Platform) {
    let mut world = World::new().await;
    let provider = world.simulate(platform, plain_feed(platform, 3), Quirks::default()).await;
    provider.script(vec![Fault::new(Effect::RateLimited(RetryAfter::HttpDate(1)))]);
    let started = std::time::Instant::now();
    let clock = Arc::new(tributary::clock::SystemClock);
    let app = world.app_at(clock);
    let selection = tributary::app::polling::Selection::default();
    let lines = tributary::app::polling::poll(&app, &selection, tokio_util::sync::CancellationToken::new()).await;
    let lines = lines.expect("the poll runs");
    assert_eq!(lines[0].rejected, 0, "{lines:?}");
    assert!(started.elapsed() >= std::time::Duration::from_millis(900), "it waited only {:?}", started.elapsed());
    assert_eq!(stored(&world).await, 3);
}

async fn f30_f39_p05_a_bad_record_costs_no_other(platform: Platform) {
    let mut world = World::new().await;
    let feed = plain_feed(platform, 5);
    let bad = |id: &str, json: &str| {
        let recent = records::record(platform, id, noon() - chrono::TimeDelta::minutes(20));
        FixedRecord { json: json.to_owned(), ..recent }
    };
    feed.insert(bad("bad-1", "42"));
    feed.insert(bad("bad-2", r#"{"message":"there is neither id nor time"}"#));
    feed.insert(bad("bad-3", r#"{"id":"no-time","session_id":"no-time","status":"connected"}"#));
    feed.insert(bad("bad-4", r#"{"id":"","session_id":"","created_at":"2026-03-10T10:00:00Z"}"#));
    feed.insert(bad("bad-5", r#"{"id":"odd-time","session_id":"odd-time","created_at":1e400}"#));
    let _provider = world.simulate(platform, feed.clone(), Quirks::default()).await;
    let line = world.poll_one().await;
    assert!(line.is_complete(), "the provider's list was read to its end: {line:?}");
    assert_eq!((line.inserted, line.rejected), (5, 5));
    assert_eq!(stored(&world).await, 5);
    assert_eq!(world.number("select count(*) from ingest.rejects where resolved_at is null").await, 5);
    let body = world.text("select convert_from(body, 'UTF8') from ingest.rejects where reason_code = 'not_an_object'");
    assert_eq!(body.await.as_deref(), Some("42"), "the bytes are kept");

    let answer = world.api().await.ok("/v1/metrics/query?metrics=sessions&range=today").await;
    assert_eq!(answer["warnings"][0]["code"], "rejected_records", "{answer:#}");

    // the same record arrives again and can be read
    let repaired = records::record(platform, "no-time", noon() - chrono::TimeDelta::minutes(20));
    assert!(feed.replace(FixedRecord { id: "bad-3".to_owned(), ..repaired }));
    let before = world.number("select count(*) from ingest.rejects").await;
    let line = world.poll_one().await;
    assert_eq!(line.inserted, 1, "{line:?}");
    assert_eq!(world.number("select count(*) from ingest.rejects").await, before, "the same bad record is one reject");
    assert_eq!(world.number("select count(*) from ingest.rejects where resolved_at is null").await, 4);
}

async fn f18_f36_an_answer_that_breaks_the_contract_moves_nothing(platform: Platform) {
    let mut world = World::new().await.with_settings("page_size = 50");
    let provider = world.simulate(platform, plain_feed(platform, 120), Quirks::default()).await;
    let no_list = match platform {
        Platform::Konvo => r#"{"count":120}"#,
        Platform::Konpro => r#"{"total":120,"page":1,"page_size":50,"next_pagination_token":null}"#,
        Platform::Realtimekit => r#"{"success":true,"data":{},"paging":{"total_count":120}}"#,
    };
    let effects = [
        Effect::html(),
        Effect::error_object(),
        Effect::MissingListKey,
        Effect::json(200, no_list),
        Effect::json(200, "[]"),
        Effect::json(200, r#"{"success":false,"error":{"code":500,"message":"oops"}}"#),
        Effect::json(200, r#"{"data":[{"session_id":"cut"#),
    ];
    for effect in effects {
        let name = format!("{effect:?}");
        provider.script(vec![Fault::new(effect).from_request(2).forever()]);
        let line = world.poll_one().await;
        assert_eq!(line.result, "failed", "{name}: {line:?}");
        let detail = line.detail.clone().unwrap_or_default();
        assert!(detail.starts_with("contract_error") || detail.starts_with("auth_failed"), "{name}: {detail}");
        assert_eq!(line.complete_through, None, "{name}: the position does not move");
    }
    provider.script(vec![Fault::new(Effect::CutBody).from_request(2).times(1)]);
    let line = world.poll_one().await;
    assert!(line.is_complete(), "a cut body is asked for again, and the run recovers: {line:?}");
    assert_eq!(stored(&world).await, 120);
}

async fn a02_f21_a_wrong_key_is_tried_once(platform: Platform) {
    let mut world = World::new().await.with_key("wrong-key-that-must-not-leak");
    let provider = world.simulate(platform, plain_feed(platform, 3), Quirks::default()).await;
    let line = world.poll_one().await;
    assert_eq!(line.result, "failed");
    let detail = line.detail.unwrap_or_default();
    assert!(detail.starts_with("auth_failed") && detail.contains("api_key_env"), "{detail}");
    assert!(!detail.contains("wrong-key"), "{detail}");
    assert_eq!(provider.requests().len(), 1, "no retry storm");
}

async fn f06_f25_a_provider_that_is_down_is_tried_a_few_times(platform: Platform) {
    let mut world = World::new().await;
    let provider = world.simulate(platform, plain_feed(platform, 3), Quirks::default()).await;
    provider.script(vec![Fault::new(Effect::json(502, "<html>bad gateway</html>")).forever()]);
    let line = world.poll_one().await;
    assert_eq!(line.result, "failed");
    assert!(line.detail.unwrap_or_default().starts_with("transient"));
    assert_eq!(provider.requests().len(), 4);
    provider.script(vec![Fault::new(Effect::json(500, "{}")).times(2)]);
    let line = world.poll_one().await;
    assert!(line.is_complete(), "a short outage is not seen: {line:?}");
}

async fn f30_numbers_as_text_mean_the_same(platform: Platform) {
    let mut sums = Vec::new();
    for numbers_as_text in [false, true] {
        let mut world = World::new().await;
        let quirks = Quirks { numbers_as_text, ..Quirks::default() };
        let _provider = world.simulate(platform, plain_feed(platform, 10), quirks).await;
        let line = world.poll_one().await;
        assert!(line.is_complete(), "{line:?}");
        sums.push(world.text("select sum(duration_seconds)::text || ' ' || coalesce(sum(provider_minutes)::text, 'null') from core.sessions").await);
    }
    assert_eq!(sums[0], sums[1]);
}

async fn f67_a_provider_whose_clock_is_behind_limits_the_claim(platform: Platform) {
    let mut world = World::new().await;
    let quirks = Quirks { clock_skew_seconds: -600, ..Quirks::default() };
    let _provider = world.simulate(platform, plain_feed(platform, 3), quirks).await;
    let line = world.poll_one().await;
    assert!(line.is_complete(), "{line:?}");
    assert_eq!(line.complete_through.as_deref(), Some("2026-03-10T11:50:00+00:00"));
}

async fn p09_the_key_is_nowhere(platform: Platform) {
    let mut world = World::new().await;
    let provider = world.simulate(platform, plain_feed(platform, 3), Quirks::default()).await;
    let echo = format!(r#"{{"message":"no such key: {}"}}"#, crate::harness::API_KEY);
    provider.script(vec![Fault::new(Effect::json(400, &echo)).times(1)]);
    let failed = world.poll_one().await;
    assert_eq!(failed.result, "failed", "{failed:?}");
    assert!(!format!("{failed:?}").contains(crate::harness::API_KEY), "{failed:?}");
    world.poll_one().await;
    let tables: Vec<String> = sqlx::query_scalar(
        "select quote_ident(schemaname) || '.' || quote_ident(tablename) from pg_tables
          where schemaname in ('core', 'ingest')",
    )
    .fetch_all(&world.db.pool)
    .await
    .expect("a list of tables");
    assert!(tables.len() > 15, "{tables:?}");
    for table in tables {
        let sql = format!("select count(*) from {table} t where t::text like '%{}%'", crate::harness::API_KEY);
        let found: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&world.db.pool).await.expect("a count");
        assert_eq!(found, 0, "{table} holds the key");
    }
}
