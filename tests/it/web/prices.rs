//! The form that sets a price: the same cards, faults and records as the API's command.

use super::*;

const OWN: (&str, &str) = ("origin", "http://localhost:8080");

/// Returns the version of the prices that the form of a page carries.
fn version(html: &str) -> String {
    let (_, rest) = part(html, "set-price").split_once("name=\"version\" value=\"").unwrap();
    rest.split('"').next().unwrap().to_owned()
}

/// Sends the form as it is shown now, in the state of an address.
async fn set(api: &Api, key: &str, origin: (&str, &str), state: &str, fields: &str) -> Answer {
    let shown = api.send_as(key, "GET", "/costs").await.text;
    let version = if shown.contains("id=\"set-price\"") { version(&shown) } else { String::new() };
    let fields = format!("{fields}&version={version}");
    let key = format!("Bearer {key}");
    let headers = [("authorization", key.as_str()), ("host", "localhost:8080"), origin];
    post(api, &format!("/costs/rate-cards?{state}"), &headers, &fields).await
}

/// Returns source, price, first and last instant of the current cards.
async fn cards(api: &Api, key: &str) -> Vec<(String, String, String, Value)> {
    let items = api.send_as(key, "GET", "/v1/rate-cards").await.json()["items"].clone();
    let text = |item: &Value, name: &str| item[name].as_str().map_or_else(|| item[name].to_string(), ToOwned::to_owned);
    let card = |item: &Value| {
        (text(item, "source"), text(item, "unit_price"), text(item, "valid_from"), item["valid_to"].clone())
    };
    items.as_array().unwrap().iter().map(card).collect()
}

#[tokio::test]
async fn a_price_is_set_by_a_form_and_holds_from_its_day_on() {
    let api = Api::with_keys("requests_per_minute = 0").await;
    let key = api.key(&[Scope::MetricsRead, Scope::CostsWrite], &[]).await;
    let price = "source=konpro-eu&unit=minute&unit_price=0.5&currency=USD&rounding=none";
    let done = set(&api, &key, OWN, DAY, price).await;
    assert_eq!(done.status, 303, "{}", done.text);
    assert_eq!(done.header("location"), format!("/costs?{DAY}#rate-cards"));
    let shown = api.send_as(&key, "GET", &format!("/costs?{DAY}")).await.text;
    let card = part(&shown, "rate-cards");
    assert!(card.contains("<td>0.5 USD per minute</td><td>always</td><td>further notice</td>"), "{card}");
    // 2.5 + 0.1 minutes
    assert!(part(&shown, "card-estimated_cost").contains("<data value=\"1.3\">"), "{shown}");
    // another price stays, and the first one ends at midnight of Kathmandu, which is a quarter past six in the evening
    let other = set(&api, &key, OWN, "", "source=rtk-prod&unit=minute&unit_price=0.002&currency=USD").await;
    assert_eq!(other.status, 303, "{}", other.text);
    let later = price.replace("0.5", "1") + "&valid_from=2026-11-18";
    assert_eq!(set(&api, &key, OWN, "zone=Asia/Kathmandu", &later).await.status, 303);
    let always = "2000-01-01T00:00:00Z".to_owned();
    let day = "2026-11-17T18:15:00Z".to_owned();
    let of_other = ("rtk-prod".to_owned(), "0.002".to_owned(), always.clone(), Value::Null);
    let konpro = |price: &str, from: &String, to: Value| ("konpro-eu".to_owned(), price.to_owned(), from.clone(), to);
    assert_eq!(
        cards(&api, &key).await,
        [konpro("0.5", &always, json!(day)), konpro("1", &day, Value::Null), of_other.clone()]
    );
    // the day of the texts is after it: 2.6 minutes at 1
    let shown = api.send_as(&key, "GET", &format!("/costs?{DAY}&source=konpro-eu")).await.text;
    assert!(part(&shown, "card-estimated_cost").contains("<data value=\"2.6\">"), "{shown}");
    // without a day it holds for all sessions
    assert_eq!(set(&api, &key, OWN, "", &price.replace("0.5", "2")).await.status, 303);
    assert_eq!(cards(&api, &key).await, [konpro("2", &always, Value::Null), of_other]);
    let operations = "select count(*) from ingest.operations where kind = 'rate_cards'";
    assert_eq!(sqlx::query_scalar::<_, i64>(operations).fetch_one(api.pool()).await.unwrap(), 4);
    let back = api.send_as(&key, "GET", &format!("/costs/rate-cards?{DAY}")).await;
    assert_eq!((back.status.as_u16(), back.header("location")), (303, format!("/costs?{DAY}#rate-cards").as_str()));
}

