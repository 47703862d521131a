//! Retries of artifacts: one that a fault kept from being read is owed until it is read or given up.
//!
//! Meetings of two days, twelve days and forty days ago. The clock stands still unless a test moves it; waits of
//! seconds within a poll move it too.

mod giving_up;
mod refused;
mod transient_faults;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use tributary::app::polling::PollLine;
use tributary_simulator::fixed_feed::{Depth, FixedFeed, FixedFile};
use tributary_simulator::quirks::Quirks;
use tributary_simulator::{Platform, Simulator};

use crate::harness::records::{iso, record};
use crate::harness::{World, noon};

/// A chat whose first half ends within a quoted field.
const CHAT: &str = "id,payloadType,payload\n1,TEXT_MESSAGE,\"Good morning, all of you, and welcome to this meeting\"\n";

/// Returns when a meeting of so many days ago began.
fn days_ago(days: i64) -> DateTime<Utc> {
    noon() - TimeDelta::days(days)
}

/// The one presence in the meeting `id`.
fn presence(id: &str, began: DateTime<Utc>) -> String {
    let (joined, left) = (iso(began), iso(began + TimeDelta::seconds(90)));
    json!({"id": format!("{id}-p"), "user_id": format!("{id}-u"), "display_name": "Ana", "preset_name": "host",
           "joined_at": joined, "left_at": left, "duration": 1.5, "created_at": joined, "updated_at": joined})
    .to_string()
}

/// All artifacts of a meeting.
fn everything(id: &str, began: DateTime<Utc>) -> Depth {
    let transcript =
        json!([{"startTime": 1000, "endTime": 2000, "sentence": "Hi", "peerData": {"id": format!("{id}-p")}}]);
    let report = json!({"participant": {"id": format!("{id}-p"), "peer_report": {
        "quality": {"audio_producer_cumulative": {"quality_mos": {"avg": 4.1}}}}}});
    Depth {
        participants: vec![presence(id, began)],
        chat: FixedFile::ready(CHAT),
        transcript: FixedFile::ready(transcript.to_string()),
        summary: FixedFile::ready("# Minutes\n\nWe met."),
        peer_reports: BTreeMap::from([(format!("{id}-p"), report.to_string())]),
        ..Depth::default()
    }
}

/// Creates meetings with all artifacts, by id and days ago.
async fn world_of(meetings: impl IntoIterator<Item = (String, i64)>) -> (World, Simulator) {
    let feed = Arc::new(FixedFeed::new([]));
    for (id, days) in meetings {
        let began = days_ago(days);
        feed.insert(record(Platform::Realtimekit, &id, began));
        feed.set_depth(&id, everything(&id, began));
    }
    let mut world = World::new().await.with_depth();
    let simulator = world.simulate(Platform::Realtimekit, feed, Quirks::default()).await;
    (world, simulator)
}

/// Returns the line of a stream; `None`: there is none.
fn line<'a>(lines: &'a [PollLine], stream: &str) -> Option<&'a PollLine> {
    lines.iter().find(|line| line.stream == stream)
}

/// Whether `tributary poll` exits with 0.
fn is_exit_0(lines: &[PollLine]) -> bool {
    lines.iter().all(PollLine::is_complete)
}

impl World {
    /// Returns the health of each stream.
    async fn health(&self) -> BTreeMap<String, Value> {
        let health = self.api().await.ok("/v1/health/pollers").await;
        let items = health["items"].as_array().expect("items").clone();
        items.into_iter().map(|item| (item["stream"].as_str().expect("a stream").to_owned(), item)).collect()
    }

    /// Returns tasks by state and reason, most frequent first.
    async fn states(&self, stream: &str) -> String {
        sqlx::query_scalar(
            "select coalesce(string_agg(concat_ws(' ', n, state, reason), ', ' order by n desc, state, reason), '')
               from (select state, reason, count(*) as n from ingest.artifact_tasks where stream = $1
                      group by state, reason) s",
        )
        .bind(stream)
        .fetch_one(&self.db.pool)
        .await
        .expect("states")
    }

    fn wait(&self, duration: TimeDelta) {
        self.clock.set(tributary::clock::Clock::now(&*self.clock) + duration);
    }
}
