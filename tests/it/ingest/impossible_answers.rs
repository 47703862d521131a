//! Answers that contradict themselves or the present: lists beside an error, change times in the future.

use chrono::TimeDelta;
use tributary_simulator::Platform;
use tributary_simulator::fixed_feed::FixedFeed;
use tributary_simulator::quirks::Quirks;

use crate::harness::{World, noon, records};
use crate::providers::conformance::over_all_providers;
use crate::providers::scripted_server::{Server, json, status};

over_all_providers!(
    an_empty_list_beside_an_error_is_no_empty_account,
    a_status_that_is_no_final_answer_proves_nothing,
    two_equal_records_without_an_id_are_two,
    an_end_in_the_future_is_no_end,
);

async fn a_status_that_is_no_final_answer_proves_nothing(platform: Platform) {
    let list = match platform {
        Platform::Konpro => r#"{"data":[],"total":0}"#,
        Platform::Konvo => r#"{"result":[],"count":0}"#,
        Platform::Realtimekit => r#"{"success":true,"data":{"sessions":[]},"paging":{"total_count":0}}"#,
    };
    for code in [202, 207] {
        let mut world = World::new().await;
        let server = Server::start(move |_| status(code, list)).await;
        world.poll_elsewhere(platform.as_str(), &server.url);
        let line = world.poll_one().await;
        assert_eq!(line.result, "failed", "{code}: {line:?}");
    }
}

/// An end, or a length in milliseconds, that leads past the present: nothing of it is stored, and it is counted.
async fn an_end_in_the_future_is_no_end(platform: Platform) {
    let mut world = World::new().await;
    let begun = noon() - TimeDelta::hours(3);
    let mut record = records::record(platform, "r-0", begun);
    record.json = match platform {
        Platform::Konpro => format!(
            r#"{{"session_id":"r-0","status":"connected","created_at":{},"duration":600000,"avatar_id":"a"}}"#,
            begun.timestamp()
        ),
        Platform::Konvo => format!(
            r#"{{"id":"r-0","created_at":"{}","status":{{"completed":true,"completed_at":"2099-01-01T00:00:00Z"}}}}"#,
            records::iso(begun)
        ),
        Platform::Realtimekit => format!(
            r#"{{"id":"r-0","associated_id":"a","status":"ENDED","created_at":"{0}","started_at":"{0}","ended_at":"2098-01-01T00:00:00Z"}}"#,
            records::iso(begun)
        ),
    };
    let feed = FixedFeed::new([record]);
    let _simulator = world.simulate(platform, std::sync::Arc::new(feed), Quirks::default()).await;
    world.poll_one().await;
    let known = "select count(*) from analytics.sessions
                  where ended_at is not null or completed_at is not null or duration_seconds is not null
                     or minutes_consumed is not null";
    assert_eq!(world.number("select count(*) from core.sessions").await, 1);
    assert_eq!(world.number(known).await, 0);
    let counted = "select count(*) from analytics.provider_drift where kind = 'unreadable_value' and path in ('/ended_at', '/duration')";
    assert_eq!(world.number(counted).await, 1);
}

async fn an_empty_list_beside_an_error_is_no_empty_account(platform: Platform) {
    let list = match platform {
        Platform::Konpro => r#""data":[],"total":0"#,
        Platform::Konvo => r#""result":[],"count":0"#,
        Platform::Realtimekit => r#""data":{"sessions":[]},"paging":{"total_count":0,"start_offset":0}"#,
    };
    let errors = [
        r#""success":false"#,
        r#""error":{"message":"busy"}"#,
        r#""error":"busy""#,
        r#""errors":[{"message":"busy"}]"#,
        r#""success":true,"errors":["busy"]"#,
        r#""ok":false"#,
        r#""Success":false,"Error":"busy""#,
        r#""status":"error""#,
        r#""statusCode":503"#,
        r#""error_code":500123"#,
        r#""partial":true"#,
    ];
    for error in errors {
        let body = format!("{{{error},{list}}}");
        let mut world = World::new().await;
        let server = Server::start(move |_| json(body.clone())).await;
        world.poll_elsewhere(platform.as_str(), &server.url);
        let line = world.poll_one().await;
        let detail = line.detail.unwrap_or_default();
        assert!(line.result == "failed" && detail.starts_with("contract_error"), "{error}: {} {detail}", line.result);
    }
    // a field for errors that is empty is none
    let none = [
        r#""success":true,"errors":[ ]"#,
        r#""error":null"#,
        r#""error":"","errors":{}"#,
        r#""ok":true,"status":"ok","error":0"#,
        r#""statusCode":200,"error":{"code":null,"message":null}"#,
    ];
    for error in none {
        let body = format!("{{{error},{list}}}");
        let mut world = World::new().await;
        let server = Server::start(move |_| json(body.clone())).await;
        world.poll_elsewhere(platform.as_str(), &server.url);
        let line = world.poll_one().await;
        assert!(line.is_complete(), "{error}: {line:?}");
    }
}

