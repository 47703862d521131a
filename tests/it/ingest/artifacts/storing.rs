//! Artifacts are stored exactly as they were sent, in each form and with each page base.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tributary::app::reconciling::{self, ReconcileArgs};
use tributary::clock::Clock;
use tributary_simulator::Platform;
use tributary_simulator::fixed_feed::{Depth, FixedFeed};
use tributary_simulator::quirks::{ChatFormat, ParticipantsPaging, PeerReport, Quirks, TranscriptFormat};

use super::{meetings, participant, world_of, world_with};
use crate::harness::orphans::remove_sessions;
use crate::harness::records::record;
use crate::harness::{World, at, noon};

/// Returns the utterances in order, for every file format.
async fn spoken(world: &World) -> String {
    let sql = "select md5(string_agg(row(s.provider_session_id, t.position, t.offset_ms, t.body)::text, E'\\n'
                                     order by s.provider_session_id, t.position))
                 from core.transcript_segments t join core.sessions s using (source_id, session_id)";
    sqlx::query_scalar(sql).fetch_one(&world.db.pool).await.expect("a digest")
}

#[tokio::test]
async fn everything_is_stored_exactly_in_each_form_and_with_each_page_base() {
    let forms = [
        Quirks::default(),
        Quirks { first_page: 0, transcript_format: TranscriptFormat::AlwaysHeaderlessCsv, ..Quirks::default() },
        Quirks {
            transcript_format: TranscriptFormat::AlwaysHeaderCsv,
            chat_format: ChatFormat::Json,
            participants_paging: ParticipantsPaging::BesideData,
            ..Quirks::default()
        },
        Quirks {
            first_page: 0,
            transcript_format: TranscriptFormat::AlwaysSrt,
            chat_bom: true,
            chat_crlf: true,
            peer_report: PeerReport::Flat,
            ..Quirks::default()
        },
        Quirks {
            transcript_format: TranscriptFormat::AlwaysVtt,
            participants_paging: ParticipantsPaging::Absent,
            page_size_max: Some(3),
            ..Quirks::default()
        },
        Quirks { first_page: 0, transcript_format: TranscriptFormat::EpochTimes, ..Quirks::default() },
    ];
    let generated = meetings(14);
    let truth = generated.truth(noon()).realtimekit;
    let mut heard = Vec::new();
    for quirks in forms {
        let mut world = World::new().await.with_depth();
        let simulator = world.simulate(Platform::Realtimekit, generated.feed(Platform::Realtimekit), quirks).await;
        let lines = world.poll().await;
        assert!(lines.iter().all(tributary::app::polling::PollLine::is_complete), "{lines:?}");
        let expected = [
            ("select count(*) from core.participants", truth.participants),
            ("select count(*) from core.messages", truth.chat_messages),
            ("select count(*) from core.transcripts where segment_count > 0", truth.transcripts),
            ("select count(*) from core.transcript_segments", truth.transcript_segments),
            ("select coalesce(sum(word_count), 0)::bigint from core.transcripts", truth.transcript_words),
            ("select count(*) from core.session_summaries", truth.summaries),
        ];
        for (sql, expected) in expected {
            let expected = i64::try_from(expected.expect("told")).expect("small");
            assert_eq!(world.number(sql).await, expected, "{sql}");
            assert!(expected > 0, "{sql}: nothing to count");
        }
        assert_eq!(
            world.text("select sum(duration_ms / 60000.0)::numeric(20, 2)::text from core.participants").await,
            truth.participant_minutes.map(|minutes| format!("{:.2}", minutes.round_dp(2))),
        );
        heard.push(spoken(&world).await);
        for request in simulator.file_requests() {
            let carried: Vec<&str> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
            for forbidden in ["authorization", "x-api-key", "cookie", "referer"] {
                assert!(!carried.contains(&forbidden), "{forbidden} went to the file host");
            }
        }
        assert!(!simulator.file_requests().is_empty());
        let written = world.tuples_written().await;
        world.poll().await;
        assert_eq!(world.tuples_written().await, written, "an unchanged second poll wrote something");
    }
    // header CSV and subtitles round times to their precision; the words and their order are the same everywhere
    heard.sort();
    heard.dedup();
    assert!(heard.len() <= 2, "the forms tell different things: {heard:?}");
}

#[tokio::test]
async fn reports_of_an_old_session_are_requested_once_its_participants_are_known() {
    let feed = Arc::new(FixedFeed::new([record(Platform::Realtimekit, "old", at("2026-03-02T11:00:00Z"))]));
    let report = json!({"participant": {"id": "p", "peer_report": {
        "quality": {"audio_producer_cumulative": {"quality_mos": {"avg": 4.1}}}}}});
    feed.set_depth(
        "old",
        Depth {
            participants: vec![participant("p", "u", "2026-03-02T11:00:00Z", "2026-03-02T11:01:30Z")],
            peer_reports: BTreeMap::from([("p".to_owned(), report.to_string())]),
            ..Depth::default()
        },
    );
    let (world, _simulator) = world_of(feed, Quirks::default()).await;
    world.poll().await;
    assert_eq!(world.state("quality").await, ("available".to_owned(), String::new()));
    assert_eq!(world.number("select count(*) from core.participant_quality where has_report").await, 1);
}

