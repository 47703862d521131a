//! The arithmetic: no window contains too many calls, both ledgers decide alike, and any form of header is handled.

use chrono::{DateTime, Utc};
use proptest::prelude::*;
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use sqlx::Row;
use tributary::connector::http::Priority;
use tributary::connector::limits::CallDecision;
use tributary::connector::limits::headers::{Observation, QuotaSaid};
use tributary::connector::limits::token_bucket::TokenBucket;

use super::*;
use crate::harness::at;

const PRIORITIES: [Priority; 3] = [Priority::Live, Priority::Depth, Priority::Backfill];

pub(super) fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    headers
}

pub(super) fn stated(quota: i64, window_seconds: i64) -> Observation {
    let policy = format!("\"default\";q={quota};w={window_seconds}");
    Observation::read(&headers(&[("ratelimit-policy", &policy)]), noon())
}

/// Returns the microseconds at which calls requested at `asks` were granted.
fn granted(bucket: &mut TokenBucket, asks: &[(i64, usize)]) -> Vec<i64> {
    let mut tick = 0;
    let mut granted = Vec::new();
    for (pause, priority) in asks {
        tick += pause;
        if matches!(bucket.reserve(PRIORITIES[*priority], tick, noon()), CallDecision::Granted { .. }) {
            granted.push(tick);
        }
    }
    granted
}

pub(super) fn most_in_a_window(ticks: &[i64], window_us: i64) -> usize {
    let ends = ticks.iter().map(|start| ticks.partition_point(|tick| *tick < start + window_us));
    ends.enumerate().map(|(start, end)| end - start).max().unwrap_or(0)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_window_holds_more_than_its_limit(
        per_minute in 1_u32..3_000,
        quota in 1_i64..2_000,
        window_seconds in 1_i64..400,
        asks in prop::collection::vec((0_i64..300_000, 0_usize..3), 1..800),
    ) {
        let mut bucket = TokenBucket::new(per_minute, 800);
        bucket.observe(0, &stated(quota, window_seconds), noon());
        let granted = granted(&mut bucket, &asks);
        prop_assert!(!granted.is_empty());
        prop_assert!(most_in_a_window(&granted, 60_000_000) <= per_minute as usize);
        let share = usize::try_from((quota * 4 / 5).max(1)).unwrap();
        prop_assert!(most_in_a_window(&granted, window_seconds * 1_000_000) <= share);
    }

    #[test]
    fn headers_of_any_form_are_survived(policy in "[ -~]{0,60}", left in "[ -~]{0,60}") {
        let said = Observation::read(&headers(&[("ratelimit-policy", &policy), ("ratelimit", &left)]), noon());
        let mut bucket = TokenBucket::new(60, 800);
        bucket.observe(1, &said, noon());
        let _ = bucket.reserve(Priority::Live, 0, noon());
    }
}

#[test]
fn a_constant_caller_gets_nearly_all_of_it() {
    for (quota, window_seconds) in [(1_200, 300), (250, 10), (1_000, 60), (100, 60)] {
        let mut bucket = TokenBucket::new(100_000, 800);
        bucket.observe(0, &stated(quota, window_seconds), noon());
        let windows = 4;
        let asks: Vec<(i64, usize)> = (0..windows * window_seconds * 200).map(|_| (5_000, 1)).collect();
        let granted = i64::try_from(granted(&mut bucket, &asks).len()).unwrap();
        assert!(granted * 100 >= windows * quota * 8 / 10 * 95, "{quota} in {window_seconds} s: {granted}");
    }
}

#[test]
fn urgent_calls_find_something_left_and_a_burst_of_one_serves_all() {
    let takes = |per_minute, priority| {
        let mut bucket = TokenBucket::new(per_minute, 800);
        (0..1_000).filter(|_| matches!(bucket.reserve(priority, 0, noon()), CallDecision::Granted { .. })).count()
    };
    assert_eq!(PRIORITIES.map(|priority| takes(960, priority)), [24, 19, 12]);
    assert_eq!(PRIORITIES.map(|priority| takes(80, priority)), [2, 1, 1]);
    assert_eq!(PRIORITIES.map(|priority| takes(10, priority)), [1, 1, 1]);
}

