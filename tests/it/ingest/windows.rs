//! Windows: history is read in parts, each is proven by itself, and one that cannot be read stops no other.

use chrono::TimeDelta;
use tributary_simulator::Platform;
use tributary_simulator::faults::{Effect, Fault};
use tributary_simulator::fixed_feed::FixedRecord;
use tributary_simulator::quirks::{KonproShape, Quirks};

use crate::harness::{World, at, noon, plain_feed, records};

#[tokio::test]
async fn f06_p02_much_history_is_cut_into_windows_and_a_failed_run_goes_on_where_it_was() {
    let mut world = World::new().await.with_settings("page_size = 100");
    let feed = plain_feed(Platform::Realtimekit, 5_000);
    let quirks = Quirks { calls_per_window: 100_000, ..Quirks::default() };
    let provider = world.simulate(Platform::Realtimekit, feed, quirks).await;
    provider.script(vec![Fault::new(Effect::json(500, "{}")).from_request(45).forever()]);
    let line = world.poll_one().await;
    assert_eq!(line.result, "failed", "{line:?}");
    let reached = line.complete_through.expect("the windows before the failure are proven");
    assert!(at(&reached) > at("2020-01-01T00:00:00Z"), "{reached}");
    provider.script(Vec::new());
    let line = world.poll_one().await;
    assert!(line.is_complete(), "{line:?}");
    assert_eq!(world.number("select count(*) from core.sessions").await, 5_000);
    assert_eq!(world.number("select count(*) from ingest.windows").await, 1, "proven windows are merged");
}

#[tokio::test]
async fn f45_p04_a_missing_record_is_cornered_and_the_rest_is_proven() {
    let mut world = World::new().await;
    let feed = plain_feed(Platform::Konpro, 40);
    // two records of one id: the provider counts both, and lists one session
    let twin = records::record(Platform::Konpro, "konpro-00007", noon() - TimeDelta::days(900));
    feed.insert(FixedRecord { id: "twin".to_owned(), ..twin.clone() });
    feed.insert(FixedRecord { id: "twin-2".to_owned(), ..twin });
    let _provider = world.simulate(Platform::Konpro, feed, Quirks::default()).await;
    let mut denied_days = i64::MAX;
    for run in 0..5 {
        let line = world.poll_one().await;
        assert_eq!(line.result, "incomplete", "{line:?}");
        let sum = "select coalesce(sum(extract(epoch from window_to - window_from)) / 86400, 0)::bigint
                     from ingest.windows where not is_complete";
        let days = world.number(sum).await;
        assert!(days < denied_days || days == 0, "run {run}: {days} days, before {denied_days}");
        denied_days = days;
    }
    let to = world.text("select max(window_to)::text from ingest.windows where is_complete").await;
    assert!(to.unwrap_or_default().starts_with("2026-03-10 12:00"), "today is proven although the past has a hole");
}

#[tokio::test]
async fn a_window_that_cannot_be_read_keeps_no_other_from_being_read() {
    let mut world = World::new().await.with_settings("page_size = 100");
    let feed = plain_feed(Platform::Realtimekit, 5_000);
    let quirks = Quirks { calls_per_window: 100_000, ..Quirks::default() };
    let provider = world.simulate(Platform::Realtimekit, feed, quirks).await;
    provider.script(vec![Fault::new(Effect::html()).from_request(45).times(1)]);
    let line = world.poll_one().await;
    assert_eq!(line.result, "incomplete", "{line:?}");
    let to = world.text("select max(window_to)::text from ingest.windows where is_complete").await;
    assert!(to.unwrap_or_default().starts_with("2026-03-10 12:00"), "what comes after it is read");
    let line = world.poll_one().await;
    assert!(line.is_complete(), "the next run reads the gap: {line:?}");
    assert_eq!(world.number("select count(*) from core.sessions").await, 5_000);
    assert_eq!(world.number("select count(*) from ingest.windows").await, 1);
}

#[tokio::test]
async fn f67_a_provider_whose_clock_lies_before_the_requested_range_proves_nothing() {
    let mut world = World::new().await.with_settings("history_from = \"2026-03-10T00:00:00Z\"");
    let quirks = Quirks { clock_skew_seconds: -86_400, ..Quirks::default() };
    let _provider = world.simulate(Platform::Konvo, plain_feed(Platform::Konvo, 3), quirks).await;
    let line = world.poll_one().await;
    assert_eq!((line.result, line.complete_through.as_deref()), ("incomplete", None), "{line:?}");
    assert_eq!(world.number("select count(*) from core.sessions").await, 3, "what came is kept");
}

#[tokio::test]
async fn the_short_form_of_a_list_updates_state_only_and_proves_nothing() {
    let mut world = World::new().await;
    let provider = world.simulate(Platform::Konpro, plain_feed(Platform::Konpro, 3), Quirks::default()).await;
    world.poll_one().await;
    provider.set_quirks(Quirks { konpro_shape: KonproShape::Sessions, ..Quirks::default() });
    world.clock.set(noon() + TimeDelta::minutes(1));
    let line = world.poll_one().await;
    assert_eq!(line.result, "incomplete", "{line:?}");
    let kept = world.number("select count(*) from core.sessions s join core.konpro_sessions k using (source_id, session_id) where provider_minutes = 1.5 and avatar_id = 'anna'");
    assert_eq!(kept.await, 3, "duration and avatar are not blanked out");
    assert_eq!(line.complete_through.as_deref(), Some("2026-03-10T12:00:00+00:00"), "nothing new is claimed");
}
