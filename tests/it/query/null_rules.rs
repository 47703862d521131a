//! Null rules: zero, unknown, not applicable and unproven are distinguished, in rows, totals and statuses of buckets.

use super::*;

#[tokio::test]
async fn a_removed_source_without_data_is_not_called_not_applicable() {
    let api = world().await;
    let path = "/v1/metrics/query?metrics=sessions&source=konpro-old&granularity=none&zone=UTC";
    let late = api.get(&format!("{path}&from=2026-11-17&to=2026-11-18")).await;
    assert_eq!(late["totals"]["sessions"], json!({"value": null, "reason": late["rows"][0]["bucket"]["status"]}));
    assert_ne!(late["totals"]["sessions"]["reason"], "not_applicable");
    let early = api.get(&format!("{path}&from=2020-01-01&to=2020-01-02")).await;
    assert_eq!(early["totals"]["sessions"]["reason"], "before_history");
    let lag =
        api.get("/v1/metrics/query?metrics=data_lag_seconds&granularity=none&from=2010-01-01&to=2010-01-02").await;
    assert_eq!(lag["totals"]["data_lag_seconds"], json!({"value": null, "reason": "before_history"}));
}

#[tokio::test]
async fn values_of_one_day_by_provider_are_those_computed_by_hand() {
    let api = Api::new().await;
    let metrics =
        "sessions,minutes_consumed,elapsed_minutes,resolution_rate,resolved_sessions,unresolved_sessions,messages";
    let path = format!("/v1/metrics/query?metrics={metrics}&dimensions=provider&from=2026-11-18&to=2026-11-19&{WELL}");
    let answer = api.get(&path).await;
    assert_eq!(answer["rows"].as_array().unwrap().len(), 3);
    let not_applicable = json!({"value": null, "reason": "not_applicable"});

    let meetings = row(&answer, &json!({"provider": "realtimekit"}), "2026-11-18T00:00:00+01:00");
    assert_eq!(meetings["bucket"]["end"], "2026-11-19T00:00:00+01:00");
    assert_eq!(meetings["bucket"]["status"], "complete");
    assert_eq!(meetings["values"]["sessions"], json!({"value": 2}));
    assert_eq!(meetings["values"]["minutes_consumed"], json!({"value": 140.75}));
    assert_eq!(meetings["values"]["elapsed_minutes"], json!({"value": 40}));
    assert_eq!(meetings["values"]["resolution_rate"], not_applicable);
    assert_eq!(meetings["values"]["messages"], json!({"value": null, "reason": "not_fetched"}));

    let avatars = row(&answer, &json!({"provider": "konpro"}), "2026-11-18");
    assert_eq!(avatars["values"]["sessions"], json!({"value": 3}));
    assert_eq!(avatars["values"]["minutes_consumed"], json!({"value": 12.6}));
    assert_eq!(avatars["values"]["messages"], not_applicable);

    let chats = row(&answer, &json!({"provider": "konvo"}), "2026-11-18");
    assert_eq!(chats["values"]["sessions"], json!({"value": 4}));
    assert_eq!(chats["values"]["minutes_consumed"], not_applicable);
    assert_eq!(chats["values"]["elapsed_minutes"], json!({"value": 15}));
    let rate = json!({"value": 0.666_666_667, "numerator": 2, "denominator": 3, "unknown_count": 1});
    assert_eq!(chats["values"]["resolution_rate"], rate);
    assert_eq!(chats["values"]["resolved_sessions"], json!({"value": 2, "unknown_count": 1}));
    assert_eq!(chats["values"]["unresolved_sessions"], json!({"value": 1, "unknown_count": 1}));
    // one chat of that day was received without its messages
    assert_eq!(chats["values"]["messages"], json!({"value": 5, "unknown_count": 1}));

    assert_eq!(answer["totals"]["sessions"], json!({"value": 9}));
    assert_eq!(answer["totals"]["minutes_consumed"], json!({"value": 153.35}));
    assert_eq!(answer["totals"]["elapsed_minutes"], json!({"value": 67.6}));
    assert_eq!(answer["totals"]["resolution_rate"], rate);
    assert_eq!(answer["totals"]["messages"], json!({"value": 5, "unknown_count": 1}));
    assert_eq!(answer["bases"], json!(["participant_time", "session_time"]));
    assert_eq!(answer["warnings"][0]["code"], "mixed_minutes_basis");
    assert_eq!(answer["warnings"][1]["code"], "messages_not_fetched");
    assert_eq!(answer["query"]["from"], "2026-11-18T00:00:00+01:00");
    assert_eq!(answer["query"]["zone"], "Europe/Berlin");
}

