//! A transcript as text: subtitles for players, and lines for people.
//!
//! Times count from the start of the session. Subtitles need an end for each cue: where the transcript has
//! none, it is the start of the next cue, or a few seconds later. The functions are pure.

use std::fmt::Write;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::query::availability::{Availability, State};
use crate::query::transcripts::TranscriptSegment;

/// Display time of a cue without an end.
const CUE_MS: u64 = 4_000;

/// Formats the transcript as `WebVTT`. A cue without a time gets the time of the previous one.
pub(crate) fn subtitles(segments: &[TranscriptSegment]) -> String {
    let mut text = "WEBVTT\n".to_owned();
    let mut from = 0;
    for (place, segment) in segments.iter().enumerate() {
        from = offset_ms(segment).unwrap_or(from);
        let next = segments.get(place + 1).and_then(offset_ms).map(|next| next.min(from + CUE_MS));
        let given = segment.end_offset_seconds.map(|end| milliseconds(end.0));
        let to = given.or(next).filter(|to| *to > from).unwrap_or(from + CUE_MS);
        let _ = write!(text, "\n{} --> {}\n", clock(from, true), clock(to, true));
        if let Some(speaker) = &segment.speaker {
            let _ = write!(text, "<v {}>", escaped(&in_one_line(speaker)));
        }
        // an empty line would end the cue
        let lines: Vec<&str> = segment.body.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let _ = writeln!(text, "{}", escaped(&lines.join("\n")));
    }
    text
}

/// Formats the transcript as one line for each utterance.
pub(crate) fn lines(segments: &[TranscriptSegment]) -> String {
    let mut text = String::new();
    for segment in segments {
        if let Some(at) = offset_ms(segment) {
            let _ = write!(text, "[{}] ", clock(at, false));
        }
        if let Some(speaker) = &segment.speaker {
            let _ = write!(text, "{}: ", in_one_line(speaker));
        }
        let _ = writeln!(text, "{}", in_one_line(&segment.body));
    }
    text
}

/// Returns the text that explains why there is no transcript.
pub(crate) fn why_there_is_none(session_id: i64, known: &Availability) -> String {
    let why = match known.availability {
        State::Available | State::Unknown => "it is not stored",
        State::Empty => "it was empty",
        State::Pending => "it may still become available",
        State::NotEnabled => "the provider made none",
        State::Expired => "the provider no longer has it",
        State::Failed => "it could not be read",
        State::NotApplicable => "the provider has no transcripts",
        State::NotFetched => "this source does not fetch it",
    };
    let next = known.next_try_at.map(|at| format!("; the next try is at {}", at.to_rfc3339()));
    format!("Session {session_id} has no transcript: {why}{}.", next.unwrap_or_default())
}

fn offset_ms(segment: &TranscriptSegment) -> Option<u64> {
    segment.offset_seconds.map(|offset| milliseconds(offset.0))
}

/// Converts an offset; utterances before the start of the session are shown at its start.
fn milliseconds(seconds: Decimal) -> u64 {
    (seconds * Decimal::ONE_THOUSAND).to_u64().unwrap_or(0)
}

fn clock(ms: u64, with_ms: bool) -> String {
    let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
    let clock = format!("{hours:02}:{minutes:02}:{seconds:02}");
    if with_ms { format!("{clock}.{:03}", ms % 1_000) } else { clock }
}

fn in_one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
