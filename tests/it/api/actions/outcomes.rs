//! Provider responses of all kinds: the service reports whether an action may have started, and retries nothing.

use serde_json::{Value, json};

use super::scripted_provider::{Reply, Stage, says};
use super::{SECRETS, assert_discreet, handed_over, whole_body};
use crate::harness::logs::Logs;

#[tokio::test]
async fn every_answer_says_whether_something_may_have_been_started() {
    let stage = Stage::new(Reply::Hangs).await;
    let html = Reply::Says(200, Vec::new(), "<html>".to_owned());
    let redirect = Reply::Says(302, vec![("location", "http://127.0.0.1:1/")], String::new());
    let sample = |name: &str| match name {
        "unauthorized" => json!({"code": 400_112, "message": "Unauthorized", "data": null}),
        "sdk" => json!({"error": {"code": "INVALID_API_KEY", "message": "API key is invalid", "request_id": "r"}}),
        _ => json!({"detail": [{"loc": ["body", "quality"], "msg": "bad quality", "type": "x"}]}),
    };
    let cases: Vec<(Reply, u16, &str, &str)> = vec![
        (
            says(400, json!({"code": 10_007, "message": "Concurrent limit reached."})),
            502,
            "refused",
            "Concurrent limit",
        ),
        (says(401, sample("sdk")), 502, "refused", "API key is invalid"),
        (says(422, sample("fastapi")), 502, "refused", "bad quality"),
        (says(200, sample("unauthorized")), 502, "refused", "400112"),
        (says(200, sample("sdk")), 502, "refused", "INVALID_API_KEY"),
        (redirect, 502, "refused", "redirects are not followed"),
        (says(500, json!({"message": "oops"})), 504, "unknown", "oops"),
        (says(408, "{}"), 504, "unknown", "408"),
        (html, 504, "unknown", "HTML"),
        (says(200, json!({"code": 100, "data": {"url": SECRETS[0]}})), 504, "unknown", "session_id"),
        (says(200, json!({"code": 100, "data": null})), 504, "unknown", "session_id"),
        (says(200, r#"{"code": 100, "data": {"sess"#), 504, "unknown", "session_id"),
        (Reply::Hangs, 504, "unknown", "POST /v1/streaming/new"),
    ];
    for (number, (reply, status, state, words)) in cases.into_iter().enumerate() {
        stage.provider.will(reply);
        let answer = stage.launch("", &json!({})).await;
        assert_eq!(answer.status, status, "{number}: {:#}", answer.json);
        let detail = answer.json["detail"].as_str().unwrap_or_default();
        assert!(detail.contains(words), "{number}: {detail}");
        assert_eq!(detail.contains("may have been started"), state == "unknown", "{number}: {detail}");
        let line = stage.newest().await;
        assert_eq!(line["state"], state, "{number}: {line:#}");
        assert_eq!(stage.provider.calls().len(), number + 1, "it is asked once");
    }
    assert_discreet(&stage.dump().await, "the database");
}

#[tokio::test]
async fn values_repeated_by_a_provider_are_left_out() {
    let (logs, _guard) = Logs::caught();
    let stage = Stage::new(Reply::Hangs).await;
    let echo = |text: &str| -> Value { json!({"code": 400_175, "message": format!("Invalid parameter: {text}")}) };
    let long = format!("{}{}", "x".repeat(170), SECRETS[4]);
    for text in [SECRETS[4], SECRETS[5], SECRETS[6], long.as_str(), "own-room-name"] {
        for status in [200, 400, 500] {
            stage.provider.will(says(status, echo(text)));
            let answer = stage.launch("", &whole_body()).await;
            let told = answer.json.to_string();
            assert!(answer.status >= 500 && told.contains("left out"), "{told}");
            for part in ["own-room", "merger"] {
                assert!(!told.contains(part) && !stage.newest().await.to_string().contains(part), "{told}");
            }
        }
    }
    // a message that repeats nothing is passed on
    stage.provider.will(says(400, json!({"code": 10_007, "message": "Concurrent limit reached."})));
    let answer = stage.launch("", &whole_body()).await;
    assert!(answer.json["detail"].as_str().is_some_and(|text| text.contains("Concurrent limit")), "{:#}", answer.json);
    // and faults of the body repeat no value
    let mut faulty = whole_body();
    faulty["livekit_settings"]["url"] = json!(format!("not an address {}", SECRETS[4]));
    faulty["knowledge_base"] = json!([SECRETS[6]]);
    let answer = stage.launch("", &faulty).await;
    assert_eq!(answer.status, 422);
    assert_discreet(&answer.json.to_string(), "the faults");
    assert_discreet(&stage.dump().await, "the database");
    assert_discreet(&logs.text(), "the logs");
}

#[tokio::test]
async fn a_provider_that_is_unavailable_has_started_nothing() {
    let mut stage = Stage::new(says(200, handed_over())).await;
    stage.provider.goes_away().await;
    let answer = stage.launch("away", &json!({})).await;
    assert_eq!((answer.status, &answer.json["code"]), (503, &json!("provider_not_now")), "{:#}", answer.json);
    let line = stage.newest().await;
    assert_eq!((&line["state"], &line["http_status"]), (&json!("postponed"), &json!(null)));
}

#[tokio::test]
async fn an_action_that_cannot_be_recorded_is_handed_over_all_the_same() {
    let stage = Stage::new(says(200, handed_over())).await;
    sqlx::query("alter table core.session_launches rename to elsewhere")
        .execute(&stage.db.pool)
        .await
        .expect("renamed");
    // the launch cannot be recorded: it is returned all the same, and the journal states no outcome
    let answer = stage.launch("lost", &json!({})).await;
    assert_eq!((answer.status, &answer.json["is_recorded"]), (201, &json!(false)));
    assert_eq!(answer.json["access"]["url"], SECRETS[0]);
    assert_eq!(stage.launch("lost", &json!({})).await.json["code"], "action_in_flight");
    assert_eq!(stage.provider.calls().len(), 1);
}

#[tokio::test]
async fn a_launch_changes_the_tag_of_values_by_launch_settings() {
    let stage = Stage::new(says(200, handed_over())).await;
    let before = stage.get("/v1/freshness").await["data_version"].clone();
    stage.provider.will(says(400, json!({"code": 10_007, "message": "Concurrent limit reached."})));
    stage.launch("", &json!({"quality": "low"})).await;
    assert_eq!(stage.get("/v1/freshness").await["data_version"], before, "a refusal changes nothing");
    stage.provider.will(says(200, handed_over()));
    assert_eq!(stage.launch("", &json!({"quality": "low"})).await.status, 201);
    assert_ne!(stage.get("/v1/freshness").await["data_version"], before);
}
