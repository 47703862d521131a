//! `tributary poll`: hostile texts, people, several sources, bodies over the limit, and a stop in the middle.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;
use tributary::app::polling::{self, Selection};
use tributary::app::reconciling::{self, ReconcileArgs};
use tributary::app::retrying::{self, RetrySelection};
use tributary::model::stream::Stream;
use tributary_simulator::Platform;
use tributary_simulator::faults::{Effect, Fault};
use tributary_simulator::fixed_feed::FixedRecord;
use tributary_simulator::quirks::Quirks;

use crate::harness::{World, noon, plain_feed, plain_record, records};
use crate::providers::acceptance::stored;
use crate::providers::conformance::over_all_providers;

over_all_providers!(a22_a_poll_stops_on_request);

async fn a22_a_poll_stops_on_request(platform: Platform) {
    let mut world = World::new().await.with_settings("page_size = 20");
    let provider = world.simulate(platform, plain_feed(platform, 120), Quirks::default()).await;
    let stop = CancellationToken::new();
    let told = stop.clone();
    provider.script(vec![
        Fault::new(Effect::before(move || told.cancel())).from_request(4),
        Fault::new(Effect::Delay(Duration::from_secs(30))).from_request(5).forever(),
    ]);
    let started = Instant::now();
    let line = polling::poll(&world.app(), &Selection::default(), stop).await.expect("it ends").remove(0);
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert_eq!((line.result, line.complete_through), ("cancelled", None));
    assert!(stored(&world).await >= 40, "pages that were read are kept");
    assert_eq!(world.number("select count(*) from ingest.streams where lease_until > now()").await, 0);
    provider.script(Vec::new());
    let line = world.poll_one().await;
    assert!(line.is_complete(), "{line:?}");
    assert_eq!(stored(&world).await, 120);
}

#[tokio::test]
async fn f57_a_child_may_come_before_its_parent_or_without_it() {
    let mut world = World::new().await;
    let feed = plain_feed(Platform::Realtimekit, 1);
    let child = |id: &str, parent: &str, minutes: i64| {
        let plain = records::record(Platform::Realtimekit, id, noon() - TimeDelta::minutes(minutes));
        let parent = format!(r#"{{"parent_session_id":"{parent}","#);
        FixedRecord { json: plain.json.replacen('{', &parent, 1), ..plain }
    };
    feed.insert(child("breakout", "parent", 50));
    feed.insert(child("orphan", "never-listed", 40));
    let _provider = world.simulate(Platform::Realtimekit, feed.clone(), Quirks::default()).await;
    let line = world.poll_one().await;
    assert!(line.is_complete() && line.inserted == 3, "{line:?}");
    feed.insert(records::record(Platform::Realtimekit, "parent", noon() - TimeDelta::minutes(10)));
    world.clock.set(noon() + TimeDelta::minutes(5));
    let line = world.poll_one().await;
    assert!(line.is_complete() && line.inserted == 1, "{line:?}");
    let joined = "select count(*) from core.sessions child join core.sessions parent
                      on parent.source_id = child.source_id
                     and parent.provider_session_id = child.parent_provider_session_id";
    assert_eq!(world.number(joined).await, 1);
}

#[tokio::test]
async fn deleted_messages_are_removed_and_new_ones_are_added() {
    let mut world = World::new().await;
    let feed = plain_feed(Platform::Konvo, 1);
    let _provider = world.simulate(Platform::Konvo, feed.clone(), Quirks::default()).await;
    world.poll_one().await;
    let plain = plain_record(Platform::Konvo, 0, 1);
    let json = plain.json.replace("konvo-00000-2", "konvo-00000-3").replace("How can I help?", "Hi. What is it?");
    assert!(feed.replace(FixedRecord { json, ..plain }));
    let line = world.poll_one().await;
    assert_eq!(line.updated, 1, "{line:?}");
    let ids =
        world.text("select string_agg(provider_message_id || '=' || word_count, ',' order by 1) from core.messages");
    assert_eq!(ids.await.as_deref(), Some("konvo-00000-1=2,konvo-00000-3=4"));
    assert_eq!(world.number("select message_count::bigint from core.session_stats").await, 2);
}

#[tokio::test]
async fn f26_f28_f40_hostile_texts_are_stored_and_counted() {
    let mut world = World::new().await;
    let feed = plain_feed(Platform::Konvo, 2);
    let plain = plain_record(Platform::Konvo, 0, 2);
    let hostile = r"nul \u0000 lone \ud800 rtl \u202e robert'); drop table core.sessions;-- %s";
    let json = plain.json.replace("Hello there", hostile).replace("whatsapp", "carrier-pigeon");
    assert!(feed.replace(FixedRecord { json: json.clone(), ..plain }));
    let _provider = world.simulate(Platform::Konvo, feed, Quirks::default()).await;
    let line = world.poll_one().await;
    assert!(line.is_complete(), "{line:?}");
    let body = world.text("select body from core.messages where provider_message_id = 'konvo-00000-1'").await;
    let body = body.expect("it is stored");
    assert!(body.starts_with("nul \u{fffd} lone \u{fffd}") && body.contains("drop table"), "{body:?}");
    let raw = world
        .text("select convert_from(body, 'UTF8') from ingest.raw_records where provider_record_id = 'konvo-00000'");
    assert_eq!(raw.await.as_deref(), Some(json.as_str()), "the bytes are kept as received");
    let counted = world.number("select record_count from ingest.oddities where kind = 'replaced_text'").await;
    assert_eq!(counted, 1);
    assert_eq!(
        world.text("select channel from core.sessions where provider_session_id = 'konvo-00000'").await.as_deref(),
        Some("carrier-pigeon")
    );
}

#[tokio::test]
async fn people_are_pseudonyms() {
    let mut world = World::new().await;
    let _provider = world.simulate(Platform::Konvo, plain_feed(Platform::Konvo, 2), Quirks::default()).await;
    world.poll_one().await;
    assert_eq!(world.number("select count(distinct person_id) from analytics.people").await, 2);
    let views: Vec<String> = sqlx::query_scalar("select viewname::text from pg_views where schemaname = 'analytics'")
        .fetch_all(&world.db.pool)
        .await
        .expect("the catalog");
    for view in views {
        for canary in ["4915100000000", "c-konvo-00000", "Hello there"] {
            let sql = format!("select count(*) from analytics.{view} v where v::text like '%{canary}%'");
            let found: i64 =
                sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&world.db.pool).await.expect("a count");
            assert_eq!(found, 0, "{canary} is in analytics.{view}");
        }
    }
}

