//! The transcript file, in all its formats: JSON, separated values with a header and without, and both kinds of
//! subtitles.
//!
//! JSON is requested; the content shows which format was received. The format names the speaker; names within the
//! text of subtitles are judged by the rest of the file, and again by the participants when they are stored.

mod clock;
mod table_form;

use chrono::{DateTime, Utc};

use crate::connector::record::{DriftItems, Fields, lossy_text, members};
use crate::model::field::{FieldPresence, WatchedField};
use crate::model::page::Reject;
use crate::model::speaker;
use crate::model::transcript::{Transcript, TranscriptFormat, TranscriptSegment};
use crate::providers::realtimekit::files::rows::{Fault, Rows, json_list, reject};
use crate::providers::realtimekit::files::subtitles;
use crate::providers::realtimekit::files::table;
use crate::providers::realtimekit::files::transcript::clock::Times;
use crate::providers::realtimekit::files::transcript::table_form::{Columns, PLAIN_COLUMNS, first_field};

/// Reads the file of a session with this start and end.
pub(super) fn transcript(
    text: &str,
    (started_at, ended_at): (DateTime<Utc>, Option<DateTime<Utc>>),
    drift: &DriftItems,
) -> Result<(Transcript, Vec<Reject>), Fault> {
    let times = Times::of(started_at, ended_at);
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
    let list = json_list(text, "sentence")?;
    let texts: Vec<String> = list.iter().flat_map(|raw| times_of(raw)).collect();
    let times = times.for_file(texts.iter().map(String::as_str));
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
    Ok(sorted(list.into_iter().map(segment)))
}

/// Returns begin and end of a segment, as far as they are text or numbers.
fn times_of(raw: &str) -> Vec<String> {
    let members = members(raw).unwrap_or_default();
    let found = ["startTime", "endTime"].into_iter().filter_map(|name| members.get(name));
    found.map(|raw| lossy_text(raw.get()).map_or_else(|| raw.get().to_owned(), |(text, _)| text)).collect()
}

fn separated(text: &str, times: &Times, drift: &DriftItems) -> Result<Rows<TranscriptSegment>, Fault> {
    let recognize = |rows: &[table::Row<'_>]| {
        let names = table::header(rows.first()?);
        if let Some(columns) = Columns::of_header(&names) {
            return Some(table::Form { names, has_header: true, time: Some(columns.start) });
        }
        let is_row = |row: &&table::Row<'_>| row.cells.len() == PLAIN_COLUMNS && times.moment(&row.cells[0]).is_some();
        // most rows have the form of the first, or the form is another
        let has_form =
            times.moment(first_field(text)).is_some() && rows.iter().filter(is_row).count() * 2 >= rows.len();
        let names = vec![String::new(); PLAIN_COLUMNS];
        has_form.then_some(table::Form { names, has_header: false, time: Some(0) })
    };
    let table = table::read(text, recognize, &|cell| times.moment(cell).is_some())?;
    let table::Table { form, rows } =
        table.ok_or(Fault::UnknownForm("neither JSON, subtitles nor separated values"))?;
    let columns = Columns::of_header(&form.names).unwrap_or_else(Columns::plain);
    if form.has_header {
        columns.expect(&form.names, drift);
    }
    let whole = || rows.iter().filter_map(|row| row.as_ref().ok());
    let time_cells = || whole().flat_map(|row| [Some(columns.start), columns.end].map(|place| row.cells.get(place?)));
    let times = match columns.is_in_seconds {
        Some(true) => times.in_seconds(),
        Some(false) => *times,
        None => times.for_file(time_cells().flatten().map(String::as_str)),
    };
    let segment = |row: Result<table::Row<'_>, Reject>| {
        let row = row?;
        let cell = |place: Option<usize>| row.cells.get(place?);
        let said = |place| cell(place).filter(|text| !text.trim().is_empty() && *text != "null").cloned();
        let start = said(Some(columns.start)).and_then(|text| times.read(&text, "/timestamp", drift));
        let end = said(columns.end).and_then(|text| times.read(&text, "/endTime", drift));
        Ok(TranscriptSegment {
            provider_participant_id: said(columns.participant),
            provider_user_id: said(columns.user),
            custom_participant_id: said(columns.custom_id),
            speaker_label: said(columns.name),
            body: cell(Some(columns.text)).cloned().unwrap_or_default(),
            ..times.segment(start, end, drift)
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
