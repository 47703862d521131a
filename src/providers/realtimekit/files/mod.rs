//! Files that RealtimeKit links to: chat, transcript, summary.
//!
//! The format of a file is detected from its content, never from its name or content type: the vendor's own pages
//! disagree about both. A truncated file or an error page is a [`Fault`] and nothing of it is kept, since it may be
//! whole next time; one bad row in a whole file is a reject and does not affect others. Pure functions; this module
//! knows neither links nor calls.

mod chat;
mod rows;
mod subtitles;
mod table;
mod transcript;

use chrono::{DateTime, Utc};
use serde::de::IgnoredAny;

pub(super) use crate::providers::realtimekit::files::rows::Fault;

use crate::connector::json_repair;
use crate::connector::record::{DriftItems, members};
use crate::model::artifact::{Artifact, ArtifactPage};
use crate::model::field::FieldPresence;
use crate::model::transcript::{Summary, SummaryFormat};
use crate::providers::realtimekit::client::FileKind;

/// Reads a file of a session that began at `started_at`. `None`: the file is empty, which differs from an empty list.
pub(super) fn read(kind: FileKind, bytes: &[u8], started_at: DateTime<Utc>) -> Result<Option<ArtifactPage>, Fault> {
    let drift = DriftItems::default();
    let mut text = text(bytes, &drift);
    if text.trim().is_empty() {
        return Ok(None);
    }
    if kind != FileKind::Summary {
        drop_blank_end(&mut text);
    }
    if is_error_page(&text) {
        return Err(Fault::ErrorPage);
    }
    if let Some(repaired) = repaired(&text).filter(|_| kind != FileKind::Summary) {
        drift.count("replaced_text", "", "");
        text = repaired;
    }
    // JSON ends with its last bracket, rows and cues after any line
    let is_end_open = kind == FileKind::Summary || !text.trim_start().starts_with(['[', '{']);
    let (artifact, rejects, fields) = match kind {
        FileKind::Chat => {
            let (rows, fields) = chat::messages(&text, &drift)?;
            (Artifact::Chat(rows.good), rows.rejects, fields)
        }
        FileKind::Transcript => {
            let (transcript, rejects) = transcript::transcript(&text, started_at, &drift)?;
            let fields = transcript::presence(&transcript);
            (Artifact::Transcript(transcript), rejects, fields)
        }
        FileKind::Summary => (Artifact::Summary(summary(text)?), Vec::new(), FieldPresence::default()),
    };
    Ok(Some(ArtifactPage { rejects, fields, drift: drift.into_inner(), is_end_open, ..ArtifactPage::of(artifact) }))
}

/// Returns the bytes as text without a byte order mark, which shows UTF-16. Invalid characters and NUL are replaced and
/// counted, except those that fill up the end.
fn text(bytes: &[u8], drift: &DriftItems) -> String {
    let (text, is_replaced) = match bytes {
        [0xff, 0xfe, rest @ ..] => wide_text(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide_text(rest, u16::from_be_bytes),
        _ => {
            let text = String::from_utf8_lossy(bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes));
            let is_replaced = matches!(text, std::borrow::Cow::Owned(_));
            (text.into_owned(), is_replaced)
        }
    };
    // what an old program fills a file up with
    let text = text.trim_end_matches(['\0', '\u{1a}']);
    let has_nul = text.contains('\0');
    if has_nul || is_replaced {
        drift.count("replaced_text", "", "");
    }
    if has_nul { text.replace('\0', "\u{fffd}") } else { text.to_owned() }
}

/// Returns UTF-16 as text, and whether something in it was replaced: a half character at the end is, too.
fn wide_text(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> (String, bool) {
    let (pairs, half) = bytes.as_chunks();
    let read = char::decode_utf16(pairs.iter().copied().map(unit));
    let text: Result<String, _> = read.clone().collect();
    let is_whole = half.is_empty() && text.is_ok();
    let text = text.unwrap_or_else(|_| read.map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect());
    (if half.is_empty() { text } else { text + "\u{fffd}" }, !is_whole)
}

/// Drops blank lines and control characters from the end of the text, so that they are no row. The end of its last
/// line stays, because it shows that the line is whole.
fn drop_blank_end(text: &mut String) {
    let blank = text.trim_end_matches(|c: char| c.is_whitespace() || c.is_control()).len();
    let ends_line = text[blank..].contains(['\n', '\r']);
    // a tab may separate empty fields
    let end = text[blank..].find(|c: char| c.is_control() && c != '\t').map_or(text.len(), |at| blank + at);
    text.truncate(end);
    if ends_line {
        text.push('\n');
    }
}

/// Returns the text with each broken element turned into a text, where it is a JSON list with any: one broken element
/// does not affect others. A truncated list stays broken.
fn repaired(text: &str) -> Option<String> {
    let is_json = text.trim_start().starts_with(['[', '{']);
    let is_broken = || serde_json::from_str::<IgnoredAny>(text).is_err();
    if is_json && is_broken() { json_repair::repaired(text) } else { None }
}

/// Whether the text is HTML of a gateway or XML of an object store; no expected file begins like that.
fn is_error_page(text: &str) -> bool {
    let start: String = text.trim_start().chars().take(16).collect::<String>().to_ascii_lowercase();
    ["<!doctype", "<html", "<head", "<body", "<?xml", "<error"].iter().any(|sign| start.starts_with(sign))
}

/// Reads a summary: markdown or plain text, detected from the content. A JSON object in its place is a server's
/// message about a failure.
fn summary(text: String) -> Result<Summary, Fault> {
    if members(&text).is_some() {
        return Err(Fault::ErrorPage);
    }
    let format = if is_markdown(&text) { SummaryFormat::Markdown } else { SummaryFormat::Text };
    Ok(Summary { format, body: text })
}

/// Whether the text has headings, list items or emphasis, which summaries in markdown use.
fn is_markdown(text: &str) -> bool {
    let is_heading = |line: &str| {
        let level = line.bytes().take_while(|byte| *byte == b'#').count();
        (1..=6).contains(&level) && line[level..].starts_with(' ')
    };
    let is_item = |line: &str| line.starts_with("- ") || line.starts_with("* ");
    text.lines().map(str::trim_start).any(|line| is_heading(line) || is_item(line)) || text.matches("**").count() >= 2
}