#[tokio::test]
async fn a_group_of_sessions_without_the_notion_is_not_applicable_and_not_zero() {
    let api = Api::new().await;
    let day = format!("from=2026-11-18&to=2026-11-19&granularity=none&{WELL}");
    let not_applicable = json!({"value": null, "reason": "not_applicable"});
    let metrics = "sessions,minutes_consumed,resolved_sessions,messages";
    let by_kind = api.get(&format!("/v1/metrics/query?metrics={metrics}&dimensions=session_kind&{day}")).await;
    let of = |kind: &str, metric: &str| row(&by_kind, &json!({"session_kind": kind}), "")["values"][metric].clone();
    assert_eq!((of("chat", "sessions"), of("chat", "minutes_consumed")), (json!({"value": 4}), not_applicable.clone()));
    assert_eq!(of("avatar", "minutes_consumed"), json!({"value": 12.6}));
    assert_eq!([of("avatar", "resolved_sessions"), of("avatar", "messages")], [&not_applicable; 2].map(Clone::clone));
    assert_eq!(of("chat", "resolved_sessions"), json!({"value": 2, "unknown_count": 1}));
    let by_channel = api.get(&format!("/v1/metrics/query?metrics={metrics}&dimensions=channel&{day}")).await;
    for row in by_channel["rows"].as_array().unwrap() {
        let is_chat = !row["dimensions"]["channel"].is_null();
        assert_eq!(row["values"]["minutes_consumed"] == not_applicable, is_chat, "{row}");
    }
    let whatsapp = api.get(&format!("/v1/metrics/query?metrics=minutes_consumed&channel=whatsapp&{day}")).await;
    assert_eq!(whatsapp["totals"]["minutes_consumed"], not_applicable);
    assert!(whatsapp["coverage"]["eligible"] == 0, "{}", whatsapp["coverage"]);
}

#[tokio::test]
async fn minutes_by_day_distinguish_zero_unknown_and_unproven() {
    let api = Api::new().await;
    let answer = api.get(&format!("/v1/minutes?from=2026-11-18&to=2026-11-21&{WELL}")).await;
    assert_eq!(answer["rows"].as_array().unwrap().len(), 9);
    let cell = |provider: &str, day: &str| {
        let row = row(&answer, &json!({"provider": provider}), day);
        (
            row["bucket"]["status"].clone(),
            row["values"]["minutes_consumed"].clone(),
            row["values"]["elapsed_minutes"].clone(),
        )
    };
    // one meeting is still running: its minutes are unknown
    let unknown = json!({"value": null, "reason": "unknown", "unknown_count": 1});
    assert_eq!(cell("realtimekit", "2026-11-19"), (json!("complete"), unknown.clone(), unknown));
    // the known part so far
    let so_far = json!({"value": 3});
    assert_eq!(cell("konpro", "2026-11-19"), (json!("awaiting_sync"), so_far.clone(), so_far));
    // a proven zero, and a measure that does not apply
    let (status, consumed, elapsed) = cell("konvo", "2026-11-19");
    assert_eq!((status, elapsed), (json!("complete"), json!({"value": 0})));
    assert_eq!(consumed["reason"], "not_applicable");
    // today
    // today: none so far
    let so_far = json!({"value": 0});
    assert_eq!(cell("realtimekit", "2026-11-20"), (json!("in_progress"), so_far.clone(), so_far));
    // the whole range
    assert_eq!(answer["totals"]["minutes_consumed"], json!({"value": 156.35, "unknown_count": 1}));
    assert_eq!(answer["coverage"], json!({"eligible": 11, "not_applicable": 0, "unknown": 1}));
}

#[tokio::test]
async fn coverage_counts_sessions_of_unknown_value() {
    let api = Api::new().await;
    let answer =
        api.get(&format!("/v1/metrics/query?metrics=minutes_consumed&from=2026-11-18&to=2026-11-20&{WELL}")).await;
    assert_eq!(answer["coverage"], json!({"eligible": 7, "not_applicable": 4, "unknown": 1}));
    assert_eq!(answer["rows"][0]["dimensions"], json!({}));
    assert_eq!(answer["rows"][0]["values"], answer["totals"]);
    let answer = api.get(&format!("/v1/resolution?from=2026-11-18&to=2026-11-20&{WELL}")).await;
    assert_eq!(answer["coverage"], json!({"eligible": 4, "not_applicable": 7, "unknown": 1}));
}

#[tokio::test]
async fn resolution_without_data_has_no_rate() {
    let api = Api::new().await;
    let answer = api.get("/v1/resolution?from=2026-11-19&to=2026-11-20&source=konvo-eu").await;
    let values = &answer["rows"][0]["values"];
    assert_eq!(
        values["resolution_rate"],
        json!({"value": null, "numerator": 0, "denominator": 0, "reason": "no_data"})
    );
    assert_eq!(values["resolved_sessions"], json!({"value": 0}));
    let today = api.get("/v1/resolution?range=today&source=konvo-eu").await;
    assert_eq!(today["totals"]["resolution_rate"], json!({"value": null, "reason": "in_progress"}));
}

