//! Drift: unknown provider values are counted, shown, and cost nothing else.

use std::sync::Arc;

use tributary_simulator::Platform;
use tributary_simulator::fixed_feed::{Depth, FixedFeed, FixedFile, FixedRecord};
use tributary_simulator::quirks::Quirks;

use crate::harness::records::record;
use crate::harness::{World, at};

/// A record with an additional field, outside and inside.
fn with_news(platform: Platform, id: &str) -> FixedRecord {
    let known = record(platform, id, at("2026-03-10T09:00:00Z"));
    let json = match platform {
        Platform::Konpro => known.json.replacen('{', r#"{"mood":"calm","#, 1),
        Platform::Konvo => known
            .json
            .replacen('{', r#"{"mood":"calm","#, 1)
            .replace(r#""status":{"#, r#""status":{"closed_by":"4915100000000","#)
            .replace(r#""state":{"#, r#""state":{"score":3,"#)
            .replace(r#"{"message_id":"#, r#"{"lang":"de","message_id":"#),
        Platform::Realtimekit => known
            .json
            .replacen('{', r#"{"mood":"calm","meta":{"anything":1},"settings":{"x":{}},"#, 1)
            .replace("ENDED", "SCHEDULED"),
    };
    FixedRecord { json, ..known }
}

#[tokio::test]
async fn unknown_fields_and_values_are_recorded_for_each_provider() {
    let mut world = World::new().await.with_depth();
    let mut simulators = Vec::new();
    for platform in [Platform::Konpro, Platform::Konvo, Platform::Realtimekit] {
        let feed = Arc::new(FixedFeed::new([with_news(platform, "one"), with_news(platform, "two")]));
        simulators.push(world.simulate(platform, feed, Quirks::default()).await);
    }
    let lines = world.poll().await;
    assert!(lines.iter().all(|line| line.rejected == 0), "{lines:?}");
    let list = world.api().await.ok("/v1/sync/drift").await;
    let told: Vec<String> = list["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|item| {
            let text = |name: &str| item[name].as_str().unwrap_or("-").to_owned();
            format!("{} {} {} {} {}", text("source"), text("kind"), text("path"), text("value"), item["record_count"])
        })
        .collect();
    assert_eq!(
        told,
        [
            "konpro unknown_field /mood - 2",
            "konvo unknown_field /messages/lang - 2",
            "konvo unknown_field /mood - 2",
            "konvo unknown_field /state/score - 2",
            "konvo unknown_field /status/closed_by - 2",
            "realtimekit unknown_field /mood - 2",
            "realtimekit unknown_value /status SCHEDULED 2",
        ]
    );
    assert!(!list.to_string().contains("4915100000000"), "values may be personal");
    let api = world.api().await;
    let words = api.ok("/v1/sync/drift?kind=unknown_value").await;
    assert_eq!(words["items"].as_array().map(Vec::len), Some(1));
    let mut walked = 0;
    let mut path = "/v1/sync/drift?limit=2".to_owned();
    loop {
        let page = api.ok(&path).await;
        walked += page["items"].as_array().map_or(0, Vec::len);
        let Some(next) = page["page"]["next"].as_str() else { break };
        path = format!("/v1/sync/drift?limit=2&cursor={next}");
    }
    assert_eq!(walked, 7);

    // the same records again are not new
    let written = world.tuples_written().await;
    world.poll().await;
    assert_eq!(world.tuples_written().await, written);
}

#[tokio::test]
async fn unknown_fields_of_artifacts_are_recorded() {
    let feed = Arc::new(FixedFeed::new([record(Platform::Realtimekit, "one", at("2026-03-10T09:00:00Z"))]));
    let participant = r#"{"id":"p1","user_id":"u1","joined_at":"2026-03-10T09:00:00Z","left_at":"2026-03-10T09:01:30Z","duration":1.5,"badge":"gold"}"#;
    let chat = "id,participantId,sessionId,meetingId,displayName,pinned,isEdited,reactions,payloadType,payload,createdAt\n\
                m1,p1,one,m-1,Ana,false,false,3,TEXT_MESSAGE,hello,2026-03-10T09:00:10.000Z\n";
    let transcript = r#"[{"startTime":1000,"endTime":2000,"sentence":"hi","peerData":{"id":"p1","userId":"u1","pronouns":"x"},"tone":"warm"}]"#;
    feed.set_depth(
        "one",
        Depth {
            participants: vec![participant.to_owned()],
            chat: FixedFile::ready(chat),
            transcript: FixedFile::ready(transcript),
            ..Depth::default()
        },
    );
    let mut world = World::new().await.with_depth();
    let _simulator = world.simulate(Platform::Realtimekit, feed, Quirks::default()).await;
    world.poll().await;
    let told = world
        .text(
            "select string_agg(stream || ' ' || path, ', ' order by stream, path) from analytics.provider_drift
                            where kind = 'unknown_field'",
        )
        .await;
    assert_eq!(
        told.as_deref(),
        Some("chat /reactions, participants /badge, transcript /peerData/pronouns, transcript /tone")
    );
}

#[tokio::test]
async fn a_provider_that_uses_data_as_keys_does_not_fill_the_ledger() {
    let odd = |number: usize| {
        let known = record(Platform::Konpro, &format!("s-{number:04}"), at("2026-03-10T09:00:00Z"));
        let keys = (0..50).map(|key| format!(r#""key-{number}-{key}":1,"#)).collect::<Vec<_>>().concat();
        FixedRecord { json: known.json.replacen('{', &format!("{{{keys}"), 1), ..known }
    };
    let feed = Arc::new(FixedFeed::new((0..120).map(odd)));
    let mut world = World::new().await;
    let _simulator = world.simulate(Platform::Konpro, feed, Quirks::default()).await;
    let line = world.poll_one().await;
    assert_eq!((line.inserted, line.rejected), (120, 0));
    let kept = world.number("select count(*) from ingest.oddities").await;
    assert!((1_000..=3_100).contains(&kept), "{kept} lines");
    // a full table accepts no more
    let page = world.number("select count(*) from ingest.oddities where record_count > 1").await;
    assert_eq!(page, 0);
}

#[tokio::test]
async fn the_ledger_stays_bounded_though_one_page_brings_all_at_once() {
    let mut world = World::new().await;
    let odd = |number: i32| {
        let known = record(Platform::Konpro, &format!("s-{number}"), at("2026-03-10T09:00:00Z"));
        let names: Vec<String> = (0..20).map(|field| format!(r#""key_{number}_{field}":1,"#)).collect();
        FixedRecord { json: known.json.replacen('{', &format!("{{{}", names.concat()), 1), ..known }
    };
    let feed = Arc::new(FixedFeed::new((0..100).map(odd)));
    let _simulator = world.simulate(Platform::Konpro, feed, Quirks::default()).await;
    assert!(world.poll_one().await.is_complete());
    assert_eq!(world.number("select count(*) from ingest.oddities").await, 1_000, "of 2000 kinds");
    assert_eq!(world.number("select count(*) from core.sessions").await, 100);
}
