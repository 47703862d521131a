//! Schema drift of per-session data: a documented field that the provider no longer sends is reported, empties no
//! stored value, and is read again once it is back.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::json;
use tributary::app::polling::PollLine;
use tributary_simulator::Platform;
use tributary_simulator::fixed_feed::{Depth, FixedFeed, FixedFile};
use tributary_simulator::quirks::Quirks;

use super::{participant, world_of};
use crate::harness::records::record;
use crate::harness::{World, at};

/// Sessions that were read before the field disappeared, and those that begin afterwards.
const OLD: i64 = 30;
const YOUNG: i64 = 25;

/// A field that is renamed in all records of a stream.
struct Rename {
    stream: &'static str,
    path: &'static str,
    old: &'static str,
    new: &'static str,
    /// Counts the stored values.
    values: &'static str,
}

/// The content of one session, in the wording of the provider.
fn depth(id: &str, renamed: Option<&Rename>) -> Depth {
    let reword = |stream: &str, text: String| match renamed {
        Some(rename) if rename.stream == stream => text.replace(rename.old, rename.new),
        _ => text,
    };
    let chat = "id,participantId,createdAt,payloadType,payload\n1,p,2026-03-10T11:01:00Z,TEXT_MESSAGE,Hello\n";
    let peer = json!({"id": "p", "userId": "u", "displayName": "Ana", "cpi": "c"});
    let said = json!([{"startTime": 1000, "endTime": 2000, "sentence": "Hello", "peerData": peer}]);
    let heard = json!({"quality_mos": {"avg": 4.2}, "packet_loss": {"avg": 0.01}, "rtt": {"avg": 40}});
    let report = json!({"id": format!("p-{id}"), "peer_report": {"metadata": {"sdk_name": "web"},
                        "quality": {"audio_producer": [{}], "audio_producer_cumulative": heard}}});
    let presence = participant(&format!("p-{id}"), "u", "2026-03-10T11:00:00Z", "2026-03-10T11:01:30Z");
    Depth {
        participants: vec![reword("participants", presence)],
        chat: FixedFile::ready(reword("chat", chat.to_owned())),
        transcript: FixedFile::ready(reword("transcript", said.to_string())),
        summary: FixedFile::ready("# Hello"),
        peer_reports: BTreeMap::from([(format!("p-{id}"), reword("quality", report.to_string()))]),
        ..Depth::default()
    }
}

fn old() -> Vec<String> {
    (0..OLD).map(|n| format!("old-{n:02}")).collect()
}

fn young() -> Vec<String> {
    (0..YOUNG).map(|n| format!("young-{n:02}")).collect()
}

fn set_all(feed: &FixedFeed, ids: &[String], renamed: Option<&Rename>) {
    for id in ids {
        feed.set_depth(id, depth(id, renamed));
    }
}

fn insert_all(feed: &FixedFeed, ids: &[String], first: &str) {
    for (second, id) in (0..).zip(ids) {
        feed.insert(record(Platform::Realtimekit, id, at(first) + TimeDelta::seconds(second)));
    }
}

fn is_drift(line: &PollLine, path: &str, since: &str) -> bool {
    let detail = line.detail.as_deref().unwrap_or_default();
    let says = |text: &str| detail.contains(text);
    line.result == "incomplete"
        && detail.starts_with("schema_drift")
        && says(&format!("{path} is missing"))
        && says(&format!("since {since}"))
}

fn of<'a>(lines: &'a [PollLine], stream: &str) -> &'a PollLine {
    lines.iter().find(|line| line.stream == stream).unwrap_or_else(|| panic!("no line of {stream}: {lines:#?}"))
}

/// Polls once and returns whether all streams but `stream` are complete, and the line of that one.
async fn poll(world: &World, stream: &str) -> (bool, PollLine) {
    let lines = world.poll().await;
    let others = lines.iter().filter(|line| line.stream != stream).all(PollLine::is_complete);
    (others, of(&lines, stream).clone())
}

