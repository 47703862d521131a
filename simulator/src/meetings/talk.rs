//! Speech and messages of a meeting, generated on demand from random numbers of the meeting.
//!
//! The same meeting always has the same content; nothing is stored. A person who speaks or writes is inside at that
//! moment. Offsets count from the start of the session.

use chrono::{DateTime, TimeDelta, Utc};
use rand::RngExt;
use rand::rngs::SmallRng;

use super::spoken::{POINTS, SPOKEN, WRITTEN};
use super::{Meeting, STARTED_BEFORE_CREATION_MS, Stay};
use crate::distributions::{pick, seeded, uuid_v4};

/// Most utterances of a transcript: a long meeting is not transcribed to its end.
const MOST_SEGMENTS: usize = 600;

/// An utterance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Segment {
    /// Milliseconds from the start of the session.
    pub(super) start_ms: i64,
    pub(super) end_ms: i64,
    /// Number of the speaker's presence.
    pub(super) presence: usize,
    pub(super) text: String,
}

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) id: String,
    /// Number of the writer's presence.
    pub(super) presence: usize,
    pub(super) payload_type: &'static str,
    pub(super) payload: String,
    pub(super) is_pinned: bool,
    pub(super) is_edited: bool,
    pub(super) created_at: DateTime<Utc>,
}

fn phrase(rng: &mut SmallRng, phrases: &[&str]) -> String {
    let phrase = phrases[rng.random_range(0..phrases.len())];
    phrase.replace("{}", &rng.random_range(2..60).to_string())
}

impl Meeting {
    /// Returns a presence that is inside at `at_ms` after the creation; those who came first speak most.
    fn participant_at(&self, rng: &mut SmallRng, at_ms: i64) -> Option<usize> {
        let is_inside = |stay: &Stay| stay.joined_ms <= at_ms && at_ms < stay.left_ms;
        let inside: Vec<usize> = (0..self.stays.len()).filter(|number| is_inside(&self.stays[*number])).collect();
        let most = inside.len().min(if self.room.is_livestream { 3 } else { 8 });
        (most > 0).then(|| inside[rng.random_range(0..most).min(rng.random_range(0..most))])
    }

    /// Returns all utterances. A replaced transcript has one more.
    pub(super) fn segments(&self, is_replaced: bool) -> Vec<Segment> {
        let rng = &mut seeded(&["talk", &self.id]);
        let last_ms = self.stays.iter().map(|stay| stay.left_ms).max().unwrap_or(0);
        let (mut at_ms, mut segments) = (rng.random_range(2_000..40_000), Vec::new());
        while at_ms < last_ms && segments.len() < MOST_SEGMENTS {
            let text = phrase(rng, &SPOKEN);
            let lasts_ms = 400 + 55 * i64::try_from(text.chars().count()).unwrap_or(0) + rng.random_range(0..900);
            if let Some(presence) = self.participant_at(rng, at_ms) {
                let left_ms = self.stays[presence].left_ms;
                segments.push(Segment {
                    start_ms: at_ms + STARTED_BEFORE_CREATION_MS,
                    end_ms: (at_ms + lasts_ms).min(left_ms) + STARTED_BEFORE_CREATION_MS,
                    presence,
                    text,
                });
            }
            // Some utterances start at the same time as the one before.
            at_ms += if rng.random_bool(0.05) { 0 } else { lasts_ms + rng.random_range(200..14_000) };
        }
        if let Some(last) = segments.last().filter(|_| is_replaced).cloned() {
            segments.push(Segment {
                start_ms: last.end_ms,
                end_ms: last.end_ms + 900,
                text: "(corrected)".into(),
                ..last
            });
        }
        segments
    }

    /// Returns all messages.
    pub(super) fn lines(&self) -> Vec<Line> {
        let rng = &mut seeded(&["chat", &self.id]);
        let last_ms = self.stays.iter().map(|stay| stay.left_ms).max().unwrap_or(0);
        let mut times: Vec<i64> = (0..rng.random_range(1..25)).map(|_| rng.random_range(0..last_ms.max(1))).collect();
        times.sort_unstable();
        if let [.., before, last] = times.as_mut_slice() {
            *last = *before; // two at the same instant
        }
        times.into_iter().filter_map(|at_ms| self.line(rng, at_ms)).collect()
    }

    fn line(&self, rng: &mut SmallRng, at_ms: i64) -> Option<Line> {
        let presence = self.participant_at(rng, at_ms)?;
        let number: u32 = rng.random_range(1..100);
        let (payload_type, payload) = match rng.random_range(0..20) {
            0 => ("IMAGE_MESSAGE", format!("https://example.com/image-{number}.png")),
            1 => (
                "FILE_MESSAGE",
                format!(r#"{{"name":"plan {number}.pdf","size":20480,"link":"https://example.com/{number}.pdf"}}"#),
            ),
            _ => ("TEXT_MESSAGE", phrase(rng, &WRITTEN)),
        };
        Some(Line {
            id: uuid_v4(rng),
            presence,
            payload_type,
            payload,
            is_pinned: rng.random_bool(0.03),
            is_edited: rng.random_bool(0.05),
            created_at: self.created_at + TimeDelta::milliseconds(at_ms),
        })
    }

    /// Returns the summary, as Markdown or as plain text.
    pub(super) fn summary(&self, is_markdown: bool) -> String {
        let rng = &mut seeded(&["summary", &self.id]);
        let points: Vec<String> = (0..rng.random_range(2..6)).map(|_| phrase(rng, &POINTS)).collect();
        let owner = pick(rng, &["Ben", "Ana", "Søren"]);
        if is_markdown {
            let points = points.join("\n- ");
            return format!(
                "## Meeting summary\n\n### Key points\n\n- {points}\n\n### Action items\n\n- {owner}: unblock the rollout.\n"
            );
        }
        format!("The group met: {}. {} {owner} will unblock the rollout.\n", self.room.title, points.join(" "))
    }
}
