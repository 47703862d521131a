//! Costs by rate card, computed by hand over `api_world.sql` and `meetings_world.sql`.

use super::*;
use crate::api::rate_cards::{cards, figures, price, priced};
use crate::harness::citus;

#[tokio::test]
async fn costs_of_meetings_follow_the_presets() {
    let api = priced().await;
    let totals = figures(&api, "source=rtk-eu&from=2026-11-16&to=2026-11-18&zone=UTC").await;
    // 61: 45 + 0 of guests, 60 of a host; 62: 45 of a guest, 20 without a preset; 63: 60; 64: 10 of a guest, and a host
    // of unknown duration; 65: never fetched; 66: empty
    // 0.0225 + 0.12 + 0.0225 + 0.04 + 0.12 + 0.005
    assert_eq!(totals["estimated_cost"], json!({"value": 0.33, "unknown_count": 2}));
    let explained = api
        .get("/v1/metrics/explain?metrics=estimated_cost&source=rtk-eu&from=2026-11-16&to=2026-11-18&zone=UTC")
        .await;
    assert_eq!((&explained["currency"], &explained["figure"]["value"]), (&json!("USD"), &json!(0.33)));
    assert_eq!(totals["unpriced_minutes"], json!({"value": 30}));
    // without 64, part of which is unknown, and 65, of which nothing is known: 105 + 65 + 60 + 0
    assert_eq!(totals["rounded_billable_minutes"], json!({"value": 230, "unknown_count": 2}));
    let ledger =
        api.get("/v1/minutes/ledger?source=rtk-eu&minutes_kind=consumed&from=2026-11-17&to=2026-11-18&zone=UTC").await;
    let of = |session_id: i64| {
        let line = ledger["items"].as_array().unwrap().iter().find(|line| line["session_id"] == session_id).unwrap();
        (line["minutes"].clone(), line["rounded_minutes"].clone())
    };
    assert_eq!([of(64), of(65), of(66)], [(json!(20), Value::Null), (json!(30), Value::Null), (json!(0), json!(0))]);
    // without 64 and 65: 0.325 over 105.5 + 70 + 60 + 0
    let of_a_minute = json!({"value": 0.001_380_042, "numerator": 0.325, "denominator": 235.5, "unknown_count": 2});
    assert_eq!(totals["cost_per_minute"], of_a_minute);
    assert_eq!(totals["cost_per_resolution"], json!({"value": null, "reason": "not_applicable"}));
}

#[tokio::test]
async fn costs_of_avatars_and_chats_and_of_unpriced_minutes() {
    let api = priced().await;
    let day = "from=2026-11-18&to=2026-11-19&zone=Europe/Berlin";
    // 2.5 and 0.1 minutes are billed as 3 and 1
    let avatars = figures(&api, &format!("source=konpro-eu&{day}")).await;
    assert_eq!(avatars["estimated_cost"], json!({"value": 0.4}));
    assert_eq!(avatars["rounded_billable_minutes"], json!({"value": 4}));
    let chats = figures(&api, &format!("source=konvo-eu&{day}")).await;
    // of four that began then one is resolved; one is unknown
    assert_eq!(chats["estimated_cost"], json!({"value": 0.9, "unknown_count": 1}));
    // of four completed then two are resolved
    let rate = json!({"value": 0.9, "numerator": 1.8, "denominator": 2, "unknown_count": 1});
    assert_eq!(chats["cost_per_resolution"], rate);
    let unpriced = figures(&api, &format!("source=rtk-prod&{day}")).await;
    assert_eq!(unpriced["estimated_cost"], json!({"value": null, "reason": "unknown", "unknown_count": 2}));
    assert_eq!(unpriced["unpriced_minutes"], json!({"value": 140.75}));
    assert_eq!(unpriced["rounded_billable_minutes"], json!({"value": 140.75}));
    // a price holds for its time: before 2026 nothing had one
    let sql = "select count(*) from analytics.session_costs where source = 'rtk-eu' and list_cost is not null";
    let count: i64 = sqlx::query_scalar(sql).fetch_one(api.pool()).await.unwrap();
    assert!(count > 0);
}

