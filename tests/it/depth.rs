//! Session artifacts: participants, chat, transcripts, summaries, quality.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::json;
use tokio_util::sync::CancellationToken;
use tributary::app::reconciling::{self, ReconcileArgs};
use tributary::clock::{Clock, SettableClock, SystemClock};
use tributary::demo::simulator::faults::{Effect, Fault, RetryAfter};
use tributary::demo::simulator::feed::{Depth, FixedFeed, FixedFile};
use tributary::demo::simulator::quirks::{ChatFormat, ParticipantsPaging, PeerReport, Quirks, TranscriptFormat};
use tributary::demo::simulator::world::{Shape, Volume, World as Generated};
use tributary::demo::simulator::{Platform, Simulator};
use tributary::model::artifact::ArtifactState;
use tributary::model::id::SourceId;
use tributary::model::person::PersonKey;
use tributary::model::stream::Stream;
use tributary::query::catalog::Catalog;
use tributary::store::artifact::queue::{self, Places};
use tributary::store::artifact::{self, Decision, Member, Owed, SaveContext, Saved, journal};

use crate::harness::orphans::remove_sessions;
use crate::harness::records::record;
use crate::harness::{World, at, noon, simulator};

/// Six days of meetings, so that no file has expired; none in the last hours, so that all files are ready.
fn meetings(history: usize) -> Generated {
    let none = Volume { history: 0, per_hour_ahead: 0 };
    let shape = Shape {
        history_days: 6,
        hours_ahead: 1,
        avatars: none,
        chats: none,
        meetings: Volume { history, per_hour_ahead: 0 },
    };
    Generated::generate(&shape, 7, noon() - TimeDelta::hours(6))
}

async fn world_of(feed: Arc<FixedFeed>, quirks: Quirks) -> (World, Simulator) {
    let mut world = World::new().await.with_depth();
    let simulator = world.simulate(Platform::Realtimekit, feed, quirks).await;
    (world, simulator)
}

/// Creates one session that ended a minute and a half after eleven, with its artifacts.
async fn world_with(depth: Depth) -> (World, Simulator, Arc<FixedFeed>) {
    let feed = Arc::new(FixedFeed::new([record(Platform::Realtimekit, "one", at("2026-03-10T11:00:00Z"))]));
    feed.set_depth("one", depth);
    let (world, simulator) = world_of(Arc::clone(&feed), Quirks::default()).await;
    (world, simulator, feed)
}

fn participant(id: &str, user: &str, joined: &str, left: &str) -> String {
    json!({"id": id, "user_id": user, "custom_participant_id": "", "display_name": "Ana", "preset_name": "host",
           "joined_at": joined, "left_at": left, "duration": 1.5, "created_at": joined, "updated_at": joined})
    .to_string()
}

impl World {
    async fn state(&self, stream: &str) -> (String, String) {
        sqlx::query_as("select state, coalesce(reason, '') from ingest.artifact_tasks where stream = $1")
            .bind(stream)
            .fetch_one(&self.db.pool)
            .await
            .expect("a task")
    }

    /// Returns all stored artifacts, without surrogate numbers and fetch times.
    async fn depth_rows(&self) -> Vec<String> {
        let sql = "select part from (
            select 'p' || row(s.provider_session_id, p.provider_participant_id, p.joined_at, p.left_at, p.duration_ms,
                              p.is_rejoin, p.provider_user_id, p.preset_name, p.custom_participant_id,
                              p.display_name)::text as part
              from core.participants p join core.sessions s using (source_id, session_id)
            union all
            select 'm' || row(s.provider_session_id, m.provider_message_id, m.position, m.sent_at, m.body,
                              m.payload_type, m.provider_participant_id)::text
              from core.messages m join core.sessions s using (source_id, session_id)
            union all
            select 't' || row(s.provider_session_id, t.position, t.offset_ms, t.end_offset_ms, t.speaker_label,
                              t.body)::text
              from core.transcript_segments t join core.sessions s using (source_id, session_id)
            union all
            select 's' || row(s.provider_session_id, y.format, y.body)::text
              from core.session_summaries y join core.sessions s using (source_id, session_id)
            union all
            select 'q' || row(s.provider_session_id, q.provider_participant_id, q.has_report, q.audio_out_mos_avg,
                              q.audio_in_mos_avg, q.audio_out_packet_loss_avg)::text
              from core.participant_quality q join core.sessions s using (source_id, session_id)
            union all
            select 'c' || row(s.provider_session_id, c.participant_count, c.person_count, c.participant_ms,
                              c.peak_participants)::text
              from core.session_participation c join core.sessions s using (source_id, session_id)
            union all
            select 'a' || row(s.provider_session_id, a.stream, a.state, a.reason)::text
              from ingest.artifact_tasks a join core.sessions s using (source_id, session_id)) parts (part) order by part";
        sqlx::query_scalar(sql).fetch_all(&self.db.pool).await.expect("rows")
    }
}

