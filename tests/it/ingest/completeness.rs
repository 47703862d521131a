//! Completeness: lists that only seem complete, by counts cut off like the list, false ends, or no count.

use std::sync::Arc;

use chrono::TimeDelta;
use tributary_simulator::Platform;
use tributary_simulator::fixed_feed::FixedFeed;
use tributary_simulator::quirks::{Quirks, Total};

use crate::harness::wire::{Hit, Wire};
use crate::harness::{World, noon, plain_feed, records};
use crate::providers::conformance::over_all_providers;

over_all_providers!(
    f54_a_count_that_is_cut_off_proves_no_other_part,
    f45_an_empty_answer_does_not_end_a_list_without_a_count,
);

/// The total of a response, which all three providers write before or after their records.
fn with_total(text: &str, change: impl Fn(u64) -> String) -> Vec<u8> {
    let name = ["\"total_count\":", "\"total\":", "\"count\":"].into_iter().find(|name| text.contains(*name));
    let name = name.unwrap_or_else(|| panic!("no count in {}", &text[..text.len().min(300)]));
    let (before, after) = text.split_once(name).expect("it is there");
    let digits = after.chars().take_while(char::is_ascii_digit).count();
    let total = after[..digits].parse().expect("a number");
    format!("{before}{name}{}{}", change(total), &after[digits..]).into_bytes()
}

async fn f54_a_count_that_is_cut_off_proves_no_other_part(platform: Platform) {
    let mut world = World::new().await.with_settings("history_from = \"2026-03-01T12:00:00Z\"");
    // most of them in the oldest part, the others days later
    let crowd = (0..2_400).map(|n| {
        records::record(platform, &format!("crowd-{n:04}"), noon() - TimeDelta::days(8) + TimeDelta::minutes(n) / 2)
    });
    let few = (0..50).map(|n| {
        records::record(platform, &format!("few-{n:02}"), noon() - TimeDelta::hours(60) + TimeDelta::minutes(n))
    });
    let feed = Arc::new(FixedFeed::new(crowd.chain(few)));
    let quirks = Quirks { reachable_max: Some(2_100), calls_per_window: 100_000_000, ..Quirks::default() };
    let simulator = crate::harness::simulator(platform, feed, quirks, Arc::clone(&world.clock) as _).await;
    let wire = Wire::before(simulator).await;
    wire.script(vec![Hit::body(|text| with_total(&text, |total| total.min(2_100).to_string())).forever()]);
    world.poll_elsewhere(platform.as_str(), &wire.base_url());
    let line = world.poll_one().await;
    let stored = world.number("select count(*) from core.sessions").await;
    assert!(stored == 2_450 || !line.is_complete(), "{stored} of 2450 and {line:?}");
    assert_eq!(stored, 2_450);
}

async fn f45_an_empty_answer_does_not_end_a_list_without_a_count(platform: Platform) {
    let mut world = World::new().await.with_settings("page_size = 20");
    let quirks = Quirks { total: Total::Missing, calls_per_window: 100_000_000, ..Quirks::default() };
    let clock = Arc::clone(&world.clock);
    let simulator = crate::harness::simulator(platform, plain_feed(platform, 90), quirks, clock as _).await;
    let wire = Wire::before(simulator).await;
    let list = match platform {
        Platform::Konpro => "\"data\":[",
        Platform::Konvo => "\"result\":[",
        Platform::Realtimekit => "\"sessions\":[",
    };
    wire.script(vec![
        Hit::body(move |text| {
            let (before, rest) = text.split_once(list).expect("a list");
            let end = rest.rfind(']').expect("its end");
            format!("{before}{list}{}", &rest[end..]).into_bytes()
        })
        .at_request(3),
    ]);
    world.poll_elsewhere(platform.as_str(), &wire.base_url());
    let line = world.poll_one().await;
    let stored = world.number("select count(*) from core.sessions").await;
    assert!(stored == 90 || !line.is_complete(), "{stored} of 90 and {line:?}");
    assert_eq!(stored, 90);
}

#[tokio::test]
async fn f46_an_empty_page_with_a_token_is_no_end() {
    let mut world = World::new().await.with_settings("page_size = 20");
    let platform = Platform::Konpro;
    let quirks = Quirks { token_paging: true, total: Total::Missing, ..Quirks::default() };
    let clock = Arc::clone(&world.clock);
    let simulator = crate::harness::simulator(platform, plain_feed(platform, 90), quirks, clock as _).await;
    let wire = Wire::before(simulator).await;
    // a page whose records were all filtered out: the second one is a call later
    wire.script(vec![
        Hit::body(|text| {
            let from = text.find("\"data\":[").expect("a list") + 8;
            let to = text.rfind(']').expect("its end");
            format!("{}{}", &text[..from], &text[to..]).into_bytes()
        })
        .only("token=")
        .times(1),
    ]);
    world.poll_elsewhere(platform.as_str(), &wire.base_url());
    let line = world.poll_one().await;
    let stored = world.number("select count(*) from core.sessions").await;
    assert!(stored == 90 || !line.is_complete(), "{stored} of 90 and {line:?}");
}
