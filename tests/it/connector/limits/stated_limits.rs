//! The budget follows the stated policy, up to a manual ceiling, and returns to the default.

use chrono::{DateTime, Utc};
use proptest::prelude::*;
use serde_json::json;
use tributary::connector::http::Priority;
use tributary::connector::limits::CallDecision;
use tributary::connector::limits::headers::Observation;
use tributary::connector::limits::token_bucket::TokenBucket;
use tributary_simulator::Platform;
use tributary_simulator::quirks::Quirks;

use super::arithmetic::{headers, most_in_a_window, stated};
use super::*;
use crate::harness::World;

/// Returns how many calls are granted in `seconds` from the instant `from` on, requested every 20 ms.
fn granted(bucket: &mut TokenBucket, from: DateTime<Utc>, seconds: i64) -> usize {
    let first = (from - noon()).num_microseconds().unwrap();
    let ticks = (0..seconds * 50).map(|step| first + step * 20_000);
    let at = |tick| noon() + TimeDelta::microseconds(tick);
    let is_granted =
        |tick: &i64| matches!(bucket.reserve(Priority::Live, *tick, at(*tick)), CallDecision::Granted { .. });
    ticks.filter(is_granted).count()
}

/// An observation that also states the calls left in the window.
fn counted(quota: i64, left: i64, reset_seconds: i64, now: DateTime<Utc>) -> Observation {
    let policy = format!("\"default\";q={quota};w=300");
    let left = format!("\"default\";r={left};t={reset_seconds}");
    Observation::read(&headers(&[("ratelimit-policy", &policy), ("ratelimit", &left)]), now)
}

#[test]
fn p11_the_budget_rises_to_what_is_stated_and_falls_back_when_it_is_no_longer() {
    let mut bucket = TokenBucket::unless_stated(192, 800);
    let later = |seconds| noon() + TimeDelta::seconds(seconds);
    // 192 a minute, 4 at once: 16 or so in five seconds
    let before = granted(&mut bucket, noon(), 5);
    assert!((16..=20).contains(&before), "{before}");
    bucket.observe(1, &stated(3_500, 300), later(5));
    // four fifths of 3,500 in 300 s: 9.1 a second, 70 at once
    let risen = granted(&mut bucket, later(5), 60);
    assert!((590..=620).contains(&risen), "{risen}");
    // stated for the last time: one of its windows later the default applies again
    bucket.observe(2, &stated(3_500, 300), later(65));
    let still = granted(&mut bucket, later(300), 60);
    assert!(still > 540, "{still}");
    let fallen = granted(&mut bucket, later(400), 60);
    assert!(fallen <= 192, "{fallen}");
}

#[test]
fn p11_a_ceiling_set_by_hand_stays_one() {
    let mut bucket = TokenBucket::new(192, 800);
    bucket.observe(1, &stated(3_500, 300), noon());
    assert!(granted(&mut bucket, noon(), 60) <= 192);
    // and a stricter policy applies all the same
    bucket.observe(2, &stated(60, 60), noon() + TimeDelta::seconds(700));
    assert!(granted(&mut bucket, noon() + TimeDelta::seconds(800), 60) <= 48);
}

#[test]
fn p11_of_two_limits_stated_in_turn_the_lower_one_holds() {
    let mut bucket = TokenBucket::unless_stated(192, 800);
    let at = |seconds| noon() + TimeDelta::seconds(seconds);
    let mut calls = 0;
    for round in 0..40 {
        let quota = if round % 2 == 0 { 1_200 } else { 3_500 };
        bucket.observe(round, &counted(quota, 100_000, 300, at(round * 5)), at(round * 5));
        calls += granted(&mut bucket, at(round * 5), 5);
    }
    // 200 s of four fifths of 1,200 in 300 s
    assert!(calls <= 640 + 24, "{calls}");
    // once the lower one is not stated for one of its windows, the higher one applies
    bucket.observe(50, &counted(3_500, 100_000, 300, at(600)), at(600));
    let risen = granted(&mut bucket, at(600), 60);
    assert!(risen > 540, "{risen}");
}

