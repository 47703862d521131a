//! Files that RealtimeKit links to: chat, transcript, summary.
//!
//! The format of a file is detected from its content, never from its name or content type: the vendor's own pages
//! disagree about both. A truncated file or an error page is a [`Fault`] and nothing of it is kept, since it may be
//! whole next time; one bad row in a whole file is a reject and does not affect others. Pure functions; this module
//! knows neither links nor calls.

mod chat;
mod encoding;
mod error_page;
mod rows;
mod subtitles;
mod summary;
mod table;
mod transcript;

use serde::de::IgnoredAny;

pub(super) use crate::providers::realtimekit::files::rows::Fault;

use crate::connector::json_repair;
use crate::connector::record::DriftItems;
use crate::model::artifact::{Artifact, ArtifactPage, SessionRef};
use crate::model::field::FieldPresence;
use crate::providers::realtimekit::client::FileKind;

/// Reads a file of `session`. `None`: the file is empty, which differs from an empty list.
pub(super) fn read(kind: FileKind, bytes: &[u8], session: &SessionRef) -> Result<Option<ArtifactPage>, Fault> {
    let drift = DriftItems::default();
    let mut text = encoding::text(bytes, kind != FileKind::Summary, &drift)?;
    if text.trim().is_empty() {
        return Ok(None);
    }
    if kind != FileKind::Summary {
        drop_blank_end(&mut text);
    }
    if error_page::is_error_page(&text) {
        return Err(Fault::ErrorPage);
    }
    if let Some(repaired) = repaired(&text).filter(|_| kind != FileKind::Summary) {
        drift.count("replaced_text", "", "");
        text = repaired;
    }
    // one JSON document ends with its last bracket; rows, cues and lines of JSON end after any line
    let is_json = || text.trim_start().starts_with(['[', '{']) && serde_json::from_str::<IgnoredAny>(&text).is_ok();
    let is_end_open = kind == FileKind::Summary || !is_json();
    let (artifact, rejects, fields) = match kind {
        FileKind::Chat => {
            let (rows, fields) = chat::messages(&text, &drift)?;
            (Artifact::Chat(rows.good), rows.rejects, fields)
        }
        FileKind::Transcript => {
            let (transcript, rejects) = transcript::transcript(&text, (session.started_at, session.ended_at), &drift)?;
            let fields = transcript::presence(&transcript);
            (Artifact::Transcript(transcript), rejects, fields)
        }
        FileKind::Summary => {
            let Some(summary) = summary::summary(text)? else { return Ok(None) };
            (Artifact::Summary(summary), Vec::new(), FieldPresence::default())
        }
    };
    Ok(Some(ArtifactPage { rejects, fields, drift: drift.into_inner(), is_end_open, ..ArtifactPage::of(artifact) }))
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
