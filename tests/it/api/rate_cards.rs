//! `/v1/rate-cards`: cards are replaced as a set, and all faults of a set are reported at once.

use super::*;

/// rtk-eu by presence: guests, each rounded up, at 0.0005, all others at 0.002; konpro-eu by the started minute of a
/// session at 0.10; konvo-eu by resolution at 0.90.
pub(crate) fn cards() -> Value {
    json!({"cards": [
        {"source": "rtk-eu", "unit": "minute", "unit_price": "0.002", "currency": "USD", "valid_from": "2026-01-01"},
        {"source": "rtk-eu", "unit": "minute", "unit_price": "0.0005", "currency": "USD", "preset_pattern": "gu*t",
         "rounding": "ceil_per_connection"},
        {"source": "konpro-eu", "unit": "minute", "unit_price": "0.10", "currency": "USD", "rounding": "ceil_per_session"},
        {"source": "konvo-eu", "unit": "resolution", "unit_price": "0.90", "currency": "USD"},
        {"source": "konpro-eu", "unit": "minute", "unit_price": "1", "currency": "EUR", "rounding": "step", "step_minutes": 5,
         "scenario": "by five minutes"}
    ]})
}

pub(crate) async fn priced() -> Api {
    let api = Api::in_depth().await;
    let (status, answer) = api.send_json("PUT", "/v1/rate-cards", &[], &cards()).await;
    assert_eq!((status, &answer["added_count"], &answer["ended_count"]), (200, &json!(5), &json!(0)), "{answer:#}");
    api
}

pub(crate) async fn figures(api: &Api, question: &str) -> Value {
    let metrics = "estimated_cost,unpriced_minutes,rounded_billable_minutes,cost_per_minute,cost_per_resolution";
    api.get(&format!("/v1/metrics/query?metrics={metrics}&{question}")).await["totals"].clone()
}

/// Replaces the stored cards with these.
pub(crate) async fn price(api: &Api, cards: Value) {
    let (status, answer) = api.send_json("PUT", "/v1/rate-cards", &[], &json!({"cards": cards})).await;
    assert_eq!(status, 200, "{answer:#}");
}

#[tokio::test]
async fn cards_are_replaced_as_a_set_and_it_is_written_down() {
    let api = priced().await;
    let version = async || api.get("/v1/freshness").await["data_version"].clone();
    let before = version().await;
    let (_, again) = api.send_json("PUT", "/v1/rate-cards", &[], &cards()).await;
    assert_eq!((&again["added_count"], &again["ended_count"]), (&json!(0), &json!(0)));
    assert_eq!(version().await, before, "nothing changed");
    let mut changed = cards();
    changed["cards"][3]["unit_price"] = json!(9.5e-7);
    changed["cards"].as_array_mut().unwrap().remove(4);
    let (_, answer) = api.send_json("PUT", "/v1/rate-cards", &[], &changed).await;
    assert_eq!((&answer["added_count"], &answer["ended_count"]), (&json!(1), &json!(2)));
    assert_ne!(version().await, before, "figures depend on prices");
    let list = api.get("/v1/rate-cards").await;
    assert_eq!(list["items"].as_array().unwrap().len(), 4);
    assert_eq!(list["items"][1]["unit_price"], 9.5e-7);
    let kept: i64 = sqlx::query_scalar("select count(*) from core.rate_cards").fetch_one(api.pool()).await.unwrap();
    assert_eq!(kept, 6, "what stood is kept");
    let journal = api.get("/v1/sync/operations?kind=rate_cards").await;
    assert_eq!(journal["items"].as_array().unwrap().len(), 3);
    let foreign = [("sec-fetch-site", "cross-site")];
    assert_eq!(api.send_json("PUT", "/v1/rate-cards", &foreign, &cards()).await.0, 403);
}

