//! `/v1/sessions/{session_id}` and its messages.

use super::*;

#[tokio::test]
async fn a_session_is_read_with_its_messages() {
    let api = Api::new().await;
    let session = api.get("/v1/sessions/32").await;
    assert_eq!(session["provider_session_id"], "id-32");
    assert_eq!(session["elapsed_minutes"], 5);
    assert_eq!(session["message_count"], 3);
    assert_eq!(api.get("/v1/sessions/15").await["is_deleted_at_provider"], true);
    assert_eq!(api.get("/v1/sessions/14").await["parent_session_id"], 11);
    assert_eq!(api.problem("/v1/sessions/999", 404).await["code"], "not_found");
    assert_eq!(api.problem("/v1/sessions/999/messages", 404).await["code"], "not_found");

    let first = api.get("/v1/sessions/32/messages?limit=2").await;
    assert_eq!(first["items"][1]["body"], "Hi");
    let next = first["page"]["next"].as_str().unwrap();
    let second = api.get(&format!("/v1/sessions/32/messages?limit=2&cursor={next}")).await;
    assert_eq!(second["items"].as_array().unwrap().len(), 1);
    assert_eq!(second["items"][0]["body"], Value::Null);
    for (session_id, availability) in
        [(32, "available"), (35, "available"), (34, "unknown"), (11, "not_fetched"), (21, "not_applicable")]
    {
        let answer = api.get(&format!("/v1/sessions/{session_id}/messages")).await;
        assert_eq!(answer["availability"], availability);
    }
}

#[tokio::test]
async fn a_session_states_the_availability_of_its_artifacts() {
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
