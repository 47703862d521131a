//! The summary of a meeting: markdown or plain text, alone or in JSON.
//!
//! Any text could be a summary, so that all that is none must be recognized: binary data, error pages, and the
//! spellings of nothing.

use crate::connector::record::{elements, lossy_text, members};
use crate::model::id::ProviderRecordId;
use crate::model::transcript::{Summary, SummaryFormat};
use crate::providers::realtimekit::files::error_page::has_markup;
use crate::providers::realtimekit::files::rows::{Fault, states_error};

/// Values that are no summary, beside the placeholders for an id.
const NOTHING: [&str; 5] = ["", "[]", "{}", "false", "0"];

/// Reads the summary. `None`: the file holds no text.
pub(super) fn summary(text: String) -> Result<Option<Summary>, Fault> {
    if has_markup(&text) {
        return Err(Fault::ErrorPage);
    }
    let body = if members(&text).is_some() || elements(&text).is_some() {
        in_json(text.trim(), true)?
    } else {
        lossy_text(text.trim()).map_or(Some(text), |(text, _)| Some(text))
    };
    let is_blank = |c: char| c.is_whitespace() || matches!(c, '\u{200b}'..='\u{200d}' | '\u{feff}');
    let body = body.filter(|body| {
        let text = body.trim_matches(is_blank);
        !NOTHING.contains(&text) && !ProviderRecordId::is_placeholder(text)
    });
    let format = |body: &str| if is_markdown(body) { SummaryFormat::Markdown } else { SummaryFormat::Text };
    Ok(body.map(|body| Summary { format: format(&body), body }))
}

/// Returns the text `summary` of an object, of `data` in it, or of the only element of a list. Another object is a
/// server's message about a failure.
fn in_json(json: &str, is_outer: bool) -> Result<Option<String>, Fault> {
    if let Some(list) = elements(json) {
        return match list[..] {
            [] => Ok(None),
            [only] if is_outer && members(only.get()).is_some() => in_json(only.get(), false),
            _ => Err(Fault::UnknownForm("a list of several values")),
        };
    }
    let object = members(json).ok_or(Fault::ErrorPage)?;
    if states_error(&object, json) {
        return Err(Fault::ErrorPage);
    }
    let summary = object.iter().find(|(name, _)| name.eq_ignore_ascii_case("summary")).map(|(_, value)| value);
    match (summary, object.get("data")) {
        (Some(summary), _) if summary.get() == "null" => Ok(None),
        (Some(summary), _) => lossy_text(summary.get()).map(|(text, _)| Some(text)).ok_or(Fault::ErrorPage),
        (None, Some(data)) if is_outer => in_json(data.get(), false),
        _ => Err(Fault::ErrorPage),
    }
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
