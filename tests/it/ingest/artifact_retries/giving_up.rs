//! How an artifact settles: by many tries over a day, or by two readings a day apart; and how it is retried.

use tokio_util::sync::CancellationToken;
use tributary::app::retrying::{self, RetrySelection};
use tributary::clock::Clock;
use tributary::model::stream::Stream;
use tributary_simulator::faults::{Effect, Fault};

use super::transient_faults::one_too_many;
use super::*;

/// Six chats that stay truncated, of young or of old meetings, one list of participants that stays short, one report
/// that stays missing, and one meeting without a fault.
async fn broken() -> (World, Simulator) {
    let cut = (0..6).map(|number| (format!("cut-{number}"), if number < 3 { 2 } else { 12 }));
    let others = [("short".to_owned(), 40), ("away".to_owned(), 40), ("whole".to_owned(), 12)];
    let (world, simulator) = world_of(cut.chain(others)).await;
    simulator
        .file_script((0..6).map(|n| Fault::new(Effect::ShortBody).only(&format!("/cut-{n}/chat")).forever()).collect());
    simulator.script(vec![
        Fault::new(one_too_many("short", days_ago(40))).only("/short/participants").forever(),
        Fault::new(Effect::html()).only("/peer-report/away-p").forever(),
    ]);
    (world, simulator)
}

/// Polls at these instants after noon; each must exit with 1.
async fn poll_at(world: &World, instants: &[TimeDelta]) {
    for after in instants {
        world.clock.set(world.clock.now().max(noon() + *after));
        let lines = world.poll().await;
        assert!(!is_exit_0(&lines), "after {after}: {lines:#?}");
    }
}

fn hours(hours: &[i64]) -> Vec<TimeDelta> {
    hours.iter().map(|hours| TimeDelta::hours(*hours)).collect()
}

#[tokio::test]
async fn f85_p13_a_fault_that_lasts_is_given_up_after_ten_tries_over_a_day_and_can_be_tried_again() {
    let (world, simulator) = broken().await;
    poll_at(&world, &hours(&[0, 1, 3, 7, 13, 16, 19, 22])).await;
    // ten tries and more, but less than a day: nothing is given up
    let tries = "select min(attempts)::bigint from ingest.artifact_tasks where reason in ('file_cut', 'contract_error', 'incomplete')";
    assert_eq!(world.number(tries).await, 10);
    assert_eq!(world.states("chat").await, "6 pending file_cut, 3 available");
    assert_eq!(world.states("participants").await, "8 available, 1 available incomplete");
    let health = world.health().await;
    assert_eq!(health["chat"]["tasks"]["owed"], json!([{"class": "file_cut", "count": 6}]));
    assert_eq!(health["chat"]["tasks"]["given_up"], json!([]));
    // a day and more: old artifacts are given up, and those that the provider still keeps are owed
    poll_at(&world, &hours(&[26])).await;
    assert_eq!(world.states("chat").await, "3 available, 3 failed file_cut, 3 pending file_cut");
    assert_eq!(world.states("quality").await, "8 available, 1 failed contract_error");
    assert_eq!(world.states("participants").await, "8 available, 1 available incomplete");
    let health = world.health().await;
    assert_eq!(health["participants"]["tasks"]["owed"], json!([]));
    let given_up = json!([{"state": "available", "class": "incomplete", "count": 1}]);
    assert_eq!(health["participants"]["tasks"]["given_up"], given_up);
    assert_eq!(health["participants"]["state"], "idle", "one of nine is no pattern");
    poll_at(&world, &hours(&[48, 72, 96])).await;
    // five days later the young ones are no longer kept
    world.clock.set(noon() + TimeDelta::hours(5 * 24 + 1));
    let lines = world.poll().await;
    assert!(is_exit_0(&lines), "nothing is owed any more: {lines:#?}");
    assert_eq!(world.states("chat").await, "6 failed file_cut, 3 available");
    let health = world.health().await;
    let chat = &health["chat"];
    assert_eq!((&chat["state"], &chat["is_failing"]), (&json!("incomplete"), &json!(true)), "{chat:#}");
    assert_eq!(chat["tasks"]["given_up"], json!([{"state": "failed", "class": "file_cut", "count": 6}]));
    assert!((chat["tasks"]["lost_share"].as_f64().expect("a share") - 6.0 / 9.0).abs() < 1e-9);
    let advice = chat["tasks"]["advice"].as_str().expect("advice");
    assert!(advice.contains("tributary replay --artifacts"), "{advice}");
    // neither a poll nor a requested run restores it: a retry does
    simulator.file_script(Vec::new());
    simulator.script(Vec::new());
    let api = world.api().await;
    let (status, _) = api.tell("/v1/sync/sources/realtimekit/runs?stream=chat").await;
    assert_eq!(status, 202);
    assert!(is_exit_0(&world.poll().await));
    assert_eq!(world.states("chat").await, "6 failed file_cut, 3 available");
    let body = json!({"state": "failed", "stream": ["chat"], "from": days_ago(13), "to": days_ago(11)});
    let (status, answer) = api.send("/v1/sync/sources/realtimekit/artifacts/retry", &body).await;
    assert_eq!((status, &answer["made_due"]), (202, &json!(3)), "{answer:#}");
    assert!(is_exit_0(&world.poll().await));
    assert_eq!(world.states("chat").await, "6 available, 3 failed file_cut");
    // the verb retries all that are left
    let lines = retrying::retry(&world.app(), &RetrySelection::default(), "ada", CancellationToken::new()).await;
    let made_due = |stream: Stream| {
        let lines = lines.as_ref().expect("it runs").iter();
        lines.filter(|line| line.stream == stream.as_str()).map(|line| line.made_due).sum::<i64>()
    };
    assert_eq!([Stream::Chat, Stream::Participants, Stream::Quality].map(made_due), [3, 1, 1]);
    assert!(is_exit_0(&world.poll().await));
    for stream in ["participants", "chat", "quality"] {
        assert_eq!(world.states(stream).await, "9 available", "{stream}");
    }
    assert!(world.health().await.values().all(|stream| stream["state"] == "idle"));
    let journal = api.ok("/v1/sync/operations?kind=retry").await;
    assert_eq!(journal["items"][0]["requested_by"], "ada");
    assert_eq!(journal["items"][1]["target"], "artifacts failed from 2026-02-25T12:00:00Z to 2026-02-27T12:00:00Z");
}

