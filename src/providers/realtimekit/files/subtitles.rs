//! Subtitles: `SubRip` (SRT) and `WebVTT`. <https://www.w3.org/TR/webvtt1/>.
//!
//! A cue is a line of times and the lines below it up to the next one: some writers omit the blank lines between
//! cues, and some put blank lines within. The name or number of the next cue, directly above its times, is not part
//! of the text. A cue with unreadable times is a reject, and so is text outside of cues; a cue without text is no
//! utterance. This module knows neither sessions nor clocks.

mod cue;
mod layout;

use crate::model::transcript::TranscriptFormat;
use crate::providers::realtimekit::files::rows::{Fault, Rows, reject};
use crate::providers::realtimekit::files::subtitles::layout::{Block, Layout};

/// One utterance.
#[derive(Debug)]
pub(super) struct Cue {
    /// Begin, milliseconds from the start.
    pub(super) start_ms: i64,
    /// End, likewise, where there is one.
    pub(super) end_ms: Option<i64>,
    /// The speaker, where a voice tag names one.
    pub(super) speaker: Option<String>,
    /// The spoken text.
    pub(super) text: String,
}

/// Content of a file.
#[derive(Debug)]
pub(super) struct Subtitles {
    /// The utterances, in order.
    pub(super) cues: Rows<Cue>,
    /// The language, where the header names it.
    pub(super) language_code: Option<String>,
}

/// Returns the subtitle format of the text, if it has one.
pub(super) fn form(text: &str) -> Option<TranscriptFormat> {
    if text.trim_start().starts_with("WEBVTT") {
        return Some(TranscriptFormat::Vtt);
    }
    // below the number or name of the first cue
    let mut first = text.split(['\n', '\r']).map(str::trim).filter(|line| !line.is_empty()).take(2);
    first.any(cue::is_timing).then_some(TranscriptFormat::Srt)
}

/// Reads the file.
pub(super) fn read(text: &str, form: TranscriptFormat) -> Result<Subtitles, Fault> {
    let is_vtt = form == TranscriptFormat::Vtt;
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<&str> = text.trim_start().lines().collect();
    let layout = Layout::of(&lines, is_vtt);
    if layout.is_cut(text.ends_with('\n')) {
        return Err(Fault::Broken("its last cue is cut off"));
    }
    let mut cues = Rows { good: Vec::new(), rejects: Vec::new() };
    for block in layout.blocks() {
        match block {
            Block::Stray(lines) => {
                cues.rejects.push(reject(&lines.join("\n"), "missing_field", "", "the cue has no times"));
            }
            Block::Cue { times, lines, text } => {
                let Some((start_ms, end_ms)) = cue::times(times) else {
                    let detail = "the cue's times cannot be read";
                    cues.rejects.push(reject(lines.join("\n").trim_end(), "unreadable_time", "", detail));
                    continue;
                };
                let said = cue::voices(&text.join("\n"), is_vtt).into_iter().filter(|(_, text)| !text.is_empty());
                cues.good.extend(said.map(|(speaker, text)| Cue { start_ms, end_ms, speaker, text }));
            }
        }
    }
    Ok(Subtitles { cues, language_code: layout.language().map(str::to_owned) })
}
