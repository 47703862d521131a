//! Values computed by hand from three providers' sample records, polled over HTTP, queried over HTTP and in SQL.
//!
//! KonPro: five sessions of 612, 45, 0, 0 and 600.5 s: 1257.5 s, 20.958333… min. RealtimeKit: 90.0184 + 3.4375 + 4.5 +
//! 8.1667 + 0 = 106.1226 min, one meeting still live. Konvo: five chats, two resolved, one unresolved, two open;
//! 4 + 3 + 1 + 3 + 0 = 11 messages.

use std::sync::Arc;

use serde_json::{Value, json};
use tributary::app::polling::PollLine;
use tributary::clock::{Clock, SystemClock};
use tributary_simulator::Platform;
use tributary_simulator::fixed_feed::FixedFeed;
use tributary_simulator::quirks::Quirks;
use tributary_simulator::world::{Shape, Volume, World as Generated};

use crate::harness::{World, noon, records};

async fn world_of_samples() -> (World, Vec<tributary_simulator::Simulator>) {
    let mut world = World::new().await;
    let mut providers = Vec::new();
    for (platform, files) in [
        (Platform::Konpro, &["history.page1.token.json", "history.page2.token.json", "history.page3.last.json"][..]),
        (
            Platform::Konvo,
            &["ai-sessions.page-first.json", "ai-sessions.page-second.json", "ai-sessions.page-third.json"][..],
        ),
        (Platform::Realtimekit, &["sessions.page1.asc.json", "sessions.page2.asc.json"][..]),
    ] {
        let feed = Arc::new(FixedFeed::new(records::of_samples(platform, files)));
        providers.push(world.simulate(platform, feed, Quirks::default()).await);
    }
    let lines = world.poll().await;
    assert!(lines.iter().all(PollLine::is_complete), "{lines:?}");
    (world, providers)
}

/// Returns the values of the row of `provider`.
fn row<'a>(answer: &'a Value, provider: &str) -> &'a Value {
    let rows = answer["rows"].as_array().expect("rows");
    let found = rows.iter().find(|row| row["dimensions"]["provider"] == provider);
    &found.unwrap_or_else(|| panic!("no row of {provider} in {answer:#}"))["values"]
}

#[tokio::test]
async fn the_main_query_returns_the_values_computed_by_hand() {
    let (world, _providers) = world_of_samples().await;
    let api = world.api().await;
    let answer = api
        .ok("/v1/metrics/query?metrics=sessions,minutes_consumed,elapsed_minutes,resolution_rate,resolved_sessions,unresolved_sessions,messages&dimensions=provider&range=last_365_days&zone=UTC")
        .await;
    let konpro = row(&answer, "konpro");
    assert_eq!(konpro["sessions"]["value"], json!(5));
    assert_eq!(konpro["minutes_consumed"]["value"].to_string(), "20.958333333");
    assert_eq!(konpro["elapsed_minutes"]["value"].to_string(), "20.958333333");
    assert_eq!(konpro["resolution_rate"]["value"], Value::Null);
    assert_eq!(konpro["resolution_rate"]["reason"], "not_applicable");
    assert_eq!(konpro["messages"]["reason"], "not_applicable");
    let meetings = row(&answer, "realtimekit");
    assert_eq!(meetings["sessions"]["value"], json!(5));
    assert_eq!(meetings["minutes_consumed"]["value"].to_string(), "106.1226");
    // 1957.9 + 330.01 + 550.01 + 60.01 s; the live one has no length yet
    assert_eq!(meetings["elapsed_minutes"]["value"].to_string(), "48.298833333");
    assert_eq!(meetings["elapsed_minutes"]["unknown_count"], json!(1));
    assert_eq!(meetings["messages"]["value"], Value::Null, "not fetched is not zero");
    assert_ne!(meetings["messages"]["reason"], "not_applicable");
    let chats = row(&answer, "konvo");
    assert_eq!(chats["sessions"]["value"], json!(5));
    assert_eq!(chats["minutes_consumed"]["value"], Value::Null);
    assert_eq!(chats["minutes_consumed"]["reason"], "not_applicable");
    // 205.794 + 600 + 6 + 40 + 5 s
    assert_eq!(chats["elapsed_minutes"]["value"].to_string(), "14.2799");
    assert_eq!(chats["resolved_sessions"]["value"], json!(2));
    assert_eq!(chats["unresolved_sessions"]["value"], json!(1));
    assert_eq!(chats["resolution_rate"]["value"].to_string(), "0.666666667");
    assert_eq!(chats["resolution_rate"]["numerator"], json!(2));
    assert_eq!(chats["resolution_rate"]["denominator"], json!(3));
    assert_eq!(chats["messages"]["value"], json!(11));
    let totals = &answer["totals"];
    assert_eq!(totals["sessions"]["value"], json!(15));
    assert_eq!(totals["minutes_consumed"]["value"].to_string(), "127.080933333");
    let warnings = answer["warnings"].to_string();
    assert!(warnings.contains("mixed_minutes_basis"), "{warnings}");
    // only sources that meter minutes have metered minutes
    let unmetered = "select count(*) from core.sessions s join core.sources src using (source_id)
                      where src.minutes_basis is null and s.provider_minutes is not null";
    assert_eq!(world.number(unmetered).await, 0);
}

