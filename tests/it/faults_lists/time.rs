//! Clocks that are wrong, jump or stand still; days without 24 hours; ends of years.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use tributary::clock::Clock;
use tributary::demo::simulator::Platform;
use tributary::demo::simulator::feed::{FixedFeed, FixedRecord};
use tributary::demo::simulator::quirks::Quirks;

use crate::conformance::over_all_providers;
use crate::harness::{World, at, noon, plain_feed, records};

over_all_providers!(
    f67_a_clock_that_is_behind_finds_the_newest_later,
    f67_a_clock_that_ran_ahead_hides_nothing,
    f67_a_clock_that_jumps_back_withdraws_and_loses_nothing,
    f67_a_clock_that_stands_still_loses_nothing,
    f69_sessions_at_the_turn_of_the_year_are_read,
);

async fn stored(world: &World) -> i64 {
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

/// Returns buckets of the API: start, and count.
async fn buckets(world: &World, zone: &str, from: &str, to: &str, granularity: &str) -> Vec<(String, Value)> {
    let path = format!("/v1/metrics/query?metrics=sessions&granularity={granularity}&from={from}&to={to}&zone={zone}");
    let answer = world.api().await.ok(&path).await;
    let rows = answer["rows"].as_array().expect("rows");
    let bucket = |row: &Value| {
        (row["bucket"]["start"].as_str().expect("a start").to_owned(), row["values"]["sessions"]["value"].clone())
    };
    rows.iter().map(bucket).collect()
}

/// Ten-minute sessions, one after the other, over two days.
async fn two_days_of(world: &mut World, from: DateTime<Utc>) -> tributary::demo::simulator::Simulator {
    let sessions = (0..288).map(|number| {
        records::record(Platform::Konpro, &format!("s-{number:03}"), from + TimeDelta::minutes(10) * number)
    });
    let feed = Arc::new(FixedFeed::new(sessions));
    world.clock.set(from + TimeDelta::days(3));
    world.simulate(Platform::Konpro, feed, Quirks::default()).await
}

#[tokio::test]
async fn f68_a_day_of_23_hours_and_one_of_25_count_their_own_sessions() {
    for (from, days, hours) in [
        ("2026-03-28T00:00:00Z", ["2026-03-29", "2026-03-30"], 23),
        ("2026-10-24T00:00:00Z", ["2026-10-25", "2026-10-26"], 25),
    ] {
        let mut world = World::new().await;
        let _provider = two_days_of(&mut world, at(from)).await;
        // polls on both sides of the change, and in the hour that occurs twice or not at all
        for hours in [24, 25, 26, 72] {
            world.clock.set(at(from) + TimeDelta::hours(hours));
            assert!(world.poll_one().await.is_complete());
        }
        assert_eq!(stored(&world).await, 288);
        let day = buckets(&world, "Europe/Berlin", days[0], days[1], "day").await;
        assert_eq!(day.len(), 1, "{day:?}");
        assert_eq!(day[0].1, Value::from(hours * 6), "{day:?}");
        let by_hour = buckets(&world, "Europe/Berlin", days[0], days[1], "hour").await;
        assert_eq!(by_hour.len(), hours);
        assert!(by_hour.iter().all(|(_, count)| *count == 6), "{by_hour:?}");
    }
}

#[test]
fn f68_a_schedule_is_in_utc_and_neither_skips_nor_doubles_an_hour() {
    let schedule = tributary::clock::parse_schedule("0 30 * * * *").expect("a schedule");
    for change in ["2026-03-28T20:00:00Z", "2026-10-24T20:00:00Z"] {
        let mut tick = at(change);
        for _ in 0..12 {
            let next = schedule.find_next_occurrence(&tick, false).expect("a next tick");
            assert!(next - tick <= TimeDelta::hours(1) && next > tick, "{tick} to {next}");
            tick = next;
        }
        assert_eq!(tick, at(change) + TimeDelta::minutes(11 * 60 + 30));
    }
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
async fn f67_health_tells_no_negative_lag() {
    let mut world = World::new().await;
    let _provider = world.simulate(Platform::Konpro, plain_feed(Platform::Konpro, 3), Quirks::default()).await;
    assert!(world.poll_one().await.is_complete());
    world.clock.set(world.clock.now() - TimeDelta::minutes(10));
    let (status, health) = world.api().await.get("/v1/health/pollers").await;
    assert_eq!(status, 200, "{health:#}");
    let text = health.to_string();
    assert!(!text.contains("lag_seconds\":-"), "{text}");
}