#[tokio::test]
async fn f85_p13_two_readings_a_day_apart_settle_an_absence_and_cost_little() {
    const COUNT: usize = 40;
    let feed = Arc::new(FixedFeed::new([]));
    for number in 0..COUNT {
        feed.insert(record(Platform::Realtimekit, &format!("gone-{number}"), days_ago(60)));
    }
    let mut world = World::new().await.with_depth();
    let simulator = world.simulate(Platform::Realtimekit, feed, Quirks::default()).await;
    let asked = |name: &str| simulator.requests().iter().filter(|call| call.path_and_query.contains(name)).count();
    let lines = world.poll().await;
    for stream in ["chat", "transcript", "summary"] {
        let line = line(&lines, stream).expect("a line");
        assert_eq!((line.result, line.owed), ("incomplete", 40), "{line:?}");
        assert_eq!(world.states(stream).await, "40 pending not_found");
        // three readings at most; once twenty are confirmed in a row the others wait for the next day
        let first = asked(&format!("/{stream}"));
        assert!((2 * COUNT..=3 * COUNT - 10).contains(&first), "{first} calls");
    }
    assert_eq!(world.states("participants").await, "40 empty no_content");
    assert_eq!(world.states("quality").await, "40 empty no_content", "there was no presence to report on");
    let before = asked("/chat");
    world.wait(TimeDelta::hours(12));
    assert!(!is_exit_0(&world.poll().await));
    assert_eq!(asked("/chat"), before, "half a day later it is not asked for");
    world.wait(TimeDelta::hours(13));
    assert!(is_exit_0(&world.poll().await));
    for stream in ["chat", "transcript", "summary"] {
        assert_eq!(world.states(stream).await, "40 expired not_found");
    }
    assert_eq!(asked("/chat"), before + COUNT);
    let chat = &world.health().await["chat"];
    assert_eq!((&chat["state"], &chat["is_failing"]), (&json!("idle"), &json!(false)), "it is knowledge, no failure");
    assert_eq!(chat["tasks"]["given_up"], json!([{"state": "expired", "class": "not_found", "count": 40}]));
    world.wait(TimeDelta::days(30));
    world.poll().await;
    assert_eq!(asked("/chat"), before + COUNT, "what is settled is not asked for again");
}

/// An invalid body starts nothing.
#[tokio::test]
async fn a_retry_reports_all_faults_of_its_request() {
    let (world, _simulator) = world_of([("one".to_owned(), 2)]).await;
    world.poll().await;
    let api = world.api().await;
    let path = "/v1/sync/sources/realtimekit/artifacts/retry";
    for (body, pointer, code) in [
        (json!({"state": "lost"}), "/state", "unknown_value"),
        (json!({"state": []}), "/state", "empty_list"),
        (json!({"stream": ["sessions"]}), "/stream", "unknown_value"),
        (json!({"from": "yesterday"}), "/from", "invalid_time"),
        (json!({"from": noon(), "to": noon()}), "/to", "empty_range"),
        (json!({"streams": "chat"}), "/streams", "unknown_field"),
        (json!([]), "", "wrong_type"),
    ] {
        let (status, problem) = api.send(path, &body).await;
        assert_eq!(status, 422, "{body}");
        let fault = &problem["errors"][0];
        assert_eq!((&fault["pointer"], &fault["code"]), (&json!(pointer), &json!(code)), "{body}: {problem:#}");
    }
    assert_eq!(api.tell("/v1/sync/sources/nowhere/artifacts/retry").await.0, 404);
    let (status, answer) = api.tell(path).await;
    assert_eq!((status, &answer["made_due"]), (202, &json!(0)), "nothing was given up");
    assert_eq!(world.number("select count(*) from ingest.operations where kind = 'retry'").await, 1);
}
