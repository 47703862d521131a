//! Metric values of all families, computed by hand from the table in `figures_world.sql`.

use super::*;

const NOVEMBER: &str = "from=2026-11-01&to=2026-11-21&zone=UTC";

/// The world with the chats of `konvo-lab`.
async fn world() -> Api {
    let api = Api::in_depth().await;
    sqlx::raw_sql(include_str!("../figures_world.sql")).execute(api.pool()).await.unwrap();
    api
}

/// Queries each metric of a table, ten at a time, and compares the totals.
async fn expect(api: &Api, choice: &str, table: &[(&str, Value)]) {
    for part in table.chunks(10) {
        let metrics: Vec<&str> = part.iter().map(|(id, _)| *id).collect();
        let answer = api.get(&format!("/v1/metrics/query?metrics={}&{choice}", metrics.join(","))).await;
        for (id, expected) in part {
            assert_eq!(&answer["totals"][id], expected, "{id}");
        }
    }
}

fn known(value: impl Into<Value>) -> Value {
    json!({"value": value.into()})
}

fn partly(value: impl Into<Value>, unknown: i64) -> Value {
    json!({"value": value.into(), "unknown_count": unknown})
}

/// A preliminary zero: the range is not over.
fn not_yet(unknown: i64) -> Value {
    json!({"value": null, "reason": "in_progress", "unknown_count": unknown})
}

fn ratio(value: impl Into<Value>, numerator: impl Into<Value>, denominator: impl Into<Value>, unknown: i64) -> Value {
    let mut figure = json!({"value": value.into(), "numerator": numerator.into(), "denominator": denominator.into()});
    if unknown > 0 {
        figure["unknown_count"] = json!(unknown);
    }
    figure
}

fn of_few(value: impl Into<Value>, unknown: i64) -> Value {
    let mut figure = json!({"value": value.into(), "low_sample": true});
    if unknown > 0 {
        figure["unknown_count"] = json!(unknown);
    }
    figure
}

