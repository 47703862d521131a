//! `/v1/metrics/explain`: the composition of a value, what it excludes, and its SQL for analysts.
//!
//! The numbers are computed by hand from `api_world.sql` and `meetings_world.sql`; the rules for every metric are
//! tested for every entry of the registry.

use rust_decimal::{Decimal, RoundingStrategy};
use sqlx::{AssertSqlSafe, Row};
use tributary::query::metrics::measure::Additivity;
use tributary::query::metrics::registry::metrics;
use tributary::query::metrics::time_column::Attribution;

use super::*;
use crate::harness::citus;

#[tokio::test]
async fn figures_are_explained_for_every_choice() {
    let api = world().await;
    let mut asked = 0;
    for dimension in api.get("/v1/metrics/sessions").await["dimensions"].as_array().unwrap() {
        let field = dimension.as_str().unwrap();
        let path = format!("/v1/metrics/explain?metrics=sessions&{NOVEMBER}&present={field}");
        let answer = api.send("GET", &path, &[]).await;
        if answer.status == StatusCode::UNPROCESSABLE_ENTITY {
            let code = answer.json()["errors"][0]["code"].clone();
            assert!(
                ["not_filterable", "unknown_filter_field", "never_null"].contains(&code.as_str().unwrap()),
                "{code}"
            );
            continue;
        }
        assert_eq!(answer.status, StatusCode::OK, "{field}: {}", answer.text);
        asked += 1;
    }
    assert!(asked > 15, "{asked}");
    let answer = api.get(&format!("/v1/metrics/explain?metrics=sessions&{NOVEMBER}&skill_type=order")).await;
    assert_eq!((&answer["figure"]["value"], &answer["changed"]["reason"]), (&json!(2), &json!("not_kept")));
}

#[tokio::test]
async fn an_excluded_session_is_counted_under_one_reason() {
    let api = world().await;
    run(&api, "update core.sessions set parent_provider_session_id = 'x' where session_id in (82, 88)").await;
    let path = format!("/v1/metrics/explain?metrics=sessions&source=konvo-lab&{NOVEMBER}");
    let left_out = |answer: &Value| {
        let left_out = &answer["left_out"];
        (left_out["deleted"].as_i64().unwrap(), left_out["breakout_rooms"].as_i64().unwrap())
    };
    // 88 is deleted at the provider, and is a breakout room besides
    assert_eq!(left_out(&api.get(&path).await), (1, 1));
    assert_eq!(left_out(&api.get(&format!("{path}&include_deleted=true")).await), (0, 2));
}

#[tokio::test]
async fn a_part_without_any_data_is_no_zero() {
    let api = world().await;
    let answer = api.get(&format!("/v1/metrics/explain?metrics=estimated_cost&source=konpro-eu&{NOVEMBER}")).await;
    assert_eq!(answer["figure"]["value"], Value::Null);
    let parts = answer["parts"]["items"].as_array().unwrap();
    assert!(!parts.is_empty() && parts.iter().all(|part| part.get("value").is_none()), "{parts:?}");
}

/// Ranges that are proven, unproven, in progress or missing.
pub(crate) const RANGES: [&str; 3] = [
    "from=2026-11-16&to=2026-11-20&source=rtk-prod,konpro-eu,konpro-old,konvo-eu,rtk-eu,rtk-us",
    "from=2026-11-01&to=2026-11-20&source=konvo-lab&zone=Asia/Kathmandu",
    "from=2026-11-18&to=2026-11-21",
];

/// Returns the values of all metrics in a range, in as few queries as possible.
pub(crate) async fn figures(api: &Api, range: &str) -> Value {
    let ids: Vec<&str> = metrics().map(|metric| metric.id).collect();
    let mut figures = serde_json::Map::new();
    for ids in ids.chunks(10) {
        let answer = api.get(&format!("/v1/metrics/query?metrics={}&{range}", ids.join(","))).await;
        figures.extend(answer["totals"].as_object().unwrap().clone());
    }
    figures.into()
}

pub(crate) fn decimal(value: &Value) -> Option<Decimal> {
    (!value.is_null()).then(|| value.to_string().parse().unwrap())
}

pub(crate) fn rounded(value: Decimal) -> Decimal {
    value.round_dp_with_strategy(9, RoundingStrategy::MidpointAwayFromZero)
}

async fn post(api: &Api, path: &str, body: &str) -> (StatusCode, Value) {
    let request = Request::builder().method("POST").uri(path).header("content-type", "application/json");
    let response = api.router.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
    let status = response.status();
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap())
}

/// Returns all rows behind a value, page by page.
pub(crate) async fn all_rows(api: &Api, address: &str, limit: usize) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = api.get(&format!("{address}&limit={limit}{cursor}")).await;
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= limit, "{page:#}");
        rows.extend(items.iter().cloned());
        match page["page"]["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return rows,
        }
    }
}

