//! Buckets of time: days of 23 and 25 hours, and named ranges.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use tributary_simulator::Platform;
use tributary_simulator::fixed_feed::FixedFeed;
use tributary_simulator::quirks::Quirks;

use super::*;
use crate::harness::{World, at, records};
use crate::ingest::clocks::stored;

#[tokio::test]
async fn days_of_23_and_25_hours_have_as_many_buckets() {
    let api = Api::new().await;
    for (day, next, hours) in [("2026-03-29", "2026-03-30", 23), ("2026-10-25", "2026-10-26", 25)] {
        let path = format!(
            "/v1/metrics/query?metrics=sessions&granularity=hour&from={day}&to={next}&zone=Europe/Berlin&{WELL}"
        );
        let answer = api.get(&path).await;
        let rows = answer["rows"].as_array().unwrap();
        assert_eq!(rows.len(), hours, "{day}");
        assert!(rows.iter().all(|row| row["values"]["sessions"]["value"] == 0), "{day}");
    }
    let answer = api.get(&format!("/v1/minutes?from=2026-10-25&to=2026-10-26&zone=Europe/Berlin&{WELL}")).await;
    assert_eq!(answer["rows"][0]["bucket"]["start"], "2026-10-25T00:00:00+02:00");
    assert_eq!(answer["rows"][0]["bucket"]["end"], "2026-10-26T00:00:00+01:00");
}

#[tokio::test]
async fn last_days_include_today() {
    let api = Api::new().await;
    let answer = api.get("/v1/minutes?range=last_3_days").await;
    assert_eq!(answer["query"]["from"], "2026-11-18T00:00:00+01:00");
    assert_eq!(answer["query"]["to"], "2026-11-21T00:00:00+01:00");
    // 00:30 of the next day in Berlin
    api.clock.set("2026-11-20T23:30:00Z".parse().unwrap());
    assert_eq!(api.get("/v1/minutes?range=today").await["query"]["from"], "2026-11-21T00:00:00+01:00");
    assert_eq!(api.get("/v1/minutes?range=today&zone=UTC").await["query"]["from"], "2026-11-20T00:00:00+00:00");
}

/// Returns buckets of the API: start, and count.
pub(crate) async fn buckets(
    world: &World,
    zone: &str,
    from: &str,
    to: &str,
    granularity: &str,
) -> Vec<(String, Value)> {
    let path = format!("/v1/metrics/query?metrics=sessions&granularity={granularity}&from={from}&to={to}&zone={zone}");
    let answer = world.api().await.ok(&path).await;
    let rows = answer["rows"].as_array().expect("rows");
    let bucket = |row: &Value| {
        (row["bucket"]["start"].as_str().expect("a start").to_owned(), row["values"]["sessions"]["value"].clone())
    };
    rows.iter().map(bucket).collect()
}

/// Ten-minute sessions, one after the other, over two days.
async fn two_days_of(world: &mut World, from: DateTime<Utc>) -> tributary_simulator::Simulator {
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

#[tokio::test]
async fn buckets_that_the_range_cuts_are_partial() {
    let api = Api::new().await;
    let partial = async |query: &str| -> Vec<bool> {
        let answer = api.get(&format!("/v1/metrics/query?metrics=sessions&source=rtk-prod&{query}")).await;
        let rows = answer["rows"].as_array().unwrap();
        rows.iter().map(|row| row["bucket"]["is_partial"] == true).collect()
    };
    // Wednesday to Tuesday: two weeks, each a part
    assert_eq!(partial("granularity=week&from=2026-11-11&to=2026-11-18").await, [true, true]);
    assert_eq!(partial("granularity=week&from=2026-11-09&to=2026-11-18").await, [false, true]);
    assert_eq!(partial("granularity=day&from=2026-11-11&to=2026-11-13&zone=Europe/Berlin").await, [false, false]);
    assert_eq!(partial("granularity=day&from=2026-11-11&to=2026-11-13T05:00:00Z&zone=UTC").await, [false, false, true]);
    // Kolkata's hours begin at half past in UTC
    let hours = "granularity=hour&zone=Asia/Kolkata&from=2026-11-11T10:00:00Z&to=2026-11-11T11:30:00Z";
    assert_eq!(partial(hours).await, [true, false]);
    // the last piece of a day of 24.5 hours is short by itself
    let short = "granularity=hour&zone=Australia/Lord_Howe&from=2026-04-05T12:00:00Z&to=2026-04-05T13:30:00Z";
    assert_eq!(partial(short).await, [false, false]);
    assert_eq!(partial("granularity=none&from=2026-11-11&to=2026-11-13T05:00:00Z").await, [false]);
}
