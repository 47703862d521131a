//! Lasting behaviours that a provider may have.
//!
//! The providers' documents leave much open: the number of the first page, which time a filter compares, whether a
//! total is correct. Each open point is a quirk with the likelier value as its default, so that tests can show a
//! client to be right under all of them. Quirks last; an event that happens once is a fault.

use std::collections::BTreeMap;

use chrono::TimeDelta;
use serde_json::value::RawValue;

/// The time that the list's time filter compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FilterMeaning {
    /// The creation.
    #[default]
    Created,
    /// The last change.
    Updated,
    /// None: the filter is accepted and all records are listed.
    Ignored,
}

/// The list's count of matching records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Total {
    /// The correct count.
    #[default]
    Right,
    /// The correct count plus this number; never below zero.
    OffBy(i64),
    /// The key is absent.
    Missing,
    /// The correct count, written as a string.
    AsText,
    /// This JSON, even if it is no number.
    Verbatim(&'static str),
}

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ListOrder {
    /// As documented, or as requested.
    #[default]
    AsAsked,
    /// The reverse.
    Reversed,
    /// An arbitrary order, the same for the same number.
    Shuffled(u64),
}

/// The form of a KonPro list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum KonproShape {
    /// `{total, page, page_size, next_pagination_token, data: […]}`
    #[default]
    History,
    /// The same inside `{code: 100, message, data}`.
    Wrapped,
    /// `{sessions: […]}` with three fields each: the answer of the same path in KonPro's other documentation.
    Sessions,
}

/// The format of a transcript.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum TranscriptFormat {
    /// The requested format; by default CSV without a header, in milliseconds.
    #[default]
    Honour,
    /// CSV without a header, independent of the request.
    AlwaysHeaderlessCsv,
    /// CSV with a header and ISO times: the older format.
    AlwaysHeaderCsv,
    /// `SubRip`.
    AlwaysSrt,
    /// `WebVTT`.
    AlwaysVtt,
    /// The requested format, but its milliseconds count from 1970 and not from the start.
    EpochTimes,
}

/// The format of a chat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ChatFormat {
    /// CSV with a header.
    #[default]
    Csv,
    /// A list of objects.
    Json,
}

/// The position of the row numbers in the list of participants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ParticipantsPaging {
    /// Inside `data`, as in the official example.
    #[default]
    InsideData,
    /// Beside it, as in the list of sessions.
    BesideData,
    /// Nowhere, as in the schema.
    Absent,
}

/// The shape of a report about a presence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum PeerReport {
    /// `data.participant`, as in the current document.
    #[default]
    Nested,
    /// `data` itself, as in others.
    Flat,
}

/// All quirks. The defaults are the documented behaviour, or the likelier one.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a separate habit that a provider has or has not")]
pub struct Quirks {
    /// Number of the first page, 0 or 1 (default), at Konvo and RealtimeKit. KonPro documents 1.
    pub first_page: usize,
    /// Larger pages are silently cut to this size, in addition to the provider's own limit.
    pub page_size_max: Option<usize>,
    /// All pages have this size, independent of the request.
    pub page_size_always: Option<usize>,
    /// The order of lists.
    pub order: ListOrder,
    /// Only this many records of a list can be reached, though all are counted.
    pub reachable_max: Option<usize>,
    /// A request for a page beyond the last one returns the last one.
    pub repeats_last_page: bool,
    /// KonPro's last page carries a token too, which leads to an empty page.
    pub token_on_last_page: bool,
    /// A record exactly at either end of a time filter's range does not match.
    pub exclusive_bounds: bool,
    /// KonPro sends tokens for further pages and expects them (default: page numbers alone).
    pub token_paging: bool,
    /// KonPro's form of a list.
    pub konpro_shape: KonproShape,
    /// KonPro's creation times are milliseconds instead of seconds.
    pub epoch_milliseconds: bool,
    /// The time that the filter compares.
    pub filter_meaning: FilterMeaning,
    /// The list's count of matching records.
    pub total: Total,
    /// How far the `Date` header is ahead of the simulator's clock, seconds.
    pub clock_skew_seconds: i64,
    /// An `ended_at` of `null` is written as the text `"null"`, as in an official example.
    pub null_end_as_text: bool,
    /// Numbers in records are written as strings.
    pub numbers_as_text: bool,
    /// RealtimeKit's calls per window; further calls are refused until the window ends.
    pub calls_per_window: u32,
    /// Length of that window, seconds.
    pub calls_window_seconds: i64,
    /// The format of transcripts.
    pub transcript_format: TranscriptFormat,
    /// The format of chats.
    pub chat_format: ChatFormat,
    /// Chat files begin with a byte order mark.
    pub chat_bom: bool,
    /// Lines of chat files end with CR and LF.
    pub chat_crlf: bool,
    /// Lifetime of a link, seconds; with a negative value it has already expired.
    pub link_lifetime_seconds: i64,
    /// The position of the row numbers in the list of participants.
    pub participants_paging: ParticipantsPaging,
    /// The shape of reports.
    pub peer_report: PeerReport,
    /// UTC offset of the day boundaries in RealtimeKit's daily totals, hours.
    pub day_offset_hours: i64,
    /// Time from a meeting's end until its generated files are ready; each meeting has its own time unless set.
    pub files_ready_after: Option<TimeDelta>,
    /// Time from the first version of a generated transcript until a longer one replaces it, if ever.
    pub transcript_replaced_after: Option<TimeDelta>,
}