#[tokio::test]
async fn the_sql_of_every_metric_runs_as_an_analyst_and_returns_its_value() {
    let api = world().await;
    let mut analyst = api.pool().acquire().await.unwrap();
    citus::set_analyst_role(&mut analyst).await;
    let mut told = 0;
    for range in RANGES {
        let figures = figures(&api, range).await;
        for metric in metrics() {
            let question = format!("metrics={}&{range}", metric.id);
            let explained = api.get(&format!("/v1/metrics/explain?drivers=source&{question}")).await;
            assert_eq!(explained["figure"], figures[metric.id], "{question}");
            let sql = explained["sql"].as_str().unwrap().to_owned();
            assert!(!sql.contains('$') && !sql.contains("core.") && !sql.contains("ingest."), "{sql}");
            let row = sqlx::query(AssertSqlSafe(sql.clone())).fetch_one(&mut *analyst).await;
            let row = row.unwrap_or_else(|error| panic!("{question}: {error}\n{sql}"));
            let value: Option<Decimal> = row.get("value");
            assert_eq!(value, decimal(&explained["figure"]["value"]), "{question}\n{sql}");
            told += usize::from(value.is_some());
        }
    }
    assert!(told > metrics().count(), "only {told} figures to compare");
}

#[tokio::test]
async fn values_attributed_by_end_or_spread_are_explained_as_queried() {
    let api = world().await;
    let mut analyst = api.pool().acquire().await.unwrap();
    citus::set_analyst_role(&mut analyst).await;
    // 81 has 24 hours from the 2nd 10:00 on: 14 of them, and 10 on the 3rd, on which 83 has ten minutes
    let days = "from=2026-11-03&to=2026-11-04&zone=UTC&source=konvo-lab";
    for (how, expected) in [("start", "10"), ("end", "1450"), ("spread", "610")] {
        let question = format!("metrics=elapsed_minutes&attribution={how}&{days}");
        let answer = api.get(&format!("/v1/metrics/query?{question}")).await;
        assert_eq!(answer["totals"]["elapsed_minutes"]["value"].to_string(), expected, "{how}");
        assert_eq!(answer["query"]["attribution"], how);
    }
    for how in [Attribution::End, Attribution::Spread] {
        for metric in metrics().filter(|metric| metric.can_be_attributed(how)) {
            let question = format!("metrics={}&attribution={}&{days}", metric.id, how.as_str());
            let explained = api.get(&format!("/v1/metrics/explain?drivers=channel&{question}")).await;
            let expected = decimal(&explained["figure"]["value"]);
            let sql = explained["sql"].as_str().unwrap().to_owned();
            let row = sqlx::query(AssertSqlSafe(sql.clone())).fetch_one(&mut *analyst).await;
            let row = row.unwrap_or_else(|error| panic!("{question}: {error}\n{sql}"));
            assert_eq!(row.get::<Option<Decimal>, _>("value"), expected, "{question}\n{sql}");
            let rows = all_rows(&api, &format!("/v1/metrics/rows?{question}"), 4).await;
            let sum = |name: &str| -> Decimal { rows.iter().filter_map(|row| decimal(&row[name])).sum() };
            let value = match metric.additivity() {
                Additivity::RatioOfSums => sum("contribution").checked_div(sum("denominator")).map(rounded),
                _ => Some(sum("contribution")),
            };
            assert_eq!(value.unwrap_or_default(), expected.unwrap_or_default(), "{question}: {rows:#?}");
        }
    }
    // messages count where they were sent; the median of several lengths has no part in a day
    let path = "/v1/metrics/query?metrics=messages,session_duration_p50_seconds&attribution=spread";
    let problem = api.problem(&format!("{path}&{days}"), 422).await;
    let errors = problem["errors"].as_array().unwrap();
    assert_eq!((errors.len(), &errors[0]["code"]), (1, &json!("not_attributable")), "{errors:#?}");
    let detail = errors[0]["detail"].as_str().unwrap();
    assert!(detail.contains("`session_duration_p50_seconds`") && detail.contains("elapsed_minutes"), "{detail}");
}

