//! Lists with a wrong length, lists that move while they are read, and lists without an end.

use std::sync::Arc;

use chrono::TimeDelta;
use tributary::clock::Clock;
use tributary_simulator::Platform;
use tributary_simulator::faults::{Effect, Fault};
use tributary_simulator::fixed_feed::{FixedFeed, FixedRecord};
use tributary_simulator::quirks::{ListOrder, Quirks, Total};

use crate::harness::{World, noon, plain_feed, records};
use crate::providers::conformance::over_all_providers;

over_all_providers!(
    f41_one_id_on_two_pages_is_one_session,
    f42_a_record_that_changes_between_pages_ends_as_it_is,
    f44_f45_a_count_that_falls_and_rises_again_proves_nothing,
    f45_a_total_that_makes_no_sense_loses_nothing,
    f47_a_short_page_in_the_middle_is_no_end,
    f48_a_circle_of_three_pages_is_noticed,
    f50_a_provider_may_choose_the_page_size_itself,
    f51_a_page_beyond_the_end_may_show_the_last_one,
    f52_many_sessions_of_one_instant_are_read,
    f54_a_list_that_is_cut_off_is_read_in_parts,
    a14_f54_no_session_falls_between_two_windows,
    a15_f55_the_order_of_a_list_does_not_matter,
    f58_a_record_that_vanishes_and_returns_is_one_session,
);

/// `count` records of the last hour and a bit, a minute apart: all of them can still change.
fn young_feed(platform: Platform, count: usize) -> Arc<FixedFeed> {
    let record = |number: usize| {
        let age = TimeDelta::minutes(5) + TimeDelta::minutes(1) * i32::try_from(number).expect("few");
        records::record(platform, &format!("young-{number:03}"), noon() - age)
    };
    Arc::new(FixedFeed::new((0..count).map(record)))
}

/// Returns the ids of the records that the provider lists first and last.
fn ends(platform: Platform, count: usize) -> (String, String) {
    let (newest, oldest) = ("young-000".to_owned(), format!("young-{:03}", count - 1));
    if platform == Platform::Realtimekit { (oldest, newest) } else { (newest, oldest) }
}