#[test]
fn p11_a_limit_that_falls_holds_over_the_window_that_saw_the_higher_one() {
    let mut bucket = TokenBucket::unless_stated(192, 800);
    bucket.observe(1, &stated(3_500, 300), noon());
    let mut ticks = Vec::new();
    for step in 0..45_000_i64 {
        let tick = step * 20_000;
        let now = noon() + TimeDelta::microseconds(tick);
        if step == 15_000 {
            // 300 s at the old pace, then less, and no calls left are stated
            bucket.observe(2, &stated(1_200, 300), now);
        } else if step % 5_000 == 0 {
            let quota = if step < 15_000 { 3_500 } else { 1_200 };
            bucket.observe(2, &stated(quota, 300), now);
        }
        if matches!(bucket.reserve(Priority::Live, tick, now), CallDecision::Granted { .. }) {
            ticks.push(tick);
        }
    }
    let fell_at = 15_000 * 20_000;
    let end = ticks.partition_point(|tick| *tick < fell_at);
    assert!(end > 2_600, "{end}: the old pace was used");
    // every window that contains a call after the change has at most the new limit
    let first_after = ticks[end];
    let from = ticks.partition_point(|tick| *tick <= first_after - 300_000_000);
    let most = most_in_a_window(&ticks[from..], 300_000_000);
    assert!(most <= 960, "{most}");
    assert!(ticks.len() - end > 900, "{}: the new pace was used", ticks.len() - end);
}

#[test]
fn a_quota_of_a_day_says_nothing_about_the_minutes() {
    let mut bucket = TokenBucket::unless_stated(60, 800);
    bucket.observe(1, &stated(1_000_000, 86_400), noon());
    assert!(granted(&mut bucket, noon(), 60) <= 60);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn p11_no_window_holds_more_than_the_stated_limit(
        per_minute in 1_u32..600,
        quota in 1_i64..4_000,
        window_seconds in 1_i64..400,
        asks in prop::collection::vec(0_i64..300_000, 1..800),
    ) {
        let mut bucket = TokenBucket::unless_stated(per_minute, 800);
        let (mut tick, mut ticks) = (0, Vec::new());
        for (number, pause) in asks.iter().enumerate() {
            tick += pause;
            let now = noon() + TimeDelta::microseconds(tick);
            if number % 7 == 3 {
                bucket.observe(1, &stated(quota, window_seconds), now);
            }
            if matches!(bucket.reserve(Priority::Live, tick, now), CallDecision::Granted { .. }) {
                ticks.push((number, tick));
            }
        }
        // from where it is stated on
        let after: Vec<i64> = ticks.iter().filter(|(number, _)| *number >= 3).map(|(_, tick)| *tick).collect();
        let share = usize::try_from((quota * 4 / 5).max(1)).unwrap();
        prop_assert!(most_in_a_window(&after, window_seconds * 1_000_000) <= share);
    }
}

#[tokio::test]
async fn sources_state_the_rate_in_force_and_its_origin() {
    let mut world = World::new().await;
    let quirks = Quirks { calls_per_window: 3_500, calls_window_seconds: 300, ..Quirks::default() };
    let provider = world.simulate(Platform::Realtimekit, plain_feed(Platform::Realtimekit, 3), quirks).await;
    let poll = async |more: &str| {
        let toml = format!(
            "[[sources]]\nslug = \"rtk\"\nprovider = \"realtimekit\"\nbase_url = \"{}\"\napi_key_env = \"TEST_KEY\"\n\
             account_id = \"acc\"\napp_id = \"app\"\nsession_streams = []\n{more}",
            provider.base_url()
        );
        let config = tributary::app::parse_config(&toml, &world.environment()).unwrap();
        let app = tributary::app::App { config, ..world.app() };
        let selection = tributary::app::polling::Selection::default();
        let stop = tokio_util::sync::CancellationToken::new();
        tributary::app::polling::poll(&app, &selection, stop).await.unwrap();
        let api = world.api().await;
        api.ok("/v1/sources").await["items"][0]["call_rate"].clone()
    };
    let stated = json!({"requests_per_minute": 560.0, "decided_by": "provider", "stated_per_minute": 560.0});
    assert_eq!(poll("").await, stated, "four fifths of 3,500 in five minutes");
    let by_hand = json!({"requests_per_minute": 100.0, "decided_by": "configured", "stated_per_minute": 560.0});
    assert_eq!(poll("requests_per_minute = 100\n").await, by_hand);
    let higher = json!({"requests_per_minute": 560.0, "decided_by": "provider", "stated_per_minute": 560.0});
    assert_eq!(poll("requests_per_minute = 900\n").await, higher, "a ceiling above what is stated lifts nothing");
    assert_eq!(poll("quota_share = 0.5\n").await["requests_per_minute"], json!(350.0));
    world.clock.set(noon() + TimeDelta::hours(1));
    let api = world.api().await;
    let default = api.ok("/v1/sources").await["items"][0]["call_rate"].clone();
    assert_eq!((&default["requests_per_minute"], &default["decided_by"]), (&json!(192.0), &json!("default")));
}
