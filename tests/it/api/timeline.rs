//! `/v1/sessions/{session_id}/timeline`: events, messages and utterances in one order.

use super::*;

#[tokio::test]
async fn a_timeline_has_one_order_over_all_events() {
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
