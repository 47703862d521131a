//! `POST /v1/metrics/batch`: several queries in one call.

use super::*;

const BATCH: &str = "/v1/metrics/batch";

fn of_day(metric: &str) -> Value {
    json!({"metrics": [metric], "filters": [{"field": "source", "values": ["rtk-prod"]}],
           "time": {"from": "2026-11-18", "to": "2026-11-19", "zone": "Europe/Berlin"}})
}

#[tokio::test]
async fn each_query_is_answered_as_if_alone_and_a_bad_one_costs_no_other() {
    let api = Api::new().await;
    let (mut good, mut series, mut bad) = (of_day("sessions"), of_day("minutes_consumed"), of_day("minuets"));
    good["id"] = json!("first");
    series["shape"] = json!("series");
    bad["time"]["granularity"] = json!("moon");
    let mut old = of_day("sessions");
    old["require_fresh"] = json!("PT1M");
    old["time"] = json!({"range": "today"});
    let body = json!({"queries": [good, bad, series, old, 7]});
    let (status, answer) = api.send_json("POST", BATCH, &[("x-request-id", "r-1")], &body).await;
    assert_eq!(status, 200, "{answer:#}");
    let results = answer["results"].as_array().unwrap();
    let states: Vec<&Value> = results.iter().map(|result| &result["status"]).collect();
    assert_eq!(states, [200, 422, 200, 503, 422]);
    // 11 and 12; the one that runs began on the 19th
    assert_eq!((&results[0]["id"], &results[0]["answer"]["totals"]["sessions"]["value"]), (&json!("first"), &json!(2)));
    let (status, alone) = api.send_json("POST", QUERY, &[], &of_day("sessions")).await;
    assert_eq!((status, &alone), (200, &results[0]["answer"]));
    let faults: Vec<&Value> =
        results[1]["problem"]["errors"].as_array().unwrap().iter().map(|e| &e["pointer"]).collect();
    assert_eq!(faults, ["/queries/1/metrics/0", "/queries/1/time/granularity"]);
    assert_eq!(results[1]["problem"]["code"], "invalid_query");
    assert_eq!(results[2]["answer"]["series"][0]["data"], json!([140.75]));
    assert_eq!(results[3]["problem"]["code"], "not_fresh_enough");
    assert_eq!(results[4]["problem"]["errors"][0]["pointer"], "/queries/4");
}

#[tokio::test]
async fn a_query_that_the_database_refuses_costs_no_other() {
    let api = Api::new().await;
    // more groups than an answer may have is no fault of the request: it is found when it is computed
    run(
        &api,
        "insert into core.sessions (session_id, source_id, provider, provider_session_id, session_kind, session_state, outcome, channel, created_at,
                                    started_at, first_seen_at, last_changed_at, row_hash, raw_hash)
         overriding system value
         select 1000 + n, 3, 'konvo', 'many-' || n, 'chat', 'open', 'open', 'c' || n, at, at, at, at, '', ''
           from generate_series(1, 400) n cross join lateral (select timestamptz '2026-11-18 12:00Z' as at) a",
    )
    .await;
    let wide = json!({"metrics": ["sessions"], "dimensions": ["channel"],
                      "time": {"range": "last_7_days", "granularity": "15_minutes"}});
    let body = json!({"queries": [wide, of_day("sessions")]});
    let (status, answer) = api.send_json("POST", BATCH, &[], &body).await;
    assert_eq!((status, &answer["results"][0]["problem"]["code"]), (200, &json!("answer_too_large")), "{answer:#}");
    assert_eq!(answer["results"][1]["answer"]["totals"]["sessions"]["value"], 2);
}

#[tokio::test]
async fn the_whole_call_is_refused_where_it_has_no_queries_or_too_many() {
    let api = Api::new().await;
    let many: Vec<Value> = (0..21).map(|_| of_day("sessions")).collect();
    for (body, code) in [
        (json!({"queries": many}), "invalid_count"),
        (json!({"queries": []}), "invalid_count"),
        (json!({"query": []}), "unknown_field"),
        (json!([]), "missing_field"),
    ] {
        let (status, problem) = api.send_json("POST", BATCH, &[], &body).await;
        assert_eq!((status, &problem["errors"][0]["code"]), (422, &json!(code)), "{problem:#}");
    }
    let (status, answer) = api.send_json("POST", BATCH, &[], &json!({"queries": many[..20]})).await;
    assert_eq!((status, answer["results"].as_array().unwrap().len()), (200, 20));
}

#[tokio::test]
async fn each_query_takes_its_cost_from_the_budget_of_the_key() {
    let api = Api::with_keys("requests_per_minute = 60").await;
    let key = format!("Bearer {}", api.key(&[Scope::MetricsRead], &[]).await);
    let headers = [("authorization", key.as_str())];
    let ten: Vec<Value> = (0..10).map(|_| of_day("sessions")).collect();
    let (status, answer) = api.send_json("POST", BATCH, &headers, &json!({"queries": ten})).await;
    assert_eq!(status, 200, "{answer:#}");
    let (status, problem) = api.send_json("POST", BATCH, &headers, &json!({"queries": ten[..3]})).await;
    assert_eq!((status, &problem["code"]), (429, &json!("over_budget")), "50 of 60 are spent");
}
