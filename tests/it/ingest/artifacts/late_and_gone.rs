//! Artifacts that come late, are replaced, or never come.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use tributary::model::stream::Stream;
use tributary_simulator::Platform;
use tributary_simulator::fixed_feed::{Depth, FixedFeed, FixedFile};
use tributary_simulator::quirks::Quirks;

use super::{participant, world_of, world_with};
use crate::harness::at;
use crate::harness::records::record;

#[tokio::test]
async fn f65_a_file_that_is_late_becomes_available_without_help() {
    let late = FixedFile::ready_from(at("2026-03-10T13:20:00Z"), "[]");
    let chat = FixedFile::ready_from(at("2026-03-10T13:20:00Z"), "id,payloadType,payload\n1,TEXT_MESSAGE,Hello\n");
    let (world, _simulator, _) = world_with(Depth { transcript: late, chat, ..Depth::default() }).await;
    world.poll().await;
    assert_eq!(world.state("chat").await, ("pending".to_owned(), "not_found".to_owned()));
    assert_eq!(world.number("select count(*) from core.session_stats").await, 0, "unknown is not zero");
    // tries are at 11:03:30, 11:11:30, 11:31:30 and 13:01:30; the next is twelve hours after the end
    world.clock.set(at("2026-03-10T13:25:00Z"));
    world.poll().await;
    assert_eq!(world.state("chat").await, ("available".to_owned(), String::new()), "the age of two hours is due");
    assert_eq!(world.text("select body from core.messages").await.as_deref(), Some("Hello"));
    assert_eq!(world.state("transcript").await, ("empty".to_owned(), "no_content".to_owned()));
    assert_eq!(world.number("select segment_count::bigint from core.transcripts").await, 0);
}

