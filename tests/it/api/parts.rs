//! The artifacts of a session: participants, transcript, summary, quality, timeline, and the availability of each.

use super::*;

fn texts(answer: &Value, field: &str) -> Vec<String> {
    answer["items"].as_array().unwrap().iter().map(|item| item[field].as_str().unwrap_or("-").to_owned()).collect()
}

#[tokio::test]
async fn participants_come_with_names_and_derived_ends() {
    let api = Api::in_depth().await;
    let all = api.get("/v1/sessions/61/participants").await;
    assert_eq!(texts(&all, "provider_participant_id"), ["p1", "p3", "p4", "p2"]);
    assert_eq!(texts(&all, "display_name"), ["Ada", "Ben", "-", "Ada"]);
    assert_eq!(all["items"][0]["custom_participant_id"], "crm-17");
    assert_eq!(all["items"][1]["left_at"], "2026-11-16T11:00:00Z");
    assert_eq!(all["items"][1]["is_left_at_derived"], true);
    assert_eq!(all["items"][1]["duration_seconds"], 2700);
    assert_eq!(all["items"][3]["is_rejoin"], true);
    assert_eq!((&all["availability"], &all["reason"]), (&json!("available"), &Value::Null));
    let mut path = "/v1/sessions/61/participants?limit=3".to_owned();
    let mut seen = Vec::new();
    loop {
        let page = api.get(&path).await;
        seen.extend(texts(&page, "provider_participant_id"));
        let Some(next) = page["page"]["next"].as_str() else { break };
        path = format!("/v1/sessions/61/participants?limit=3&cursor={next}");
    }
    assert_eq!(seen, ["p1", "p3", "p4", "p2"]);
}

#[tokio::test]
async fn an_empty_list_is_never_ambiguous() {
    let api = Api::in_depth().await;
    for (path, state, reason) in [
        ("66/participants", "pending", Value::Null),
        ("65/participants", "failed", json!("too_large")),
        ("11/participants", "not_fetched", Value::Null),
        ("31/participants", "not_applicable", Value::Null),
        ("62/transcript", "empty", json!("zero_bytes")),
        ("65/transcript", "expired", json!("link_dead")),
        ("66/transcript", "not_enabled", json!("not_found")),
        ("21/transcript", "not_applicable", Value::Null),
        ("62/quality", "pending", Value::Null),
        ("62/summary", "pending", Value::Null),
        ("11/messages", "not_fetched", Value::Null),
        ("62/messages", "not_enabled", json!("not_found")),
        ("63/messages", "pending", Value::Null),
        ("61/messages", "available", Value::Null),
        ("34/messages", "unknown", Value::Null),
    ] {
        let answer = api.get(&format!("/v1/sessions/{path}")).await;
        assert_eq!((&answer["availability"], &answer["reason"]), (&json!(state), &reason), "{path}");
    }
    let pending = api.get("/v1/sessions/63/transcript").await;
    assert_eq!(pending["availability"], "pending");
    assert_eq!(pending["next_try_at"], "2026-11-20T13:00:00Z");
    assert_eq!((&pending["transcript"], &pending["items"]), (&Value::Null, &json!([])));
    for part in ["participants", "transcript", "summary", "quality", "timeline"] {
        api.problem(&format!("/v1/sessions/999/{part}"), 404).await;
        api.problem(&format!("/v1/sessions/61/{part}?colour=red"), 422).await;
    }
}

