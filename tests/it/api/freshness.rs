//! `/v1/freshness`: how old data may be follows from each source, and a pause is stated.

use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::{Value, json};
use tributary_simulator::Platform;
use tributary_simulator::fixed_feed::FixedFeed;
use tributary_simulator::quirks::Quirks;

use crate::harness::{World, noon, plain_record};

/// Polls one chat at noon from a source with these settings, and returns the freshness after each number of minutes.
async fn after_minutes(settings: &str, minutes: &[i64]) -> (World, Vec<Value>) {
    let mut world = World::new().await.with_settings(settings);
    let feed = Arc::new(FixedFeed::new([plain_record(Platform::Konvo, 1, 60)]));
    let _provider = world.simulate(Platform::Konvo, feed, Quirks::default()).await;
    world.poll_one().await;
    let api = world.api().await;
    let mut answers = Vec::new();
    for minute in minutes {
        world.clock.set(noon() + TimeDelta::minutes(*minute));
        answers.push(api.ok("/v1/freshness").await);
    }
    (world, answers)
}

fn states(answers: &[Value]) -> Vec<&Value> {
    answers.iter().map(|answer| &answer["state"]).collect()
}

#[tokio::test]
async fn a_stream_is_stale_after_three_intervals_of_its_schedule() {
    let (world, answers) = after_minutes("schedule = \"0 0 * * * *\"", &[179, 181]).await;
    assert_eq!(states(&answers), ["fresh", "stale"]);
    assert_eq!(answers[0]["streams"][0]["stale_after_seconds"], 10_800);
    assert_eq!(answers[1]["streams"][0]["state"], "stale");
    assert_eq!(world.number("select stale_after_seconds::bigint from analytics.stream_freshness").await, 10_800);
    // the default schedule: every five minutes
    let (_, answers) = after_minutes("", &[14, 16]).await;
    assert_eq!(states(&answers), ["fresh", "stale"]);
}

#[tokio::test]
async fn the_configuration_may_set_when_a_source_is_stale() {
    let (world, answers) = after_minutes("stale_after_seconds = 120", &[1, 3]).await;
    assert_eq!(states(&answers), ["fresh", "stale"]);
    let api = world.api().await;
    let today = "/v1/metrics/query?metrics=sessions&range=today&zone=UTC";
    assert_eq!(api.ok(today).await["freshness"]["state"], "stale", "other answers agree");
}

#[tokio::test]
async fn a_pause_is_stated_in_the_freshness_of_every_answer() {
    let (world, answers) = after_minutes("", &[0]).await;
    let flags = |answer: &Value| (answer["is_paused"].clone(), answer["streams"][0]["is_paused"].clone());
    assert_eq!(flags(&answers[0]), (json!(false), json!(false)));
    let api = world.api().await;
    let (status, body) = api.post("/v1/sync/sources/konvo/pause", &[]).await;
    assert_eq!(status, 200, "{body:#}");
    let paused = (json!(true), json!(true));
    assert_eq!(flags(&api.ok("/v1/freshness").await), paused);
    let figures = api.ok("/v1/metrics/query?metrics=sessions&range=today&zone=UTC").await;
    assert_eq!(flags(&figures["freshness"]), paused);
    assert_eq!(flags(&api.ok("/v1/sessions").await["freshness"]), paused);
    assert_eq!(world.number("select count(*) from analytics.stream_freshness where is_paused").await, 1);
}
