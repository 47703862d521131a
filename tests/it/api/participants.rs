//! `/v1/sessions/{session_id}/participants`.

use super::*;

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
