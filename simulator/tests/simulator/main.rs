//! The simulated providers answer as documented, and the world they show is coherent.
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot be set up has failed")]

mod links;
mod meeting_files;
mod session_calls;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::StatusCode;
use serde_json::Value;
use tributary_simulator::faults::{Effect, Fault, RetryAfter};
use tributary_simulator::feed::Feed;
use tributary_simulator::fixed_feed::{FixedFeed, FixedRecord};
use tributary_simulator::quirks::{KonproShape, Quirks, Total};
use tributary_simulator::world::{Shape, Volume, World};
use tributary_simulator::{Now, Platform, Simulator, SimulatorSettings};

const RTK: &str = "/accounts/a/realtime/kit/b/sessions";

fn noon() -> DateTime<Utc> {
    "2026-03-04T12:00:00Z".parse().expect("an instant")
}

struct Rig {
    simulator: Simulator,
    now: Arc<Mutex<DateTime<Utc>>>,
    http: reqwest::Client,
    platform: Platform,
}

impl Rig {
    async fn new(platform: Platform, feed: Arc<dyn Feed>) -> Self {
        let now = Arc::new(Mutex::new(noon()));
        let simulator = Simulator::start(SimulatorSettings {
            platform,
            feed,
            now: Now::new({
                let now = Arc::clone(&now);
                move || *now.lock().expect("a clock")
            }),
            api_key: "good".to_owned(),
            listen: "127.0.0.1:0".parse().expect("an address"),
            quirks: Quirks::default(),
        })
        .await
        .expect("listens");
        Self { simulator, now, http: http_client(), platform }
    }

    fn set_clock(&self, at: DateTime<Utc>) {
        *self.now.lock().expect("a clock") = at;
    }

    async fn send(&self, path: &str) -> Result<reqwest::Response, reqwest::Error> {
        let request = self.http.get(format!("{}{path}", self.simulator.base_url()));
        match self.platform {
            Platform::Realtimekit => request.bearer_auth("good"),
            Platform::Konpro | Platform::Konvo => request.header("x-api-key", "good"),
        }
        .send()
        .await
    }

    async fn json(&self, path: &str) -> Value {
        let response = self.send(path).await.expect("an answer");
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        response.json().await.expect("JSON")
    }
}

#[expect(clippy::disallowed_methods, reason = "the client of the service is in another package")]
fn http_client() -> reqwest::Client {
    // A second installation fails and is harmless.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy();
    client.timeout(Duration::from_secs(30)).build().expect("a client")
}