#[tokio::test]
async fn a_transcript_comes_in_the_form_that_is_accepted() {
    let api = Api::in_depth().await;
    let answer = api.get("/v1/sessions/61/transcript").await;
    assert_eq!(texts(&answer, "speaker"), ["Ada", "Ben", "Ada"]);
    assert_eq!(answer["items"][1]["offset_seconds"], 61.5);
    // by the presence that the file names; as the only presence of Ben; one of two of Ada's
    let presences: Vec<&Value> =
        answer["items"].as_array().unwrap().iter().map(|item| &item["participant_id"]).collect();
    assert_eq!(presences, [&json!(1), &json!(3), &Value::Null]);
    assert_eq!(answer["transcript"]["word_count"], 30);
    assert_eq!(
        answer["speakers"],
        json!([{"speaker_id": "person-ada", "label": "Ada", "words": 20, "talk_share": 0.666_666_667},
               {"speaker_id": "person-ben", "label": "Ben", "words": 10, "talk_share": 0.333_333_333}])
    );
    let page = api.get("/v1/sessions/61/transcript?limit=2").await;
    let next = page["page"]["next"].as_str().unwrap();
    let rest = api.get(&format!("/v1/sessions/61/transcript?cursor={next}")).await;
    assert_eq!(texts(&rest, "body"), ["That is all."]);
    let subtitles = api.send("GET", "/v1/sessions/61/transcript", &[("accept", "text/vtt")]).await;
    assert_eq!(subtitles.header("content-type"), "text/vtt; charset=utf-8");
    assert!(subtitles.header("vary").contains("accept"), "{:?}", subtitles.headers);
    assert_eq!(
        subtitles.text,
        "WEBVTT\n\n00:00:00.000 --> 00:00:04.000\n<v Ada>Hello &amp; welcome.\n&lt;Let us&gt; begin.\n\n\
         00:01:01.500 --> 00:01:03.000\n<v Ben>Good morning.\n\n00:01:01.500 --> 00:01:05.500\n<v Ada>That is all.\n"
    );
    let lines = api.send("GET", "/v1/sessions/61/transcript", &[("accept", "text/plain")]).await;
    assert_eq!(
        lines.text,
        "[00:00:00] Ada: Hello & welcome. <Let us> begin.\n[00:01:01] Ben: Good morning.\nAda: That is all.\n"
    );
    let refused = api.send("GET", "/v1/sessions/61/transcript", &[("accept", "image/png")]).await;
    assert_eq!(refused.status, StatusCode::NOT_ACCEPTABLE);
    assert!(refused.text.contains("application/json, text/vtt, text/plain"), "{}", refused.text);
    let none = api.send("GET", "/v1/sessions/65/transcript", &[("accept", "text/vtt")]).await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    assert!(none.text.contains("the provider no longer has it"), "{}", none.text);
    let paged = api.send("GET", "/v1/sessions/61/transcript?limit=1", &[("accept", "text/vtt")]).await;
    assert_eq!(paged.status, StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test]
async fn summary_quality_and_chat() {
    let api = Api::in_depth().await;
    let summary = api.get("/v1/sessions/61/summary").await;
    assert_eq!(summary["summary"]["body"], "# A short meeting");
    assert_eq!(summary["availability"], "available");
    assert_eq!(api.get("/v1/sessions/62/summary").await["summary"], Value::Null);
    let quality = api.get("/v1/sessions/61/quality?limit=2").await;
    assert_eq!(texts(&quality, "provider_participant_id"), ["p1", "p2"]);
    assert_eq!(quality["items"][0]["audio_out_mos_avg"], 4);
    assert_eq!(quality["items"][0]["participant_id"], 1);
    assert_eq!(quality["items"][0]["used_turn"], false);
    let next = quality["page"]["next"].as_str().unwrap();
    let rest = api.get(&format!("/v1/sessions/61/quality?limit=2&cursor={next}")).await;
    assert_eq!((&rest["items"][0]["has_report"], &rest["page"]["has_more"]), (&json!(false), &json!(false)));
    let chat = api.get("/v1/sessions/61/messages").await;
    assert_eq!(chat["items"][0]["sender_role"], "participant");
    assert_eq!(chat["items"][0]["participant_id"], 1);
}

#[tokio::test]
async fn a_timeline_is_one_order() {
    let api = Api::in_depth().await;
    let answer = api.get("/v1/sessions/61/timeline").await;
    let expected = [
        "10:00:00 created",
        "10:00:00 started",
        "10:00:00 joined p1",
        "10:00:00 segment Hello",
        "10:01:01 segment Good",
        "10:05:00 message Hello",
        "10:15:00 joined p3",
        "10:20:00 joined p4",
        "10:20:00 left p4",
        "10:30:00 joined p2",
        "10:30:00 left p1",
        "11:00:00 left p2",
        "11:00:00 left p3",
        "11:00:00 ended",
    ];
    let presences = ["-", "p1", "p2", "p3", "p4"];
    let told = |answer: &Value| -> Vec<String> {
        let items = answer["items"].as_array().unwrap().iter();
        items
            .map(|item| {
                let (clock, event) = (&item["at"].as_str().unwrap()[11..19], item["event"].as_str().unwrap());
                let what = match event {
                    "joined" | "left" => presences[usize::try_from(item["participant_id"].as_i64().unwrap()).unwrap()],
                    _ => item["body"].as_str().unwrap_or("").split([' ', '.']).next().unwrap(),
                };
                format!("{clock} {event} {what}").trim_end().to_owned()
            })
            .collect()
    };
    assert_eq!(told(&answer), expected);
    assert_eq!(answer["items"][12]["is_derived"], true);
    assert_eq!(answer["items"][5]["name"], "Ada");
    // the utterance without a time
    assert_eq!(answer["untimed_count"], 1);
    assert_eq!(answer["parts"]["messages"]["availability"], "available");
    let mut seen = Vec::new();
    let mut path = "/v1/sessions/61/timeline?limit=4".to_owned();
    loop {
        let page = api.get(&path).await;
        seen.extend(told(&page));
        let Some(next) = page["page"]["next"].as_str() else { break };
        path = format!("/v1/sessions/61/timeline?limit=4&cursor={next}");
    }
    assert_eq!(seen, expected);
    let chat = api.get("/v1/sessions/33/timeline").await;
    assert_eq!(texts(&chat, "event"), ["created", "started", "message", "message", "completed"]);
    assert_eq!(chat["parts"]["participants"]["availability"], "not_applicable");
}

#[tokio::test]
async fn sessions_tell_how_deep_they_are_known() {
    let api = Api::in_depth().await;
    let session = api.get("/v1/sessions/61").await;
    assert_eq!((&session["participant_count"], &session["person_count"]), (&json!(4), &json!(3)));
    assert_eq!((&session["participant_minutes"], &session["peak_participants"]), (&json!(105), &json!(2)));
    assert_eq!(
        (&session["unexplained_minutes"], &session["unexplained_minutes_class"]),
        (&json!(0.5), &json!("rounding"))
    );
    assert_eq!((&session["transcript_state"], &session["transcript_word_count"]), (&json!("available"), &json!(30)));
    assert_eq!((&session["quality_report_count"], &session["summary_state"]), (&json!(2), &json!("available")));
    assert_eq!((&session["message_count"], &session["user_message_count"]), (&json!(1), &Value::Null));
    let chat = api.get("/v1/sessions/31").await;
    assert_eq!((&chat["participant_count"], &chat["transcript_state"]), (&Value::Null, &Value::Null));
    assert_eq!(api.get("/v1/sessions/11").await["transcript_state"], "not_fetched");
    let with = api.get("/v1/sessions?has_transcript=true&sort=started_at").await;
    assert_eq!(texts(&with, "provider_session_id"), ["id-61", "id-71"]);
    let without = api.get("/v1/sessions?has_transcript=false&source=rtk-eu&sort=started_at").await;
    assert_eq!(texts(&without, "provider_session_id"), ["id-67", "id-62", "id-63", "id-64", "id-65", "id-66", "id-68"]);
    api.problem("/v1/sessions?has_transcript=perhaps", 422).await;
}

#[tokio::test]
async fn an_answer_that_is_held_is_outdated_by_what_is_fetched() {
    let api = Api::in_depth().await;
    let path = "/v1/metrics/query?metrics=transcript_words&from=2026-11-16&to=2026-11-18&zone=UTC&source=rtk-eu";
    let tag = api.send("GET", path, &[]).await.header("etag").to_owned();
    let held = api.send("GET", path, &[("if-none-match", &tag)]).await;
    assert_eq!(held.status, StatusCode::NOT_MODIFIED);
    sqlx::query("insert into ingest.data_versions (source_id, stream, version) values (4, 'transcript', 1)")
        .execute(api.pool())
        .await
        .unwrap();
    assert_eq!(api.send("GET", path, &[("if-none-match", &tag)]).await.status, StatusCode::OK);
}
