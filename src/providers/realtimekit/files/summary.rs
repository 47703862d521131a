//! The summary file: markdown or plain text, detected from the content.

use crate::connector::record::members;
use crate::model::transcript::{Summary, SummaryFormat};
use crate::providers::realtimekit::files::Fault;

/// Reads the file. A JSON object in its place is a server's message about a failure.
pub(super) fn summary(text: String) -> Result<Summary, Fault> {
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