/// Asserts that both worlds are equal, and prints the differences.
async fn assert_same(world: &World, other: &World) {
    let (rows, others) = (world.depth_rows().await, other.depth_rows().await);
    let only = |these: &[String], those: &[String]| -> Vec<String> {
        these.iter().filter(|row| !those.contains(row)).take(5).cloned().collect()
    };
    assert!(rows == others, "only here {:#?}\nonly there {:#?}", only(&rows, &others), only(&others, &rows));
}

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
async fn f57_f65_what_never_comes_ends_by_name_and_does_not_make_the_stream_look_failed() {
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
async fn an_old_session_is_asked_for_its_reports_once_its_participants_are_known() {
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
async fn f85_p13_a_large_meeting_without_any_report_is_asked_for_each_a_few_times() {
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
async fn what_belonged_to_an_old_session_that_was_dropped_comes_back_with_it() {
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
    feed.replace(tributary::demo::simulator::feed::FixedRecord {
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

#[tokio::test]
async fn a_refusal_in_the_middle_of_a_burst_is_obeyed_and_loses_nothing() {
    let generated = meetings(12);
    let mut calm = World::new().await.with_depth();
    let feed = || generated.feed(Platform::Realtimekit);
    let _calm = calm.simulate(Platform::Realtimekit, feed(), Quirks::default()).await;
    calm.poll().await;

    let mut world = World::new().await.with_depth();
    let simulator = world.simulate(Platform::Realtimekit, feed(), Quirks::default()).await;
    let refusal = |number| Fault::new(Effect::RateLimited(RetryAfter::Seconds(120))).from_request(number);
    simulator.script(vec![refusal(6), refusal(25), refusal(26), refusal(60)]);
    let mut rounds = 0;
    loop {
        rounds += 1;
        let lines = world.poll().await;
        if lines.iter().all(tributary::app::polling::PollLine::is_complete) {
            break;
        }
        assert!(lines.iter().any(|line| line.result == "rate_limited"), "{lines:?}");
        // calls in flight are completed; until the stated instant no new call is made
        let made = simulator.requests().len();
        world.clock.set(world.clock.now() + TimeDelta::seconds(119));
        world.poll().await;
        assert_eq!(simulator.requests().len(), made, "a call was made before the stated reset");
        world.clock.set(world.clock.now() + TimeDelta::seconds(2));
    }
    assert!((3..=6).contains(&rounds), "{rounds} rounds");
    assert_same(&world, &calm).await;
}

#[tokio::test]
async fn a_slow_file_holds_nothing_up() {
    let generated = meetings(10);
    let mut world = World::new().await.with_depth();
    let simulator =
        world.simulate(Platform::Realtimekit, generated.feed(Platform::Realtimekit), Quirks::default()).await;
    simulator.file_script(vec![Fault::new(Effect::Delay(Duration::from_secs(6)))]);
    let pool = world.db.pool.clone();
    let poll = world.poll();
    let watch = async {
        // all others are decided while the slow one is still in flight
        for _ in 0..600 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let left: Result<(i64, i64), _> = sqlx::query_as(
                "select count(*), count(*) filter (where attempts = 0 or claimed_until is not null)
                   from ingest.artifact_tasks",
            )
            .fetch_one(&pool)
            .await;
            if matches!(left, Ok((all, 1)) if all >= 50) {
                return true;
            }
        }
        false
    };
    let (lines, seen) = tokio::join!(poll, watch);
    assert!(seen, "the others waited for the slow one");
    assert!(lines.iter().all(tributary::app::polling::PollLine::is_complete), "{lines:?}");
}

#[tokio::test]
async fn two_instances_share_the_work() {
    let generated = meetings(16);
    let mut world = World::new().await.with_depth();
    let simulator =
        world.simulate(Platform::Realtimekit, generated.feed(Platform::Realtimekit), Quirks::default()).await;
    let (one, other) = tokio::join!(world.poll(), world.poll());
    let tried = |lines: &[tributary::app::polling::PollLine]| -> u64 {
        lines.iter().filter(|line| line.stream != "sessions").map(|line| line.pages).sum()
    };
    // the second instance may have found the list empty, and then finds the remaining tasks on its next poll
    let rest = world.poll().await;
    let done = |line: &tributary::app::polling::PollLine| line.is_complete() || line.result == "held";
    assert!(one.iter().chain(&other).chain(&rest).all(done), "{one:?}\n{other:?}\n{rest:?}");
    assert!(tried(&one) + tried(&other) > 0);
    let asked = simulator.requests().iter().filter(|call| call.path_and_query.contains("/chat")).count();
    // what is not ready is requested again within seconds; what is ready was requested once
    let once =
        "select count(*) from ingest.artifact_tasks where stream = 'chat' and state = 'available' and attempts <> 1";
    assert_eq!(world.number(once).await, 0, "each chat was asked for once");
    let tries = "select sum(attempts)::bigint from ingest.artifact_tasks where stream = 'chat'";
    assert_eq!(i64::try_from(asked).ok(), Some(world.number(tries).await));
    let mut alone = World::new().await.with_depth();
    let _alone = alone.simulate(Platform::Realtimekit, generated.feed(Platform::Realtimekit), Quirks::default()).await;
    alone.poll().await;
    assert_same(&world, &alone).await;
}

#[tokio::test]
async fn whoever_lost_the_claim_writes_nothing() {
    let segment = json!([{"startTime": 1000, "endTime": 2000, "sentence": "Too late", "peerData": {"id": "p"}}]);
    let (world, simulator, _) =
        world_with(Depth { transcript: FixedFile::ready(segment.to_string()), ..Depth::default() }).await;
    simulator.file_script(vec![Fault::new(Effect::Delay(Duration::from_millis(1500)))]);
    let take_over = async {
        // another instance claims it while the file is in flight
        let claimed = "update ingest.artifact_tasks
                          set claim_token = '00000000-0000-4000-8000-000000000001', claimed_until = now() + interval '1 hour'
                        where stream = 'transcript' and claim_token is not null";
        for _ in 0..600 {
            if sqlx::query(claimed).execute(&world.db.pool).await.expect("a claim").rows_affected() == 1 {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        false
    };
    let (_, is_taken) = tokio::join!(world.poll(), take_over);
    assert!(is_taken, "it was never claimed");
    assert_eq!(world.number("select count(*) from core.transcripts").await, 0);
    let untouched = "select count(*) from ingest.artifact_tasks
                      where claim_token = '00000000-0000-4000-8000-000000000001' and state = 'pending'";
    assert_eq!(world.number(untouched).await, 1);
}

/// Kills a real process during its work, twice; the next process completes its tasks.
#[tokio::test(flavor = "multi_thread")]
async fn f71_p08_killing_the_process_in_the_middle_loses_nothing() {
    let now = SystemClock.now();
    let none = Volume { history: 0, per_hour_ahead: 0 };
    let shape = Shape {
        history_days: 5,
        hours_ahead: 1,
        avatars: none,
        chats: none,
        meetings: Volume { history: 20, per_hour_ahead: 0 },
    };
    let generated = Generated::generate(&shape, 3, now - TimeDelta::hours(5));
    let clock = Arc::new(SettableClock::at(now));
    let mut calm = World::new().await.with_depth();
    let _calm = calm.simulate(Platform::Realtimekit, generated.feed(Platform::Realtimekit), Quirks::default()).await;
    calm.clock.set(now);
    calm.poll().await;

    let world = World::new().await.with_depth();
    // other tests cover quotas: here no call waits for one
    let quirks = Quirks { calls_per_window: 100_000_000, ..Quirks::default() };
    let provider = simulator(Platform::Realtimekit, generated.feed(Platform::Realtimekit), quirks, clock).await;
    let folder = std::env::temp_dir().join(format!("tributary-depth-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    std::fs::write(folder.join("key"), crate::harness::API_KEY).expect("a key");
    let toml = format!(
        "[[sources]]\nslug = \"realtimekit\"\nprovider = \"realtimekit\"\nbase_url = \"{}\"\napi_key_file = \"{}\"\n\
         account_id = \"acc\"\napp_id = \"app\"\nrequests_per_minute = 100000\n",
        provider.base_url(),
        folder.join("key").display()
    );
    std::fs::write(folder.join("tributary.toml"), toml).expect("a configuration");
    let poll = || {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tributary"));
        command.arg("--config").arg(folder.join("tributary.toml")).arg("poll");
        command.env("DATABASE_URL", &world.db.url).stdout(std::process::Stdio::null());
        command
    };
    for calls in [20, 60] {
        let before = provider.requests().len();
        let mut child = poll().spawn().expect("the binary runs");
        while provider.requests().len() < before + calls {
            tokio::time::sleep(Duration::from_millis(2)).await;
            assert!(child.try_wait().expect("a child").is_none(), "it was done before it could be killed");
        }
        let _ = child.kill();
        let _ = child.wait();
        // the claims of the killed process expire by the database's clock
        sqlx::query("update ingest.artifact_tasks set claimed_until = now() where claimed_until > now()")
            .execute(&world.db.pool)
            .await
            .expect("time passes");
        sqlx::query("update ingest.streams set lease_until = now() where lease_until > now()")
            .execute(&world.db.pool)
            .await
            .expect("time passes");
    }
    let mut last = poll();
    let status = tokio::task::spawn_blocking(move || last.status()).await.expect("a thread").expect("a poll");
    assert!(status.success(), "{status}");
    std::fs::remove_dir_all(&folder).expect("a folder");
    assert_same(&world, &calm).await;
}

/// A provider that allows 240 calls in twelve seconds: four fifths of them are ours.
#[tokio::test]
async fn a_backlog_uses_the_share_of_the_quota_and_no_more() {
    let generated = meetings(24);
    let mut world = World::new().await.with_depth();
    let system: Arc<dyn Clock> = Arc::new(SystemClock);
    let quirks = Quirks { calls_per_window: 240, calls_window_seconds: 12, ..Quirks::default() };
    let provider =
        simulator(Platform::Realtimekit, generated.feed(Platform::Realtimekit), quirks, Arc::clone(&system)).await;
    world.poll_elsewhere("realtimekit", &provider.base_url());
    let (app, all) = (world.app_at(system), tributary::app::polling::Selection::default());
    let lines = tributary::app::polling::poll(&app, &all, tokio_util::sync::CancellationToken::new()).await;
    let lines = lines.expect("the poll runs");
    // by the machine's clock the meetings are old: that they have no files is confirmed a day later
    let is_done = |line: &tributary::app::polling::PollLine| line.is_complete() || line.result == "incomplete";
    assert!(lines.iter().all(|line| is_done(line) && line.rejected == 0), "{lines:?}");
    let calls = provider.requests();
    assert!(calls.iter().all(|call| call.status != 429), "a call was refused");
    let times: Vec<_> = calls.iter().map(|call| call.at).collect();
    assert!(times.len() > 150, "{} calls are too few to tell", times.len());
    let window = TimeDelta::seconds(12);
    let most = times.iter().map(|from| times.iter().filter(|at| **at >= *from && **at < *from + window).count()).max();
    assert!(most <= Some(192), "{most:?} calls in one window");
    // missing artifacts are requested again within seconds, after separate waits: up to the last new call, less
    // those that wait for each other and not for the quota; a busy machine gets some tolerance
    let mut seen = std::collections::BTreeSet::new();
    let is_new = calls.iter().map(|call| seen.insert(&call.path_and_query)).collect::<Vec<bool>>();
    let last_new = is_new.iter().rposition(|is_new| *is_new).expect("a call");
    let busy = &times[..last_new - 20];
    let seconds = (busy[busy.len() - 1] - busy[0]).as_seconds_f64();
    let rate = f64::from(u32::try_from(busy.len() - 1).expect("few")) / seconds;
    assert!(rate >= 0.85 * 16.0, "{rate:.2} calls a second of 16");
}

/// A token that may list sessions but not read transcripts costs the transcripts and nothing else.
#[tokio::test]
async fn a_call_that_is_refused_stops_no_other_kind_of_call() {
    let generated = meetings(12);
    let mut world = World::new().await.with_depth();
    let simulator =
        world.simulate(Platform::Realtimekit, generated.feed(Platform::Realtimekit), Quirks::default()).await;
    let forbidden = Effect::json(403, r#"{"success":false,"error":{"code":403,"message":"no"}}"#);
    simulator.script(vec![Fault::new(forbidden).only("/transcript").forever()]);
    let lines = world.poll().await;
    for line in &lines {
        let expected = if line.stream == "transcript" { "failed" } else { "complete" };
        assert_eq!(line.result, expected, "{lines:?}");
    }
    let asked = simulator.requests().iter().filter(|call| call.path_and_query.contains("/transcript")).count();
    assert!((3..=8).contains(&asked), "{asked} calls were refused before no more were made");
    let untouched = "select count(*) from ingest.artifact_tasks where attempts = 0 and stream <> 'transcript'";
    assert_eq!(world.number(untouched).await, 0);
    let left = "select count(*) from ingest.artifact_tasks where stream = 'transcript' and state = 'pending'";
    assert_eq!(world.number(left).await, 12, "nothing is given up");
}

/// One session that is always refused keeps no other from being fetched.
#[tokio::test]
async fn one_session_that_is_refused_keeps_no_other_from_being_fetched() {
    let generated = meetings(12);
    let mut world = World::new().await.with_depth();
    let simulator =
        world.simulate(Platform::Realtimekit, generated.feed(Platform::Realtimekit), Quirks::default()).await;
    world.poll().await;
    let newest = "select provider_session_id from core.sessions order by ended_at desc limit 1";
    let newest: String = sqlx::query_scalar(newest).fetch_one(&world.db.pool).await.expect("a session");
    let forbidden = Effect::json(403, r#"{"success":false,"error":{"code":403,"message":"no"}}"#);
    simulator.script(vec![Fault::new(forbidden).only(&format!("{newest}/chat")).forever()]);
    sqlx::query("update ingest.artifact_tasks set state = 'pending', next_try_at = '2026-01-01' where stream = 'chat'")
        .execute(&world.db.pool)
        .await
        .expect("requested again");
    let lines = world.poll().await;
    assert!(lines.iter().any(|line| line.stream == "chat" && line.result == "incomplete"), "{lines:?}");
    let left = "select count(*) from ingest.artifact_tasks where stream = 'chat' and next_try_at = '2026-01-01'";
    assert_eq!(world.number(left).await, 0, "all were asked for");
    let refused = "select count(*) from ingest.artifact_tasks where reason = 'auth_failed'";
    assert_eq!(world.number(refused).await, 1);
}

#[tokio::test]
async fn the_data_version_grows_with_each_save_in_the_order_of_commits() {
    let feed =
        FixedFeed::new((0..3).map(|n| record(Platform::Realtimekit, &n.to_string(), at("2026-03-10T11:00:00Z"))));
    let (world, _provider) = world_of(Arc::new(feed), Quirks::default()).await;
    world.poll().await;
    let version = async || {
        let catalog = Catalog::load(&world.db.pool, None).await.expect("a catalog");
        catalog.data_version().trim_start_matches('d').parse::<i64>().expect("a number")
    };
    let pool = &world.db.pool;
    sqlx::query("update ingest.artifact_tasks set state = 'pending', next_try_at = now() where stream = 'summary'")
        .execute(pool)
        .await
        .expect("things to do");
    let source_id =
        SourceId(i32::try_from(world.number("select source_id::bigint from core.sources").await).expect("one"));
    let now = world.clock.now() + TimeDelta::days(365);
    let places = [Places { stream: Stream::Summary, count: 3 }];
    let tasks = queue::claim(pool, source_id, &places, Duration::from_mins(1), now).await.expect("claims");
    let run_id = journal::start(pool, source_id, Stream::Summary, now).await.expect("a pass");
    let person_key = PersonKey::new(vec![7; 32]).expect("a key");
    let decision = Decision {
        state: ArtifactState::Expired,
        next_try_at: None,
        reason: None,
        detail: None,
        owed: Owed::default(),
    };
    let mut before = version().await;
    assert!(before > 5, "the poll has stored something: {before}");
    // by the clock, each of these is earlier than the stored one
    for (number, task) in (0..).zip(&tasks) {
        let now = now - TimeDelta::seconds(number);
        let context = SaveContext { task, run_id, source_slug: "x", person_key: &person_key, now };
        let member = Member { context, content: None, decision: &decision };
        let saved = artifact::save_all(pool, &[member], &[]).await.expect("it is kept");
        assert_eq!(saved[0].0, Saved::Unchanged);
        let after = version().await;
        assert_eq!(after, before + 1, "{number}");
        before = after;
    }
    assert_eq!(tasks.len(), 3);
}

/// Files beyond the usual size are fetched once more, one at a time, and stored all the same.
#[tokio::test]
async fn f66_p10_large_files_are_stored_one_at_a_time() {
    let long = "word ".repeat(300_000);
    let chat = FixedFile::ready(format!("id,payloadType,payload\n1,TEXT_MESSAGE,{long}\n"));
    let summary = FixedFile::ready(format!("# {long}"));
    let (world, _simulator, _) = world_with(Depth { chat, summary, ..Depth::default() }).await;
    world.poll().await;
    assert_eq!(world.number("select word_count::bigint from core.messages").await, 300_000);
    assert_eq!(world.number("select word_count::bigint from core.session_summaries").await, 300_000);
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
