//! Metric values of chats: volume, minutes, outcomes, states and messages, computed by hand from `chats_world.sql`.

use super::*;

#[tokio::test]
async fn volume_and_minutes_of_chats_are_those_computed_by_hand() {
    let api = world().await;
    let table = [
        ("sessions", known(6)),
        ("connected_sessions", partly(5, 1)),
        ("never_started_sessions", none_so_far(1)),
        ("never_started_rate", ratio(0, 0, 5, 1)),
        // 84 waits since the 12th, 86 was active half an hour ago
        ("live_sessions", known(1)),
        ("stale_open_sessions", known(1)),
        // a day
        ("long_running_sessions", known(1)),
        // 1440 + 30 + 10 + 5 + 60 + 30
        ("elapsed_minutes", known(1575)),
        ("minutes_consumed", json!({"value": null, "reason": "not_applicable"})),
        // 390 + 120 + 10 + 300 + 0 s
        ("active_minutes", partly(13.666_666_667, 1)),
        // of 86400, 1800, 600 and 3600 s
        ("average_session_duration_seconds", ratio(23100, 92400, 4, 0)),
        ("session_duration_p50_seconds", of_few(2700, 0)),
        // 3600 + 0.7 × 82800, + 0.85 × 82800
        ("session_duration_p90_seconds", of_few(61560, 0)),
        ("session_duration_p95_seconds", of_few(73980, 0)),
    ];
    expect(&api, &format!("source=konvo-lab&{NOVEMBER}"), &table).await;
}

#[tokio::test]
async fn outcomes_and_their_durability_are_those_computed_by_hand() {
    let api = world().await;
    let missing = json!({"value": null, "reason": "handoff_mapping_missing"});
    let table = [
        ("completed_sessions", known(4)),
        ("resolved_sessions", known(3)),
        ("unresolved_sessions", known(1)),
        ("resolution_rate", ratio(0.75, 3, 4, 0)),
        ("unresolved_rate", ratio(0.25, 1, 4, 0)),
        ("cohort_resolution_rate", ratio(0.5, 3, 6, 0)),
        ("cohort_matured_rate", ratio(0.666_666_667, 4, 6, 0)),
        // after 81 anna came back on the 5th; bert after nine days; 85 is too young
        ("durable_resolution_rate", ratio(0.5, 1, 2, 1)),
        ("repeat_contact_rate", ratio(0.333_333_333, 1, 3, 1)),
        ("handoff_rate", missing.clone()),
        ("containment_rate", missing),
        // of 600, 3600 and 86400; 3600 + 0.8 × 82800
        ("time_to_resolution_p50_seconds", of_few(3600, 0)),
        ("time_to_resolution_p90_seconds", of_few(69840, 0)),
        // of 590, 1680, 3600 and 85740
        ("closing_lag_seconds", of_few(2640, 0)),
        ("open_backlog", known(2)),
        // 84
        ("abandonment_rate", ratio(0.2, 1, 5, 1)),
    ];
    expect(&api, &format!("source=konvo-lab&{NOVEMBER}"), &table).await;
    let answer = api.get(&format!("/v1/metrics/query?metrics=handoff_rate&source=konvo-lab&{NOVEMBER}")).await;
    let codes: Vec<&str> =
        answer["warnings"].as_array().unwrap().iter().map(|warning| warning["code"].as_str().unwrap()).collect();
    assert!(codes.contains(&"handoff_mapping_missing"), "{codes:?}");
}

#[tokio::test]
async fn states_are_those_at_the_end_of_each_bucket() {
    let api = world().await;
    let path =
        "/v1/metrics/query?metrics=live_sessions,stale_open_sessions,open_backlog&granularity=day&source=konvo-lab";
    let answer = api.get(&format!("{path}&{NOVEMBER}")).await;
    let on = |day: &str| {
        let values = &row(&answer, &json!({}), day)["values"];
        ["live_sessions", "stale_open_sessions", "open_backlog"].map(|id| values[id]["value"].clone())
    };
    // 81 runs over midnight
    assert_eq!(on("2026-11-02"), [json!(1), json!(0), json!(1)]);
    assert_eq!(on("2026-11-03"), [json!(0), json!(0), json!(0)]);
    // 84: silent for 14 hours, then for more than a day
    assert_eq!(on("2026-11-12"), [json!(1), json!(0), json!(1)]);
    assert_eq!(on("2026-11-13"), [json!(0), json!(1), json!(1)]);
    assert_eq!(on("2026-11-20"), [json!(1), json!(1), json!(2)]);
    assert_eq!(answer["totals"]["open_backlog"], known(2), "the last state, and not the sum of days");
}

#[tokio::test]
async fn messages_turns_and_response_times_are_those_computed_by_hand() {
    let api = world().await;
    let table = [
        ("messages", partly(12, 1)),
        ("messages_per_session", ratio(2.4, 12, 5, 1)),
        ("assistant_user_message_ratio", ratio(0.714_285_714, 5, 7, 1)),
        ("turns_per_session", ratio(1, 5, 5, 1)),
        // of 10, 20, 120 and 300
        ("first_response_p50_seconds", of_few(70, 1)),
        ("first_response_p90_seconds", of_few(246, 1)),
        ("first_response_avg_seconds", ratio(112.5, 450, 4, 1)),
        ("unanswered_sessions", partly(1, 1)),
        // of 10, 20, 120, 300 and 600
        ("reply_time_p50_seconds", of_few(120, 1)),
        ("reply_time_p90_seconds", of_few(480, 1)),
        ("words_per_message", ratio(2.090_909_091, 23, 11, 1)),
        ("user_words", partly(10, 1)),
        ("assistant_words", partly(13, 1)),
        ("trail_depth_avg", ratio(1.75, 7, 4, 2)),
        ("trail_depth_p90", of_few(2.7, 2)),
    ];
    expect(&api, &format!("source=konvo-lab&{NOVEMBER}"), &table).await;
    let path = format!("/v1/metrics/query?metrics=messages&dimensions=sender_role&source=konvo-lab&{NOVEMBER}");
    let answer = api.get(&path).await;
    let by = |role: Value| row(&answer, &json!({"sender_role": role}), "")["values"]["messages"]["value"].clone();
    assert_eq!((by(json!("user")), by(json!("assistant"))), (json!(7), json!(5)));
}
