//! `/v1/costs/estimate`: the cost of a period under other rate cards.

use super::rate_cards::{cards, figures, price, priced};
use super::*;

#[tokio::test]
async fn a_scenario_with_the_same_prices_costs_the_same() {
    let api = priced().await;
    let ask = async |body: Value| {
        let (status, answer) = api.send_json("POST", "/v1/costs/estimate", &[], &body).await;
        assert_eq!(status, 200, "{answer:#}");
        answer
    };
    let mut body = json!({"from": "2026-11-16", "to": "2026-11-19", "zone": "UTC"});
    let stored = cards()["cards"].as_array().unwrap()[..4].to_vec();
    body["cards"] = json!(
        stored
            .into_iter()
            .map(|mut card| {
                card["scenario"] = json!("what-if");
                card
            })
            .collect::<Vec<_>>()
    );
    let same = ask(body.clone()).await;
    // 0.33 of meetings, 0.40 of avatars, 0.90 of a chat that began then and one of the day before
    assert_eq!(same["current_cost"], 2.53, "{same:#}");
    assert_eq!((&same["scenario_cost"], &same["difference"]), (&same["current_cost"], &json!(0)));
    let metered = json!([{"source": "rtk-eu", "unit": "minute", "unit_price": "0.002", "currency": "USD"}]);
    let body =
        json!({"range": "this_month", "zone": "UTC", "sources": ["rtk-eu"], "scenario": "one price", "cards": metered});
    let other = ask(body).await;
    // as the provider meters: 105.5 + 70 + 60 + 20 + 30 + 0 + 60
    assert_eq!(other["scenario_cost"], 0.691);
    assert_eq!(other["by_preset"][0]["consumed_quantity"], json!(345.5));
    assert_eq!(other["unpriced_minutes"], json!(0));
    assert_eq!(other["current_unpriced_minutes"], json!(30));
    assert_eq!(other["query"]["from"], "2026-11-01T00:00:00+00:00");
    // stored under a name, in another currency: 5 and 5 minutes, and 5 of the next day
    let named = ask(json!({"from": "2026-11-18", "to": "2026-11-20", "zone": "UTC", "sources": ["konpro-eu"], "scenario": "by five minutes"})).await;
    assert_eq!((&named["scenario_cost"], &named["currency"]), (&json!(15), &json!("EUR")));
    assert_eq!(named["difference"], Value::Null);
    // nothing is left over
    assert_eq!(ask(json!({"range": "this_month", "cards": []})).await["scenario_cost"], Value::Null);
    let cost = figures(&api, "source=rtk-eu&from=2026-11-16&to=2026-11-18&zone=UTC").await;
    assert_eq!(cost["estimated_cost"]["value"], json!(0.33));
}

#[tokio::test]
async fn an_estimate_does_not_take_unknown_amounts_for_zero() {
    let api = Api::in_depth().await;
    // in 64, a host and a guest of unknown duration, and a guest of ten minutes
    sqlx::raw_sql(
        "insert into core.participants (participant_id, source_id, session_id, provider_participant_id, joined_at, preset_name, is_rejoin)
         overriding system value values (13, 6, 64, 'l3', '2026-11-17 09:01Z', 'guest', false)",
    )
    .execute(api.pool())
    .await
    .unwrap();
    let hosts = json!({"source": "rtk-eu", "unit": "minute", "unit_price": "0.002", "currency": "USD", "preset_pattern": "host"});
    price(&api, json!([hosts])).await;
    let hour = json!({"from": "2026-11-17T09:00:00Z", "to": "2026-11-17T10:00:00Z", "sources": ["rtk-eu"],
                      "scenario": "hosts", "cards": [hosts]});
    let (status, estimate) = api.send_json("POST", "/v1/costs/estimate", &[], &hour).await;
    assert_eq!(status, 200, "{estimate:#}");
    let figure = figures(&api, "source=rtk-eu&from=2026-11-17T09:00:00Z&to=2026-11-17T10:00:00Z").await;
    assert_eq!(figure["estimated_cost"], json!({"value": null, "reason": "unknown", "unknown_count": 1}));
    for cost in ["scenario_cost", "current_cost", "difference"] {
        assert_eq!(estimate[cost], Value::Null, "{cost}: {estimate:#}");
    }
    assert_eq!(estimate["unknown_count"], 1, "one session, in two lines: {estimate:#}");
    let lines = estimate["by_preset"].as_array().unwrap();
    let of = |preset: &str| lines.iter().find(|line| line["preset_name"] == preset).unwrap();
    assert_eq!((&of("host")["consumed_quantity"], &of("host")["cost"]), (&Value::Null, &Value::Null));
    assert_eq!((&of("host")["unit_price"], &of("host")["unknown_count"]), (&json!(0.002), &json!(1)));
    assert_eq!((&of("guest")["consumed_quantity"], &of("guest")["unknown_count"]), (&json!(10), &json!(1)));
    assert_eq!(estimate["unpriced_minutes"], json!(10));
    assert_eq!(figure["unpriced_minutes"], json!({"value": null, "reason": "unknown", "unknown_count": 1}));
}

#[tokio::test]
async fn an_estimate_refuses_cards_of_another_scenario() {
    let api = Api::new().await;
    let card = |scenario: &str| json!({"source": "rtk-prod", "unit": "session", "unit_price": "1", "currency": "USD", "scenario": scenario});
    let body = json!({"range": "this_month", "scenario": "cheap", "cards": [card("dear"), card("cheap"), 7]});
    let (status, problem) = api.send_json("POST", "/v1/costs/estimate", &[], &body).await;
    assert_eq!(status, 422, "{problem:#}");
    let faults = problem["errors"].as_array().unwrap();
    let told: Vec<(&Value, &Value)> = faults.iter().map(|fault| (&fault["pointer"], &fault["code"])).collect();
    let expected =
        [(&json!("/cards/0/scenario"), &json!("other_scenario")), (&json!("/cards/2"), &json!("wrong_type"))];
    assert_eq!(told, expected);
    assert!(faults[0]["detail"].as_str().unwrap().contains("`dear`"), "{problem:#}");
}

#[tokio::test]
async fn an_estimate_without_cards_asks_for_them() {
    let api = priced().await;
    let faults = async |body: Value| {
        let (status, problem) = api.send_json("POST", "/v1/costs/estimate", &[], &body).await;
        assert_eq!(status, 422, "{problem:#}");
        let faults = problem["errors"].as_array().unwrap().iter();
        faults.map(|fault| (fault["pointer"].clone(), fault["code"].clone())).collect::<Vec<_>>()
    };
    let told = faults(json!({"range": "this_month"})).await;
    assert_eq!(told, [(json!("/cards"), json!("missing_field"))]);
    // a name that no stored card has
    let told = faults(json!({"range": "this_month", "scenario": "cheap"})).await;
    assert_eq!(told, [(json!("/scenario"), json!("no_cards"))]);
}