#[tokio::test]
async fn f85_p13_missing_reports_of_a_large_meeting_are_each_requested_a_few_times() {
    let feed = Arc::new(FixedFeed::new([record(Platform::Realtimekit, "old", at("2026-03-02T11:00:00Z"))]));
    let participants = (0..45).map(|number| {
        participant(&format!("p-{number}"), &format!("u-{number}"), "2026-03-02T11:00:00Z", "2026-03-02T11:01:30Z")
    });
    feed.set_depth("old", Depth { participants: participants.collect(), ..Depth::default() });
    let (world, simulator) = world_of(feed, Quirks::default()).await;
    for day in 1..=3 {
        tokio::time::timeout(Duration::from_mins(1), world.poll()).await.expect("the poll ends");
        let asked = simulator.requests().iter().filter(|request| request.path_and_query.contains("p-44")).count();
        assert!((day..=3 * day).contains(&asked), "day {day}: asked for {asked} times");
        world.clock.set(world.clock.now() + TimeDelta::days(1));
    }
    assert_eq!(world.number("select count(*) from core.participant_quality where not has_report").await, 45);
}

#[tokio::test]
async fn artifacts_of_a_dropped_old_session_come_back_with_it() {
    let feed = Arc::new(FixedFeed::new([record(Platform::Realtimekit, "old", at("2026-01-05T11:00:00Z"))]));
    let report = json!({"participant": {"id": "p", "peer_report": {
        "quality": {"audio_producer_cumulative": {"quality_mos": {"avg": 4.1}}}}}});
    feed.set_depth(
        "old",
        Depth {
            participants: vec![participant("p", "u", "2026-01-05T11:00:00Z", "2026-01-05T11:01:30Z")],
            peer_reports: BTreeMap::from([("p".to_owned(), report.to_string())]),
            ..Depth::default()
        },
    );
    let (world, _simulator) = world_of(feed, Quirks::default()).await;
    world.poll().await;
    let rows = world.depth_rows().await;
    assert_eq!(world.state("participants").await.0, "available");
    remove_sessions(&world.db.pool, "true").await;
    let all = ReconcileArgs::default();
    let told = reconciling::reconcile(&world.app(), &all, "ada", CancellationToken::new()).await.expect("it runs");
    assert_eq!((told[0].is_equal, told[0].healed_count), (true, 1), "{told:#?}");
    assert_eq!(world.state("participants").await.0, "pending", "nothing is available that is not there");
    world.poll().await;
    assert_eq!(world.depth_rows().await, rows);
}

#[tokio::test]
async fn participants_that_make_no_sense_are_kept_as_far_as_they_do() {
    let people = vec![
        participant("p-1", "u-1", "2026-03-10T11:00:00.000Z", "2026-03-10T11:00:30Z"),
        // the same user under a second peer
        participant("p-2", "u-1", "2026-03-10T11:00:40.000Z", "2026-03-10T11:01:30Z"),
        // left before joined, and a stray quote in a time
        participant("p-3", "u-2", "2026-03-10T11:01:00.000Z\"", "2026-03-10T11:00:00Z"),
        r#"{"user_id":"nobody","joined_at":"2026-03-10T11:00:00Z"}"#.to_owned(),
        r#"{"id":"p-5","joined_at":"2026-03-10T11:00:10Z","left_at":null,"duration":-3}"#.to_owned(),
    ];
    let (world, _simulator, _) = world_with(Depth { participants: people, ..Depth::default() }).await;
    world.poll().await;
    let rows = "select string_agg(concat_ws(' ', provider_participant_id, joined_at::time, left_at::time, duration_ms,
                                            is_rejoin), ', ' order by provider_participant_id) from core.participants";
    assert_eq!(
        world.text(rows).await.as_deref(),
        Some("p-1 11:00:00 11:00:30 90000 f, p-2 11:00:40 11:01:30 90000 t, p-3 11:01:00 90000 f, p-5 11:00:10 f")
    );
    assert_eq!(world.number("select count(*) from ingest.rejects where stream = 'participants'").await, 1);
    let counted = "select concat_ws(' ', participant_count, person_count, unknown_duration_count, peak_participants,
                                    participant_ms) from core.session_participation";
    // p-1 and p-2 are one person; from 11:01 on p-2 and p-3 are present; when p-5 left is unknown
    assert_eq!(world.text(counted).await.as_deref(), Some("4 3 1 2 270000"));
    assert_eq!(world.number("select count(*) from core.people").await, 2);
}
