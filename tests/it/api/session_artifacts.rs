//! `/v1/sessions/{session_id}/…`: the availability of each artifact, and the summary, quality and chat of a meeting.

use super::*;

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
async fn summary_quality_and_chat_are_read() {
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
