//! Metric values of meetings: participants, attendance, transcripts and quality, by hand from `meetings_world.sql`.

use super::*;

#[tokio::test]
async fn participants_and_their_minutes_are_those_computed_by_hand() {
    let api = Api::in_depth().await;
    let metrics = "participants,participant_minutes,participants_per_session,unexplained_minutes,messages";
    let answer = api.get(&format!("/v1/metrics/query?metrics={metrics}&{DAYS}&source=rtk-eu")).await;
    let on = |day: &str, metric: &str| value(&answer, &json!({}), day, metric);
    // 4 + 2 + 1 on the 16th; 2 on the 17th, and one meeting whose participants could not be read
    assert_eq!(on("2026-11-16", "participants"), json!({"value": 7}));
    assert_eq!(on("2026-11-17", "participants"), json!({"value": 2, "unknown_count": 1}));
    // 105 + 65 + 60; 10 + 0
    assert_eq!(on("2026-11-16", "participant_minutes"), json!({"value": 230}));
    assert_eq!(on("2026-11-17", "participant_minutes"), json!({"value": 10, "unknown_count": 1}));
    let rate = json!({"value": 2.333_333_333, "numerator": 7, "denominator": 3});
    assert_eq!(on("2026-11-16", "participants_per_session"), rate);
    let rate = json!({"value": 1, "numerator": 2, "denominator": 2, "unknown_count": 1});
    assert_eq!(on("2026-11-17", "participants_per_session"), rate);
    // 0.5 + 5 + 0; 10 + 0
    assert_eq!(on("2026-11-16", "unexplained_minutes"), json!({"value": 5.5}));
    assert_eq!(on("2026-11-17", "unexplained_minutes"), json!({"value": 10, "unknown_count": 1}));
    // of three meetings one has a chat, one has none, and one is pending
    assert_eq!(on("2026-11-16", "messages"), json!({"value": 1, "unknown_count": 1}));
    assert_eq!(row(&answer, &json!({}), "2026-11-16")["bucket"]["status"], "complete");
    assert_eq!(answer["totals"]["participants"], json!({"value": 9, "unknown_count": 1}));
    assert_eq!(answer["totals"]["participant_minutes"], json!({"value": 240, "unknown_count": 1}));
}

#[tokio::test]
async fn unexplained_minutes_are_classified() {
    let api = Api::in_depth().await;
    let path = "/v1/metrics/query?metrics=unexplained_minutes&dimensions=unexplained_minutes_class&from=2026-11-16&to=2026-11-18&zone=UTC&source=rtk-eu,rtk-us";
    let answer = api.get(path).await;
    let of = |class: Value| value(&answer, &json!({"unexplained_minutes_class": class}), "", "unexplained_minutes");
    assert_eq!(of(json!("rounding")), json!({"value": 0.5}));
    assert_eq!(of(json!("participants_missing")), json!({"value": 5}));
    assert_eq!(of(json!("still_live")), json!({"value": 10}));
    assert_eq!(of(json!("other")), json!({"value": 15}));
    assert_eq!(of(Value::Null), json!({"value": null, "reason": "unknown", "unknown_count": 1}));
    assert_eq!(answer["totals"]["unexplained_minutes"], json!({"value": 30.5, "unknown_count": 1}));
}

#[tokio::test]
async fn transcripts_are_covered_or_missed_for_a_reason() {
    let api = Api::in_depth().await;
    let path = "/v1/metrics/query?metrics=transcript_coverage_rate,transcript_words&from=2026-11-16&to=2026-11-18&zone=UTC&source=rtk-eu";
    let answer = api.get(path).await;
    // ended with participants: 61 (available), 62 (empty), 63 (pending for days), 65 (expired)
    let rate = json!({"value": 0.25, "numerator": 1, "denominator": 4});
    assert_eq!(answer["totals"]["transcript_coverage_rate"], rate);
    // 30 + 0; the words of 63 and 65 are unknown, and 66 has no transcript
    assert_eq!(answer["totals"]["transcript_words"], json!({"value": 30, "unknown_count": 2}));
    let reasons = api.get(&format!("{path}&dimensions=transcript_state")).await;
    let of = |state: &str| value(&reasons, &json!({"transcript_state": state}), "", "transcript_coverage_rate");
    assert_eq!(of("available"), json!({"value": 1, "numerator": 1, "denominator": 1}));
    for missed in ["empty", "pending", "expired"] {
        assert_eq!(of(missed), json!({"value": 0, "numerator": 0, "denominator": 1}), "{missed}");
    }
    assert_eq!(of("not_enabled"), json!({"value": null, "numerator": 0, "denominator": 0, "reason": "no_data"}));
    // ended two hours ago: not missing yet; a day later it is
    let today =
        "/v1/metrics/query?metrics=transcript_coverage_rate&from=2026-11-20&to=2026-11-21&zone=UTC&source=rtk-eu";
    assert_eq!(api.get(today).await["totals"]["transcript_coverage_rate"]["value"], Value::Null);
    api.clock.set("2026-11-21T12:00:00Z".parse().unwrap());
    let missed = api.get(today).await["totals"]["transcript_coverage_rate"].clone();
    assert_eq!(missed, json!({"value": 0, "numerator": 0, "denominator": 1}));
}

