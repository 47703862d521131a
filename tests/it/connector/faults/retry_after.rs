//! F01–F05 and F07: the wait of a refused caller, for every form of stating it.

use std::time::{Duration, Instant, SystemTime};

use chrono::{DateTime, TimeDelta, Utc};
use tributary::app::checking;
use tributary_simulator::Platform;
use tributary_simulator::quirks::Quirks;

use super::{RATE_LIMITED, Rig, uncounted};
use crate::harness::noon;
use crate::harness::wire::{Hit, Step};

/// The wait where no usable value is stated, seconds.
fn unstated(platform: Platform) -> i64 {
    if platform == Platform::Realtimekit { 300 } else { 60 }
}

fn http_date(at: DateTime<Utc>) -> String {
    httpdate::fmt_http_date(SystemTime::from(at))
}

/// The second page is refused with `status` and these headers. No process makes a call a second too early;
/// one is made when the wait is over.
async fn is_waited_for(status: u16, headers: &[(&str, String)], wait_seconds: impl Fn(Platform) -> i64) {
    let rig = Rig::new().await;
    is_waited_for_by(rig, status, headers, wait_seconds).await;
}

async fn is_waited_for_by(
    mut rig: Rig,
    status: u16,
    headers: &[(&str, String)],
    wait_seconds: impl Fn(Platform) -> i64,
) {
    let lines: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let more = lines.concat();
    rig.script(&[Hit::answer(status, &more, "{}").at_request(2)]);
    rig.meets(RATE_LIMITED).await;
    assert_eq!(rig.calls(), [2; 3], "no call after the refusal");
    let mut waits: Vec<(i64, usize)> =
        Platform::ALL.iter().enumerate().map(|(index, platform)| (wait_seconds(*platform), index)).collect();
    waits.sort_unstable();
    waits.dedup_by_key(|(wait, _)| *wait);
    for (wait, _) in waits {
        rig.seconds_after_noon(wait - 1);
        let before = rig.calls();
        let lines = rig.poll().await;
        for (index, platform) in Platform::ALL.into_iter().enumerate() {
            if wait_seconds(platform) >= wait {
                assert_eq!(lines[index].result, "parked", "{headers:?}: {:?}", lines[index]);
                assert_eq!(rig.calls()[index], before[index], "{headers:?}: a call a second too early");
            }
        }
        rig.seconds_after_noon(wait);
    }
    rig.heals().await;
}

#[tokio::test]
async fn f01_retry_after_in_seconds_is_obeyed() {
    is_waited_for(429, &[("retry-after", "3600".to_owned())], |_| 3_600).await;
}

#[tokio::test]
async fn f02_retry_after_as_a_date_is_obeyed() {
    is_waited_for(429, &[("retry-after", http_date(noon() + TimeDelta::seconds(90)))], |_| 90).await;
}

#[tokio::test]
async fn f02_retry_after_as_a_date_is_read_by_the_providers_own_clock() {
    let rig = Rig::new().await;
    for (_, wire) in &rig.wires {
        wire.simulator.set_quirks(Quirks { clock_skew_seconds: 3_600, ..uncounted() });
    }
    let date = http_date(noon() + TimeDelta::seconds(3_690));
    is_waited_for_by(rig, 429, &[("retry-after", date)], |_| 90).await;
}

#[tokio::test]
async fn f02_retry_after_in_the_past_is_a_second() {
    is_waited_for(429, &[("retry-after", http_date(noon() - TimeDelta::days(3)))], |_| 1).await;
}

#[tokio::test]
async fn f02_retry_after_of_garbage_is_as_if_nothing_were_said() {
    is_waited_for(429, &[("retry-after", "soon".to_owned())], unstated).await;
}

#[tokio::test]
async fn f02_retry_after_below_zero_is_as_if_nothing_were_said() {
    is_waited_for(429, &[("retry-after", "-30".to_owned())], unstated).await;
}

#[tokio::test]
async fn f02_retry_after_of_ages_is_believed_for_a_day() {
    is_waited_for(429, &[("retry-after", "1000000000000".to_owned())], |_| 86_400).await;
}

#[tokio::test]
async fn f02_retry_after_of_more_than_any_number_is_believed_for_a_day() {
    is_waited_for(429, &[("retry-after", "9".repeat(40))], |_| 86_400).await;
}

#[tokio::test]
async fn f03_a_429_without_a_header_has_the_providers_usual_wait() {
    is_waited_for(429, &[], unstated).await;
}

#[tokio::test]
async fn f04_a_check_that_is_refused_at_once_says_so_and_does_not_wait() {
    let rig = Rig::new().await;
    rig.script(&[Hit::answer(429, "retry-after: 3600\r\n", r#"{"message":"Too many"}"#).forever()]);
    let started = Instant::now();
    let lines = checking::check(&rig.world.app(), |_| ()).await.expect("it looks at everything");
    assert!(started.elapsed() < Duration::from_mins(1), "an hour was stated");
    assert_eq!(lines.len(), 9, "database, writes, connections, time zones, schema, closed hours, sources: {lines:?}");
    for line in &lines[6..] {
        assert!(!line.is_well && line.finding.contains("status 429"), "{line:?}");
        assert!(line.finding.contains("continues automatically"), "it says what to do: {line:?}");
    }
    assert_eq!(rig.calls(), [1; 3]);
}

#[tokio::test]
async fn f05_a_reset_is_read_as_seconds_from_now() {
    is_waited_for(429, &[("ratelimit", "\"default\";r=0;t=120".to_owned())], |_| 120).await;
}

#[tokio::test]
async fn f05_a_reset_is_read_as_seconds_since_1970() {
    let reset = noon().timestamp() + 120;
    is_waited_for(429, &[("ratelimit", format!("\"default\";r=0;t={reset}"))], |_| 120).await;
}

#[tokio::test]
async fn f05_a_reset_is_read_as_milliseconds_since_1970() {
    let reset = noon().timestamp_millis() + 120_000;
    is_waited_for(429, &[("ratelimit", format!("\"default\";r=0;t={reset}"))], |_| 120).await;
}

#[tokio::test]
async fn f05_a_reset_in_a_header_of_its_own_is_read_in_all_three_ways() {
    let (seconds, millis) = (noon().timestamp() + 120, noon().timestamp_millis() + 120_000);
    for (name, told) in [
        ("ratelimit-reset", "120".to_owned()),
        ("x-ratelimit-reset", seconds.to_string()),
        ("x-ratelimit-reset", millis.to_string()),
    ] {
        is_waited_for(429, &[(name, told)], |_| 120).await;
    }
}

#[tokio::test]
async fn f05_the_longer_of_two_stated_waits_holds_where_retry_after_is_one() {
    // a gateway's own retry time and the window of the service behind it
    let both = [("retry-after", "30".to_owned()), ("ratelimit", "\"default\";r=0;t=120".to_owned())];
    is_waited_for(429, &both, |_| 120).await;
}

#[tokio::test]
async fn f07_a_503_that_states_a_wait_is_obeyed() {
    is_waited_for(503, &[("retry-after", "120".to_owned())], |_| 120).await;
}

#[tokio::test]
async fn f07_a_refusal_whose_body_never_ends_counts_all_the_same() {
    let rig = Rig::new().await;
    let refuse = |good: &crate::harness::wire::Good| {
        vec![Step::Send(good.with(429, "retry-after: 120\r\ncontent-length: 1000\r\n", b"{")), Step::Close]
    };
    rig.script(&[Hit::new(refuse)]);
    rig.meets(RATE_LIMITED).await;
    assert_eq!(rig.calls(), [1; 3]);
}
