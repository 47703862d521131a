//! The columns of a transcript in separated values.
//!
//! A header names them, in any order and by one of several usual names. Without a header they have the vendor's
//! order, which only rows that begin with a time can show: an unknown header must not become an utterance.

use crate::connector::record::DriftItems;

/// Columns of a file without a header: time, presence, person, the customer's id, name, text.
pub(super) const PLAIN_COLUMNS: usize = 6;

/// Plain names of the begin, without a unit at their end.
const STARTS: [&str; 13] = [
    "timestamp",
    "starttime",
    "start",
    "startoffset",
    "startedat",
    "begintime",
    "begin",
    "from",
    "offset",
    "time",
    "createdat",
    "datetime",
    "starttimestamp",
];
/// Plain names of the end, likewise.
const ENDS: [&str; 8] = ["endtime", "end", "endoffset", "endedat", "to", "stop", "finish", "endtimestamp"];
const PARTICIPANTS: [&str; 3] = ["participantid", "peerid", "presenceid"];
const USERS: [&str; 1] = ["userid"];
const CUSTOM_IDS: [&str; 6] = ["customparticipantid", "cpi", "clientspecificid", "clientid", "customid", "externalid"];
const NAMES: [&str; 8] =
    ["participantname", "speaker", "speakername", "displayname", "participant", "name", "peername", "speakerlabel"];
const TEXTS: [&str; 9] =
    ["transcript", "text", "sentence", "utterance", "message", "content", "body", "transcription", "caption"];

/// Names of units, and their milliseconds.
const UNITS: [(&str, bool); 6] =
    [("milliseconds", false), ("millis", false), ("ms", false), ("seconds", true), ("secs", true), ("sec", true)];

/// The places of the columns.
#[derive(Debug, Clone, Copy)]
pub(super) struct Columns {
    /// Begin.
    pub(super) start: usize,
    /// Whether its name states seconds (`Some(true)`) or milliseconds.
    pub(super) is_in_seconds: Option<bool>,
    /// End.
    pub(super) end: Option<usize>,
    /// Presence.
    pub(super) participant: Option<usize>,
    /// The provider's id of the person.
    pub(super) user: Option<usize>,
    /// The customer's id.
    pub(super) custom_id: Option<usize>,
    /// Name of the speaker.
    pub(super) name: Option<usize>,
    /// The text.
    pub(super) text: usize,
}

impl Columns {
    /// Returns the columns of a file without a header.
    pub(super) fn plain() -> Self {
        Self {
            start: 0,
            is_in_seconds: None,
            end: None,
            participant: Some(1),
            user: Some(2),
            custom_id: Some(3),
            name: Some(4),
            text: 5,
        }
    }

    /// Returns the columns of a header of plain names; `None`: it names no time or no text.
    pub(super) fn of_header(names: &[String]) -> Option<Self> {
        let start = place(names, &STARTS, without_unit)?;
        let find = |known: &[&str]| place(names, known, |name| name);
        Some(Self {
            start,
            is_in_seconds: unit(&names[start]).map(|(_, is_in_seconds)| is_in_seconds),
            end: place(names, &ENDS, without_unit),
            participant: find(&PARTICIPANTS),
            user: find(&USERS),
            custom_id: find(&CUSTOM_IDS),
            name: find(&NAMES),
            text: find(&TEXTS)?,
        })
    }

    /// Counts the columns of a header that are not read.
    pub(super) fn expect(&self, names: &[String], drift: &DriftItems) {
        let read =
            [Some(self.start), self.end, self.participant, self.user, self.custom_id, self.name, Some(self.text)];
        let others = names.iter().enumerate().filter(|(place, _)| !read.contains(&Some(*place)));
        for (_, name) in others.take(20) {
            drift.count("unknown_field", &format!("/{}", name.chars().take(80).collect::<String>()), "");
        }
    }
}

/// Returns the column with the first of the `known` names that any column has.
fn place(names: &[String], known: &[&str], of: fn(&str) -> &str) -> Option<usize> {
    known.iter().find_map(|known| names.iter().position(|name| of(name) == *known))
}

fn unit(name: &str) -> Option<(&str, bool)> {
    UNITS.iter().find_map(|(unit, is_in_seconds)| Some((name.strip_suffix(unit)?, *is_in_seconds)))
}

fn without_unit(name: &str) -> &str {
    unit(name).map_or(name, |(name, _)| name)
}

/// Returns the first field of the file, whether or not its row can be read.
pub(super) fn first_field(text: &str) -> &str {
    let text = text.trim_start();
    let end = |ends: &[char], text: &'_ str| text.find(ends).unwrap_or(text.len());
    match text.strip_prefix('"') {
        Some(quoted) => &quoted[..end(&['"'], quoted)],
        None => &text[..end(&[',', ';', '\t', '\n', '\r'], text)],
    }
}