#[tokio::test]
async fn shares_of_talk_add_up_to_one() {
    let api = Api::in_depth().await;
    let path = "/v1/metrics/query?metrics=talk_share,transcript_words&from=2026-11-16&to=2026-11-18&zone=UTC&source=rtk-eu,rtk-us";
    let answer = api.get(&format!("{path}&dimensions=speaker_id")).await;
    let share = |speaker: Value| value(&answer, &json!({"speaker_id": speaker}), "", "talk_share");
    // only one utterance has an end: 100 characters of Ada and 50 of Ben, ten a second
    assert_eq!(share(json!("person-ada")), json!({"value": 0.666_666_667, "numerator": 10, "denominator": 15}));
    assert_eq!(share(json!("person-ben")), json!({"value": 0.333_333_333, "numerator": 5, "denominator": 15}));
    assert_eq!(share(json!("person-cleo")), json!({"value": 0.666_666_667, "numerator": 4, "denominator": 6}));
    // Zoe has a name and no pseudonym
    let unknown_share = json!({"value": 0.333_333_333, "numerator": 2, "denominator": 6, "unknown_count": 2});
    assert_eq!(share(Value::Null), unknown_share);
    let whole = json!({"value": 1, "numerator": 21, "denominator": 21, "unknown_count": 2});
    assert_eq!(answer["totals"]["talk_share"], whole);
    assert_eq!(answer["totals"]["transcript_words"], json!({"value": 45, "unknown_count": 2}));
    assert_eq!(api.get(path).await["totals"]["talk_share"], whole);
}

#[tokio::test]
async fn quality_is_weighted_by_minutes() {
    let api = Api::in_depth().await;
    let path = "/v1/metrics/query?metrics=quality_coverage_rate,audio_mos_avg,audio_in_mos_avg&from=2026-11-16&to=2026-11-17&zone=UTC&source=rtk-eu";
    let answer = api.get(path).await;
    // p1, p2 and q1 of seven
    let rate = json!({"value": 0.428_571_429, "numerator": 3, "denominator": 7});
    assert_eq!(answer["totals"]["quality_coverage_rate"], rate);
    // (4 * 30 + 3 * 30 + 4.5 * 45) / 105
    let sent = json!({"value": 3.928_571_429, "numerator": 412.5, "denominator": 105, "unknown_count": 4});
    assert_eq!(answer["totals"]["audio_mos_avg"], sent);
    // (4.5 * 30 + 4 * 45) / 75
    let received = json!({"value": 4.2, "numerator": 315, "denominator": 75, "unknown_count": 5});
    assert_eq!(answer["totals"]["audio_in_mos_avg"], received);
    let by_preset = api.get(&format!("{path}&dimensions=preset_name")).await;
    let hosts = value(&by_preset, &json!({"preset_name": "host"}), "", "quality_coverage_rate");
    assert_eq!(hosts, json!({"value": 0.666_666_667, "numerator": 2, "denominator": 3}));
}

