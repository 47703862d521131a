//! Clocks that are wrong, jump or stand still; providers without a `Date` header; leap seconds and ends of years.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use tributary::app::App;
use tributary::clock::{Clock, SystemClock};
use tributary_simulator::Platform;
use tributary_simulator::fixed_feed::{FixedFeed, FixedRecord};
use tributary_simulator::quirks::Quirks;

use crate::harness::wire::{Good, Hit, Step, Wire};
use crate::harness::{World, at, noon, plain_feed, records, simulator};
use crate::providers::conformance::over_all_providers;
use crate::query::buckets::buckets;
use crate::verbs::sources::poll;

over_all_providers!(
    f67_a_clock_that_is_behind_finds_the_newest_later,
    f67_a_clock_that_ran_ahead_hides_nothing,
    f67_a_clock_that_jumps_back_withdraws_and_loses_nothing,
    f67_a_clock_that_stands_still_loses_nothing,
    f69_sessions_at_the_turn_of_the_year_are_read,
);

pub(crate) async fn stored(world: &World) -> i64 {
    world.number("select count(*) from core.sessions").await
}

/// The provider's clock is ten minutes ahead: sessions that began "in the future" are found once our clock is there.
async fn f67_a_clock_that_is_behind_finds_the_newest_later(platform: Platform) {
    let mut world = World::new().await;
    let feed = plain_feed(platform, 3);
    feed.insert(records::record(platform, "ahead", noon() + TimeDelta::minutes(8)));
    let _provider = world.simulate(platform, feed, Quirks { clock_skew_seconds: 600, ..Quirks::default() }).await;
    let line = world.poll_one().await;
    assert!(line.is_complete(), "{line:?}");
    assert_eq!(line.complete_through.as_deref(), Some("2026-03-10T12:00:00+00:00"), "no claim beyond what was asked");
    world.clock.set(noon() + TimeDelta::minutes(9));
    let line = world.poll_one().await;
    assert!(line.is_complete(), "{line:?}");
    assert_eq!(stored(&world).await, 4);
}

/// Our clock was ten days ahead for a while; the provider's `Date` was right.
async fn f67_a_clock_that_ran_ahead_hides_nothing(platform: Platform) {
    let mut world = World::new().await;
    let feed = plain_feed(platform, 3);
    let provider = world.simulate(platform, feed.clone(), Quirks::default()).await;
    provider.set_quirks(Quirks { clock_skew_seconds: -864_000, calls_per_window: 1_000_000, ..Quirks::default() });
    world.clock.set(noon() + TimeDelta::days(10));
    let line = world.poll_one().await;
    assert_eq!(line.complete_through.as_deref(), Some("2026-03-10T12:00:00+00:00"), "the provider is not there yet");
    provider.set_quirks(Quirks { calls_per_window: 1_000_000, ..Quirks::default() });
    world.clock.set(noon() + TimeDelta::hours(3));
    feed.insert(records::record(platform, "newcomer", noon() + TimeDelta::hours(1)));
    let line = world.poll_one().await;
    assert!(line.is_complete() && line.inserted == 1, "{line:?}");
    assert_eq!(line.complete_through.as_deref(), Some("2026-03-10T15:00:00+00:00"));
}

async fn f67_a_clock_that_jumps_back_withdraws_and_loses_nothing(platform: Platform) {
    let mut world = World::new().await;
    let feed = plain_feed(platform, 3);
    let _provider = world.simulate(platform, feed.clone(), Quirks::default()).await;
    assert!(world.poll_one().await.is_complete());
    world.clock.set(noon() - TimeDelta::hours(1));
    let line = world.poll_one().await;
    assert!(["complete", "incomplete"].contains(&line.result), "{line:?}");
    assert_eq!(world.number("select count(*) from ingest.windows where window_from >= window_to").await, 0);
    feed.insert(records::record(platform, "meanwhile", noon() - TimeDelta::minutes(5)));
    feed.insert(records::record(platform, "after", noon() + TimeDelta::minutes(5)));
    world.clock.set(noon() + TimeDelta::minutes(10));
    let line = world.poll_one().await;
    assert!(line.is_complete() && line.inserted == 2, "{line:?}");
    assert_eq!((stored(&world).await, line.complete_through.as_deref()), (5, Some("2026-03-10T12:10:00+00:00")));
}

/// The machine slept for an hour; before that its clock stood still over three polls.
async fn f67_a_clock_that_stands_still_loses_nothing(platform: Platform) {
    let mut world = World::new().await;
    let feed = plain_feed(platform, 3);
    let _provider = world.simulate(platform, feed.clone(), Quirks::default()).await;
    for number in 0..3 {
        let line = world.poll_one().await;
        assert!(line.is_complete(), "{line:?}");
        let id = format!("unseen-{number}");
        feed.insert(records::record(platform, &id, noon() + TimeDelta::minutes(number)));
    }
    world.clock.set(noon() + TimeDelta::hours(1));
    let line = world.poll_one().await;
    assert!(line.is_complete(), "{line:?}");
    assert_eq!((stored(&world).await, line.complete_through.as_deref()), (6, Some("2026-03-10T13:00:00+00:00")));
}