/// Eighteen records and two that are `null`, as many as the provider counts.
async fn two_equal_records_without_an_id_are_two(platform: Platform) {
    let mut world = World::new().await;
    let begun = noon() - TimeDelta::hours(3);
    let feed = FixedFeed::new((0..18).map(|n| records::record(platform, &format!("r-{n}"), begun)));
    for id in ["null-1", "null-2"] {
        let mut record = records::record(platform, id, begun);
        "null".clone_into(&mut record.json);
        feed.insert(record);
    }
    let _simulator = world.simulate(platform, std::sync::Arc::new(feed), Quirks::default()).await;
    let line = world.poll_one().await;
    assert!(line.is_complete(), "{line:?}");
    assert_eq!(world.number("select count(*) from core.sessions").await, 18);
}

#[tokio::test]
async fn a_change_time_in_the_future_freezes_no_session() {
    for platform in [Platform::Konvo, Platform::Realtimekit] {
        let mut world = World::new().await;
        let right = records::record(platform, "one", noon() - TimeDelta::minutes(30));
        let end = records::iso(right.updated_at);
        let wrong = match platform {
            Platform::Konvo => right
                .json
                .replace("\"completed\":true", "\"completed\":false")
                .replace(&format!("\"last_updated\":\"{end}\""), "\"last_updated\":\"2027-03-10T12:00:00.000Z\""),
            _ => right
                .json
                .replace("ENDED", "LIVE")
                .replace(&format!("\"updated_at\":\"{end}\""), "\"updated_at\":\"2026-04-10T12:00:00.000Z\""),
        };
        assert!(wrong != right.json && (wrong.contains("2027-03") || wrong.contains("2026-04")));
        let feed = std::sync::Arc::new(FixedFeed::new([right.clone()]));
        let mut first = right.clone();
        first.json = wrong;
        feed.replace(first);
        let _simulator = world.simulate(platform, feed.clone(), Quirks::default()).await;
        world.poll_one().await;
        let state = async || world.text("select session_state from core.sessions").await;
        assert_ne!(state().await.as_deref(), Some("ended"));
        feed.replace(right);
        world.clock.set(noon() + TimeDelta::minutes(5));
        world.poll_one().await;
        assert_eq!(state().await.as_deref(), Some("ended"), "{platform:?}");
    }
}

#[tokio::test]
async fn an_empty_list_of_messages_removes_none() {
    let mut world = World::new().await;
    let chat = records::record(Platform::Konvo, "one", noon() - TimeDelta::minutes(30));
    let feed = std::sync::Arc::new(FixedFeed::new([chat.clone()]));
    let _simulator = world.simulate(Platform::Konvo, feed.clone(), Quirks::default()).await;
    world.poll_one().await;
    assert_eq!(world.number("select count(*) from core.messages").await, 2);
    let (before, _) = chat.json.split_once("\"messages\":[").expect("messages");
    let mut emptied = chat.clone();
    emptied.json = format!("{before}\"messages\":[]}}").replace("\"channel\":\"whatsapp\"", "\"channel\":\"email\"");
    feed.replace(emptied);
    world.clock.set(noon() + TimeDelta::minutes(5));
    world.poll_one().await;
    assert_eq!(world.text("select channel from core.sessions").await.as_deref(), Some("email"));
    assert_eq!(world.number("select count(*) from core.messages").await, 2);
    assert_eq!(world.number("select message_count::bigint from core.session_stats").await, 2);
}