#[tokio::test]
async fn what_is_wrong_with_a_price_stands_at_its_field() {
    let api = Api::with_keys("requests_per_minute = 0").await;
    let key = api.key(&[Scope::MetricsRead, Scope::CostsWrite], &[]).await;
    let price = "source=rtk-prod&unit=minute&unit_price=0.002&currency=USD";
    assert_eq!(set(&api, &key, OWN, DAY, price).await.status, 303);
    let before = cards(&api, &key).await;
    for (fields, name, why) in [
        (
            "source=konpro-eu&unit=minute&unit_price=cheap%22%3E&currency=USD",
            "unit_price",
            "must be a number such as 0.002",
        ),
        ("source=konpro-eu&unit=minute&unit_price=1&currency=EUR", "currency", "other cards have USD"),
        ("source=konvo-eu&unit=minute&unit_price=1&currency=USD", "unit", "meters no minutes"),
        ("source=konpro-eu&unit=minute&unit_price=1&currency=USD&valid_from=soon", "valid_from", "must be a date"),
        (
            "source=konpro-eu&unit=minute&unit_price=1&currency=USD&rounding=step&step_minutes=x",
            "step_minutes",
            "whole number",
        ),
        ("unit=minute&unit_price=1&currency=USD", "source", "needs a source"),
    ] {
        let refused = set(&api, &key, OWN, DAY, fields).await;
        assert_eq!(refused.status, 422, "{fields}: {}", refused.text);
        let form = part(&refused.text, "set-price");
        let (_, fault) = form.split_once(&format!("id=\"fault-{name}\">")).unwrap_or_else(|| panic!("{name}: {form}"));
        assert!(htmlize::unescape(fault.split("</p>").next().unwrap()).contains(why), "{name}: {fault}");
        assert!(form.contains(&format!("aria-describedby=\"fault-{name}\"")), "{form}");
        assert_eq!(form.matches("class=\"fault\"").count(), 1, "{name}: {form}");
        // what was entered is not lost, and becomes no markup
        assert!(!form.contains("cheap\">") && refused.text.contains("name=\"range\""), "{form}");
    }
    assert_eq!(cards(&api, &key).await, before);
}

#[tokio::test]
async fn p14_a_price_is_set_by_keys_with_the_scope_and_pages_of_this_service_alone() {
    let api = Api::with_keys("requests_per_minute = 0").await;
    let key = api.key(&[Scope::MetricsRead, Scope::CostsWrite], &[]).await;
    let limited = api.key(&[Scope::MetricsRead, Scope::CostsWrite], &["konpro-eu"]).await;
    let reader = api.key(&[Scope::MetricsRead], &[]).await;
    let price = "source=konpro-eu&unit=minute&unit_price=0.5&currency=USD";
    for (key, origin) in [(&key, ("origin", "https://evil.example")), (&limited, OWN), (&reader, OWN)] {
        assert_eq!(set(&api, key, origin, "", price).await.status, 403, "{origin:?}");
    }
    let cross = [("authorization", format!("Bearer {key}")), ("sec-fetch-site", "cross-site".to_owned())];
    let cross: Vec<(&str, &str)> = cross.iter().map(|(name, value)| (*name, value.as_str())).collect();
    assert_eq!(post(&api, "/costs/rate-cards", &cross, price).await.status, 403);
    assert!(cards(&api, &key).await.is_empty());
    for (key, offered) in [(&key, true), (&reader, false), (&limited, false)] {
        let html = api.send_as(key, "GET", "/costs").await.text;
        assert_eq!(html.contains("id=\"set-price\""), offered, "{html}");
    }
    // a session of the page is enough for its form
    let signed_in = post(&api, "/sign-in", &[], &format!("key={key}&next=%2Fcosts")).await;
    let cookie = signed_in.header("set-cookie").split(';').next().unwrap().to_owned();
    let version = version(&api.send_as(&key, "GET", "/costs").await.text);
    let fields = format!("{price}&version={version}");
    let done = post(&api, "/costs/rate-cards", &[("cookie", &cookie)], &fields).await;
    assert_eq!(done.status, 303, "{}", done.text);
    assert_eq!(cards(&api, &key).await.len(), 1);
    api.access_policy.audit.flush().await;
    let audited = "select count(*) from ingest.audit where kind = 'command' and target like '/costs/rate-cards%'";
    assert!(sqlx::query_scalar::<_, i64>(audited).fetch_one(api.pool()).await.unwrap() >= 1);
}

