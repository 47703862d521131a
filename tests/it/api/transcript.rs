//! `/v1/sessions/{session_id}/transcript`: as JSON, subtitles or text.

use super::*;

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