#[tokio::test]
async fn the_status_of_a_row_comes_from_its_sources() {
    let api = Api::new().await;
    let path = "/v1/metrics/query?metrics=sessions&dimensions=source&granularity=day&source=konvo-us,konvo-eu";
    let answer = api.get(&format!("{path}&from=2026-10-30&to=2026-11-13")).await;
    let status = |source: &str, day: &str| {
        let row = row(&answer, &json!({"source": source}), day);
        (row["bucket"]["status"].as_str().unwrap().to_owned(), row["values"]["sessions"].clone())
    };
    let missing = |reason: &str| (reason.to_owned(), json!({"value": null, "reason": reason}));
    assert_eq!(status("konvo-us", "2026-10-30"), missing("before_history"));
    assert_eq!(status("konvo-us", "2026-11-05"), ("complete".to_owned(), json!({"value": 0})));
    assert_eq!(status("konvo-us", "2026-11-10"), missing("has_gap"));
    assert_eq!(status("konvo-us", "2026-11-11"), missing("awaiting_sync"));
    assert_eq!(status("konvo-eu", "2026-11-11"), ("complete".to_owned(), json!({"value": 0})));
}

#[tokio::test]
async fn sources_without_the_requested_measure_make_no_value_zero() {
    let api = Api::new().await;
    let day = "from=2026-11-18&to=2026-11-19&zone=Europe/Berlin";
    let chats = api.get(&format!("/v1/metrics/query?metrics=minutes_consumed&session_kind=chat&{day}")).await;
    let not_applicable = json!({"value": null, "reason": "not_applicable"});
    assert_eq!(chats["totals"]["minutes_consumed"], not_applicable);
    let by_outcome = api.get(&format!("/v1/metrics/query?metrics=minutes_consumed&dimensions=outcome&{day}")).await;
    for outcome in ["resolved", "unresolved", "open"] {
        let row = row(&by_outcome, &json!({"outcome": outcome}), "2026-11-18");
        assert_eq!(row["values"]["minutes_consumed"], not_applicable, "{outcome}");
    }
    let others = row(&by_outcome, &json!({"outcome": "not_applicable"}), "2026-11-18");
    assert_eq!(others["values"]["minutes_consumed"], json!({"value": 153.35}));
}

#[tokio::test]
async fn messages_that_were_never_read_are_unknown_and_not_zero() {
    let api = Api::new().await;
    let hour = "from=2026-11-18T14:00:00Z&to=2026-11-18T14:20:00Z&zone=UTC";
    let answer = api.get(&format!("/v1/metrics/query?metrics=messages,sessions&source=konvo-eu&{hour}")).await;
    assert_eq!(answer["totals"]["sessions"], json!({"value": 1}));
    assert_eq!(answer["totals"]["messages"], json!({"value": null, "reason": "unknown", "unknown_count": 1}));
}

#[tokio::test]
async fn a_hole_of_long_ago_changes_no_status_of_a_proven_day() {
    let db = database().await;
    sqlx::query(
        "insert into ingest.windows (source_id, stream, window_from, window_to, is_complete, run_id, checked_at)
         values (4, 'sessions', '2026-11-10 11:00Z', '2026-11-20 11:50Z', true, 3, '2026-11-20 11:50Z')",
    )
    .execute(&db.pool)
    .await
    .unwrap();
    let api = Api::over(db.pool.clone());
    let question =
        "/v1/metrics/query?metrics=sessions&source=konvo-us&granularity=day&zone=UTC&from=2026-11-09&to=2026-11-13";
    let answer = api.get(question).await;
    let statuses: Vec<&str> =
        answer["rows"].as_array().unwrap().iter().map(|row| row["bucket"]["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["complete", "has_gap", "complete", "complete"]);
}

#[tokio::test]
async fn a_bucket_in_progress_is_zero_so_far_and_one_to_come_is_not_begun() {
    let api = Api::new().await;
    // it is 13:00 in Berlin on the 20th
    let path = "/v1/metrics/query?metrics=sessions,resolution_rate&granularity=day&source=konvo-eu";
    let answer = api.get(&format!("{path}&from=2026-11-20&to=2026-11-22&zone=Europe/Berlin")).await;
    let cell = |day: usize| (&answer["rows"][day]["bucket"]["status"], &answer["rows"][day]["values"]["sessions"]);
    assert_eq!(cell(0), (&json!("in_progress"), &json!({"value": 0})));
    assert_eq!(cell(1), (&json!("not_begun"), &json!({"value": null, "reason": "not_begun"})));
    // a ratio of nothing is no number
    let rate = &answer["rows"][0]["values"]["resolution_rate"];
    assert_eq!(rate, &json!({"value": null, "reason": "in_progress"}));
    assert_eq!(answer["totals"]["sessions"], json!({"value": 0}));
}