#[tokio::test]
async fn sql_says_the_same_as_the_api() {
    let (world, _providers) = world_of_samples().await;
    let sums = world
        .text(
            "select string_agg(provider || ' ' || n || ' ' || coalesce(round(minutes, 9)::text, 'null'), ', ' order by provider)
               from (select s.provider, count(*) as n, sum(m.minutes) as minutes
                       from analytics.sessions s
                       left join analytics.session_minutes m
                         on m.session_id = s.session_id and m.minutes_kind = 'consumed'
                      group by 1) x",
        )
        .await;
    assert_eq!(sums.as_deref(), Some("konpro 5 20.958333333, konvo 5 null, realtimekit 5 106.122600000"));
    let states = world
        .text(
            "select string_agg(provider || ' ' || session_state || ' ' || n, ', ' order by provider, session_state)
               from (select provider, session_state, count(*) as n from analytics.sessions group by 1, 2) x",
        )
        .await;
    let expected =
        "konpro ended 3, konpro never_started 2, konvo ended 3, konvo open 2, realtimekit ended 4, realtimekit live 1";
    assert_eq!(states.as_deref(), Some(expected));
    let flagged =
        world.number("select count(*) from analytics.sessions where outcome = 'open' and is_flagged_unresolved");
    assert_eq!(flagged.await, 1);
}

#[tokio::test]
async fn lists_and_details_show_the_polled_records() {
    let (world, _providers) = world_of_samples().await;
    let api = world.api().await;
    let list = api.ok("/v1/sessions?provider=konvo&outcome=resolved&limit=1").await;
    assert_eq!(list["items"].as_array().map(Vec::len), Some(1));
    assert_eq!(list["page"]["has_more"], json!(true));
    let session = &list["items"][0];
    assert_eq!(session["provider_session_id"], "70d6a118-31ee-4d56-8c2d-d40d7aa4944a");
    let detail = api.ok(&format!("/v1/sessions/{}", session["session_id"])).await;
    assert_eq!(detail["provider_session_id"], session["provider_session_id"]);
    let first = api.ok("/v1/sessions?provider_session_id=7e6a0fbf-259e-4901-b5d9-ebd18e4a96c3").await;
    let id = first["items"][0]["session_id"].to_string();
    let messages = api.ok(&format!("/v1/sessions/{id}/messages")).await;
    let bodies: Vec<&str> =
        messages["items"].as_array().expect("messages").iter().filter_map(|m| m["body"].as_str()).collect();
    assert_eq!(
        bodies,
        ["Hi, I need help with my order", "Sure, what is the order number?", "#10233 🙂", "It ships tomorrow."]
    );
    let sources = api.ok("/v1/sources").await;
    assert_eq!(sources["items"].as_array().map(Vec::len), Some(3));
    let health = api.ok("/v1/health/pollers").await;
    let states: Vec<&str> =
        health["items"].as_array().expect("streams").iter().filter_map(|s| s["state"].as_str()).collect();
    assert_eq!(states, ["idle", "idle", "idle"], "{health:#}");
}