#[tokio::test]
async fn a_price_ends_on_a_day_and_may_hold_for_some_days_alone() {
    let api = Api::with_keys("requests_per_minute = 0").await;
    let key = api.key(&[Scope::MetricsRead, Scope::CostsWrite], &[]).await;
    let price = "source=konpro-eu&unit=minute&unit_price=0.5&currency=USD";
    let other = "source=konpro-eu&unit=session&unit_price=3&currency=USD";
    for fields in [price, other] {
        assert_eq!(set(&api, &key, OWN, "zone=UTC", fields).await.status, 303);
    }
    // a price of two days cuts the one that always holds
    let two_days = price.replace("0.5", "2") + "&valid_from=2026-11-10&valid_to=2026-11-12";
    assert_eq!(set(&api, &key, OWN, "zone=UTC", &two_days).await.status, 303);
    let day = |day: &str| json!(format!("{day}T00:00:00Z"));
    let card = |price: &str, from: &str, to: Value| {
        ("konpro-eu".to_owned(), price.to_owned(), format!("{from}T00:00:00Z"), to)
    };
    let of_session = card("3", "2000-01-01", Value::Null);
    let [first, second] = [card("0.5", "2000-01-01", day("2026-11-10")), card("2", "2026-11-10", day("2026-11-12"))];
    assert_eq!(
        cards(&api, &key).await,
        [first.clone(), second.clone(), card("0.5", "2026-11-12", Value::Null), of_session.clone()]
    );
    // neither price nor currency is needed to end one
    let end = "source=konpro-eu&unit=minute&unit_price=&currency=&end=true";
    let ended = set(&api, &key, OWN, "zone=UTC", &format!("{end}&valid_from=2026-11-18")).await;
    assert_eq!(ended.status, 303, "{}", ended.text);
    let third = card("0.5", "2026-11-12", day("2026-11-18"));
    assert_eq!(cards(&api, &key).await, [first, second, third, of_session.clone()]);
    for (days, name, why) in [
        ("&valid_from=2026-11-18", "", "There is no such price on these days."),
        ("&valid_from=soon", "valid_from", "This must be a date."),
        ("&valid_from=2026-11-18&valid_to=2026-11-17", "valid_to", "The end must be after the first day."),
    ] {
        let refused = set(&api, &key, OWN, "zone=UTC", &format!("{end}{days}")).await;
        assert_eq!(refused.status, 422, "{days}: {}", refused.text);
        let form = part(&refused.text, "set-price");
        assert!(form.contains(why) && form.contains(&format!("fault-{name}")) != name.is_empty(), "{days}: {form}");
    }
    assert_eq!(set(&api, &key, OWN, "zone=UTC", end).await.status, 303);
    assert_eq!(cards(&api, &key).await, [of_session]);
}

