//! Files in the provider's formats: chats in two, transcripts in five.
//!
//! The texts are given; this module decides quoting, times and layout. Of the formats, only JSON has both the end of an
//! utterance and the ids of its speaker: CSV has no end, SRT and VTT have only the speaker's name.

use std::fmt::Write as _;

use serde_json::json;

use super::Meeting;
use super::talk::{Line, Segment};
use crate::distributions::iso;
use crate::feed::{File, FileRequest};
use crate::quirks::{ChatFormat, TranscriptFormat};

const CHAT_COLUMNS: &str =
    "id,participantId,sessionId,meetingId,displayName,pinned,isEdited,payloadType,payload,createdAt";
const TRANSCRIPT_COLUMNS: &str = "Timestamp,Participant ID,User ID,Custom Participant ID,Participant Name,Transcript";

/// Returns a field of a CSV record in quotes.
fn quoted(field: &str) -> String {
    format!("\"{}\"", field.replace('"', "\"\""))
}

/// Returns a field of a CSV record, in quotes if it needs them.
fn csv(field: &str) -> String {
    if field.contains([',', '"', '\n', '\r']) { quoted(field) } else { field.to_owned() }
}

/// Returns a time such as `00:01:05,000`, with `point` before the milliseconds.
fn cue_time(ms: i64, point: char) -> String {
    let seconds = ms / 1_000;
    format!("{:02}:{:02}:{:02}{point}{:03}", seconds / 3_600, seconds / 60 % 60, seconds % 60, ms % 1_000)
}

impl Meeting {
    fn name(&self, presence: usize) -> String {
        self.stays[presence].person.name().unwrap_or_default()
    }

    /// Returns the chat file of these lines.
    pub(super) fn chat_file(&self, lines: &[Line], request: FileRequest<'_>) -> File {
        if request.quirks.chat_format == ChatFormat::Json {
            let messages: Vec<serde_json::Value> = lines.iter().map(|line| self.chat_object(line)).collect();
            return File { content_type: "application/json", bytes: json!(messages).to_string().into_bytes() };
        }
        let end = if request.quirks.chat_crlf { "\r\n" } else { "\n" };
        let mut text = if request.quirks.chat_bom { "\u{feff}".to_owned() } else { String::new() };
        text.push_str(CHAT_COLUMNS);
        text.push_str(end);
        for line in lines {
            let fields = [
                line.id.clone(),
                self.peer_id(line.presence),
                self.id.clone(),
                self.room.associated_id.clone(),
                csv(&self.name(line.presence)),
                line.is_pinned.to_string(),
                line.is_edited.to_string(),
                line.payload_type.to_owned(),
                csv(&line.payload),
                iso(line.created_at),
            ];
            text.push_str(&fields.join(","));
            text.push_str(end);
        }
        File { content_type: "text/csv", bytes: text.into_bytes() }
    }

    fn chat_object(&self, line: &Line) -> serde_json::Value {
        json!({
            "id": line.id, "participantId": self.peer_id(line.presence), "sessionId": self.id,
            "meetingId": self.room.associated_id, "displayName": self.name(line.presence), "pinned": line.is_pinned,
            "isEdited": line.is_edited, "payloadType": line.payload_type, "payload": line.payload,
            "createdAt": iso(line.created_at),
        })
    }

    /// Returns the transcript of these segments, in the requested format or in the one that a quirk prescribes.
    pub(super) fn transcript_file(&self, segments: &[Segment], request: FileRequest<'_>) -> File {
        let format = request.quirks.transcript_format;
        // The instant from which milliseconds count.
        let origin_ms = if format == TranscriptFormat::EpochTimes { self.started_at().timestamp_millis() } else { 0 };
        let (content_type, text) = match (format, request.format) {
            (TranscriptFormat::AlwaysHeaderlessCsv, _) => ("text/csv", self.headerless_csv(segments, 0)),
            (TranscriptFormat::AlwaysHeaderCsv, _) => ("text/csv", self.header_csv(segments)),
            (TranscriptFormat::AlwaysSrt, _) | (_, "SRT") => ("application/x-subrip", self.srt(segments)),
            (TranscriptFormat::AlwaysVtt, _) | (_, "VTT") => ("text/vtt", self.vtt(segments)),
            (_, "JSON") => ("application/json", self.json(segments, origin_ms)),
            _ => ("text/csv", self.headerless_csv(segments, origin_ms)),
        };
        File { content_type, bytes: text.into_bytes() }
    }

    fn csv_record(&self, time: &str, segment: &Segment) -> String {
        let person = self.stays[segment.presence].person;
        let fields = [
            time.to_owned(),
            self.peer_id(segment.presence),
            person.user_id(&self.room.associated_id),
            person.custom_id().unwrap_or_default(),
            self.name(segment.presence),
            segment.text.clone(),
        ];
        fields.map(|field| quoted(&field)).join(",") + "\n"
    }

    fn headerless_csv(&self, segments: &[Segment], origin_ms: i64) -> String {
        segments.iter().map(|segment| self.csv_record(&(origin_ms + segment.start_ms).to_string(), segment)).collect()
    }

    fn header_csv(&self, segments: &[Segment]) -> String {
        let time = |segment: &Segment| iso(self.started_at() + chrono::TimeDelta::milliseconds(segment.start_ms));
        let records = segments.iter().map(|segment| self.csv_record(&time(segment), segment));
        std::iter::once(format!("{TRANSCRIPT_COLUMNS}\n")).chain(records).collect()
    }

    fn json(&self, segments: &[Segment], origin_ms: i64) -> String {
        let object = |segment: &Segment| {
            let stay = &self.stays[segment.presence];
            // The file is written while the first presence is still inside, so that one has no end.
            let left_at = if segment.presence == 0 { String::new() } else { iso(self.after_creation(stay.left_ms)) };
            json!({
                "startTime": origin_ms + segment.start_ms, "endTime": origin_ms + segment.end_ms,
                "sentence": segment.text,
                "peerData": {
                    "id": self.peer_id(segment.presence), "userId": stay.person.user_id(&self.room.associated_id),
                    "displayName": stay.person.name(), "cpi": stay.person.custom_id().unwrap_or_default(),
                    "joinedAt": iso(self.after_creation(stay.joined_ms)), "leftAt": left_at,
                },
            })
        };
        json!(segments.iter().map(object).collect::<Vec<_>>()).to_string()
    }

    /// Returns `name: text`. The name is required, because the text may contain a colon too.
    fn cue(&self, segment: &Segment) -> String {
        let name = self.stays[segment.presence].person.name();
        format!("{}: {}", name.as_deref().unwrap_or("Unknown"), segment.text)
    }

    fn srt(&self, segments: &[Segment]) -> String {
        let mut text = String::new();
        for (number, segment) in segments.iter().enumerate() {
            let (start, end) = (cue_time(segment.start_ms, ','), cue_time(segment.end_ms, ','));
            // Writing to a `String` cannot fail.
            let _ = write!(text, "{}\n{start} --> {end}\n{}\n\n", number + 1, self.cue(segment));
        }
        text
    }

    fn vtt(&self, segments: &[Segment]) -> String {
        let mut text = "WEBVTT\n".to_owned();
        for segment in segments {
            let (start, end) = (cue_time(segment.start_ms, '.'), cue_time(segment.end_ms, '.'));
            let _ = write!(text, "\n{start} --> {end}\n{}\n", self.cue(segment));
        }
        text
    }
}
