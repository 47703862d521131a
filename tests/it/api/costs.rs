//! Prices and costs, computed by hand over `api_world.sql` and `depth_world.sql`.

use super::*;

/// rtk-eu by presence: guests, each rounded up, at 0.0005, all others at 0.002; konpro-eu by the started minute of a
/// session at 0.10; konvo-eu by resolution at 0.90.
fn cards() -> Value {
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

async fn priced() -> Api {
    let api = Api::in_depth().await;
    let (status, answer) = api.send_json("PUT", "/v1/rate-cards", &[], &cards()).await;
    assert_eq!((status, &answer["added_count"], &answer["ended_count"]), (200, &json!(5), &json!(0)), "{answer:#}");
    api
}

async fn figures(api: &Api, question: &str) -> Value {
    let metrics = "estimated_cost,unpriced_minutes,rounded_billable_minutes,cost_per_minute,cost_per_resolution";
    api.get(&format!("/v1/metrics/query?metrics={metrics}&{question}")).await["totals"].clone()
}

#[tokio::test]
async fn costs_of_meetings_by_preset() {
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
    // without 64, part of which is unknown: 105 + 65 + 60 + 30 + 0
    assert_eq!(totals["rounded_billable_minutes"], json!({"value": 260, "unknown_count": 1}));
    let ledger =
        api.get("/v1/minutes/ledger?source=rtk-eu&minutes_kind=consumed&from=2026-11-17&to=2026-11-18&zone=UTC").await;
    let of = |session_id: i64| {
        let line = ledger["items"].as_array().unwrap().iter().find(|line| line["session_id"] == session_id).unwrap();
        (line["minutes"].clone(), line["rounded_minutes"].clone())
    };
    assert_eq!([of(64), of(65), of(66)], [(json!(20), Value::Null), (json!(30), json!(30)), (json!(0), json!(0))]);
    // without 64 and 65: 0.325 over 105.5 + 70 + 60 + 0
    let of_a_minute = json!({"value": 0.001_380_042, "numerator": 0.325, "denominator": 235.5, "unknown_count": 2});
    assert_eq!(totals["cost_per_minute"], of_a_minute);
    assert_eq!(totals["cost_per_resolution"], json!({"value": null, "reason": "not_applicable"}));
}

#[tokio::test]
async fn costs_of_avatars_and_chats_and_of_what_has_no_price() {
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
    assert_eq!(same["current_cost"], "2.53", "{same:#}");
    assert_eq!((&same["scenario_cost"], &same["difference"]), (&same["current_cost"], &json!("0")));
    let metered = json!([{"source": "rtk-eu", "unit": "minute", "unit_price": "0.002", "currency": "USD"}]);
    let body =
        json!({"range": "this_month", "zone": "UTC", "sources": ["rtk-eu"], "scenario": "one price", "cards": metered});
    let other = ask(body).await;
    // as the provider meters: 105.5 + 70 + 60 + 20 + 30 + 0 + 60
    assert_eq!(other["scenario_cost"], "0.691");
    assert_eq!(other["by_preset"][0]["consumed_quantity"], json!(345.5));
    assert_eq!(other["unpriced_minutes"], json!(0));
    assert_eq!(other["current_unpriced_minutes"], json!(30));
    assert_eq!(other["query"]["from"], "2026-11-01T00:00:00+00:00");
    // stored under a name, in another currency: 5 and 5 minutes, and 5 of the next day
    let named = ask(json!({"from": "2026-11-18", "to": "2026-11-20", "zone": "UTC", "sources": ["konpro-eu"], "scenario": "by five minutes"})).await;
    assert_eq!((&named["scenario_cost"], &named["currency"]), (&json!("15"), &json!("EUR")));
    assert_eq!(named["difference"], Value::Null);
    // nothing is left over
    assert_eq!(ask(json!({"range": "this_month", "cards": []})).await["scenario_cost"], Value::Null);
    let cost = figures(&api, "source=rtk-eu&from=2026-11-16&to=2026-11-18&zone=UTC").await;
    assert_eq!(cost["estimated_cost"]["value"], json!(0.33));
}

/// Replaces the stored cards with these.
async fn price(api: &Api, cards: Value) {
    let (status, answer) = api.send_json("PUT", "/v1/rate-cards", &[], &json!({"cards": cards})).await;
    assert_eq!(status, 200, "{answer:#}");
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
    assert_eq!(totals["rounded_billable_minutes"], json!({"value": 265.5, "unknown_count": 1}));
}

#[tokio::test]
async fn minutes_that_nothing_prices_are_told_also_where_the_session_has_a_price() {
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
async fn an_estimate_does_not_take_what_nobody_knows_for_nothing() {
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
    assert_eq!((&of("host")["unit_price"], &of("host")["unknown_count"]), (&json!("0.002"), &json!(1)));
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
async fn cards_are_replaced_as_a_set_and_it_is_written_down() {
    let api = priced().await;
    let version = async || api.get("/v1/freshness").await["data_version"].clone();
    let before = version().await;
    let (_, again) = api.send_json("PUT", "/v1/rate-cards", &[], &cards()).await;
    assert_eq!((&again["added_count"], &again["ended_count"]), (&json!(0), &json!(0)));
    assert_eq!(version().await, before, "nothing changed");
    let mut changed = cards();
    changed["cards"][3]["unit_price"] = json!("0.95");
    changed["cards"].as_array_mut().unwrap().remove(4);
    let (_, answer) = api.send_json("PUT", "/v1/rate-cards", &[], &changed).await;
    assert_eq!((&answer["added_count"], &answer["ended_count"]), (&json!(1), &json!(2)));
    assert_ne!(version().await, before, "figures depend on prices");
    let list = api.get("/v1/rate-cards").await;
    assert_eq!(list["items"].as_array().unwrap().len(), 4);
    assert_eq!(list["items"][1]["unit_price"], "0.95");
    let kept: i64 = sqlx::query_scalar("select count(*) from core.rate_cards").fetch_one(api.pool()).await.unwrap();
    assert_eq!(kept, 6, "what stood is kept");
    let journal = api.get("/v1/sync/operations?kind=rate_cards").await;
    assert_eq!(journal["items"].as_array().unwrap().len(), 3);
    let foreign = [("sec-fetch-site", "cross-site")];
    assert_eq!(api.send_json("PUT", "/v1/rate-cards", &foreign, &cards()).await.0, 403);
}

#[tokio::test]
async fn all_faults_of_cards_are_told_at_once() {
    let api = Api::new().await;
    let body = json!({"card": [], "cards": [
        {"source": "rtk-prd", "unit": "minutes", "unit_price": 0.002, "currency": "usd", "rounding": "up", "price": 1},
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
async fn analysts_see_costs_and_can_ask_what_if() {
    let api = priced().await;
    let mut analyst = api.pool().begin().await.unwrap();
    sqlx::query("set local role tributary_analyst").execute(&mut *analyst).await.unwrap();
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
    assert!(hidden.is_err());
}
