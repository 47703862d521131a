//! The rules for every provider about its lists: ends, counts, page sizes, and records that move meanwhile.

use tributary_simulator::Platform;
use tributary_simulator::faults::{Effect, Fault};
use tributary_simulator::quirks::{Quirks, Total};

use super::conformance::{over_all_providers, stored};
use crate::harness::{World, noon, plain_feed, plain_record, records};

over_all_providers!(
    f48_ends_on_a_repeated_page,
    f48_ends_on_a_circle_of_pages,
    f46_p04_an_empty_page_below_the_total_is_walked_again,
    f46_p04_empty_pages_without_end_are_incomplete,
    f45_p04_a_total_that_is_never_reached_is_incomplete,
    f43_records_that_come_between_pages_are_not_lost,
    f44_records_that_vanish_between_pages_cost_no_other,
    a12_f50_page_sizes_agree,
    f45_a_total_as_text_or_missing_is_survived,
    a14_f53_a_filter_that_is_ignored_is_survived,
    a11_f41_duplicates_in_a_page_are_one_session,
);

async fn f48_ends_on_a_repeated_page(platform: Platform) {
    circle(platform, 1).await;
}

async fn f48_ends_on_a_circle_of_pages(platform: Platform) {
    circle(platform, 2).await;
}

async fn circle(platform: Platform, length: usize) {
    let mut world = World::new().await.with_settings("page_size = 50");
    let provider = world.simulate(platform, plain_feed(platform, 300), Quirks::default()).await;
    provider.script(vec![Fault::new(Effect::PageCycle { length }).forever()]);
    let line = world.poll_one().await;
    assert_eq!(line.result, "incomplete", "a guard that trips is never a success: {line:?}");
    assert!(provider.requests().len() < 40, "{} calls", provider.requests().len());
    assert_eq!(line.complete_through, None, "the position does not move");
    assert_eq!(world.number("select count(*) from ingest.windows where not is_complete").await, 1);
    provider.script(Vec::new());
    let line = world.poll_one().await;
    assert!(line.is_complete(), "the next run recovers: {line:?}");
    assert_eq!(stored(&world).await, 300);
    assert_eq!(world.number("select count(*) from ingest.windows where not is_complete").await, 0);
}

async fn f46_p04_an_empty_page_below_the_total_is_walked_again(platform: Platform) {
    let mut world = World::new().await.with_settings("page_size = 50");
    let provider = world.simulate(platform, plain_feed(platform, 180), Quirks::default()).await;
    provider.script(vec![Fault::new(Effect::EmptyPage).from_request(3).times(1)]);
    let line = world.poll_one().await;
    assert!(line.is_complete(), "{line:?}");
    assert_eq!(stored(&world).await, 180);
}

async fn f46_p04_empty_pages_without_end_are_incomplete(platform: Platform) {
    let mut world = World::new().await;
    let provider = world.simulate(platform, plain_feed(platform, 20), Quirks::default()).await;
    provider.script(vec![Fault::new(Effect::EmptyPage).forever()]);
    let line = world.poll_one().await;
    assert_eq!(line.result, "incomplete", "{line:?}");
    // the older halves are proven empty; no proven range reaches the records
    let claimed = line.complete_through.unwrap_or_default();
    assert!(claimed.as_str() < "2026-03-10T10:39", "{claimed}");
    provider.script(Vec::new());
    let line = world.poll_one().await;
    assert!(line.is_complete(), "{line:?}");
    assert_eq!(stored(&world).await, 20);
}

async fn f45_p04_a_total_that_is_never_reached_is_incomplete(platform: Platform) {
    let mut world = World::new().await;
    let quirks = Quirks { total: Total::OffBy(3), ..Quirks::default() };
    let _provider = world.simulate(platform, plain_feed(platform, 20), quirks).await;
    let line = world.poll_one().await;
    assert_eq!(line.result, "incomplete", "{line:?}");
    assert!(line.detail.as_deref().unwrap_or_default().contains("the provider counts"), "{line:?}");
    assert_eq!((stored(&world).await, line.complete_through), (20, None), "what came is kept, and nothing claimed");
}

