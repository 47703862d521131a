//! Files that RealtimeKit links to: chat, transcript, summary.
//!
//! The format of a file is detected from its content, never from its name or content type: the vendor's own pages
//! disagree about both. A truncated file or an error page is a [`Fault`] and nothing of it is kept, since it may be
//! whole next time; one bad row in a whole file is a reject and does not affect others. Pure functions; this module
//! knows neither links nor calls.

mod chat;
mod subtitles;
mod summary;
mod table;
mod transcript;

use chrono::{DateTime, Utc};
use serde::de::IgnoredAny;
use serde_json::value::RawValue;

use crate::connector::mend;
use crate::connector::record::{Oddities, elements, members};
use crate::model::artifact::{Artifact, ArtifactPage};
use crate::model::page::Reject;
use crate::providers::realtimekit::client::FileKind;

/// The reason why a file cannot be used at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    /// The file ends too early, or its parts contradict each other.
    #[error("the file is incomplete: {0}")]
    Broken(&'static str),
    /// The file is a server's message about a failure.
    #[error("the host sent an error page instead of the file")]
    ErrorPage,
    /// The file has none of the known formats.
    #[error("the file has no known format: {0}")]
    UnknownForm(&'static str),
}

/// Rows of a file, and those that could not be read.
#[derive(Debug)]
struct Rows<T> {
    good: Vec<T>,
    rejects: Vec<Reject>,
}

/// Reads a file of a session that began at `started_at`. `None`: the file is empty, which differs from an empty list.
pub(super) fn read(kind: FileKind, bytes: &[u8], started_at: DateTime<Utc>) -> Result<Option<ArtifactPage>, Fault> {
    let oddities = Oddities::default();
    let mut text = text(bytes, &oddities);
    if text.trim().is_empty() {
        return Ok(None);
    }
    if is_error_page(&text) {
        return Err(Fault::ErrorPage);
    }
    if let Some(mended) = mended(&text).filter(|_| kind != FileKind::Summary) {
        oddities.count("replaced_text", "", "");
        text = mended;
    }
    let (artifact, rejects) = match kind {
        FileKind::Chat => {
            let rows = chat::messages(&text, &oddities)?;
            (Artifact::Chat(rows.good), rows.rejects)
        }
        FileKind::Transcript => {
            let (transcript, rejects) = transcript::transcript(&text, started_at, &oddities)?;
            (Artifact::Transcript(transcript), rejects)
        }
        FileKind::Summary => (Artifact::Summary(summary::summary(text)?), Vec::new()),
    };
    Ok(Some(ArtifactPage { rejects, oddities: oddities.into_inner(), ..ArtifactPage::of(artifact) }))
}

/// Returns the bytes as text without a byte order mark. Invalid UTF-8 and NUL are replaced and counted.
fn text(bytes: &[u8], oddities: &Oddities) -> String {
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let text = String::from_utf8_lossy(bytes);
    let has_nul = text.contains('\0');
    if has_nul || matches!(text, std::borrow::Cow::Owned(_)) {
        oddities.count("replaced_text", "", "");
    }
    if has_nul { text.replace('\0', "\u{fffd}") } else { text.into_owned() }
}

/// Returns the text with each broken element turned into a text, where it is a JSON list with any: one broken element
/// does not affect others. A truncated list stays broken.
fn mended(text: &str) -> Option<String> {
    let is_json = text.trim_start().starts_with(['[', '{']);
    let is_broken = || serde_json::from_str::<IgnoredAny>(text).is_err();
    if is_json && is_broken() { mend::mended(text) } else { None }
}

/// Whether the text is HTML of a gateway or XML of an object store; no expected file begins like that.
fn is_error_page(text: &str) -> bool {
    let start: String = text.trim_start().chars().take(16).collect::<String>().to_ascii_lowercase();
    ["<!doctype", "<html", "<head", "<body", "<?xml", "<error"].iter().any(|sign| start.starts_with(sign))
}

/// Returns the list that a JSON file is, or holds as its only list.
fn json_list(text: &str) -> Result<Vec<&RawValue>, Fault> {
    if let Some(list) = elements(text) {
        return Ok(list);
    }
    let object = members(text).ok_or(Fault::Broken("it does not end as JSON does"))?;
    let is_failure = object.get("success").is_some_and(|success| success.get() == "false");
    if is_failure || object.contains_key("error") || object.contains_key("errors") {
        return Err(Fault::ErrorPage);
    }
    let mut lists = object.values().filter_map(|member| elements(member.get()));
    match (lists.next(), lists.next()) {
        (Some(list), None) => Ok(list),
        _ => Err(Fault::UnknownForm("an object that does not contain one list")),
    }
}

/// Creates the reject of an unreadable row.
fn reject(raw: &str, reason_code: &'static str, json_pointer: &str, detail: &str) -> Reject {
    Reject {
        raw: raw.as_bytes().to_vec(),
        provider_record_id: None,
        reason_code,
        json_pointer: json_pointer.to_owned(),
        detail: detail.to_owned(),
        is_partial: false,
    }
}