#[tokio::test]
async fn a_rate_states_its_parts_and_its_exclusions() {
    let api = Api::new().await;
    let answer =
        api.get("/v1/metrics/explain?metrics=resolution_rate&from=2026-11-18&to=2026-11-19&zone=Europe/Berlin").await;
    // konvo-us is late, and its share of the range is not proven
    assert_eq!(answer["figure"]["value"], json!(0.666_666_667));
    assert_eq!(
        answer["parts"],
        json!({"by": "outcome", "items": [
            {"class": "resolved", "numerator": 2, "denominator": 2},
            {"class": "unknown", "numerator": 0, "denominator": 0, "unknown_count": 1},
            {"class": "unresolved", "numerator": 0, "denominator": 1}]})
    );
    // 35 is open since the 18th; meetings 11 and 12 and avatars 21, 22 and 51 have no outcome; of the two meetings that
    // never count neither is a chat
    assert_eq!(
        answer["left_out"],
        json!({"open": 0, "stale_open": 1, "unknown": 1, "not_applicable": 5, "rejected": 0, "deleted": 0,
               "breakout_rooms": 0, "out_of_coverage": [{"source": "konvo-us", "from": "2026-11-17T23:00:00Z",
               "to": "2026-11-18T23:00:00Z", "reason": "awaiting_sync"}]})
    );
    assert_eq!(answer["bucket"]["status"], "awaiting_sync");
    let sessions = api.get(&format!("/v1/metrics/explain?metrics=sessions&from=2026-11-18&to=2026-11-19&{WELL}")).await;
    assert_eq!(sessions["left_out"]["deleted"], 1);
    assert_eq!(sessions["left_out"]["breakout_rooms"], 1);
    assert_eq!(sessions["left_out"]["out_of_coverage"], json!([]));
    assert_eq!(sessions["left_out"].get("open"), None);
    assert_eq!(
        sessions["parts"]["items"],
        json!([{"class": "konpro", "value": 3}, {"class": "konvo", "value": 4}, {"class": "realtimekit", "value": 2}])
    );
    let minutes = api.get("/v1/metrics/explain?metrics=minutes_consumed&range=today&source=konvo-eu").await;
    assert_eq!(minutes["figure"], json!({"value": null, "reason": "not_applicable"}));
}

#[tokio::test]
async fn a_body_equals_its_parameters_and_all_faults_are_reported_at_once() {
    let api = Api::new().await;
    let path =
        "metrics=sessions&from=2026-11-18&to=2026-11-19&source=konvo-eu,konpro-eu&group=%7B%22channel%22:null%7D";
    let by_address = api.get(&format!("/v1/metrics/explain?{path}")).await;
    let body = json!({"metrics": ["sessions"], "time": {"from": "2026-11-18", "to": "2026-11-19"},
                      "filters": [{"field": "source", "values": ["konvo-eu", "konpro-eu"]}], "group": {"channel": null}});
    let (status, by_body) = post(&api, "/v1/metrics/explain", &body.to_string()).await;
    assert_eq!((status, &by_body), (StatusCode::OK, &by_address));
    // 34, 21 and 22
    assert_eq!(by_body["figure"]["value"], 3);
    let body = json!({"metrics": ["session"], "filters": [{"field": "source", "values": ["konvo-ue"]}], "limit": 7,
                      "group": {"chanel": "x"}, "time": {"zone": "Berlin"}, "changed_since": "2027-01-01",
                      "drivers": [7], "top": {"n": 3}});
    let (status, problem) = post(&api, "/v1/metrics/explain", &body.to_string()).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let fault = |pointer: &str| {
        let errors = problem["errors"].as_array().unwrap();
        errors.iter().find(|e| e["pointer"] == pointer).unwrap_or_else(|| panic!("{pointer}: {errors:#?}")).clone()
    };
    assert_eq!(fault("/metrics/0")["did_you_mean"][0], "sessions");
    assert!(fault("/filters/0/values/0")["did_you_mean"].to_string().contains("konvo-eu"));
    assert_eq!(fault("/group")["did_you_mean"][0], "channel");
    assert_eq!(fault("/limit")["code"], "unknown_field");
    assert_eq!(fault("/top")["code"], "unknown_field");
    assert_eq!(fault("/changed_since")["code"], "time_in_future");
    assert_eq!(fault("/drivers/0")["code"], "wrong_type");
    fault("/time/zone");
    for body in ["", "[]", "{\"metrics\":"] {
        let (status, _) = post(&api, "/v1/metrics/explain", body).await;
        assert_eq!(status.as_u16(), 422, "{body}");
    }
    let problem = api.problem("/v1/metrics/rows?metrics=messages&group=%7B%22preset_name%22:1%7D&limit=0", 422).await;
    let mut codes: Vec<&str> =
        problem["errors"].as_array().unwrap().iter().map(|error| error["code"].as_str().unwrap()).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["invalid_limit", "overlapping_dimension", "wrong_type"]);
    let two = api.problem("/v1/metrics/explain?metrics=sessions,messages", 422).await;
    assert_eq!(two["errors"][0]["code"], "too_many_metrics");
    let problem = api.problem("/v1/metrics/explain", 422).await;
    assert_eq!(problem["errors"][0]["code"], "missing_parameter");
}
