//! Records with arbitrary content: a bad one is a reject with its bytes, and never costs another.

use tributary::model::page::Reject;

use super::scripted_server::{Server, json};
use super::*;

/// Returns a page of these records at `provider`.
async fn page_of(provider: &'static str, records: &[&str]) -> Page {
    let (rows, total) = (records.join(","), records.len());
    let body = match provider {
        "konpro" => format!(r#"{{"total":{total},"data":[{rows}]}}"#),
        "konvo" => format!(r#"{{"count":{total},"result":[{rows}]}}"#),
        _ => format!(
            r#"{{"data":{{"sessions":[{rows}]}},"paging":{{"total_count":{total},"start_offset":1,"end_offset":{total}}}}}"#
        ),
    };
    let server = Server::start(move |_| json(body.clone())).await;
    first_page(&*connect(provider, &server.url)).await.unwrap()
}

fn id_field(provider: &str) -> &'static str {
    if provider == "konpro" { "session_id" } else { "id" }
}

#[tokio::test]
async fn bad_records_are_rejects_and_the_others_survive() {
    for provider in ["konpro", "konvo", "realtimekit"] {
        let id = id_field(provider);
        let long = "x".repeat(600);
        let records = [
            format!(r#"{{"{id}":"good-1","created_at":"2026-03-01T00:00:00Z"}}"#),
            r#"{"created_at":"2026-03-01T00:00:00Z"}"#.to_owned(),
            "5".to_owned(),
            "null".to_owned(),
            r#"["a"]"#.to_owned(),
            format!(r#"{{"{id}":"bad-time","created_at":"yesterday"}}"#),
            format!(r#"{{"{id}":"no-time"}}"#),
            format!(r#"{{"{id}":"far-time","created_at":99999999999}}"#),
            format!(r#"{{"{id}":"{long}","created_at":"2026-03-01T00:00:00Z"}}"#),
            format!(r#"{{"{id}":"","created_at":"2026-03-01T00:00:00Z"}}"#),
            format!(r#"{{"{id}":17,"created_at":1772460000}}"#),
        ];
        let records: Vec<&str> = records.iter().map(String::as_str).collect();
        let page = page_of(provider, &records).await;
        let ids: Vec<&str> = page.records.iter().map(|record| record.session.provider_session_id.as_str()).collect();
        assert_eq!(ids, ["good-1", "17"]);
        let what = |reject: &Reject| (reject.reason_code, reject.json_pointer.clone());
        let id_pointer = format!("/{id}");
        let time = "/created_at".to_owned();
        let expected = [
            ("missing_field", id_pointer.clone()),
            ("not_an_object", String::new()),
            ("not_an_object", String::new()),
            ("not_an_object", String::new()),
            ("unreadable_time", time.clone()),
            ("missing_field", time.clone()),
            ("unreadable_time", time),
            ("unusable_id", id_pointer.clone()),
            ("missing_field", id_pointer),
        ];
        assert_eq!(page.rejects.iter().map(what).collect::<Vec<_>>(), expected, "{provider}");
        let kept: Vec<&[u8]> = page.rejects.iter().map(|reject| &reject.raw[..]).collect();
        assert_eq!(kept, records[1..10].iter().map(|raw| raw.as_bytes()).collect::<Vec<_>>());
        assert_eq!(page.rejects[4].provider_record_id.as_ref().unwrap().as_str(), "bad-time");
        assert_eq!((page.len(), page.next), (11, None));
    }
}

#[tokio::test]
async fn a_placeholder_is_no_id_of_a_record() {
    for provider in ["konpro", "konvo", "realtimekit"] {
        let id = id_field(provider);
        let of = |given: &str| format!(r#"{{"{id}":{given},"created_at":"2026-03-01T00:00:00Z"}}"#);
        let records =
            [r#""undefined""#, r#""[object Object]""#, r#""NaN""#, r#""a\ud800""#, r#""a\udfff""#, r#""x""#].map(of);
        let page = page_of(provider, &records.iter().map(String::as_str).collect::<Vec<_>>()).await;
        assert_eq!((page.records.len(), page.rejects.len()), (1, 5), "{provider}");
        assert!(page.rejects.iter().all(|reject| reject.reason_code == "unusable_id"), "{provider}");
    }
}

#[tokio::test]
async fn times_after_the_response_are_no_times() {
    for provider in ["konpro", "konvo", "realtimekit"] {
        let id = id_field(provider);
        let of = |name: &str, at: &str| format!(r#"{{"{id}":"{name}","created_at":"{at}"}}"#);
        let records = [of("good", "2026-03-01T00:00:00Z"), of("late", "2099-01-01T00:00:00Z")];
        let page = page_of(provider, &[&records[0], &records[1]]).await;
        let rejects: Vec<_> = page.rejects.iter().map(|one| (one.reason_code, one.json_pointer.as_str())).collect();
        assert_eq!((page.records.len(), rejects), (1, vec![("unreadable_time", "/created_at")]), "{provider}");
    }
    for start in ["2099-01-01T00:00:00Z", "2001-01-01T00:00:00Z"] {
        let meeting = format!(
            r#"{{"id":"a","created_at":"2026-03-01T10:00:00Z","started_at":"{start}","ended_at":"2026-03-01T11:00:00Z","status":"ENDED","type":"meeting"}}"#
        );
        let page = page_of("realtimekit", &[&meeting]).await;
        let session = &page.records[0].session;
        let times = (session.started_at, session.ended_at, session.duration_seconds);
        assert_eq!(times, (at("2026-03-01T10:00:00Z"), Some(at("2026-03-01T11:00:00Z")), None), "{start}");
        assert_eq!(drift(&page, "unreadable_value", "/started_at", "impossible"), 1);
    }
    let chat = r#"{"id":"c","created_at":"2026-03-01T10:00:00Z","status":{"completed":false},"messages":[
        {"message_id":"1","initiator_origin":"RECIPIENT","message":"a","created_at":"2026-03-01T10:00:00Z"},
        {"message_id":"2","initiator_origin":"AI","message":"b","created_at":"2099-01-01T00:00:00Z"}]}"#;
    let page = page_of("konvo", &[chat]).await;
    let session = &page.records[0].session;
    let sent: Vec<_> = session.messages.as_ref().unwrap().iter().map(|message| message.sent_at).collect();
    assert_eq!(sent, [Some(at("2026-03-01T10:00:00Z")), None]);
    assert_eq!((session.duration_seconds, session.last_activity_at), (None, None));
}

#[tokio::test]
async fn wild_values_in_a_konpro_record() {
    let records = [
        r#"{"session_id":"text","created_at":"1772460000","duration":"612","status":"CONNECTED","avatar_id":"a\u0000b"}"#,
        r#"{"session_id":"huge","created_at":1772460000,"duration":1e400,"status":"connected"}"#,
        r#"{"session_id":"far","created_at":1772460000,"duration":1e12,"status":"connected"}"#,
        r#"{"session_id":"less","created_at":1772460000,"duration":-5,"status":"connected","voice_name":"\ud83d"}"#,
        r#"{"session_id":"null","created_at":1772460000,"duration":"null","status":null}"#,
    ];
    let page = page_of("konpro", &records).await;
    // An id that is the text `null` is not an id.
    assert_eq!((page.records.len(), page.rejects.len()), (4, 1));
    let minutes: Vec<_> = page.records.iter().map(|record| record.session.provider_minutes).collect();
    assert_eq!(minutes, [Some(dec("10.2")), None, None, None]);
    assert_eq!(page.records[0].session.group_key.as_deref(), Some("a\u{fffd}b"));
    assert_eq!(drift(&page, "replaced_text", "/avatar_id", ""), 1);
    assert_eq!(drift(&page, "replaced_text", "/voice_name", ""), 1);
    assert_eq!(drift(&page, "unreadable_value", "/duration", ""), 1);
    assert_eq!(drift(&page, "unreadable_value", "/duration", "too large"), 1);
    assert_eq!(drift(&page, "unreadable_value", "/duration", "negative"), 1);
}

#[tokio::test]
async fn wild_values_in_a_realtimekit_record() {
    let records = [
        r#"{"id":"a","created_at":"2026-03-01 10:00:00.5+0100","started_at":"null","ended_at":"2026-03-01T09:00:00Z\"",
            "status":"ENDED","type":"huddle","minutes_consumed":"2.3434","live_participants":"1.0",
            "max_concurrent_participants":1e400,"total_participants":-1,"meeting_display_name":"\ud800"}"#,
        r#"{"id":"b","created_at":"2026-03-01T10:00:00Z","ended_at":"2026-03-01T09:00:00Z","status":"ENDED","type":"meeting",
            "minutes_consumed":0.1234567890123456789012345678,"parent_session_id":""}"#,
        r#"{"id":"c","created_at":"2026-03-01T10:00:00Z","ended_at":"1850-01-01T00:00:00Z","status":"PAUSED","type":"meeting"}"#,
    ];
    let page = page_of("realtimekit", &records).await;
    let sessions: Vec<_> = page.records.iter().map(|record| &record.session).collect();
    assert_eq!(sessions[0].created_at, at("2026-03-01T09:00:00.5Z"));
    assert_eq!(sessions[0].provider_minutes, Some(dec("2.3434")));
    assert_eq!((sessions[0].duration_seconds, sessions[1].duration_seconds), (None, None));
    assert_eq!(drift(&page, "unreadable_value", "/ended_at", "before started_at"), 2);
    assert_eq!(drift(&page, "unreadable_value", "/max_concurrent_participants", ""), 1);
    assert_eq!(drift(&page, "unreadable_value", "/total_participants", "negative"), 1);
    assert_eq!(drift(&page, "unknown_value", "/type", "huddle"), 1);
    assert_eq!(drift(&page, "unknown_value", "/status", "PAUSED"), 1);
    assert_eq!(sessions[0].extension.as_ref().unwrap().values[4].as_deref(), Some("1"));
    // 18 digits after the point, so that no number of a view is too wide for common tools
    assert_eq!(sessions[1].provider_minutes, Some(dec("0.123456789012345679")));
    assert_eq!(sessions[2].ended_at, None);
    assert_eq!(drift(&page, "unreadable_value", "/ended_at", ""), 1);
}

#[tokio::test]
async fn values_that_the_database_would_refuse_are_left_out_of_a_konvo_record() {
    let channel = "c".repeat(3000);
    let deep = format!("{}{}", "[".repeat(5000), "]".repeat(5000));
    let record = format!(
        r#"{{"id":"a","created_at":"2026-03-01T00:00:00Z","channel":"{channel}","state":{{"trail":[{{"a":"[[[[\""}},{{"deep":{deep}}}]}}}}"#
    );
    let page = page_of("konvo", &[&record, r#"{"id":"b","created_at":1772460000}"#]).await;
    assert_eq!(page.records.len(), 2);
    let session = &page.records[0].session;
    assert_eq!(session.channel, None);
    assert_eq!(drift(&page, "unreadable_value", "/channel", "too long"), 1);
    let steps: Vec<&str> = session.trail.as_ref().unwrap().iter().map(|step| step.step.as_str()).collect();
    assert_eq!(steps, [r#"{"a":"[[[[\""}"#, "null"]);
    assert_eq!(drift(&page, "unreadable_value", "/state/trail", "too deep"), 1);
}
