//! The transcript file, in all its formats: JSON, separated values with a header and without, and both kinds of
//! subtitles.
//!
//! JSON is requested; the content shows which format was received. Times are milliseconds from the start of the
//! session or of the epoch, distinguished by size, or ISO text. The format names the speaker; names within the text
//! of subtitles are judged by the rest of the file, and again by the participants when they are stored.

use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::value::RawValue;

use crate::connector::record::{DriftItems, Fields, decimal};
use crate::model::field::{FieldPresence, WatchedField};
use crate::model::page::Reject;
use crate::model::transcript::{Transcript, TranscriptFormat, TranscriptSegment};
use crate::model::{speaker, time};
use crate::providers::realtimekit::files::rows::{Fault, Rows, json_list, reject};
use crate::providers::realtimekit::files::subtitles;
use crate::providers::realtimekit::files::table;

/// Numbers below are milliseconds from the start of the session (up to three years), numbers above milliseconds since
/// the epoch (from 1973 on).
const LARGEST_OFFSET_MS: i64 = 100_000_000_000;

/// Columns of a file without a header: time, presence, person, the customer's id, name, text.
const PLAIN_COLUMNS: usize = 6;

/// Reads the file of a session that began at `started_at`.
pub(super) fn transcript(
    text: &str,
    started_at: DateTime<Utc>,
    drift: &DriftItems,
) -> Result<(Transcript, Vec<Reject>), Fault> {
    let times = Times { started_at };
    let mut language_code = None;
    let (format, mut rows) = if text.trim_start().starts_with(['[', '{']) {
        (TranscriptFormat::Json, json(text, &times, drift)?)
    } else if let Some(form) = subtitles::form(text) {
        let subtitles = subtitles::read(text, form)?;
        language_code = subtitles.language_code;
        let segments = subtitles.cues.good.into_iter().map(|cue| of_cue(cue, &times, drift));
        let mut segments: Vec<TranscriptSegment> = segments.collect();
        speaker::name_speakers(&mut segments, &[]);
        (form, Rows { good: segments, rejects: subtitles.cues.rejects })
    } else {
        (TranscriptFormat::Csv, separated(text, &times, drift)?)
    };
    // silence is no utterance
    rows.good.retain(|segment| !segment.body.trim().is_empty());
    Ok((Transcript { format, language_code, segments: rows.good }, rows.rejects))
}

/// The fields that metrics depend on: when, and who.
static WATCHED_IN_JSON: [WatchedField; 6] = [
    WatchedField::of_record("/startTime"),
    WatchedField::of_record("/endTime"),
    WatchedField::of_record("/peerData/id"),
    WatchedField::of_record("/peerData/userId"),
    WatchedField::of_record("/peerData/cpi"),
    WatchedField::of_record("/peerData/displayName"),
];
/// The same of separated values, which state no end.
static WATCHED_IN_CSV: [WatchedField; 5] = [
    WatchedField::of_record("/timestamp"),
    WatchedField::of_record("/participantId"),
    WatchedField::of_record("/userId"),
    WatchedField::of_record("/customParticipantId"),
    WatchedField::of_record("/participantName"),
];

/// Returns the fields that any of the segments has. The cues of subtitles have times, or are no cues.
pub(super) fn presence(transcript: &Transcript) -> FieldPresence {
    let segments = &transcript.segments;
    let any = |has: fn(&TranscriptSegment) -> bool| Some(segments.iter().any(has));
    let found = [
        any(|one| one.offset_ms.is_some()),
        any(|one| one.end_offset_ms.is_some()),
        any(|one| one.provider_participant_id.is_some()),
        any(|one| one.provider_user_id.is_some()),
        any(|one| one.custom_participant_id.is_some()),
        any(|one| one.speaker_label.is_some()),
    ];
    let [start, _, who @ ..] = found;
    match transcript.format {
        _ if segments.is_empty() => FieldPresence::default(),
        TranscriptFormat::Json => FieldPresence::of(&WATCHED_IN_JSON, &found),
        TranscriptFormat::Csv => FieldPresence::of(&WATCHED_IN_CSV, &[&[start], &who[..]].concat()),
        TranscriptFormat::Srt | TranscriptFormat::Vtt => FieldPresence::default(),
    }
}

fn json(text: &str, times: &Times, drift: &DriftItems) -> Result<Rows<TranscriptSegment>, Fault> {
    let segment = |raw: &str| {
        let fields = Fields::open(raw, drift)?;
        fields.expect(&["endTime", "peerData", "sentence", "startTime"]);
        let body = fields.full_text("sentence");
        let body = body.ok_or_else(|| reject(raw, "missing_field", "/sentence", "the value is missing"))?;
        let peer = fields.object("peerData");
        if let Some(peer) = &peer {
            peer.expect(&["cpi", "displayName", "id", "joinedAt", "leftAt", "userId"]);
        }
        let said = |name: &str| peer.as_ref().and_then(|peer| peer.text(name));
        let mut segment = times.segment(
            fields.instant_text("startTime").as_deref().and_then(|text| times.read(text, "/startTime", drift)),
            fields.instant_text("endTime").as_deref().and_then(|text| times.read(text, "/endTime", drift)),
            drift,
        );
        segment.provider_participant_id = said("id");
        segment.provider_user_id = said("userId");
        segment.custom_participant_id = said("cpi");
        segment.speaker_label = said("displayName");
        Ok(TranscriptSegment { body, ..segment })
    };
    Ok(sorted(json_list(text)?.into_iter().map(RawValue::get).map(segment)))
}