#[tokio::test]
async fn a_generated_world_is_stored_to_the_last_digit() {
    let mut world = World::new().await;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    world.clock.set(clock.now());
    let volume = |history| Volume { history, per_hour_ahead: 4 };
    let shape = Shape { avatars: volume(700), chats: volume(500), meetings: volume(150), ..Shape::default() };
    let generated = Generated::generate(&shape, 11, world.clock.now());
    let mut providers = Vec::new();
    for platform in Platform::ALL {
        providers.push(world.simulate(platform, generated.feed(platform), Quirks::default()).await);
    }
    let api = world.api().await;
    // twice: at once, and five hours later, when meetings have ended and chats were completed
    for hours in [0, 5] {
        let now = world.clock.now() + chrono::TimeDelta::hours(hours);
        world.clock.set(now);
        let lines = world.poll().await;
        assert!(lines.iter().all(PollLine::is_complete), "{lines:?}");
        let truth = generated.truth(now);
        let answer = api
            .ok("/v1/metrics/query?metrics=sessions,minutes_consumed,resolved_sessions,unresolved_sessions,messages&dimensions=provider&range=last_365_days&zone=UTC")
            .await;
        for (provider, truth) in
            [("konpro", &truth.konpro), ("konvo", &truth.konvo), ("realtimekit", &truth.realtimekit)]
        {
            let values = row(&answer, provider);
            assert_eq!(values["sessions"]["value"], json!(truth.sessions), "{provider}");
            let minutes = truth.minutes_consumed.map(|minutes| minutes.round_dp(9).normalize().to_string());
            let answered = &values["minutes_consumed"]["value"];
            assert_eq!((!answered.is_null()).then(|| answered.to_string()), minutes, "{provider}");
            for (metric, expected) in [("resolved_sessions", truth.resolved), ("unresolved_sessions", truth.unresolved)]
            {
                assert_eq!(values[metric]["value"], json!(expected), "{provider} {metric}");
            }
            if provider != "realtimekit" {
                assert_eq!(values["messages"]["value"], json!(truth.messages), "{provider}");
            }
        }
        let open = world.number("select count(*) from core.sessions where outcome = 'open'").await;
        assert_eq!(u64::try_from(open).ok(), truth.konvo.open);
    }
    assert!(noon() < world.clock.now());
}

#[tokio::test]
async fn configured_human_steps_are_counted() {
    let mut world = World::new().await;
    let files = ["ai-sessions.page-first.json", "ai-sessions.page-second.json", "ai-sessions.page-third.json"];
    let feed = Arc::new(FixedFeed::new(records::of_samples(Platform::Konvo, &files)));
    let _provider = world.simulate(Platform::Konvo, feed, Quirks::default()).await;
    world.poll_one().await;
    let api = world.api().await;
    let path = "/v1/metrics/query?metrics=handoff_rate,containment_rate&from=2026-01-01&to=2026-03-01";
    let before = api.ok(path).await;
    let tag = |answer: &Value| answer["totals"]["handoff_rate"].clone();
    assert_eq!(tag(&before), json!({"value": null, "reason": "handoff_mapping_missing"}));
    assert_eq!(before["warnings"][0]["code"], "handoff_mapping_missing");
    let world = world.with_settings("human_steps = [\"ORDER_STATUS\", \"AI\"]");
    world.poll_one().await;
    // as if these were people: of the three completed chats two have messages of the AI; the other skill's is open
    let after = api.ok(path).await;
    assert_eq!(tag(&after), json!({"value": 0.666_666_667, "numerator": 2, "denominator": 3}));
    let contained = &after["totals"]["containment_rate"];
    assert_eq!(contained, &json!({"value": 0.333_333_333, "numerator": 1, "denominator": 3}));
    assert_eq!(after["warnings"], json!([]));
    let sources = api.ok("/v1/sources").await;
    assert_eq!(sources["items"][0]["human_steps"], json!(["ORDER_STATUS", "AI"]));
}