#[tokio::test]
async fn one_provider_s_trouble_does_not_touch_another() {
    let mut world = World::new().await;
    let down = world.simulate(Platform::Konpro, plain_feed(Platform::Konpro, 3), Quirks::default()).await;
    let _konvo = world.simulate(Platform::Konvo, plain_feed(Platform::Konvo, 3), Quirks::default()).await;
    let _meetings =
        world.simulate(Platform::Realtimekit, plain_feed(Platform::Realtimekit, 3), Quirks::default()).await;
    down.script(vec![Fault::new(Effect::json(503, "{}")).forever()]);
    let lines = world.poll().await;
    let results: Vec<(&str, &str)> = lines.iter().map(|line| (line.source.as_str(), line.result)).collect();
    assert_eq!(results, [("konpro", "failed"), ("konvo", "complete"), ("realtimekit", "complete")]);
}

#[tokio::test]
async fn f56_the_same_session_in_two_accounts_is_two_sessions() {
    let mut world = World::new().await;
    // one session more: a source whose sessions are all stored at another one is the same account
    let (few, more) = (plain_feed(Platform::Realtimekit, 2), plain_feed(Platform::Realtimekit, 3));
    let _one = world.simulate(Platform::Realtimekit, few, Quirks::default()).await;
    let _two = world.simulate(Platform::Realtimekit, more, Quirks::default()).await;
    let lines = world.poll().await;
    assert!(lines.iter().all(tributary::app::polling::PollLine::is_complete), "{lines:?}");
    assert_eq!(world.number("select count(*) from core.sessions").await, 5);
    assert_eq!(world.number("select count(distinct provider_session_id) from core.sessions").await, 3);
}

#[tokio::test]
async fn f16_p10_a_body_over_the_cap_is_refused() {
    let mut world = World::new().await;
    let provider = world.simulate(Platform::Konvo, plain_feed(Platform::Konvo, 2), Quirks::default()).await;
    provider.script(vec![Fault::new(Effect::OversizedBody { bytes: 3_000_000 }).forever()]);
    world.set_http("max_body_bytes = 2000000");
    let line = world.poll_one().await;
    assert_eq!(line.result, "failed");
    assert!(line.detail.unwrap_or_default().starts_with("too_large"));
}

#[tokio::test]
async fn a_selection_that_selects_nothing_is_refused_with_the_choices() {
    let mut world = World::new().await.with_depth();
    for platform in [Platform::Konpro, Platform::Realtimekit] {
        world.poll_elsewhere(platform.as_str(), "http://127.0.0.1:9");
    }
    let app = world.app();
    let konpro = || Some("konpro".to_owned());
    let chat = Selection { source: konpro(), stream: Some(Stream::Chat), ..Selection::default() };
    let refusal = polling::poll(&app, &chat, CancellationToken::new()).await.expect_err("it has none");
    assert_eq!(refusal.to_string(), "the source `konpro` has no stream `chat`; choose from: sessions");
    let retry = async |selection: RetrySelection| {
        let retried = retrying::retry(&app, &selection, "ada", CancellationToken::new()).await;
        retried.expect_err("it is refused").to_string()
    };
    let all = RetrySelection::default;
    assert_eq!(retry(RetrySelection { source: konpro(), ..all() }).await, "the source `konpro` has no artifacts");
    assert_eq!(
        retry(RetrySelection { source: Some("konvo".to_owned()), ..all() }).await,
        "there is no source `konvo`; the configured sources are: konpro, realtimekit"
    );
    let empty = retry(RetrySelection { from: Some(noon()), to: Some(noon()), ..all() }).await;
    assert!(empty.starts_with("--to: 2026-03-10 12:00:00 UTC is not after --from"), "{empty}");
    let future = ReconcileArgs { from: Some(noon() + TimeDelta::minutes(1)), ..ReconcileArgs::default() };
    let refusal = reconciling::reconcile(&app, &future, "ada", CancellationToken::new()).await.expect_err("refused");
    assert!(refusal.to_string().starts_with("--from: 2026-03-10 12:01:00 UTC is in the future"), "{refusal}");
}
