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
use crate::model::transcript::{Summary, SummaryFormat};
use crate::providers::realtimekit::client::FileKind;

/// Reads a file of a session that began at `started_at`. `None`: the file is empty, which differs from an empty list.
pub(super) fn read(kind: FileKind, bytes: &[u8], started_at: DateTime<Utc>) -> Result<Option<ArtifactPage>, Fault> {
    let drift = DriftItems::default();
    let mut text = text(bytes, &drift);
    if text.trim().is_empty() {
        return Ok(None);
    }
    if is_error_page(&text) {
        return Err(Fault::ErrorPage);
    }
    if let Some(repaired) = repaired(&text).filter(|_| kind != FileKind::Summary) {
        drift.count("replaced_text", "", "");
        text = repaired;
    }
    let (artifact, rejects) = match kind {
        FileKind::Chat => {
            let rows = chat::messages(&text, &drift)?;
            (Artifact::Chat(rows.good), rows.rejects)
        }
        FileKind::Transcript => {
            let (transcript, rejects) = transcript::transcript(&text, started_at, &drift)?;
            (Artifact::Transcript(transcript), rejects)
        }
        FileKind::Summary => (Artifact::Summary(summary(text)?), Vec::new()),
    };
    Ok(Some(ArtifactPage { rejects, drift: drift.into_inner(), ..ArtifactPage::of(artifact) }))
}

/// Returns the bytes as text without a byte order mark. Invalid UTF-8 and NUL are replaced and counted.
fn text(bytes: &[u8], drift: &DriftItems) -> String {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let text = String::from_utf8_lossy(bytes);
    let has_nul = text.contains('\0');
    if has_nul || matches!(text, std::borrow::Cow::Owned(_)) {
        drift.count("replaced_text", "", "");
    }
    if has_nul { text.replace('\0', "\u{fffd}") } else { text.into_owned() }
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