impl Default for Quirks {
    fn default() -> Self {
        Self {
            first_page: 1,
            page_size_max: None,
            page_size_always: None,
            order: ListOrder::default(),
            reachable_max: None,
            repeats_last_page: false,
            token_on_last_page: false,
            exclusive_bounds: false,
            token_paging: false,
            konpro_shape: KonproShape::default(),
            epoch_milliseconds: false,
            filter_meaning: FilterMeaning::default(),
            total: Total::default(),
            clock_skew_seconds: 0,
            null_end_as_text: false,
            numbers_as_text: false,
            calls_per_window: 1200,
            calls_window_seconds: 300,
            transcript_format: TranscriptFormat::default(),
            chat_format: ChatFormat::default(),
            chat_bom: false,
            chat_crlf: false,
            link_lifetime_seconds: 300,
            participants_paging: ParticipantsPaging::default(),
            peer_report: PeerReport::default(),
            day_offset_hours: 0,
            files_ready_after: None,
            transcript_replaced_after: None,
        }
    }
}

impl Quirks {
    /// Returns the total as JSON; `None` if the key is to be left out.
    pub(super) fn total_json(&self, total: usize) -> Option<String> {
        match self.total {
            Total::Right => Some(total.to_string()),
            Total::OffBy(by) => Some(i64::try_from(total).unwrap_or(i64::MAX).saturating_add(by).max(0).to_string()),
            Total::Missing => None,
            Total::AsText => Some(format!("\"{total}\"")),
            Total::Verbatim(json) => Some(json.to_owned()),
        }
    }

    /// Rewrites a record according to these quirks. Records that are no objects stay unchanged.
    pub(super) fn reshape(&self, json: String) -> String {
        if !(self.epoch_milliseconds || self.null_end_as_text || self.numbers_as_text) {
            return json;
        }
        edit_members(json, |members| {
            if self.epoch_milliseconds {
                rewrite(members, "created_at", |raw| raw.parse::<u64>().ok().map(|s| (s * 1000).to_string()));
            }
            if self.null_end_as_text {
                rewrite(members, "ended_at", |raw| (raw == "null").then(|| "\"null\"".to_owned()));
            }
            if self.numbers_as_text {
                let names: Vec<String> = members.keys().cloned().collect();
                for name in names {
                    let is_number = |raw: &str| raw.starts_with(|c: char| c == '-' || c.is_ascii_digit());
                    rewrite(members, &name, |raw| is_number(raw).then(|| format!("\"{raw}\"")));
                }
            }
        })
    }
}

type Members = BTreeMap<String, Box<RawValue>>;

/// Edits the raw members of an object; any other JSON stays unchanged.
pub(super) fn edit_members(json: String, edit: impl FnOnce(&mut Members)) -> String {
    let Ok(mut members) = serde_json::from_str::<Members>(&json) else { return json };
    edit(&mut members);
    serde_json::to_string(&members).unwrap_or(json)
}

fn rewrite(members: &mut Members, name: &str, with: impl FnOnce(&str) -> Option<String>) {
    let Some(held) = members.get_mut(name) else { return };
    if let Some(new) = with(held.get()).and_then(|text| RawValue::from_string(text).ok()) {
        *held = new;
    }
}
