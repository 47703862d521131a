//! The end of the list of a session's participants, by the rule for lists of sessions.

use tributary_simulator::Platform;

use crate::harness::{World, noon, records};
use crate::providers::scripted_server::{Call, Reply, Server, json, status};

/// The response after the pages of participants.
#[derive(Debug, Clone, Copy)]
enum PastEnd {
    Empty,
    Refused,
    LastPage,
}

/// One meeting that ended an hour ago, with so many participants on pages of a hundred.
fn answer(call: &Call, count: usize, total: impl Fn(usize) -> Option<usize>, past_end: PastEnd) -> Reply {
    if !call.path.ends_with("/participants") {
        let session = records::record(Platform::Realtimekit, "one", noon() - chrono::TimeDelta::hours(1)).json;
        let paging = r#"{"total_count":1,"start_offset":1,"end_offset":1}"#;
        return json(format!(r#"{{"success":true,"data":{{"sessions":[{session}]}},"paging":{paging}}}"#));
    }
    let person = |n: usize| {
        format!(
            r#"{{"id":"p-{n:04}","user_id":"u-{n:04}","joined_at":"2026-03-10T11:00:00Z","left_at":"2026-03-10T11:01:30Z","duration":1.5,"preset_name":"host"}}"#
        )
    };
    let people: Vec<String> = (0..count).map(person).collect();
    let pages: Vec<&[String]> = people.chunks(100).collect();
    let number: usize = call.query("page_no").expect("a number").parse().expect("a number");
    let rows: &[String] = match (number.checked_sub(1).and_then(|index| pages.get(index)), past_end) {
        (Some(rows), _) => rows,
        (None, PastEnd::Empty) => &[],
        (None, PastEnd::Refused) => return status(400, r#"{"success":false,"errors":[{"message":"no such page"}]}"#),
        (None, PastEnd::LastPage) => pages.last().copied().unwrap_or_default(),
    };
    let total = total(rows.len()).map(|total| format!(r#","paging":{{"total_count":{total}}}"#)).unwrap_or_default();
    json(format!(r#"{{"success":true,"data":{{"participants":[{}]{total}}}}}"#, rows.join(",")))
}

async fn stored_after_a_poll(
    count: usize,
    total: fn(usize) -> Option<usize>,
    past_end: PastEnd,
) -> (i64, Option<String>) {
    let mut world = World::new().await.with_settings("session_streams = [\"participants\"]").with_depth();
    let server = Server::start(move |call| answer(call, count, total, past_end)).await;
    world.poll_elsewhere("realtimekit", &server.url);
    world.poll().await;
    let stored = world.number("select count(*) from core.participants").await;
    (stored, world.text("select concat_ws(' ', state, reason) from ingest.artifact_tasks").await)
}

#[tokio::test]
async fn f51_participants_without_a_count_are_read_to_the_end() {
    for past_end in [PastEnd::Empty, PastEnd::Refused, PastEnd::LastPage] {
        for count in [250, 200] {
            let (stored, state) = stored_after_a_poll(count, |_| None, past_end).await;
            assert_eq!(stored, i64::try_from(count).expect("few"), "{past_end:?}: {state:?}");
            assert!(state.is_some_and(|state| state == "available"), "{past_end:?}");
        }
    }
}

#[tokio::test]
async fn f45_a_count_that_is_the_size_of_a_page_of_participants_ends_nothing() {
    for past_end in [PastEnd::Empty, PastEnd::Refused, PastEnd::LastPage] {
        let (stored, state) = stored_after_a_poll(250, Some, past_end).await;
        assert_eq!(stored, 250, "{past_end:?}: {state:?}");
        assert!(state.is_some_and(|state| state == "available"), "{past_end:?}");
    }
}

/// The same two presences on both pages, each in an older and a newer version.
#[tokio::test]
async fn f41_of_a_participant_that_is_listed_twice_the_later_change_counts() {
    let row = |id: &str, left: u32| {
        format!(
            r#"{{"id":"{id}","user_id":"u","joined_at":"2026-03-10T11:00:00Z","left_at":"2026-03-10T11:00:{left}Z","duration":0.5,"updated_at":"2026-03-10T11:00:{left}Z"}}"#
        )
    };
    let pages = [[row("p1", 20), row("p2", 40), row("p2", 30)].join(","), [row("p1", 50), row("p2", 10)].join(",")];
    let mut world = World::new().await.with_settings("session_streams = [\"participants\"]").with_depth();
    let server = Server::start(move |call| {
        if !call.path.ends_with("/participants") {
            return answer(call, 0, |_| None, PastEnd::Empty);
        }
        let number: usize = call.query("page_no").expect("a number").parse().expect("a number");
        let rows = number.checked_sub(1).and_then(|index| pages.get(index)).map_or("", String::as_str);
        json(format!(r#"{{"success":true,"data":{{"participants":[{rows}]}}}}"#))
    })
    .await;
    world.poll_elsewhere("realtimekit", &server.url);
    world.poll().await;
    let stored = "select string_agg(concat_ws(' ', provider_participant_id, left_at::time), ', ' order by provider_participant_id)
                    from core.participants";
    assert_eq!(world.text(stored).await.as_deref(), Some("p1 11:00:50, p2 11:00:40"));
}