#[tokio::test]
async fn a_set_replaces_only_the_cards_that_its_caller_read() {
    let api = Api::new().await;
    let tag = async || api.send("GET", "/v1/rate-cards", &[]).await.header("etag").to_owned();
    let set = |price: &str| json!({"cards": [{"source": "rtk-prod", "unit": "minute", "unit_price": price, "currency": "USD"}]});
    let put = async |condition: &str, price: &str| {
        api.send_json("PUT", "/v1/rate-cards", &[("if-match", condition)], &set(price)).await
    };
    let empty = tag().await;
    assert!(empty.starts_with('"') && tag().await == empty, "{empty}");
    assert_eq!(put(&empty, "1").await.0, 200);
    let one = tag().await;
    for stale in [&empty, "\"\"", &format!("W/{one}")] {
        let (status, problem) = put(stale, "2").await;
        assert_eq!((status, &problem["code"]), (412, &json!("rate_cards_changed")), "{stale}: {problem:#}");
    }
    assert_eq!(tag().await, one, "nothing was changed");
    // of two callers that read the same cards, one is told of the other's
    let (first, second) = tokio::join!(put(&one, "3"), put(&one, "4"));
    let mut statuses = [first.0, second.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 412]);
    // each set has a tag of its own, and the same set keeps it
    let two = tag().await;
    assert!(two != one && two != empty, "{two}");
    let list = api.send("GET", "/v1/rate-cards", &[("if-none-match", &two)]).await;
    assert_eq!((list.status.as_u16(), list.header("cache-control")), (200, "private, max-age=0"));
    assert_eq!(put(&format!("{empty}, {two}"), "5").await.0, 200);
    assert_eq!(put("*", "5").await.0, 200);
    let ended = api.send_json("PUT", "/v1/rate-cards", &[], &json!({"cards": []})).await.1;
    assert_eq!(ended["ended_count"], 1);
    assert!(![one, two].contains(&tag().await));
}

#[tokio::test]
async fn all_faults_of_cards_are_reported_at_once() {
    let api = Api::new().await;
    let body = json!({"card": [], "cards": [
        {"source": "rtk-prd", "unit": "minutes", "unit_price": -0.002, "currency": "usd", "rounding": "up", "price": 1},
        {"source": "konvo-eu", "unit": "minute", "unit_price": "0.1", "currency": "USD", "preset_pattern": "guest"},
        {"source": "konpro-eu", "unit": "minute", "unit_price": "0.1", "currency": "USD", "valid_to": "1999-01-01"},
        {"source": "konpro-eu", "unit": "minute", "unit_price": "0.1", "currency": "USD", "rounding": "step"},
        {"source": "rtk-prod", "unit": "minute", "unit_price": "0.1", "currency": "EUR"},
        7
    ]});
    let (status, problem) = api.send_json("PUT", "/v1/rate-cards", &[], &body).await;
    assert_eq!(status, 422);
    let mut faults: Vec<String> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| format!("{} {}", fault["pointer"].as_str().unwrap(), fault["code"].as_str().unwrap()))
        .collect();
    faults.sort();
    let expected = [
        "/card unknown_field",
        "/cards/0/currency invalid_currency",
        "/cards/0/price unknown_field",
        "/cards/0/rounding unknown_value",
        "/cards/0/source unknown_value",
        "/cards/0/unit unknown_value",
        "/cards/0/unit_price invalid_price",
        "/cards/1/preset_pattern not_applicable",
        "/cards/1/unit not_applicable",
        "/cards/2/valid_to invalid_time",
        "/cards/3/step_minutes invalid_step",
        "/cards/3/valid_from overlapping_cards",
        "/cards/4/currency mixed_currencies",
        "/cards/5 wrong_type",
    ];
    assert_eq!(faults, expected, "{problem:#}");
    let (status, problem) =
        api.send_json("POST", "/v1/costs/estimate", &[], &json!({"sources": ["rtk-prd"], "scenario": "x"})).await;
    let pointers: Vec<&str> =
        problem["errors"].as_array().unwrap().iter().map(|f| f["pointer"].as_str().unwrap()).collect();
    assert_eq!((status, pointers), (422, vec!["/range", "/sources", "/scenario"]));
    let none: i64 = sqlx::query_scalar("select count(*) from core.rate_cards").fetch_one(api.pool()).await.unwrap();
    assert_eq!(none, 0);
}

#[tokio::test]
async fn p14_a_key_does_not_learn_the_currency_of_other_sources() {
    let api = Api::with_keys("").await;
    let all = api.key(&[Scope::CostsWrite, Scope::MetricsRead], &[]).await;
    let limited = api.key(&[Scope::MetricsRead], &["konvo-eu"]).await;
    let cards = json!({"cards": [{"source": "rtk-prod", "unit": "minute", "unit_price": "1", "currency": "CHF"}]});
    let key = format!("Bearer {all}");
    let (status, answer) = api.send_json("PUT", "/v1/rate-cards", &[("authorization", &key)], &cards).await;
    assert_eq!(status, 200, "{answer:#}");
    for path in ["query", "explain"] {
        let path = format!("/v1/metrics/{path}?metrics=estimated_cost&from=2026-11-18&to=2026-11-19");
        assert_eq!(api.send_as(&all, "GET", &path).await.json()["currency"], "CHF", "{path}");
        let answer = api.send_as(&limited, "GET", &path).await;
        assert!(answer.status == StatusCode::OK && !answer.text.contains("CHF"), "{path}: {}", answer.text);
    }
}
