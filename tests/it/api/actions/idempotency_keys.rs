//! Idempotency keys: the same action runs once.

use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::json;
use tokio::sync::Notify;
use tributary::clock::SettableClock;

use super::scripted_provider::{Process, Provider, Reply, Stage, app, says};
use super::{LAUNCH, SUMMARY, handed_over};
use crate::harness::noon;

#[tokio::test]
async fn a_key_stands_for_one_action_for_a_day() {
    let stage = Stage::new(says(200, handed_over())).await;
    let (body, reordered) = (r#"{"quality":"low","version":"v1"}"#, r#"{"version":"v1","quality":"low"}"#);
    let [body, reordered] = [body, reordered].map(|text| serde_json::from_str(text).expect("JSON"));
    assert_eq!(stage.launch("day", &body).await.json["tokens_already_given"], false);
    assert_eq!(stage.launch("day", &reordered).await.json["tokens_already_given"], true);
    let other = stage.launch("day", &json!({"quality": "high"})).await;
    assert_eq!((other.status, &other.json["code"]), (422, &json!("idempotency_key_reused")));
    // a key belongs to its source
    assert_eq!(stage.post(SUMMARY, &[("idempotency-key", "day")], &json!({})).await.status, 202);
    assert_eq!(stage.provider.calls().len(), 2);
    stage.clock.set(noon() + TimeDelta::hours(24) - TimeDelta::seconds(1));
    assert_eq!(stage.launch("day", &body).await.json["tokens_already_given"], true);
    stage.clock.set(noon() + TimeDelta::hours(24));
    stage.provider.will(says(200, handed_over().to_string().replace("session-1", "session-2")));
    assert_eq!(stage.launch("day", &body).await.json["provider_session_id"], "session-2");
    assert_eq!(stage.provider.calls().len(), 3);
    assert!(!stage.dump().await.contains("\\x646179"), "the key itself is not kept");
}

#[tokio::test]
async fn keys_that_are_no_keys_are_refused() {
    let stage = Stage::new(says(200, handed_over())).await;
    let long = "k".repeat(256);
    for key in [long.as_str(), "two words", "ünicode"] {
        let refused = stage.post(LAUNCH, &[("idempotency-key", key)], &json!({})).await;
        assert_eq!(
            (refused.status, &refused.json["errors"][0]["parameter"]),
            (422, &json!("Idempotency-Key")),
            "{key}"
        );
    }
    let twice = stage.post(LAUNCH, &[("idempotency-key", "a"), ("idempotency-key", "b")], &json!({})).await;
    assert_eq!(twice.status, 422);
    assert!(stage.provider.calls().is_empty());
    assert_eq!(stage.launch(&long[..255], &json!({})).await.status, 201);
}

#[tokio::test]
async fn of_two_at_once_one_calls() {
    let go = Arc::new(Notify::new());
    let stage = Stage::new(Reply::Waits(Arc::clone(&go), handed_over().to_string())).await;
    let body = json!({});
    let both = async {
        let one = stage.launch("both", &body);
        let other = async {
            stage.provider.was_called(1).await;
            let refused = stage.launch("both", &body).await;
            go.notify_one();
            refused
        };
        tokio::join!(one, other)
    };
    let (one, other) = both.await;
    assert_eq!((one.status, other.status, &other.json["code"]), (201, 409, &json!("action_in_flight")));
    assert!(other.headers.contains_key("retry-after"));
    assert_eq!(stage.provider.calls().len(), 1);
    // many at once: one response contains the tokens
    stage.provider.will(says(200, handed_over()));
    let many = futures_util::future::join_all((0..8).map(|_| stage.launch("many", &body))).await;
    let given = many.iter().filter(|answer| answer.json["access"].is_object()).count();
    assert_eq!((given, stage.provider.calls().len()), (1, 2));
}

#[tokio::test]
async fn a_refusal_is_remembered_and_a_postponement_is_not() {
    let stage =
        Stage::new(says(400, json!({"code": 10007, "message": "Concurrent limit reached.", "data": null}))).await;
    let first = stage.launch("no", &json!({})).await;
    let second = stage.launch("no", &json!({})).await;
    assert_eq!((first.status, second.status), (502, 502));
    assert_eq!(first.json["detail"], second.json["detail"]);
    assert_eq!(stage.provider.calls().len(), 1);
    let busy = vec![("content-type", "application/json"), ("retry-after", "7")];
    stage.provider.will(Reply::Says(429, busy, r#"{"message":"slow down"}"#.to_owned()));
    let postponed = stage.launch("later", &json!({})).await;
    assert_eq!((postponed.status, &postponed.json["code"]), (503, &json!("provider_not_now")));
    assert_eq!(postponed.headers["retry-after"], "7");
    // before that instant the provider is not called
    assert_eq!(stage.launch("later", &json!({})).await.status, 503);
    assert_eq!(stage.provider.calls().len(), 2);
    stage.clock.set(noon() + TimeDelta::seconds(8));
    stage.provider.will(says(200, handed_over()));
    assert_eq!(stage.launch("later", &json!({})).await.status, 201);
}

#[tokio::test]
async fn after_a_crash_no_call_is_repeated() {
    let stage = Stage::new(Reply::Hangs).await;
    let clock = Arc::new(SettableClock::at(noon()));
    // a second process over the same database, which is killed while the provider is silent
    let silent = Provider::start(Reply::Hangs).await;
    let doomed = app(&stage.db, &clock, &silent, "[sources.actions]\nenabled = true\n").await;
    let doomed = Process::start(doomed).await;
    let request = stage.http.post(format!("{}{LAUNCH}", doomed.base)).header("idempotency-key", "crash");
    let request = tokio::spawn(request.json(&json!({})).send());
    silent.was_called(1).await;
    drop(doomed);
    assert!(request.await.expect("it ran").is_err(), "the connection is lost");

    let line = stage.newest().await;
    assert_eq!((&line["state"], &line["ended_at"]), (&json!("started"), &json!(null)));
    assert_eq!(stage.launch("crash", &json!({})).await.json["code"], "action_in_flight");
    stage.clock.set(noon() + TimeDelta::minutes(5));
    let line = stage.newest().await;
    assert_eq!((&line["state"], &line["ended_at"]), (&json!("unknown"), &json!(null)));
    assert!(line["detail"].as_str().is_some_and(|text| text.contains("may have been started")), "{line:#}");
    let again = stage.launch("crash", &json!({})).await;
    assert_eq!((again.status, &again.json["code"]), (409, &json!("outcome_still_unknown")));
    assert!(stage.provider.calls().is_empty(), "no second call");
    assert_eq!(stage.get("/v1/actions?state=unknown").await["items"].as_array().map(Vec::len), Some(1));
}