fn numbered(count: usize) -> Arc<FixedFeed> {
    Arc::new(FixedFeed::new((0..count).map(|number| {
        let created_at = noon() - TimeDelta::minutes(100 - i64::try_from(number).expect("small"));
        let json = format!(r#"{{"session_id":"s{number}","id":"s{number}","created_at":{}}}"#, created_at.timestamp());
        FixedRecord { id: format!("s{number}"), created_at, updated_at: created_at, json }
    })))
}

#[tokio::test]
async fn konpro_lists_newest_first_by_page_or_by_token() {
    let rig = Rig::new(Platform::Konpro, numbered(5)).await;
    let page = rig.json("/v1/streaming/sessions?page=2&page_size=2").await;
    assert_eq!((&page["total"], &page["page"], &page["data"][0]["session_id"]), (&5.into(), &2.into(), &"s2".into()));
    assert_eq!(page["next_pagination_token"], Value::Null);
    let refused = rig.send("/v1/streaming/sessions?page_size=101").await.expect("an answer");
    assert_eq!(refused.status(), StatusCode::UNPROCESSABLE_ENTITY);

    rig.simulator.set_quirks(Quirks { token_paging: true, ..Quirks::default() });
    let (mut path, mut seen) = ("/v1/streaming/sessions?page_size=2".to_owned(), Vec::new());
    loop {
        let page = rig.json(&path).await;
        seen.extend(page["data"].as_array().expect("a list").iter().map(|s| s["session_id"].to_string()));
        let Some(token) = page["next_pagination_token"].as_str() else { break };
        path = format!("/v1/streaming/sessions?page_size=2&token={}", token.replace('=', "%3D"));
    }
    assert_eq!(seen.join(","), r#""s4","s3","s2","s1","s0""#);

    let shape = KonproShape::Wrapped;
    rig.simulator.set_quirks(Quirks { konpro_shape: shape, total: Total::AsText, ..Quirks::default() });
    let page = rig.json("/v1/streaming/sessions").await;
    assert_eq!((&page["code"], &page["data"]["total"]), (&100.into(), &"5".into()));
    assert_eq!(rig.simulator.requests().len(), 6);
}

#[tokio::test]
async fn konvo_leaves_out_fields_that_were_not_requested() {
    let world = World::generate(&Shape::default(), 7, noon());
    let rig = Rig::new(Platform::Konvo, world.feed(Platform::Konvo)).await;
    let bare = rig.json("/ai-sessions?limit=1").await;
    assert!(bare["result"][0].get("status").is_none() && bare["result"][0].get("messages").is_none());
    let full = rig.json("/ai-sessions?limit=1&messages=true&state=true").await;
    assert!(full["result"][0]["status"]["completed"].is_boolean() && full["result"][0]["messages"].is_array());
    let refused = rig.send("/ai-sessions?limit=201").await.expect("an answer");
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    rig.simulator.set_quirks(Quirks { first_page: 0, ..Quirks::default() });
    let (first, second) = (rig.json("/ai-sessions?limit=3").await, rig.json("/ai-sessions?limit=3&page=1").await);
    assert_ne!(first["result"][0]["id"], second["result"][0]["id"]);
}

#[tokio::test]
async fn realtimekit_counts_rows_and_calls() {
    let rig = Rig::new(Platform::Realtimekit, numbered(5)).await;
    let page = rig.json(&format!("{RTK}?page_no=2&per_page=2&sort_by=createdAt&sort_order=ASC")).await;
    assert_eq!(page["paging"], serde_json::json!({"total_count": 5, "start_offset": 3, "end_offset": 4}));
    assert_eq!(page["data"]["sessions"][0]["id"], "s2");
    assert_eq!(rig.json(&format!("{RTK}/s3")).await["data"]["id"], "s3");
    let missing = rig.send(&format!("{RTK}/none")).await.expect("an answer");
    assert_eq!(missing.status(), StatusCode::NOT_FOUND);
    assert_eq!(missing.headers()["ratelimit"], "\"default\";r=1197;t=300");
    assert_eq!(missing.headers()["date"], "Wed, 04 Mar 2026 12:00:00 GMT");
    rig.simulator.set_quirks(Quirks { calls_per_window: 3, ..Quirks::default() });
    assert_eq!(rig.send(RTK).await.expect("an answer").headers()["retry-after"], "300");
    let anonymous = rig.http.get(format!("{}{RTK}", rig.simulator.base_url()));
    rig.set_clock(noon() + TimeDelta::minutes(6));
    assert_eq!(anonymous.send().await.expect("an answer").status(), StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn faults_happen_as_scripted() {
    let feed = numbered(5);
    let rig = Rig::new(Platform::Realtimekit, feed.clone()).await;
    rig.simulator.script(vec![
        Fault::new(Effect::RateLimited(RetryAfter::HttpDate(60))),
        Fault::new(Effect::CutBody).from_request(2),
        Fault::new(Effect::MissingListKey).from_request(3),
        Fault::new(Effect::EmptyPage).from_request(4),
        Fault::new(Effect::OversizedBody { bytes: 3_000_000 }).from_request(5),
        Fault::new(Effect::before(move || assert!(feed.remove("s0")))).from_request(6),
        Fault::new(Effect::PageCycle { length: 2 }).from_request(7).forever(),
    ]);
    let limited = rig.send(RTK).await.expect("an answer");
    assert_eq!(limited.headers()["retry-after"], "Wed, 04 Mar 2026 12:01:00 GMT");
    let cut = rig.send(RTK).await.expect("the head of an answer");
    assert_eq!(cut.status(), StatusCode::OK);
    cut.bytes().await.expect_err("the body breaks off");
    assert!(rig.json(RTK).await["data"].get("sessions").is_none());
    let empty = rig.json(RTK).await;
    assert_eq!(
        (empty["data"]["sessions"].as_array().map(Vec::len), &empty["paging"]["total_count"]),
        (Some(0), &5.into())
    );
    let large = rig.send(RTK).await.expect("an answer").bytes().await.expect("a body");
    assert!(large.len() > 3_000_000 && serde_json::from_slice::<Value>(&large).is_ok());
    assert_eq!(rig.json(RTK).await["paging"]["total_count"], 4);
    let third = rig.json(&format!("{RTK}?per_page=1&page_no=3")).await;
    assert_eq!(third["data"]["sessions"][0]["id"], "s4");
}

#[tokio::test]
async fn records_are_sent_to_the_letter() {
    let feed = FixedFeed::new(["7", r#"{"id":"\ud800\u0000","n":1e400}"#, "[]"].map(|json| FixedRecord {
        id: "same".to_owned(),
        created_at: noon(),
        updated_at: noon(),
        json: json.to_owned(),
    }));
    let rig = Rig::new(Platform::Konvo, Arc::new(feed)).await;
    let body = rig.send("/ai-sessions?messages=true&state=true").await.expect("an answer").text().await.expect("text");
    assert_eq!(body, r#"{"count":3,"result":[[],{"id":"\ud800\u0000","n":1e400},7]}"#);
}

/// A reader of all pages finds the truth, now and later, and the same seed gives the same world.
#[tokio::test]
async fn the_world_advances_and_its_truth_equals_its_lists() {
    let world = World::generate(&Shape::default(), 1, noon());
    for later in [TimeDelta::zero(), TimeDelta::minutes(7), TimeDelta::hours(5)] {
        let now = noon() + later;
        let truth = world.truth(now);
        let records = |platform| -> Vec<Value> {
            let feed = world.feed(platform);
            let json = feed.index(now).into_iter().filter_map(|entry| feed.render(entry.key, now));
            json.map(|json| serde_json::from_str(&json).expect("JSON")).collect()
        };
        let minutes: f64 = records(Platform::Realtimekit).iter().filter_map(|m| m["minutes_consumed"].as_f64()).sum();
        let told: f64 = truth.realtimekit.minutes_consumed.expect("metered").to_string().parse().expect("a number");
        assert!((minutes - told).abs() < 0.001, "{minutes} {told}");
        let chats = records(Platform::Konvo);
        let completed = |flag: bool| {
            chats.iter().filter(|c| c["status"]["completed"] == true && c["status"]["unresolved"] == flag).count()
                as u64
        };
        assert_eq!((Some(completed(false)), Some(completed(true))), (truth.konvo.resolved, truth.konvo.unresolved));
        let messages: usize = chats.iter().filter_map(|c| c["messages"].as_array().map(Vec::len)).sum();
        assert_eq!(Some(messages as u64), truth.konvo.messages);
        let live = records(Platform::Realtimekit).iter().filter(|m| m["status"] == "LIVE").count();
        assert!(live > 0, "something is on at {now}");
        assert_eq!(World::generate(&Shape::default(), 1, noon()).truth(now), truth);
        println!("{}", serde_json::to_string(&truth).expect("JSON"));
    }
}

#[tokio::test]
async fn a_page_costs_as_much_as_its_records() {
    let volume = Volume { history: 20_000, per_hour_ahead: 0 };
    let shape = Shape { chats: volume, meetings: volume, avatars: volume, ..Shape::default() };
    let world = World::generate(&shape, 1, noon());
    for (platform, path) in [
        (Platform::Konvo, "/ai-sessions?limit=200&messages=true&state=true&page=50"),
        (Platform::Konpro, "/v1/streaming/sessions?page=100&page_size=100"),
        (Platform::Realtimekit, "/accounts/a/realtime/kit/b/sessions?per_page=100&page_no=99"),
    ] {
        let rig = Rig::new(platform, world.feed(platform)).await;
        rig.send(path).await.expect("warm");
        let began = Instant::now();
        let length = rig.send(path).await.expect("an answer").bytes().await.expect("a body").len();
        let took = began.elapsed();
        println!("{platform:?} {length} bytes in {took:?}");
        assert!(took < Duration::from_secs(2), "{took:?} without optimization");
    }
}
