//! `/v1/sources`, `/v1/freshness` and `/v1/sync/runs`.

use super::*;

#[tokio::test]
async fn sources_freshness_runs_and_metrics_are_listed() {
    let api = Api::new().await;
    let sources = api.get("/v1/sources").await;
    assert_eq!(sources["items"].as_array().unwrap().len(), 5);
    assert_eq!(sources["items"][0]["source"], "konpro-eu");
    assert_eq!(sources["page"], json!({"has_more": false, "next": null}));
    let freshness = api.get("/v1/freshness").await;
    assert_eq!(freshness["state"], "stale");
    assert_eq!(freshness["complete_through"], "2026-11-10T10:00:00Z");
    assert_eq!(freshness["data_version"], "d0");
    assert_eq!(freshness["streams"].as_array().unwrap().len(), 4);
    assert_eq!(api.get("/v1/sessions?source=konvo-eu").await["freshness"]["state"], "fresh");
    let runs = api.get("/v1/sync/runs?limit=2").await;
    assert_eq!((&runs["items"][0]["run_id"], &runs["items"][1]["run_id"]), (&json!(4), &json!(3)));
    let next = runs["page"]["next"].as_str().unwrap();
    assert_eq!(api.get(&format!("/v1/sync/runs?limit=2&cursor={next}")).await["items"][1]["run_id"], 1);
    assert_eq!(api.get("/v1/sync/runs?verdict=failed").await["items"][0]["source"], "konpro-eu");
    let metrics = api.get("/v1/metrics").await;
    let metrics = metrics["items"].as_array().unwrap();
    let minutes = metrics.iter().find(|metric| metric["id"] == "minutes_consumed").unwrap();
    assert_eq!(minutes["providers"], json!(["konpro", "realtimekit"]));
}