#[test]
fn the_remaining_calls_exclude_those_under_way() {
    let mut bucket = TokenBucket::new(100_000, 800);
    let mut tick = 0;
    let mut take = |bucket: &mut TokenBucket| {
        tick += 1_000_000;
        bucket.reserve(Priority::Live, tick, noon())
    };
    let said = |left: &str| {
        let pairs = [("ratelimit-policy", "\"default\";q=100;w=60"), ("ratelimit", left)];
        Observation::read(&headers(&pairs), noon())
    };
    for _ in 0..3 {
        assert!(matches!(take(&mut bucket), CallDecision::Granted { .. }));
    }
    // 25 are left, 20 of them not ours; calls 2 and 3 are in flight
    bucket.observe(1, &said("\"default\";r=25;t=30"), noon());
    let mut more = 0;
    let until = loop {
        match take(&mut bucket) {
            CallDecision::Granted { .. } => more += 1,
            CallDecision::Blocked { until } => break until,
            CallDecision::Wait { .. } => {}
        }
    };
    assert_eq!((more, until), (3, noon() + TimeDelta::seconds(30)));
    // a late response of the same window cannot restore calls, the next window does
    bucket.observe(6, &said("\"default\";r=90;t=30"), noon());
    assert!(matches!(take(&mut bucket), CallDecision::Blocked { .. }));
    bucket.observe(6, &said("\"default\";r=99;t=60"), noon());
    let mut granted = (0..4).map(|_| take(&mut bucket)).filter(|taken| matches!(taken, CallDecision::Granted { .. }));
    assert!(granted.next().is_some());
}

