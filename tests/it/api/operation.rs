//! Health of the polling, of the process and of its database.

use super::*;

#[tokio::test]
async fn p12_health_of_the_pollers() {
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
async fn readiness_and_a_lost_database() {
    let api = Api::new().await;
    assert_eq!(api.get("/readyz").await["status"], "ready");
    api.draining.cancel();
    assert_eq!(api.problem("/readyz", 503).await["code"], "not_ready");
    assert_eq!(api.get("/healthz").await["status"], "ok");

    let nowhere = PgPoolOptions::new().acquire_timeout(Duration::from_millis(300));
    let lost = Api::over(nowhere.connect_lazy("postgres://app@127.0.0.1:1/none").unwrap());
    assert_eq!(lost.get("/healthz").await["status"], "ok");
    lost.problem("/readyz", 503).await;
    let answer = lost.send("GET", "/v1/minutes", &[]).await;
    assert_eq!((answer.status, answer.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "5"));
    assert_eq!(answer.json()["code"], "database_unavailable");
    assert!(!answer.text.contains("127.0.0.1"), "{}", answer.text);
}