#[tokio::test]
async fn measures_that_a_provider_lacks_and_those_not_fetched_are_distinguished() {
    let api = Api::in_depth().await;
    let path = "/v1/metrics/query?metrics=participants,talk_share,audio_mos_avg,peak_concurrent_participants&dimensions=source&from=2026-11-16&to=2026-11-17&zone=UTC";
    let answer = api.get(path).await;
    for (source, reason) in
        [("rtk-prod", "not_fetched"), ("konpro-eu", "not_applicable"), ("konvo-eu", "not_applicable")]
    {
        let values = row(&answer, &json!({"source": source}), "")["values"].clone();
        for metric in ["participants", "talk_share", "audio_mos_avg", "peak_concurrent_participants"] {
            assert_eq!(values[metric], json!({"value": null, "reason": reason}), "{source} {metric}");
        }
    }
    let codes: Vec<&str> = answer["warnings"].as_array().unwrap().iter().map(|w| w["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["participants_not_fetched", "transcripts_not_fetched", "quality_not_fetched"]);
    assert_eq!(answer["warnings"][0]["metrics"], json!(["participants", "peak_concurrent_participants"]));
    // chats have no participants, so they make nothing unknown
    let coverage = api
        .get("/v1/metrics/query?metrics=sessions,participants&from=2026-11-18&to=2026-11-19&zone=UTC&source=konvo-eu")
        .await;
    assert_eq!(coverage["coverage"]["unknown"], 0);
}

#[tokio::test]
async fn a_session_is_not_counted_once_for_each_presence() {
    let api = Api::in_depth().await;
    let problem =
        api.problem("/v1/metrics/query?metrics=minutes_consumed,participants&dimensions=preset_name", 422).await;
    let faults = problem["errors"].as_array().unwrap();
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0]["code"], "overlapping_dimension");
    let detail = faults[0]["detail"].as_str().unwrap();
    assert!(detail.starts_with("`minutes_consumed` cannot be grouped by `preset_name`"), "{detail}");
    assert!(detail.contains("or query participants, "), "{detail}");
    api.problem("/v1/metrics/query?metrics=transcript_coverage_rate&dimensions=speaker_id", 422).await;
    let list = api.get("/v1/metrics").await;
    let dimensions = |id: &str| {
        let metrics = list["items"].as_array().unwrap();
        metrics.iter().find(|metric| metric["id"] == id).unwrap()["dimensions"].clone().to_string()
    };
    // sessions are counted once in each group; their minutes cannot be grouped
    assert!(dimensions("participants").contains("preset_name") && dimensions("sessions").contains("preset_name"));
    assert!(!dimensions("minutes_consumed").contains("preset_name"));
    assert!(dimensions("talk_share").contains("speaker_id") && !dimensions("participants").contains("speaker_id"));
}

#[tokio::test]
async fn sql_says_the_same_as_the_api() {
    let api = Api::in_depth().await;
    let metrics = "participants,participant_minutes,unexplained_minutes,transcript_words,audio_mos_avg,talk_share";
    let range = "from=2026-11-16&to=2026-11-18&zone=UTC&source=rtk-eu,rtk-us";
    let totals = api.get(&format!("/v1/metrics/query?metrics={metrics}&{range}")).await["totals"].clone();
    let counts = "not is_part_of_session and not is_deleted_at_provider and source in ('rtk-eu', 'rtk-us')";
    let within = |anchor: &str| format!("{counts} and {anchor} >= '2026-11-16Z' and {anchor} < '2026-11-18Z'");
    for (metric, sql) in [
        ("participants", format!("select count(*)::numeric from analytics.participants where {}", within("joined_at"))),
        (
            "participant_minutes",
            format!(
                "select sum(minutes) from analytics.session_minutes where minutes_kind = 'participant' and {}",
                within("started_at")
            ),
        ),
        (
            "unexplained_minutes",
            format!("select sum(unexplained_minutes) from analytics.sessions where {}", within("started_at")),
        ),
        ("transcript_words", format!("select sum(word_count)::numeric from analytics.transcripts where {}", within("ended_at"))),
        (
            "audio_mos_avg",
            format!(
                "select sum(q.audio_mos_avg * p.duration_seconds) / sum(p.duration_seconds) filter (where q.audio_mos_avg is not null)
                   from analytics.participants p left join analytics.participant_quality q using (participant_id) where {}",
                within("p.joined_at").replace("source in", "p.source in")
            ),
        ),
    ] {
        let said: rust_decimal::Decimal =
            sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(api.pool()).await.unwrap();
        assert_eq!(totals[metric]["value"].to_string(), said.round_dp(9).normalize().to_string(), "{metric}");
    }
    // query 12: talk share of each speaker of a meeting
    let shares: Vec<(i64, Option<String>, rust_decimal::Decimal)> = sqlx::query_as(
        "select session_id, speaker_id,
                round(100.0 * sum(word_count) / nullif(sum(sum(word_count)) over (partition by session_id), 0), 1)
           from analytics.transcript_segments group by 1, 2 order by 1, 3 desc",
    )
    .fetch_all(api.pool())
    .await
    .unwrap();
    let shares: Vec<String> =
        shares.iter().map(|(id, who, share)| format!("{id} {} {share}", who.as_deref().unwrap_or("-"))).collect();
    assert_eq!(shares, ["61 person-ada 66.7", "61 person-ben 33.3", "71 person-cleo 66.7", "71 - 33.3"]);
    // query 13: duration of presences with bad sound
    let bands: Vec<(Option<i32>, i64)> = sqlx::query_as(
        "select width_bucket(q.audio_mos_avg, array[2.58, 3.10, 3.60, 4.03, 4.34]), count(*)
           from analytics.participant_quality q join analytics.participants p using (participant_id) group by 1 order by 1",
    )
    .fetch_all(api.pool())
    .await
    .unwrap();
    assert_eq!(bands, [(Some(1), 1), (Some(3), 1), (Some(5), 1), (None, 1)]);
}

#[tokio::test]
async fn attendance_and_quality_of_meetings_are_those_computed_by_hand() {
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