#[test]
fn limits_are_read_in_every_form_seen() {
    let now = noon();
    let reset = |pairs: &[(&'static str, &str)]| {
        let said = Observation::read(&headers(pairs), now);
        said.quotas.get("default").and_then(|said| said.resets_at).map(|at| (at - now).num_seconds())
    };
    // seconds from now, an instant in seconds, in milliseconds, by a clock that is an hour ahead
    assert_eq!(reset(&[("ratelimit", "\"default\";r=5;t=30")]), Some(30));
    assert_eq!(reset(&[("ratelimit", &format!("default; r=5; t={}", now.timestamp() + 30))]), Some(30));
    assert_eq!(reset(&[("ratelimit", &format!("\"default\";r=5;t={}", now.timestamp_millis() + 30_000))]), Some(30));
    let ahead = format!("\"default\";r=5;t={}", now.timestamp() + 3_630);
    assert_eq!(reset(&[("date", "Tue, 10 Mar 2026 13:00:00 GMT"), ("ratelimit", &ahead)]), Some(30));
    for nothing in
        ["\"default\";r=5", "\"default\";t=-4;r=1", "\"default\";r=5;t=x", "\"default\";r=5;t=0", ";;,,", "=="]
    {
        assert_eq!(reset(&[("ratelimit", nothing)]), None, "{nothing}");
    }
    // a mistaken unit is accepted for a day at most
    assert_eq!(reset(&[("ratelimit", "\"default\";r=0;t=900000000")]), Some(86_400));

    let pairs = [
        ("ratelimit-policy", "\"burst\";q=250;w=10, \"default\";q=1200;w=300, \"odd\";q=none;w=0"),
        ("ratelimit", "\"burst\";r=0;t=4"),
        ("ratelimit", "\"default\";r=600;t=120, , \"hourly\";r=0"),
    ];
    let said = Observation::read(&headers(&pairs), now);
    let quota = |quota, window_seconds, remaining, wait: Option<i64>| QuotaSaid {
        quota,
        window_seconds,
        remaining,
        resets_at: wait.map(|wait| now + TimeDelta::seconds(wait)),
    };
    assert_eq!(said.quotas["burst"], quota(Some(250), Some(10), Some(0), Some(4)));
    assert_eq!(said.quotas["default"], quota(Some(1_200), Some(300), Some(600), Some(120)));
    assert_eq!(said.quotas["odd"], QuotaSaid::default());
    assert_eq!(said.quotas["hourly"], quota(None, None, Some(0), None));
    assert_eq!(said.used_up_until(), Some(now + TimeDelta::seconds(4)));
    let twice = Observation::read(&headers(&[("ratelimit-policy", "\"d\";q=5;w=1, \"d\";q=90;w=60")]), now);
    assert_eq!(twice.quotas.keys().collect::<Vec<_>>(), ["d", "d#2"]);
}

/// Returns pseudo-random numbers, the same in each run.
fn chance(state: &mut u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *state >> 33
}

fn some_observation(state: &mut u64, now: DateTime<Utc>) -> Observation {
    let mut pairs: Vec<(&'static str, String)> = Vec::new();
    if chance(state).is_multiple_of(4) {
        let (quota, window) = (chance(state) % 400 + 1, chance(state) % 30 + 1);
        pairs.push(("ratelimit-policy", format!("\"default\";q={quota};w={window}, \"burst\";q=50;w=5")));
    }
    pairs.push(("ratelimit", format!("\"default\";r={};t={}", chance(state) % 120, chance(state) % 9)));
    let pairs: Vec<(&'static str, &str)> = pairs.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let mut said = Observation::read(&headers(&pairs), now);
    said.blocked_until = chance(state).is_multiple_of(16).then(|| now + TimeDelta::seconds(1));
    said
}

#[tokio::test]
async fn the_database_decides_as_the_process_does() {
    let db = TestDatabase::new().await;
    register(&db, 900).await;
    compare(&db, TokenBucket::new(900, 800)).await;
}

#[tokio::test]
async fn the_database_follows_the_stated_limit_as_the_process_does() {
    let db = TestDatabase::new().await;
    register_rate(&db, 300, false).await;
    compare(&db, TokenBucket::unless_stated(300, 800)).await;
}

async fn compare(db: &TestDatabase, mut bucket: TokenBucket) {
    let begun = at("2026-03-10T12:00:00Z");
    let ledger = SharedLedger { pool: db.pool.clone(), key: KEY.to_owned() };
    let (mut tick_us, mut state, mut grants) = (0, 7, 0);
    for step in 0..1_500 {
        tick_us += i64::try_from(chance(&mut state) % 90_000).unwrap();
        let instant = begun + TimeDelta::microseconds(tick_us);
        let priority = PRIORITIES[usize::try_from(chance(&mut state) % 3).unwrap()];
        let wanted = i64::try_from(chance(&mut state) % 4 + 1).unwrap();
        let first = bucket.reserve(priority, tick_us, instant);
        let mut taken = i64::from(matches!(first, CallDecision::Granted { .. }));
        while (1..wanted).contains(&taken) && {
            // what is no grant may keep a token for a caller that did not ask: it is tried on a copy
            matches!(bucket.clone().reserve(priority, tick_us, instant), CallDecision::Granted { .. })
        } {
            let _ = bucket.reserve(priority, tick_us, instant);
            taken += 1;
        }
        let sql = "select call_number, wait_us, stated_until, taken from ingest.reserve_call($1, $2, $3, $4, $3)";
        let row = sqlx::query(sql)
            .bind(KEY)
            .bind(priority.as_str())
            .bind(instant)
            .bind(wanted)
            .fetch_one(&db.pool)
            .await
            .unwrap();
        let there: (Option<i64>, Option<i64>, Option<DateTime<Utc>>) = (row.get(0), row.get(1), row.get(2));
        let here = match first {
            CallDecision::Granted { number, .. } => (Some(number), None, None),
            CallDecision::Wait { wait, .. } => (None, Some(i64::try_from(wait.as_micros()).unwrap()), None),
            CallDecision::Blocked { until } => (None, None, Some(until)),
        };
        assert_eq!((here, taken), (there, row.get(3)), "step {step}, {wanted} wanted");
        if let Some(number) = here.0 {
            grants += 1;
            if number % 3 == 0 {
                let said = some_observation(&mut state, instant);
                bucket.observe(number, &said, instant);
                tributary::connector::limits::Ledger::observe(&ledger, number, &said, instant).await.unwrap();
            }
        }
    }
    assert!((50..1_450).contains(&grants), "{grants} of 1,500: nothing was compared");
}
