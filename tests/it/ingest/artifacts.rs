//! Session artifacts as polls fetch them: participants, chat, transcripts, summaries, quality.

mod call_budget;
mod claims;
mod empty_answers;
mod late_and_gone;
mod missing_fields;
mod open_end;
mod storing;

use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::json;
use tributary_simulator::fixed_feed::{Depth, FixedFeed};
use tributary_simulator::quirks::Quirks;
use tributary_simulator::world::{Shape, Volume, World as Generated};
use tributary_simulator::{Platform, Simulator};

use crate::harness::records::record;
use crate::harness::{World, at, noon};

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
