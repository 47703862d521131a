//! Calls for artifacts: refused ones are waited for, and a backlog or a slow file holds up nothing else.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tributary::clock::{Clock, SystemClock};
use tributary_simulator::Platform;
use tributary_simulator::faults::{Effect, Fault, RetryAfter};
use tributary_simulator::quirks::Quirks;

use super::{assert_same, meetings};
use crate::harness::{World, simulator};

#[tokio::test]
async fn a_refusal_in_the_middle_of_a_burst_is_obeyed_and_loses_nothing() {
    let generated = meetings(12);
    let mut calm = World::new().await.with_depth();
    let feed = || generated.feed(Platform::Realtimekit);
    let _calm = calm.simulate(Platform::Realtimekit, feed(), Quirks::default()).await;
    calm.poll().await;

    let mut world = World::new().await.with_depth();
    let simulator = world.simulate(Platform::Realtimekit, feed(), Quirks::default()).await;
    let refusal = |number| Fault::new(Effect::RateLimited(RetryAfter::Seconds(120))).from_request(number);
    simulator.script(vec![refusal(6), refusal(25), refusal(26), refusal(60)]);
    let mut rounds = 0;
    loop {
        rounds += 1;
        let lines = world.poll().await;
        if lines.iter().all(tributary::app::polling::PollLine::is_complete) {
            break;
        }
        assert!(lines.iter().any(|line| line.result == "rate_limited"), "{lines:?}");
        // calls in flight are completed; until the stated instant no new call is made
        let made = simulator.requests().len();
        world.clock.set(world.clock.now() + TimeDelta::seconds(119));
        world.poll().await;
        assert_eq!(simulator.requests().len(), made, "a call was made before the stated reset");
        world.clock.set(world.clock.now() + TimeDelta::seconds(2));
    }
    assert!((3..=6).contains(&rounds), "{rounds} rounds");
    assert_same(&world, &calm).await;
}

#[tokio::test]
async fn a_slow_file_holds_nothing_up() {
    let generated = meetings(10);
    let mut world = World::new().await.with_depth();
    let simulator =
        world.simulate(Platform::Realtimekit, generated.feed(Platform::Realtimekit), Quirks::default()).await;
    simulator.file_script(vec![Fault::new(Effect::Delay(Duration::from_secs(6)))]);
    let pool = world.db.pool.clone();
    let poll = world.poll();
    let watch = async {
        // all others are decided while the slow one is still in flight
        for _ in 0..600 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let left: Result<(i64, i64), _> = sqlx::query_as(
                "select count(*), count(*) filter (where attempts = 0 or claimed_until is not null)
                   from ingest.artifact_tasks",
            )
            .fetch_one(&pool)
            .await;
            if matches!(left, Ok((all, 1)) if all >= 50) {
                return true;
            }
        }
        false
    };
    let (lines, seen) = tokio::join!(poll, watch);
    assert!(seen, "the others waited for the slow one");
    assert!(lines.iter().all(tributary::app::polling::PollLine::is_complete), "{lines:?}");
}