#[tokio::test]
async fn f57_f65_a_file_that_never_comes_ends_with_its_reason_and_fails_no_stream() {
    let (world, _simulator, feed) = world_with(Depth {
        participants: vec![participant("p", "u", "2026-03-10T11:00:00Z", "2026-03-10T11:01:30Z")],
        chat: FixedFile::ready(""),
        summary: FixedFile::NoLink,
        ..Depth::default()
    })
    .await;
    // a session of last month: nothing was fetched while its files existed
    feed.insert(record(Platform::Realtimekit, "old", at("2026-02-01T11:00:00Z")));
    world.poll().await;
    // a day later a second reading settles what no longer exists
    world.clock.set(at("2026-03-11T12:00:00Z"));
    world.poll().await;
    let old = "select string_agg(t.stream || ' ' || t.state, ', ' order by t.stream)
                 from ingest.artifact_tasks t join core.sessions s using (source_id, session_id)
                where s.provider_session_id = 'old'";
    assert_eq!(
        world.text(old).await.as_deref(),
        Some("chat expired, participants empty, quality empty, summary expired, transcript expired")
    );
    world.clock.set(at("2026-03-17T11:01:31Z"));
    world.poll().await;
    let one = "select string_agg(t.stream || ' ' || t.state || ' ' || coalesce(t.reason, ''), ', ' order by t.stream)
                 from ingest.artifact_tasks t join core.sessions s using (source_id, session_id)
                where s.provider_session_id = 'one' and t.stream in ('chat', 'summary', 'transcript')";
    assert_eq!(
        world.text(one).await.as_deref(),
        Some("chat empty zero_bytes, summary not_enabled no_link, transcript not_enabled not_found")
    );
    let health = world.api().await.ok("/v1/health/pollers").await;
    let streams: BTreeMap<&str, &serde_json::Value> = health["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|item| (item["stream"].as_str().expect("a stream"), item))
        .collect();
    assert_eq!(health["is_failing"], false, "{health:#}");
    assert_eq!(streams["transcript"]["tasks"]["not_enabled"], 1);
    assert_eq!(streams["transcript"]["tasks"]["expired"], 1);
    assert_eq!(streams["chat"]["tasks"]["empty"], 1);
    assert_eq!(streams["participants"]["tasks"]["available"], 1);
    assert_eq!(streams["sessions"]["tasks"], serde_json::Value::Null);
    assert!(streams.values().all(|stream| stream["state"] == "idle"), "{health:#}");
    // the last artifact to fetch is one that the provider keeps for a month
    world.clock.set(at("2026-04-09T11:01:31Z"));
    world.poll().await;
    assert_eq!(world.number("select count(*) from ingest.artifact_tasks where next_try_at is not null").await, 0);
}

#[tokio::test]
async fn a_session_that_is_live_for_days_is_followed_and_then_settled() {
    let mut live = record(Platform::Realtimekit, "one", at("2026-03-10T11:00:00Z"));
    let ended = live.clone();
    live.json =
        live.json.replace("ENDED", "LIVE").replace("\"ended_at\":\"2026-03-10T11:01:30.000Z\"", "\"ended_at\":null");
    let feed = Arc::new(FixedFeed::new([live]));
    let staying = r#"{"id":"p","user_id":"u","joined_at":"2026-03-10T11:00:00Z","left_at":null,"duration":0}"#;
    feed.set_depth("one", Depth { participants: vec![staying.to_owned()], ..Depth::default() });
    let (world, simulator) = world_of(Arc::clone(&feed), Quirks::default()).await;
    let calls = || simulator.requests().iter().filter(|call| call.path_and_query.contains("/participants")).count();
    world.poll().await;
    assert_eq!(world.number("select count(*) from core.participants where left_at is null").await, 1);
    assert_eq!(world.number("select count(*) from ingest.artifact_tasks").await, 1, "files come after the end");
    let after_first = calls();
    world.poll().await;
    assert_eq!(calls(), after_first, "not due yet");
    // two days later it is fetched every two hours, not every five minutes
    world.clock.set(at("2026-03-12T11:00:00Z"));
    world.poll().await;
    world.clock.set(at("2026-03-12T12:59:00Z"));
    let before = calls();
    world.poll().await;
    assert_eq!(calls(), before);
    feed.replace(tributary_simulator::fixed_feed::FixedRecord {
        json: ended.json.replace("11:01:30.000Z", "13:01:30.000Z"),
        ..ended
    });
    let left = r#"{"id":"p","user_id":"u","joined_at":"2026-03-10T11:00:00Z","left_at":"2026-03-10T13:01:00Z","duration":121}"#;
    feed.set_depth("one", Depth { participants: vec![left.to_owned()], ..Depth::default() });
    world.poll().await;
    assert_eq!(world.number("select duration_ms from core.participants").await, 121 * 60_000);
    assert_eq!(world.state("participants").await.0, "available");
    assert_eq!(world.number("select count(*) from ingest.artifact_tasks").await, 5);
}

#[tokio::test]
async fn f64_a_transcript_that_is_replaced_is_read_again() {
    let segment = |text: &str| {
        json!([{"startTime": 1000, "endTime": 2000, "sentence": text,
                "peerData": {"id": "p", "userId": "u", "displayName": "Ana", "cpi": ""}}])
        .to_string()
    };
    let (world, _simulator, feed) =
        world_with(Depth { transcript: FixedFile::ready(segment("Halo wrld")), ..Depth::default() }).await;
    world.poll().await;
    feed.edit_depth("one", |depth| depth.transcript = FixedFile::ready(segment("Hello world")));
    world.clock.set(at("2026-03-10T13:02:00Z"));
    world.poll().await;
    assert_eq!(world.text("select body from core.transcript_segments").await.as_deref(), Some("Hello world"));
    assert_eq!(world.number("select count(*) from ingest.raw_records where stream = 'transcript'").await, 2);
    // it has settled: later content is not fetched
    feed.edit_depth("one", |depth| depth.transcript = FixedFile::ready(segment("Bye")));
    world.clock.set(at("2026-03-11T13:02:00Z"));
    world.poll().await;
    assert_eq!(world.text("select body from core.transcript_segments").await.as_deref(), Some("Hello world"));
}

/// An unavailable provider uses up no tries, and a poll does not wait for it session by session.
#[tokio::test]
async fn an_outage_decides_nothing() {
    let (world, simulator, _) = world_with(Depth {
        participants: vec![participant("p", "u", "2026-03-10T11:00:00Z", "2026-03-10T11:01:30Z")],
        chat: FixedFile::ready("id,payloadType,payload\n1,TEXT_MESSAGE,Hello\n"),
        ..Depth::default()
    })
    .await;
    // the list is read, then the provider becomes unavailable
    let only = |stream| tributary::app::polling::Selection { stream: Some(stream), ..Default::default() };
    let poll = |stream| {
        let (app, selection) = (world.app(), only(stream));
        async move { tributary::app::polling::poll(&app, &selection, tokio_util::sync::CancellationToken::new()).await }
    };
    poll(Stream::Sessions).await.expect("the list is read");
    drop(simulator);
    // far beyond all retention: every decision now is final
    world.clock.set(at("2026-06-10T12:00:00Z"));
    let lines = poll(Stream::Chat).await.expect("the poll runs");
    assert_eq!(lines[0].result, "failed", "{lines:?}");
    assert_eq!(world.number("select count(*) from ingest.artifact_tasks where state <> 'pending'").await, 0);
    assert_eq!(world.number("select coalesce(sum(attempts), 0)::bigint from ingest.artifact_tasks").await, 0);
    assert!(lines[0].owed > 0, "what was not answered is owed: {lines:?}");
}