async fn f43_records_that_come_between_pages_are_not_lost(platform: Platform) {
    let mut world = World::new().await.with_settings("page_size = 50");
    let feed = plain_feed(platform, 180);
    let provider = world.simulate(platform, feed.clone(), Quirks::default()).await;
    let head = feed.clone();
    let insert = move || head.insert(records::record(platform, "newcomer", noon() - chrono::TimeDelta::minutes(5)));
    provider.script(vec![Fault::new(Effect::before(insert)).from_request(3)]);
    let line = world.poll_one().await;
    assert!(line.is_complete(), "{line:?}");
    assert_eq!(stored(&world).await, 181);
}

async fn f44_records_that_vanish_between_pages_cost_no_other(platform: Platform) {
    let mut world = World::new().await.with_settings("page_size = 50");
    let feed = plain_feed(platform, 180);
    let provider = world.simulate(platform, feed.clone(), Quirks::default()).await;
    let gone = feed.clone();
    // the first of its list, whichever end the provider begins at
    let first = if platform == Platform::Realtimekit { "realtimekit-00000" } else { "konpro-00179" };
    let first = if platform == Platform::Konvo { "konvo-00179" } else { first };
    let remove = move || {
        gone.remove(first);
    };
    provider.script(vec![Fault::new(Effect::before(remove)).from_request(3)]);
    let line = world.poll_one().await;
    assert!(line.is_complete(), "{line:?}");
    let others = world.number("select count(*) from core.sessions where provider_session_id not like '%-00000' and provider_session_id not like '%-00179'");
    assert_eq!(others.await, 178, "no other record was skipped");
}

async fn a12_f50_page_sizes_agree(platform: Platform) {
    for (setting, most) in [("page_size = 1", None), ("page_size = 2", None), ("", Some(7))] {
        let mut world = World::new().await.with_settings(setting);
        let quirks = Quirks { page_size_max: most, ..Quirks::default() };
        let _provider = world.simulate(platform, plain_feed(platform, 15), quirks).await;
        let line = world.poll_one().await;
        assert!(line.is_complete(), "{setting} {most:?}: {line:?}");
        assert_eq!(stored(&world).await, 15);
    }
}

async fn f45_a_total_as_text_or_missing_is_survived(platform: Platform) {
    for total in [Total::AsText, Total::Missing] {
        let mut world = World::new().await.with_settings("page_size = 50");
        let quirks = Quirks { total, ..Quirks::default() };
        let _provider = world.simulate(platform, plain_feed(platform, 130), quirks).await;
        let line = world.poll_one().await;
        assert_eq!(line.rejected, 0, "{line:?}");
        assert_eq!(stored(&world).await, 130, "{total:?}: {line:?}");
    }
}

async fn a14_f53_a_filter_that_is_ignored_is_survived(platform: Platform) {
    let mut world = World::new().await;
    let quirks = Quirks { filter_meaning: tributary_simulator::quirks::FilterMeaning::Ignored, ..Quirks::default() };
    let _provider = world.simulate(platform, plain_feed(platform, 30), quirks).await;
    for _ in 0..2 {
        world.clock.set(tributary::clock::Clock::now(&*world.clock) + chrono::TimeDelta::days(40));
        let line = world.poll_one().await;
        assert!(line.is_complete(), "{line:?}");
    }
    assert_eq!(stored(&world).await, 30);
}

async fn a11_f41_duplicates_in_a_page_are_one_session(platform: Platform) {
    let mut world = World::new().await;
    let feed = plain_feed(platform, 4);
    feed.insert(plain_record(platform, 2, 4));
    let _provider = world.simulate(platform, feed, Quirks::default()).await;
    let line = world.poll_one().await;
    assert_eq!((line.inserted, line.rejected), (4, 0), "{line:?}");
    assert_eq!(stored(&world).await, 4);
    assert_eq!(line.result, "incomplete", "the provider counts five and shows four: {line:?}");
}