/// A provider that allows 240 calls in twelve seconds: four fifths of them are ours.
#[tokio::test]
async fn a_backlog_uses_the_share_of_the_quota_and_no_more() {
    let generated = meetings(24);
    let mut world = World::new().await.with_depth();
    let system: Arc<dyn Clock> = Arc::new(SystemClock);
    let quirks = Quirks { calls_per_window: 240, calls_window_seconds: 12, ..Quirks::default() };
    let provider =
        simulator(Platform::Realtimekit, generated.feed(Platform::Realtimekit), quirks, Arc::clone(&system)).await;
    world.poll_elsewhere("realtimekit", &provider.base_url());
    let (app, all) = (world.app_at(system), tributary::app::polling::Selection::default());
    let lines = tributary::app::polling::poll(&app, &all, tokio_util::sync::CancellationToken::new()).await;
    let lines = lines.expect("the poll runs");
    // by the machine's clock the meetings are old: that they have no files is confirmed a day later
    let is_done = |line: &tributary::app::polling::PollLine| line.is_complete() || line.result == "incomplete";
    // a failed try is named in the detail
    let has_failed = |line: &tributary::app::polling::PollLine| {
        let names_a_try = |detail: &str| line.is_complete() || detail.contains("Last: ");
        line.stream != "sessions" && line.detail.as_deref().is_some_and(names_a_try)
    };
    assert!(lines.iter().all(|line| is_done(line) && !has_failed(line) && line.rejected == 0), "{lines:?}");
    let calls = provider.requests();
    assert!(calls.iter().all(|call| call.status != 429), "a call was refused");
    let times: Vec<_> = calls.iter().map(|call| call.at).collect();
    assert!(times.len() > 150, "{} calls are too few to tell", times.len());
    let window = TimeDelta::seconds(12);
    let most = times.iter().map(|from| times.iter().filter(|at| **at >= *from && **at < *from + window).count()).max();
    assert!(most <= Some(192), "{most:?} calls in one window");
    // missing artifacts are requested again within seconds, after separate waits: up to the last new call, less
    // those that wait for each other and not for the quota; a busy machine gets some tolerance
    let mut seen = std::collections::BTreeSet::new();
    let is_new = calls.iter().map(|call| seen.insert(&call.path_and_query)).collect::<Vec<bool>>();
    let last_new = is_new.iter().rposition(|is_new| *is_new).expect("a call");
    let busy = &times[..last_new - 20];
    let seconds = (busy[busy.len() - 1] - busy[0]).as_seconds_f64();
    let rate = f64::from(u32::try_from(busy.len() - 1).expect("few")) / seconds;
    assert!(rate >= 0.85 * 16.0, "{rate:.2} calls a second of 16");
}

/// A token that may list sessions but not read transcripts costs the transcripts and nothing else.
#[tokio::test]
async fn a_call_that_is_refused_stops_no_other_kind_of_call() {
    let generated = meetings(12);
    let mut world = World::new().await.with_depth();
    let simulator =
        world.simulate(Platform::Realtimekit, generated.feed(Platform::Realtimekit), Quirks::default()).await;
    let forbidden = Effect::json(403, r#"{"success":false,"error":{"code":403,"message":"no"}}"#);
    simulator.script(vec![Fault::new(forbidden).only("/transcript").forever()]);
    let lines = world.poll().await;
    for line in &lines {
        let expected = if line.stream == "transcript" { "failed" } else { "complete" };
        assert_eq!(line.result, expected, "{lines:?}");
    }
    let asked = simulator.requests().iter().filter(|call| call.path_and_query.contains("/transcript")).count();
    assert!((3..=8).contains(&asked), "{asked} calls were refused before no more were made");
    let untouched = "select count(*) from ingest.artifact_tasks where attempts = 0 and stream <> 'transcript'";
    assert_eq!(world.number(untouched).await, 0);
    let left = "select count(*) from ingest.artifact_tasks where stream = 'transcript' and state = 'pending'";
    assert_eq!(world.number(left).await, 12, "nothing is given up");
}

/// One session that is always refused keeps no other from being fetched.
#[tokio::test]
async fn one_session_that_is_refused_keeps_no_other_from_being_fetched() {
    let generated = meetings(12);
    let mut world = World::new().await.with_depth();
    let simulator =
        world.simulate(Platform::Realtimekit, generated.feed(Platform::Realtimekit), Quirks::default()).await;
    world.poll().await;
    let newest = "select provider_session_id from core.sessions order by ended_at desc limit 1";
    let newest: String = sqlx::query_scalar(newest).fetch_one(&world.db.pool).await.expect("a session");
    let forbidden = Effect::json(403, r#"{"success":false,"error":{"code":403,"message":"no"}}"#);
    simulator.script(vec![Fault::new(forbidden).only(&format!("{newest}/chat")).forever()]);
    sqlx::query("update ingest.artifact_tasks set state = 'pending', next_try_at = '2026-01-01' where stream = 'chat'")
        .execute(&world.db.pool)
        .await
        .expect("requested again");
    let lines = world.poll().await;
    assert!(lines.iter().any(|line| line.stream == "chat" && line.result == "incomplete"), "{lines:?}");
    let left = "select count(*) from ingest.artifact_tasks where stream = 'chat' and next_try_at = '2026-01-01'";
    assert_eq!(world.number(left).await, 0, "all were asked for");
    let refused = "select count(*) from ingest.artifact_tasks where reason = 'auth_failed'";
    assert_eq!(world.number(refused).await, 1);
}