async fn f69_sessions_at_the_turn_of_the_year_are_read(platform: Platform) {
    let mut world = World::new().await;
    world.clock.set(at("2026-01-01T00:00:00Z"));
    let instants = ["2025-12-31T23:59:58Z", "2025-12-31T23:59:59Z", "2026-01-01T00:00:00Z", "2026-01-01T00:00:01Z"];
    let record = |(number, instant): (usize, &&str)| records::record(platform, &format!("y-{number}"), at(instant));
    let feed = Arc::new(FixedFeed::new(instants.iter().enumerate().map(record)));
    let _provider = world.simulate(platform, feed, Quirks::default()).await;
    assert!(world.poll_one().await.is_complete());
    world.clock.set(at("2026-01-01T00:20:00Z"));
    assert!(world.poll_one().await.is_complete());
    assert_eq!(stored(&world).await, 4);
    // the year begins at ten in the morning before in the east of Kiribati, and at noon in the far west
    for (zone, year, expected) in [("Pacific/Kiritimati", "2026", 4), ("Etc/GMT%2B12", "2025", 4), ("UTC", "2026", 2)] {
        let next = if year == "2025" { "2026-01-01" } else { "2026-01-02" };
        let from = if year == "2025" { "2025-12-31" } else { "2026-01-01" };
        let days = buckets(&world, zone, from, next, "day").await;
        let sum: i64 = days.iter().filter_map(|(_, count)| count.as_i64()).sum();
        assert!(sum == expected || days.iter().any(|(_, count)| count.is_null()), "{zone}: {days:?}");
        let sql = "select count(*) from core.sessions where created_at >= '2026-01-01'";
        assert_eq!(world.number(sql).await, 2);
    }
}

#[tokio::test]
async fn f69_a_leap_second_is_an_instant() {
    let mut world = World::new().await;
    let feed = plain_feed(Platform::Konvo, 2);
    let plain = records::record(Platform::Konvo, "leap", at("2025-12-31T23:59:59Z"));
    let json = plain.json.replace("2025-12-31T23:59:59.000Z", "2025-12-31T23:59:60Z");
    assert_ne!(json, plain.json);
    feed.insert(FixedRecord { json, ..plain });
    let _provider = world.simulate(Platform::Konvo, feed, Quirks::default()).await;
    let line = world.poll_one().await;
    assert!(line.is_complete() && line.rejected == 0, "{line:?}");
    let text = world.text("select created_at::text from core.sessions where provider_session_id = 'leap'").await;
    assert_eq!(text.as_deref(), Some("2026-01-01 00:00:00+00"), "one second after 23:59:59");
}

#[tokio::test]
async fn f67_health_reports_no_negative_lag() {
    let mut world = World::new().await;
    let _provider = world.simulate(Platform::Konpro, plain_feed(Platform::Konpro, 3), Quirks::default()).await;
    assert!(world.poll_one().await.is_complete());
    world.clock.set(world.clock.now() - TimeDelta::minutes(10));
    let (status, health) = world.api().await.get("/v1/health/pollers").await;
    assert_eq!(status, 200, "{health:#}");
    let text = health.to_string();
    assert!(!text.contains("lag_seconds\":-"), "{text}");
}

/// This machine's clock, three hours ahead of the database's.
#[derive(Debug)]
pub(crate) struct Ahead;

impl Clock for Ahead {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now() + TimeDelta::hours(3)
    }
}

/// A provider that sends no `Date`.
pub(crate) async fn undated(world: &World, now: DateTime<Utc>) -> Wire {
    world.clock.set(now);
    let record =
        |number: i32| records::record(Platform::Konvo, &format!("chat-{number}"), now - TimeDelta::hours(1) * number);
    let feed = Arc::new(FixedFeed::new((1..4).map(record)));
    let clock = Arc::clone(&world.clock) as Arc<dyn Clock>;
    let wire = Wire::before(simulator(Platform::Konvo, feed, Quirks::default(), clock).await).await;
    let without_date = |good: &Good| {
        let lines = good.headers.split_inclusive("\r\n").filter(|line| !line.to_ascii_lowercase().starts_with("date:"));
        vec![Step::Send(Good { headers: lines.collect(), ..good.clone() }.whole())]
    };
    wire.script(vec![Hit::new(without_date).forever()]);
    wire
}

pub(crate) fn app(world: &World, base_url: &str, clock: Arc<dyn Clock>) -> App {
    let toml = crate::verbs::sources::source("kv", Platform::Konvo, base_url, "KEY");
    App { clock, ..crate::verbs::sources::service(world, &toml) }
}

#[tokio::test]
async fn f67_without_a_date_header_nothing_is_claimed_past_the_database_s_clock() {
    let world = World::new().await;
    let now = SystemClock.now();
    let wire = undated(&world, now).await;
    let ahead = app(&world, &wire.base_url(), Arc::new(Ahead));
    let lines = poll(&ahead).await.expect("it runs");
    assert!(lines[0].is_complete(), "{lines:?}");
    let through: DateTime<Utc> =
        lines[0].complete_through.as_deref().expect("it is proven").parse().expect("an instant");
    assert!(through <= SystemClock.now(), "{through} is in the future of the database");
    assert!(through >= now - TimeDelta::seconds(5), "{through}: no earlier than the database's present");
    assert_eq!(world.number("select count(*) from core.sessions").await, 3);
}