async fn drifts_and_heals(rename: Rename) {
    let feed = Arc::new(FixedFeed::default());
    let (world, _simulator) = world_of(Arc::clone(&feed), Quirks::default()).await;
    insert_all(&feed, &old(), "2026-03-10T11:00:00Z");
    set_all(&feed, &old(), None);
    assert!(world.poll().await.iter().all(PollLine::is_complete));
    let values = async || world.number(rename.values).await;
    assert_eq!(values().await, OLD);
    // the last reading of the old ones, and the first of others
    set_all(&feed, &old(), Some(&rename));
    insert_all(&feed, &young(), "2026-03-10T12:30:00Z");
    set_all(&feed, &young(), Some(&rename));
    world.clock.set(at("2026-03-10T13:10:00Z"));
    let (others, line) = poll(&world, rename.stream).await;
    assert!(others && is_drift(&line, rename.path, "2026-03-10T13:10:00Z"), "{line:?}");
    assert_eq!(values().await, OLD, "what was stored stays, and nothing is invented");
    assert_eq!(world.number("select count(*) from core.participants").await, OLD + YOUNG);
    let health = world.api().await.ok("/v1/health/pollers").await;
    let items = health["items"].as_array().expect("a list");
    let poller = items.iter().find(|one| one["stream"] == rename.stream).expect("a poller");
    assert_eq!(poller["last_error"]["class"], "schema_drift", "{poller:#}");
    assert!(poller["last_error"]["detail"].as_str().is_some_and(|detail| detail.contains(rename.path)), "{poller:#}");
    // it lasts while nothing has the field
    world.clock.set(at("2026-03-10T15:30:00Z"));
    let (others, line) = poll(&world, rename.stream).await;
    assert!(others && is_drift(&line, rename.path, "2026-03-10T13:10:00Z"), "{line:?}");
    assert_eq!(values().await, OLD);
    // once it is back, what came without it is read again, although no session is new
    set_all(&feed, &old(), None);
    set_all(&feed, &young(), None);
    world.clock.set(at("2026-03-10T15:35:00Z"));
    let (others, line) = poll(&world, rename.stream).await;
    assert!(others && line.is_complete(), "{line:?}");
    assert_eq!(values().await, OLD + YOUNG);
    assert_eq!(world.number("select count(*) from ingest.field_presence where missing_since is not null").await, 0);
}

#[tokio::test]
async fn f35_a_join_time_that_is_renamed_empties_nothing_and_is_reported() {
    drifts_and_heals(Rename {
        stream: "participants",
        path: "/joined_at",
        old: "\"joined_at\"",
        new: "\"joinedAt\"",
        values:
            "select count(p.joined_at) from core.participants p join core.session_participation s using (source_id, session_id)
                  where s.first_joined_at = p.joined_at",
    })
    .await;
}

#[tokio::test]
async fn f35_an_identity_that_is_renamed_empties_nothing_and_is_reported() {
    drifts_and_heals(Rename {
        stream: "participants",
        path: "/user_id",
        old: "\"user_id\"",
        new: "\"userId\"",
        values: "select count(p.person_id) from core.participants p join core.people using (source_id, person_id)",
    })
    .await;
}

#[tokio::test]
async fn f35_the_time_of_messages_that_is_renamed_empties_nothing_and_is_reported() {
    drifts_and_heals(Rename {
        stream: "chat",
        path: "/createdAt",
        old: "createdAt",
        new: "sentTime",
        values: "select count(sent_at) from core.messages",
    })
    .await;
}

#[tokio::test]
async fn f35_the_speaker_of_a_transcript_that_is_renamed_empties_nothing_and_is_reported() {
    drifts_and_heals(Rename {
        stream: "transcript",
        path: "/peerData/id",
        old: "peerData",
        new: "speaker",
        values: "select count(speaker_id) from core.transcript_segments",
    })
    .await;
}

#[tokio::test]
async fn f35_a_score_of_reports_that_is_renamed_empties_nothing_and_is_reported() {
    drifts_and_heals(Rename {
        stream: "quality",
        path: "/peer_report/quality/audio_producer_cumulative/quality_mos/avg",
        old: "quality_mos",
        new: "mos",
        values: "select count(audio_out_mos_avg) from core.participant_quality where has_report",
    })
    .await;
}

/// One file in another wording is no drift, and does not empty the stored one.
#[tokio::test]
async fn f35_a_single_file_without_times_replaces_nothing_and_is_no_drift() {
    let rename = Rename { stream: "chat", path: "/createdAt", old: "createdAt", new: "sentTime", values: "" };
    let feed = Arc::new(FixedFeed::default());
    let (world, _simulator) = world_of(Arc::clone(&feed), Quirks::default()).await;
    insert_all(&feed, &old(), "2026-03-10T11:00:00Z");
    set_all(&feed, &old(), None);
    world.poll().await;
    set_all(&feed, &old()[..1], Some(&rename));
    world.clock.set(at("2026-03-10T13:10:00Z"));
    assert!(world.poll().await.iter().all(PollLine::is_complete));
    assert_eq!(world.number("select count(sent_at) from core.messages").await, OLD);
    let reason = "select reason from ingest.artifact_tasks t join core.sessions s using (source_id, session_id)
                   where t.stream = 'chat' and s.provider_session_id = 'old-00'";
    assert_eq!(world.text(reason).await.as_deref(), Some("schema_drift"));
}
