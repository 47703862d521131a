//! Files of meetings as other programs write them, through a whole poll: no utterance is lost, and nothing is
//! misinterpreted.

mod csv_rows;
mod speakers;
mod subtitles;

use std::sync::Arc;

use serde_json::json;
use tributary::app::polling::PollLine;
use tributary_simulator::fixed_feed::{Depth, FixedFeed, FixedFile};
use tributary_simulator::quirks::Quirks;
use tributary_simulator::{Platform, Simulator};

use crate::harness::records::record;
use crate::harness::{World, at};

macro_rules! case {
    ($name:literal) => {
        include_bytes!(concat!("cases/", $name))
    };
}
pub(crate) use case;

/// A meeting that began at eleven, polled at noon.
struct Meeting {
    world: World,
    feed: Arc<FixedFeed>,
    lines: Vec<PollLine>,
    _simulator: Simulator,
}

/// An utterance: begin, end, speaker, words, text.
type Utterance = (Option<i64>, Option<i64>, Option<String>, i32, String);

impl Meeting {
    async fn polled(depth: Depth) -> Self {
        let feed = Arc::new(FixedFeed::new([record(Platform::Realtimekit, "one", at("2026-03-10T11:00:00Z"))]));
        feed.set_depth("one", depth);
        let mut world = World::new().await.with_depth();
        let simulator = world.simulate(Platform::Realtimekit, feed.clone(), Quirks::default()).await;
        let lines = world.poll().await;
        Self { world, feed, lines, _simulator: simulator }
    }

    /// Creates a meeting with a transcript, and with participants of these names.
    async fn with_transcript(file: &[u8], participants: &[&str]) -> Self {
        let participants = people(participants);
        Self::polled(Depth { transcript: FixedFile::ready(file), participants, ..Depth::default() }).await
    }

    async fn with_chat(file: &[u8]) -> Self {
        Self::polled(Depth { chat: FixedFile::ready(file), ..Depth::default() }).await
    }

    fn line(&self, stream: &str) -> &PollLine {
        self.lines.iter().find(|line| line.stream == stream).expect("a line")
    }

    async fn utterances(&self) -> Vec<Utterance> {
        let sql = "select offset_ms, end_offset_ms, speaker_label, word_count, body
                     from core.transcript_segments order by position";
        sqlx::query_as(sql).fetch_all(&self.world.db.pool).await.expect("utterances")
    }

    /// Returns speaker and text of each utterance.
    async fn said(&self) -> Vec<(Option<String>, String)> {
        self.utterances().await.into_iter().map(|(_, _, speaker, _, text)| (speaker, text)).collect()
    }

    /// Returns the numbers of speakers and words of the whole transcript.
    async fn counted(&self) -> (i32, i32) {
        let sql = "select speaker_count, word_count from core.transcripts";
        sqlx::query_as(sql).fetch_one(&self.world.db.pool).await.expect("a transcript")
    }

    /// Returns reason and text of each reject.
    async fn rejects(&self) -> Vec<(String, String)> {
        let sql = "select reason_code, convert_from(body, 'UTF8') from ingest.rejects
                    where resolved_at is null order by 2";
        sqlx::query_as(sql).fetch_all(&self.world.db.pool).await.expect("rejects")
    }
}

fn people(names: &[&str]) -> Vec<String> {
    let person = |(number, name): (usize, &&str)| {
        json!({"id": format!("p{number}"), "user_id": format!("u{number}"), "custom_participant_id": "",
               "display_name": name, "preset_name": "host", "joined_at": "2026-03-10T11:00:00Z",
               "left_at": "2026-03-10T11:01:30Z", "duration": 1.5, "created_at": "2026-03-10T11:00:00Z",
               "updated_at": "2026-03-10T11:01:30Z"})
        .to_string()
    };
    names.iter().enumerate().map(person).collect()
}

fn utterance(begin: i64, end: i64, speaker: &str, words: i32, text: &str) -> Utterance {
    (Some(begin), Some(end), (!speaker.is_empty()).then(|| speaker.to_owned()), words, text.to_owned())
}

/// Speaker, or `None` if empty, and text.
fn said(speaker: &str, text: &str) -> (Option<String>, String) {
    ((!speaker.is_empty()).then(|| speaker.to_owned()), text.to_owned())
}