/// The columns in the order of a file without a header, by their names in a header.
const COLUMNS: [&str; PLAIN_COLUMNS] =
    ["timestamp", "participantid", "userid", "customparticipantid", "participantname", "transcript"];

fn separated(text: &str, times: &Times, drift: &DriftItems) -> Result<Rows<TranscriptSegment>, Fault> {
    let recognize = |rows: &[table::Row<'_>]| {
        let names = table::header(rows.first()?);
        if let Some(time) = names.iter().position(|name| name == "timestamp")
            && names.iter().any(|name| name == "transcript")
        {
            return Some(table::Form { names, has_header: true, time: Some(time) });
        }
        let is_row = |row: &table::Row<'_>| row.cells.len() == PLAIN_COLUMNS && times.moment(&row.cells[0]).is_some();
        let names = COLUMNS.map(str::to_owned).to_vec();
        rows.iter().any(is_row).then_some(table::Form { names, has_header: false, time: Some(0) })
    };
    let table = table::read(text, recognize, &|cell| times.moment(cell).is_some())?;
    let table::Table { form, rows } =
        table.ok_or(Fault::UnknownForm("neither JSON, subtitles nor separated values"))?;
    let segment = |row: Result<table::Row<'_>, Reject>| {
        let row = row?;
        let cell =
            |name: &str| form.names.iter().position(|known| known == name).and_then(|place| row.cells.get(place));
        let said = |name: &str| cell(name).filter(|text| !text.trim().is_empty() && *text != "null").cloned();
        let start = said("timestamp").and_then(|text| times.read(&text, "/timestamp", drift));
        Ok(TranscriptSegment {
            provider_participant_id: said("participantid"),
            provider_user_id: said("userid"),
            custom_participant_id: said("customparticipantid"),
            speaker_label: said("participantname"),
            body: cell("transcript").cloned().unwrap_or_default(),
            ..times.segment(start, None, drift)
        })
    };
    Ok(sorted(rows.into_iter().map(segment)))
}

fn of_cue(cue: subtitles::Cue, times: &Times, drift: &DriftItems) -> TranscriptSegment {
    let segment = times.segment(times.after(cue.start_ms), cue.end_ms.and_then(|ms| times.after(ms)), drift);
    TranscriptSegment { speaker_label: cue.speaker, body: cue.text, ..segment }
}

fn sorted<T>(rows: impl Iterator<Item = Result<T, Reject>>) -> Rows<T> {
    let mut sorted = Rows { good: Vec::new(), rejects: Vec::new() };
    for row in rows {
        match row {
            Ok(row) => sorted.good.push(row),
            Err(reject) => sorted.rejects.push(reject),
        }
    }
    sorted
}

/// The time of an utterance, by both clocks.
#[derive(Debug, Clone, Copy)]
struct Moment {
    offset_ms: i64,
    at: Option<DateTime<Utc>>,
}

/// The clock of a session.
struct Times {
    started_at: DateTime<Utc>,
}

impl Times {
    /// Returns the moment this long after the start; `None` beyond the largest offset.
    fn after(&self, offset_ms: i64) -> Option<Moment> {
        let at = self.started_at.checked_add_signed(TimeDelta::try_milliseconds(offset_ms)?);
        (0..LARGEST_OFFSET_MS).contains(&offset_ms).then(|| Moment { offset_ms, at: at.and_then(time::sane) })
    }

    fn moment(&self, text: &str) -> Option<Moment> {
        let at = match decimal(text) {
            Some(ms) if ms < Decimal::from(LARGEST_OFFSET_MS) => return self.after(ms.round().to_i64()?),
            _ => time::from_text(text),
        }?;
        Some(Moment { offset_ms: (at - self.started_at).num_milliseconds(), at: Some(at) })
    }

    /// Returns the moment that a text denotes; counts drift where it denotes none.
    fn read(&self, text: &str, path: &str, drift: &DriftItems) -> Option<Moment> {
        let moment = self.moment(text);
        if moment.is_none() {
            drift.count("unreadable_value", path, "");
        }
        moment
    }

    /// Creates a segment with its times only. An end before the start is dropped.
    #[expect(clippy::unused_self, reason = "a session's times make its segments")]
    fn segment(&self, start: Option<Moment>, end: Option<Moment>, drift: &DriftItems) -> TranscriptSegment {
        let end_offset_ms = end.map(|end| end.offset_ms).filter(|end| {
            let is_before = start.is_some_and(|start| *end < start.offset_ms);
            if is_before {
                drift.count("unreadable_value", "/endTime", "before startTime");
            }
            !is_before
        });
        TranscriptSegment {
            offset_ms: start.map(|start| start.offset_ms),
            end_offset_ms,
            started_at: start.and_then(|start| start.at),
            ..TranscriptSegment::default()
        }
    }
}