#[tokio::test]
async fn a_form_that_is_older_than_the_prices_changes_nothing_and_shows_them() {
    let api = Api::with_keys("requests_per_minute = 0").await;
    let key = api.key(&[Scope::MetricsRead, Scope::CostsWrite], &[]).await;
    let opened = version(&api.send_as(&key, "GET", "/costs").await.text);
    let by_api = json!({"cards": [{"source": "rtk-prod", "unit": "minute", "unit_price": 0.002, "currency": "USD"}]});
    let bearer = format!("Bearer {key}");
    assert_eq!(api.send_json("PUT", "/v1/rate-cards", &[("authorization", &bearer)], &by_api).await.0, 200);
    let headers = [("authorization", bearer.as_str()), ("host", "localhost:8080"), OWN];
    let price = "source=konpro-eu&unit=minute&unit_price=0.5&currency=USD";
    for fields in [format!("{price}&version={opened}"), price.to_owned(), format!("{price}&version=*")] {
        let refused = post(&api, &format!("/costs/rate-cards?{DAY}"), &headers, &fields).await;
        assert_eq!(refused.status, 412, "{}", refused.text);
        let form = part(&refused.text, "set-price");
        assert!(form.contains("role=\"alert\">Nothing was saved: the prices have changed"), "{form}");
        assert!(form.contains("name=\"unit_price\" value=\"0.5\""), "what was entered is not lost: {form}");
        assert!(part(&refused.text, "rate-cards").contains("0.002 USD per minute"), "{}", refused.text);
        assert_eq!(cards(&api, &key).await.len(), 1);
        // the form that is shown then has the version of the prices beside it
        assert_ne!(version(&refused.text), opened);
    }
    let current = version(&api.send_as(&key, "GET", "/costs").await.text);
    let done = post(&api, "/costs/rate-cards", &headers, &format!("{price}&version={current}")).await;
    assert_eq!(done.status, 303, "{}", done.text);
    assert_eq!(cards(&api, &key).await.len(), 2);
    // who does not see the prices is offered no form that replaces them
    let blind = api.key(&[Scope::SessionsRead, Scope::CostsWrite], &[]).await;
    assert!(!api.send_as(&blind, "GET", "/costs").await.text.contains("id=\"set-price\""));
}

#[tokio::test]
async fn a_key_that_sets_no_prices_is_led_to_the_api_that_does() {
    let api = Api::with_keys("requests_per_minute = 0").await;
    let reader = api.key(&[Scope::MetricsRead], &[]).await;
    let html = api.send_as(&reader, "GET", "/costs").await.text;
    let help = link(part(&html, "rate-cards"), "Set prices by the API");
    let (docs, operation) = help.split_once("#/").unwrap();
    assert_eq!(api.send_as(&reader, "GET", docs).await.status, 200);
    // the reader of the description shows an operation by its tag and id
    let described = api.send_as(&reader, "GET", "/openapi.json").await.json();
    let put = &described["paths"]["/v1/rate-cards"]["put"];
    assert_eq!(operation, format!("{}/{}", put["tags"][0].as_str().unwrap(), put["operationId"].as_str().unwrap()));
}

#[tokio::test]
async fn the_form_of_a_price_speaks_as_a_form() {
    let api = Api::with_keys("requests_per_minute = 0").await;
    let key = api.key(&[Scope::MetricsRead, Scope::CostsWrite], &[]).await;
    let html = api.send_as(&key, "GET", "/costs?zone=Asia/Kathmandu").await.text;
    assert!(part(&html, "set-price").contains("Days begin in Asia/Kathmandu."), "{html}");
    let price = "source=konpro-eu&unit=minute&currency=USD";
    let refused = set(&api, &key, OWN, DAY, &format!("{price}&unit_price=cheap")).await.text;
    assert!(part(&refused, "set-price").contains("must be a number such as 0.002, not negative"), "{refused}");
    let days = "&unit_price=1&valid_from=2026-11-18&valid_to=2026-11-17";
    let refused = set(&api, &key, OWN, DAY, &format!("{price}{days}")).await.text;
    assert!(part(&refused, "set-price").contains(">The end must be after the first day.</p>"), "{refused}");
}
