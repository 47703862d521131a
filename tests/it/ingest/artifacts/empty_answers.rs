//! Answers without content: one of them, however well-formed, removes nothing and settles nothing.

use serde_json::json;
use tributary_simulator::Platform;
use tributary_simulator::fixed_feed::{Depth, FixedFile};

use super::{participant, world_with};
use crate::harness::records::record;
use crate::harness::{World, at};

const HEADER: &str = "id,payloadType,payload\n";

fn content() -> Depth {
    let segment = json!([{"startTime": 1000, "endTime": 2000, "sentence": "Hello",
                          "peerData": {"id": "p", "userId": "u", "displayName": "Ana", "cpi": ""}}]);
    Depth {
        participants: vec![participant("p", "u", "2026-03-10T11:00:00Z", "2026-03-10T11:01:30Z")],
        chat: FixedFile::ready(format!("{HEADER}1,TEXT_MESSAGE,Hello\n")),
        transcript: FixedFile::ready(segment.to_string()),
        ..Depth::default()
    }
}

fn empty() -> Depth {
    Depth { chat: FixedFile::ready(HEADER), transcript: FixedFile::ready("[]"), ..Depth::default() }
}

/// Participants, messages and segments.
async fn rows(world: &World) -> (i64, i64, i64) {
    (
        world.number("select count(*) from core.participants").await,
        world.number("select count(*) from core.messages").await,
        world.number("select count(*) from core.transcript_segments").await,
    )
}

#[tokio::test]
async fn one_empty_answer_removes_nothing_and_the_next_one_is_stored() {
    let (world, _simulator, feed) = world_with(content()).await;
    world.poll().await;
    assert_eq!(rows(&world).await, (1, 1, 1));
    // the last reading, two hours after the end
    feed.set_depth("one", empty());
    world.clock.set(at("2026-03-10T13:02:00Z"));
    world.poll().await;
    assert_eq!(rows(&world).await, (1, 1, 1));
    for stream in ["participants", "chat", "transcript"] {
        assert_eq!(world.state(stream).await, ("available".to_owned(), "no_content".to_owned()), "{stream}");
    }
    let more = format!("{HEADER}1,TEXT_MESSAGE,Hello\n2,TEXT_MESSAGE,Bye\n");
    feed.set_depth("one", Depth { chat: FixedFile::ready(more), ..content() });
    world.clock.set(at("2026-03-11T13:03:00Z"));
    world.poll().await;
    assert_eq!(rows(&world).await, (1, 2, 1));
    assert_eq!(world.state("chat").await, ("available".to_owned(), String::new()));
}

#[tokio::test]
async fn an_old_session_that_looks_empty_once_is_read_again_a_day_later() {
    let (world, _simulator, feed) = world_with(content()).await;
    feed.insert(record(Platform::Realtimekit, "old", at("2026-03-07T11:00:00Z")));
    feed.set_depth("old", empty());
    world.poll().await;
    assert_eq!(rows(&world).await, (1, 1, 1));
    feed.set_depth("old", content());
    world.clock.set(at("2026-03-11T12:01:00Z"));
    world.poll().await;
    assert_eq!(rows(&world).await, (2, 2, 2));
}

#[tokio::test]
async fn a_file_of_which_no_row_can_be_read_is_owed_and_replaces_nothing() {
    let (world, _simulator, feed) = world_with(content()).await;
    world.poll().await;
    let busy = FixedFile::ready(r#"[{"message":"upstream busy"}]"#);
    feed.set_depth("one", Depth { transcript: busy, ..content() });
    world.clock.set(at("2026-03-10T13:02:00Z"));
    let lines = world.poll().await;
    assert_eq!(rows(&world).await, (1, 1, 1));
    assert_eq!(world.state("transcript").await, ("available".to_owned(), "contract_error".to_owned()));
    let transcripts = lines.iter().find(|line| line.stream == "transcript").expect("a line");
    assert!(!transcripts.is_complete() && transcripts.owed == 1, "{transcripts:?}");
    feed.set_depth("one", content());
    world.clock.set(at("2026-03-10T13:10:00Z"));
    let lines = world.poll().await;
    let transcripts = lines.iter().find(|line| line.stream == "transcript").expect("a line");
    assert!(transcripts.is_complete(), "{transcripts:?}");
    assert_eq!(world.state("transcript").await, ("available".to_owned(), String::new()));
}

#[tokio::test]
async fn an_end_in_the_future_delays_no_file() {
    let (world, _simulator, feed) = world_with(content()).await;
    let mut wrong = record(Platform::Realtimekit, "two", at("2026-03-10T11:00:00Z"));
    wrong.json = wrong.json.replace("\"ended_at\":\"2026", "\"ended_at\":\"2027");
    feed.insert(wrong);
    feed.set_depth("two", content());
    world.poll().await;
    world.clock.set(at("2026-03-10T12:03:00Z"));
    world.poll().await;
    assert_eq!(rows(&world).await, (2, 2, 2));
}