fn marked(record: FixedRecord) -> FixedRecord {
    FixedRecord { json: record.json.replacen('{', r#"{"note":"changed","#, 1), ..record }
}

/// Counts the sessions whose row was made from a record with the mark.
async fn marked_sessions(world: &World) -> i64 {
    world
        .number(
            "select count(*) from core.sessions s
               join ingest.raw_records r
                 on r.source_id = s.source_id and r.provider_record_id = s.provider_session_id
                and r.content_hash = s.raw_hash
              where convert_from(r.body, 'UTF8') like '%\"note\":\"changed\"%'",
        )
        .await
}

async fn stored(world: &World) -> i64 {
    world.number("select count(*) from core.sessions").await
}

async fn f41_one_id_on_two_pages_is_one_session(platform: Platform) {
    let mut world = World::new().await.with_settings("page_size = 20");
    let feed = young_feed(platform, 60);
    let twin = |began| FixedRecord { id: "twin".to_owned(), ..records::record(platform, "young-050", began) };
    feed.insert(twin(noon() - TimeDelta::minutes(55)));
    let _provider = world.simulate(platform, feed.clone(), Quirks::default()).await;
    let line = world.poll_one().await;
    assert_eq!(line.result, "incomplete", "of one instant the provider counts two and shows one: {line:?}");
    assert_eq!(stored(&world).await, 60);
    // at different instants, each part of the list is proven by its own count
    feed.remove("twin");
    feed.insert(twin(noon() - TimeDelta::minutes(6)));
    let line = world.poll_one().await;
    assert!(line.is_complete(), "{line:?}");
    assert_eq!(stored(&world).await, 60);
    feed.remove("twin");
    let line = world.poll_one().await;
    assert!(line.is_complete(), "{line:?}");
}

async fn f42_a_record_that_changes_between_pages_ends_as_it_is(platform: Platform) {
    let mut world = World::new().await.with_settings("page_size = 20");
    let feed = young_feed(platform, 60);
    let provider = world.simulate(platform, feed.clone(), Quirks::default()).await;
    let (first, last) = ends(platform, 60);
    let change = move || {
        for id in [&first, &last] {
            feed.replace(marked(feed.get(id).expect("it is listed")));
        }
    };
    provider.script(vec![Fault::new(Effect::before(change)).from_request(3)]);
    let line = world.poll_one().await;
    assert!(line.is_complete(), "{line:?}");
    assert_eq!((stored(&world).await, marked_sessions(&world).await), (60, 1), "one page was read before the change");
    world.clock.set(noon() + TimeDelta::minutes(1));
    let line = world.poll_one().await;
    assert!(line.is_complete(), "{line:?}");
    assert_eq!((stored(&world).await, marked_sessions(&world).await), (60, 2));
}

async fn f44_f45_a_count_that_falls_and_rises_again_proves_nothing(platform: Platform) {
    let mut world = World::new().await.with_settings("page_size = 20");
    let feed = young_feed(platform, 60);
    let provider = world.simulate(platform, feed.clone(), Quirks::default()).await;
    let (first, _) = ends(platform, 60);
    let (gone, come) = (feed.clone(), feed.clone());
    let go = move || assert!(gone.remove(&first), "it was listed");
    // a session that began before the reading is listed only now
    let arrive = move || come.insert(records::record(platform, "late", noon() - TimeDelta::minutes(4)));
    // counted from the end, because the search for the first page takes a separate call in some lists
    let from = if platform == Platform::Konvo { 3 } else { 2 };
    provider.script(vec![
        Fault::new(Effect::before(go)).from_request(from),
        Fault::new(Effect::before(arrive)).from_request(from + 1),
    ]);
    let line = world.poll_one().await;
    assert!(line.is_complete(), "{line:?}");
    let kept =
        world.number("select count(*) from core.sessions where provider_session_id not in ('young-000', 'young-059')");
    assert_eq!(kept.await, 59, "58 that stayed, and the late one");
}

async fn f45_a_total_that_makes_no_sense_loses_nothing(platform: Platform) {
    for total in ["null", "-1", "\"many\"", "1e99", "{}", "2.5", "3"] {
        let mut world = World::new().await.with_settings("page_size = 20");
        let quirks = Quirks { total: Total::Verbatim(total), ..Quirks::default() };
        let _provider = world.simulate(platform, young_feed(platform, 50), quirks).await;
        let line = world.poll_one().await;
        assert!(["complete", "incomplete"].contains(&line.result), "{total}: {line:?}");
        assert_eq!((stored(&world).await, line.rejected), (50, 0), "{total}: {line:?}");
    }
}

async fn f47_a_short_page_in_the_middle_is_no_end(platform: Platform) {
    let mut world = World::new().await.with_settings("page_size = 20");
    let provider = world.simulate(platform, young_feed(platform, 60), Quirks::default()).await;
    provider.script(vec![Fault::new(Effect::ShortPage).from_request(2)]);
    let line = world.poll_one().await;
    assert!(line.is_complete(), "it was walked again: {line:?}");
    assert_eq!(stored(&world).await, 60);
}

async fn f48_a_circle_of_three_pages_is_noticed(platform: Platform) {
    let mut world = World::new().await.with_settings("page_size = 10");
    let provider = world.simulate(platform, young_feed(platform, 60), Quirks::default()).await;
    provider.script(vec![Fault::new(Effect::PageCycle { length: 3 }).forever()]);
    let line = world.poll_one().await;
    assert_eq!((line.result, line.complete_through), ("incomplete", None));
    assert!(provider.requests().len() < 40, "{} calls", provider.requests().len());
}

#[tokio::test]
async fn f48_tokens_that_run_in_a_circle_are_noticed() {
    for length in 1..=3 {
        let mut world = World::new().await.with_settings("page_size = 10");
        let quirks = Quirks { token_paging: true, ..Quirks::default() };
        let provider = world.simulate(Platform::Konpro, young_feed(Platform::Konpro, 60), quirks).await;
        provider.script(vec![Fault::new(Effect::PageCycle { length }).forever()]);
        let line = world.poll_one().await;
        assert_eq!((line.result, line.complete_through.as_deref()), ("incomplete", None), "{length}: {line:?}");
        assert!(provider.requests().len() < 40, "{length}: {} calls", provider.requests().len());
        provider.script(Vec::new());
        let line = world.poll_one().await;
        assert!(line.is_complete(), "{line:?}");
        assert_eq!(stored(&world).await, 60);
    }
}

#[tokio::test]
async fn f49_a_last_page_may_carry_a_token() {
    let mut world = World::new().await.with_settings("page_size = 20");
    let quirks = Quirks { token_paging: true, token_on_last_page: true, ..Quirks::default() };
    let provider = world.simulate(Platform::Konpro, young_feed(Platform::Konpro, 60), quirks).await;
    let line = world.poll_one().await;
    assert!(line.is_complete(), "{line:?}");
    assert_eq!((stored(&world).await, provider.requests().len()), (60, 4), "three pages and an empty one");
}

async fn f50_a_provider_may_choose_the_page_size_itself(platform: Platform) {
    for size in [3, 40] {
        let mut world = World::new().await.with_settings("page_size = 10");
        let quirks = Quirks { page_size_always: Some(size), ..Quirks::default() };
        let _provider = world.simulate(platform, young_feed(platform, 25), quirks).await;
        let line = world.poll_one().await;
        assert!(line.is_complete(), "{size}: {line:?}");
        assert_eq!(stored(&world).await, 25);
    }
}

async fn f51_a_page_beyond_the_end_may_show_the_last_one(platform: Platform) {
    for total in [Total::Right, Total::Missing] {
        let mut world = World::new().await.with_settings("page_size = 20");
        let quirks = Quirks { repeats_last_page: true, total, ..Quirks::default() };
        let provider = world.simulate(platform, young_feed(platform, 60), quirks).await;
        let line = world.poll_one().await;
        assert!(line.is_complete(), "{total:?}: {line:?}");
        assert_eq!(stored(&world).await, 60, "{total:?}");
        assert!(provider.requests().len() < 20, "{total:?}: {} calls", provider.requests().len());
    }
}

async fn f52_many_sessions_of_one_instant_are_read(platform: Platform) {
    let mut world = World::new().await;
    // more than one window is read with, and no split can separate them
    let at = noon() - TimeDelta::minutes(20);
    let feed = FixedFeed::new((0..2_100).map(|number| records::record(platform, &format!("same-{number:04}"), at)));
    let _provider = world.simulate(platform, Arc::new(feed), Quirks::default()).await;
    let line = world.poll_one().await;
    assert!(line.is_complete(), "{line:?}");
    assert_eq!(stored(&world).await, 2_100);
}

async fn f54_a_list_that_is_cut_off_is_read_in_parts(platform: Platform) {
    let mut world = World::new().await.with_settings("page_size = 20\nhistory_from = \"2026-03-10T08:00:00Z\"");
    let quirks = Quirks { reachable_max: Some(40), ..Quirks::default() };
    let _provider = world.simulate(platform, plain_feed(platform, 160), quirks).await;
    let mut line = world.poll_one().await;
    for _ in 0..5 {
        if line.is_complete() {
            break;
        }
        assert_eq!(line.result, "incomplete", "{line:?}");
        line = world.poll_one().await;
    }
    assert!(line.is_complete(), "{line:?}");
    assert_eq!(stored(&world).await, 160);
}

async fn a14_f54_no_session_falls_between_two_windows(platform: Platform) {
    for exclusive_bounds in [false, true] {
        // sixteen days are split in halves: a session begins at each of the borders, days before the reread range
        let mut world = World::new().await.with_settings("page_size = 20\nhistory_from = \"2026-02-22T12:00:00Z\"");
        let quirks = Quirks { reachable_max: Some(40), exclusive_bounds, ..Quirks::default() };
        let record = |number: i32| {
            records::record(platform, &format!("border-{number:03}"), noon() - TimeDelta::hours(3) * number)
        };
        let feed = Arc::new(FixedFeed::new((1..=127).map(record)));
        let _provider = world.simulate(platform, feed, quirks).await;
        let mut line = world.poll_one().await;
        for _ in 0..5 {
            if line.is_complete() {
                break;
            }
            line = world.poll_one().await;
        }
        assert!(line.is_complete(), "{line:?}");
        assert_eq!(stored(&world).await, 127, "exclusive bounds: {exclusive_bounds}");
    }
}

async fn a15_f55_the_order_of_a_list_does_not_matter(platform: Platform) {
    for order in [ListOrder::Reversed, ListOrder::Shuffled(7)] {
        let mut world = World::new().await.with_settings("page_size = 20");
        let feed = young_feed(platform, 60);
        let _provider = world.simulate(platform, feed.clone(), Quirks { order, ..Quirks::default() }).await;
        let line = world.poll_one().await;
        assert!(line.is_complete(), "{order:?}: {line:?}");
        assert_eq!(stored(&world).await, 60);
        world.clock.set(noon() + TimeDelta::minutes(2));
        feed.insert(records::record(platform, "newcomer", world.clock.now() - TimeDelta::minutes(1)));
        let line = world.poll_one().await;
        assert!(line.is_complete() && line.inserted == 1, "{order:?}: {line:?}");
        assert_eq!(stored(&world).await, 61);
    }
}

async fn f58_a_record_that_vanishes_and_returns_is_one_session(platform: Platform) {
    let mut world = World::new().await;
    let feed = young_feed(platform, 10);
    let _provider = world.simulate(platform, feed.clone(), Quirks::default()).await;
    assert!(world.poll_one().await.is_complete());
    let number = "select session_id from core.sessions where provider_session_id = 'young-004'";
    let (before, record) = (world.number(number).await, feed.get("young-004").expect("it is listed"));
    for round in 1..=3 {
        assert!(feed.remove("young-004"));
        world.clock.set(noon() + TimeDelta::minutes(2 * round));
        let line = world.poll_one().await;
        assert!(line.is_complete(), "{line:?}");
        assert_eq!(stored(&world).await, 10, "what was stored stays");
        feed.insert(marked(record.clone()));
        world.clock.set(noon() + TimeDelta::minutes(2 * round + 1));
        let line = world.poll_one().await;
        assert!(line.is_complete(), "{line:?}");
        assert_eq!((stored(&world).await, marked_sessions(&world).await), (10, 1), "round {round}");
    }
    assert_eq!(world.number(number).await, before, "links to it stay good");
    assert_eq!(world.number("select count(*) from core.sessions where is_deleted_at_provider").await, 0);
}