#[tokio::test]
async fn the_cards_in_force_when_a_session_began_say_how_its_minutes_are_sold() {
    let api = Api::in_depth().await;
    let days = "source=rtk-eu&from=2026-11-16&to=2026-11-18&zone=UTC";
    let metered = json!({"source": "rtk-eu", "unit": "minute", "unit_price": "1", "currency": "USD"});
    // as the provider meters: 105.5 + 70 + 60 + 20 + 30 + 0
    let as_metered = json!({"value": 285.5});
    price(&api, json!([metered])).await;
    let totals = figures(&api, days).await;
    assert_eq!((&totals["estimated_cost"], &totals["rounded_billable_minutes"]), (&as_metered, &as_metered));
    let mut by_preset = json!({"source": "rtk-eu", "unit": "minute", "unit_price": "9", "currency": "USD",
                               "preset_pattern": "gu*", "valid_from": "2090-01-01"});
    price(&api, json!([metered, by_preset])).await;
    let totals = figures(&api, days).await;
    assert_eq!((&totals["estimated_cost"], &totals["rounded_billable_minutes"]), (&as_metered, &as_metered));
    by_preset["valid_from"] = json!("2026-01-01");
    by_preset["valid_to"] = json!("2026-11-16T00:00:00Z");
    price(&api, json!([metered, by_preset])).await;
    assert_eq!(figures(&api, days).await["estimated_cost"], as_metered);
    // from the 17th on: 235.5 as metered, ten minutes of a guest at 9; of 64 a host is unknown, of 65 everything
    by_preset["valid_from"] = json!("2026-11-17T00:00:00Z");
    by_preset["valid_to"] = Value::Null;
    price(&api, json!([metered, by_preset])).await;
    let totals = figures(&api, days).await;
    assert_eq!(totals["estimated_cost"], json!({"value": 325.5, "unknown_count": 2}));
    assert_eq!(totals["rounded_billable_minutes"], json!({"value": 235.5, "unknown_count": 2}));
}

#[tokio::test]
async fn unpriced_minutes_are_reported_also_where_the_session_has_a_price() {
    let api = Api::in_depth().await;
    let day = "source=konpro-eu&from=2026-11-18&to=2026-11-19&zone=Europe/Berlin";
    let by_session = json!({"source": "konpro-eu", "unit": "session", "unit_price": "0.1", "currency": "USD"});
    price(&api, json!([by_session])).await;
    let totals = figures(&api, day).await;
    assert_eq!(totals["estimated_cost"], json!({"value": 0.2, "unknown_count": 2}));
    assert_eq!(totals["unpriced_minutes"], json!({"value": 2.6}));
    let sql = "select count(*) from analytics.session_costs
                where session_id in (21, 22) and pricing_unit = 'minute' and list_unit_price is null";
    let rows: i64 = sqlx::query_scalar(sql).fetch_one(api.pool()).await.unwrap();
    assert_eq!(rows, 2);
    let free = json!({"source": "konpro-eu", "unit": "minute", "unit_price": "0", "currency": "USD"});
    price(&api, json!([by_session, free])).await;
    let totals = figures(&api, day).await;
    assert_eq!(totals["estimated_cost"], json!({"value": 0.2}));
    assert_eq!(totals["unpriced_minutes"], json!({"value": 0}));
}

#[tokio::test]
async fn amounts_of_money_have_a_currency() {
    let api = Api::in_depth().await;
    let path = "/v1/metrics/query?from=2026-11-16&to=2026-11-18&zone=UTC&metrics";
    let cost = format!("{path}=sessions,estimated_cost");
    assert!(api.get(&cost).await.get("currency").is_none(), "there are no cards");
    price(&api, cards()["cards"].clone()).await;
    // and not the currency of the scenario
    assert_eq!(api.get(&cost).await["currency"], "USD");
    let per_minute = api.send("GET", &format!("{path}=cost_per_minute&format=csv"), &[]).await;
    assert_eq!(per_minute.header("data-currency"), "USD");
    let minutes = format!("{path}=sessions,unpriced_minutes");
    assert!(api.get(&minutes).await.get("currency").is_none(), "minutes are no money");
    assert_eq!(api.send("GET", &format!("{minutes}&format=csv"), &[]).await.header("data-currency"), "");
}

#[tokio::test]
async fn analysts_see_costs_and_can_ask_what_if() {
    let api = priced().await;
    let mut analyst = api.pool().begin().await.unwrap();
    citus::set_analyst_role(&mut analyst).await;
    let cost = "select trim_scale(sum(list_cost))::text from analytics.session_costs where source = 'konpro-eu'";
    let paid: String = sqlx::query_scalar(cost).fetch_one(&mut *analyst).await.unwrap();
    // 3, 1 and 3 minutes
    assert_eq!(paid, "0.7");
    sqlx::raw_sql(
        r#"set local tributary.rate_cards = '[{"place": 1, "source_id": 2, "unit": "minute", "unit_price": "0.2", "currency": "USD",
           "preset_pattern": "*", "rounding": "none", "valid_from": "2026-01-01T00:00:00Z"}]'"#,
    )
    .execute(&mut *analyst)
    .await
    .unwrap();
    let what_if: String = sqlx::query_scalar(cost).fetch_one(&mut *analyst).await.unwrap();
    // 2.5 + 0.1 + 3 minutes
    assert_eq!(what_if, "1.12");
    let most = "select max(peak)::bigint from analytics.concurrency('2026-11-16Z', '2026-11-17Z', '1 hour')";
    let most: Option<i64> = sqlx::query_scalar(most).fetch_one(&mut *analyst).await.unwrap();
    assert!(most.is_some());
    let hidden = sqlx::query("select * from core.rate_cards").execute(&mut *analyst).await;
    assert!(hidden.is_err() || citus::is_used());
}
