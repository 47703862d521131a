//! The file of a summary: markdown or plain text, which only its content tells.

use crate::connector::record::members;
use crate::model::transcript::{Summary, SummaryFormat};
use crate::providers::realtimekit::files::Fault;

/// Reads the file. An object in its place is what a server says about a failure.
pub(super) fn summary(text: String) -> Result<Summary, Fault> {
    if members(&text).is_some() {
        return Err(Fault::ErrorPage);
    }
    let format = if is_markdown(&text) { SummaryFormat::Markdown } else { SummaryFormat::Text };
    Ok(Summary { format, body: text })
}

/// Headings, list items and emphasis are what summaries are written with.
fn is_markdown(text: &str) -> bool {
    let is_heading = |line: &str| {
        let level = line.bytes().take_while(|byte| *byte == b'#').count();
        (1..=6).contains(&level) && line[level..].starts_with(' ')
    };
    let is_item = |line: &str| line.starts_with("- ") || line.starts_with("* ");
    text.lines().map(str::trim_start).any(|line| is_heading(line) || is_item(line)) || text.matches("**").count() >= 2
}
