//! `/v1/health/pollers`: the state of each stream, its last error with advice, and its next run.

use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tributary::app::polling::{self, PollLine, Selection};
use tributary_simulator::Platform;
use tributary_simulator::fixed_feed::FixedFeed;
use tributary_simulator::quirks::Quirks;

use super::*;
use crate::harness::{World, noon, plain_feed};

#[tokio::test]
async fn p12_health_states_the_state_of_every_poller() {
    let api = Api::new().await;
    let answer = api.get("/v1/health/pollers").await;
    let poller =
        |source: &str| answer["items"].as_array().unwrap().iter().find(|p| p["source"] == source).unwrap().clone();
    let running = poller("rtk-prod");
    assert_eq!((&running["state"], &running["run"]["id"]), (&json!("running"), &json!(4)));
    assert_eq!(running["lease"], json!({"owner": "poller-1", "until": "2026-11-20T12:05:00Z"}));
    assert_eq!(running["lag_seconds"], 600);
    let refused = poller("konpro-eu");
    assert_eq!((&refused["state"], &refused["consecutive_failures"]), (&json!("auth_failed"), &json!(3)));
    assert_eq!(refused["last_error"]["advice"], "Check the key.");
    assert_eq!(refused["next_run_at"], "2026-11-20T12:31:00Z", "as soon as the provider allows");
    let behind = poller("konvo-us");
    assert_eq!((&behind["state"], &behind["incomplete_windows"]["count"]), (&json!("incomplete"), &json!(1)));
    assert_eq!(behind["incomplete_windows"]["first"][0]["reason"], "the list was cut");
    assert_eq!((&poller("konvo-eu")["state"], &poller("konpro-old")["state"]), (&json!("idle"), &json!("disabled")));
    assert_eq!(poller("konpro-old")["next_run_at"], Value::Null);
    assert_eq!(poller("konvo-eu")["next_run_at"], "2026-11-20T12:05:00Z");
    assert_eq!(api.problem("/v1/health/pollers?strict=true", 503).await["code"], "streams_failing");
    api.clock.set("2026-11-20T12:04:01Z".parse().unwrap());
    let later = api.get("/v1/health/pollers").await;
    assert_eq!(later["items"][4]["state"], "stalled", "no sign of life for five minutes");
}

#[tokio::test]
async fn p12_health_names_the_failure_and_its_remedy() {
    let mut world = World::new().await.with_key("not-the-right-key");
    let feed = Arc::new(FixedFeed::default());
    let _provider = world.simulate(Platform::Konvo, feed, Quirks::default()).await;
    world.poll_one().await;
    let api = world.api().await;
    let health = api.ok("/v1/health/pollers").await;
    let stream = &health["items"][0];
    assert_eq!(stream["state"], "auth_failed", "{health:#}");
    let advice = stream["last_error"]["advice"].as_str().unwrap_or_default();
    assert!(advice.contains("api_key_env"), "{advice}");
    let (status, _) = api.get("/v1/health/pollers?strict=true").await;
    assert_eq!(status, 503);
}

#[tokio::test]
async fn a_poller_that_stops_shows_and_costs_no_other() {
    let mut world = World::new().await;
    let mut providers = Vec::new();
    for platform in Platform::ALL {
        // the last of them began at one minute to eleven
        providers.push(world.simulate(platform, plain_feed(platform, 5), Quirks::default()).await);
    }
    assert!(world.poll().await.iter().all(PollLine::is_complete));
    world.clock.set(noon() + TimeDelta::hours(3));
    for source in ["konpro", "realtimekit"] {
        let selection = Selection { source: Some(source.to_owned()), ..Selection::default() };
        let lines = polling::poll(&world.app(), &selection, CancellationToken::new()).await.expect("the poll runs");
        assert!(lines.len() == 1 && lines[0].is_complete(), "{lines:?}");
    }
    let api = world.api().await;
    let path = "/v1/metrics/query?metrics=sessions&granularity=hour&from=2026-03-10T10:00:00Z&to=2026-03-10T15:00:00Z";
    let answer = api.ok(&format!("{path}&dimensions=provider")).await;
    let told = |provider: &str| {
        let rows = answer["rows"].as_array().expect("rows").iter();
        let rows = rows.filter(|row| row["dimensions"]["provider"] == provider);
        let cell = |row: &Value| {
            let figure = &row["values"]["sessions"];
            format!("{} {} {}", row["bucket"]["status"], figure["value"], figure["reason"]).replace('"', "")
        };
        rows.map(cell).collect::<Vec<String>>()
    };
    let (some, none) = ("complete 5 null", "complete 0 null");
    let unknown = "awaiting_sync null awaiting_sync";
    assert_eq!(told("konpro"), [some, none, none, none, none]);
    assert_eq!(told("realtimekit"), [some, none, none, none, none]);
    assert_eq!(told("konvo"), [some, none, unknown, unknown, unknown]);
    // for all together, the last three hours are unknown too
    let all = api.ok(path).await;
    let statuses: Vec<&Value> =
        all["rows"].as_array().expect("rows").iter().map(|row| &row["bucket"]["status"]).collect();
    assert_eq!(statuses, ["complete", "complete", "awaiting_sync", "awaiting_sync", "awaiting_sync"]);
    assert_eq!(all["freshness"]["complete_through"], "2026-03-10T12:00:00Z");
    let (status, problem) = api.get(&format!("{path}&require_fresh=PT1H")).await;
    assert_eq!((status, &problem["code"]), (503, &json!("not_fresh_enough")));
    assert!(problem["detail"].as_str().is_some_and(|detail| detail.contains("konvo/sessions")), "{problem}");
    api.ok(&format!("{path}&require_fresh=PT1H&provider=konpro,realtimekit")).await;
    // polling continues, and the hole is closed
    assert!(world.poll().await.iter().all(PollLine::is_complete));
    let answer = api.ok(&format!("{path}&require_fresh=PT1H&provider=konvo")).await;
    assert_eq!(answer["totals"]["sessions"], json!({"value": 5}));
}