#[tokio::test]
async fn volume_and_minutes_of_chats() {
    let api = world().await;
    let table = [
        ("sessions", known(6)),
        ("connected_sessions", partly(5, 1)),
        ("never_started_sessions", not_yet(1)),
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
async fn outcomes_and_whether_they_held() {
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
async fn states_are_told_for_the_end_of_each_bucket() {
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
async fn messages_turns_and_speed() {
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

#[tokio::test]
async fn people_are_counted_once_in_each_cell_and_in_the_whole() {
    let api = world().await;
    let table = [
        // anna, bert, cleo and the unknown person of 86
        ("unique_people", partly(4, 1)),
        ("new_people", partly(3, 1)),
        ("returning_people", not_yet(1)),
        ("identified_rate", ratio(0.833_333_333, 5, 6, 0)),
        // in the second week bert came and anna did not; cleo's is not over
        ("retention_rate", ratio(0.5, 1, 2, 1)),
    ];
    expect(&api, &format!("source=konvo-lab&{NOVEMBER}"), &table).await;
    let path = "/v1/metrics/query?metrics=unique_people,new_people,returning_people&granularity=week&source=konvo-lab";
    let weeks = api.get(&format!("{path}&from=2026-11-02&to=2026-11-16&zone=UTC")).await;
    let of = |week: &str| {
        let values = &row(&weeks, &json!({}), week)["values"];
        ["unique_people", "new_people", "returning_people"].map(|id| values[id]["value"].clone())
    };
    assert_eq!(of("2026-11-02"), [json!(2), json!(2), json!(0)]);
    assert_eq!(of("2026-11-09"), [json!(1), json!(0), json!(1)]);
    assert_eq!(weeks["totals"]["unique_people"], known(2));
    let path = format!("/v1/metrics/query?metrics=retention_rate&dimensions=age_weeks&source=konvo-lab&{NOVEMBER}");
    let ages = api.get(&path).await;
    let of = |age: &str| row(&ages, &json!({"age_weeks": age}), "")["values"]["retention_rate"].clone();
    assert_eq!(of("1"), ratio(0.5, 1, 2, 1));
    assert_eq!(of("2"), json!({"value": null, "reason": "unknown", "unknown_count": 3}));
}

#[tokio::test]
async fn meetings_attendance_and_quality() {
    let api = world().await;
    let few_seconds = of_few(900, 1);
    let table = [
        // all but 66, which was empty
        ("connected_sessions", known(5)),
        ("never_started_rate", ratio(0.166_666_667, 1, 6, 0)),
        // 13800 s of 3 × 3600 + 2 × 2700 + 3600 s
        ("attendance_ratio", ratio(0.696_969_697, 13800, 19800, 1)),
        ("rejoin_rate", ratio(0.125, 1, 8, 1)),
        // of 300, 900 and 1200
        ("late_join_p50_seconds", few_seconds),
        ("solo_sessions", partly(1, 1)),
        // ada, ben, and six presences of unknown persons
        ("unique_people", partly(8, 7)),
        ("summary_coverage_rate", ratio(1, 1, 1, 0)),
        // 62; the transcripts of 63 and 65 are unknown
        ("silent_sessions", partly(1, 2)),
        ("poor_audio_rate", ratio(0.333_333_333, 1, 3, 7)),
        ("packet_loss_avg", ratio(0.004, 0.12, 30, 9)),
        ("billable_minutes", known(285.5)),
    ];
    expect(&api, "source=rtk-eu&from=2026-11-16&to=2026-11-18&zone=UTC", &table).await;
}

#[tokio::test]
async fn the_data_about_itself() {
    let api = world().await;
    let table = [
        // 12:00 - 11:50
        ("data_lag_seconds", known(600)),
        // 1 + 1 of 2 + 1; one day has no count
        ("completeness_rate", ratio(0.666_666_667, 2, 3, 1)),
        ("rejected_records", known(1)),
        ("unknown_values", known(3)),
    ];
    expect(&api, &format!("source=konvo-lab&{NOVEMBER}"), &table).await;
    // one complete, one failed, one incomplete, one running
    let runs = ratio(0.333_333_333, 1, 3, 0);
    expect(&api, NOVEMBER, &[("sync_success_rate", runs)]).await;
    // a change on the same day is no restatement
    expect(&api, &format!("source=rtk-eu&{NOVEMBER}"), &[("restated_minutes", known(5.5))]).await;
}

#[tokio::test]
async fn groups_of_sessions_and_those_that_overlap() {
    let api = world().await;
    let by = async |dimension: &str, extra: &str| {
        let path = format!("/v1/metrics/query?metrics=sessions&dimensions={dimension}&source=konvo-lab&{extra}");
        let answer = api.get(&path).await;
        let rows = answer["rows"].as_array().unwrap().iter().map(|row| {
            let group = row["dimensions"][dimension].as_str().unwrap_or("-").to_owned();
            format!("{group} {}", row["values"]["sessions"]["value"])
        });
        (rows.collect::<Vec<_>>().join(", "), answer)
    };
    assert_eq!(by("skill_type", NOVEMBER).await.0, "order 2, refund 1, - 3");
    assert_eq!(by("session_state", NOVEMBER).await.0, "ended 4, open 2");
    assert_eq!(by("local_weekday", NOVEMBER).await.0, "1 1, 2 1, 4 3, 5 1");
    let kathmandu = "from=2026-11-01&to=2026-11-21&zone=Asia/Kathmandu";
    assert_eq!(by("local_hour", kathmandu).await.0, "13 1, 14 1, 15 2, 16 1, 20 1");
    let (steps, answer) = by("trail_step", NOVEMBER).await;
    assert_eq!(steps, "answer 3, handoff 1, search 2, - 2");
    assert_eq!(answer["totals"]["sessions"], known(6), "the whole is not the sum of its groups");
    let codes = answer["warnings"].to_string();
    assert!(codes.contains("overlapping_groups"), "{codes}");
    let path = format!("/v1/metrics/query?metrics=elapsed_minutes&dimensions=trail_step&{NOVEMBER}");
    let problem = api.problem(&path, 422).await;
    assert_eq!(problem["errors"][0]["code"], "overlapping_dimension");
    // hosts are in 61, 63 and 64, guests in 61, 62 and 64; in 62 one has no preset; 65 and 66 have no participants
    let path = "/v1/metrics/query?metrics=sessions&dimensions=preset_name&source=rtk-eu&from=2026-11-16&to=2026-11-18&zone=UTC";
    let answer = api.get(path).await;
    let of = |preset: Value| row(&answer, &json!({"preset_name": preset}), "")["values"]["sessions"]["value"].clone();
    assert_eq!([of(json!("host")), of(json!("guest")), of(Value::Null)], [json!(3), json!(3), json!(3)]);
    assert_eq!(answer["totals"]["sessions"], known(6));
}
