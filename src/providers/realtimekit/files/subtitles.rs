//! Subtitles: `SubRip` (SRT) and `WebVTT`. <https://www.w3.org/TR/webvtt1/>.
//!
//! A cue is its times and `name: text`, or a voice tag with a name. Tags that only dress the text are
//! dropped; what merely looks like one stays, since not every writer escapes. A block that is no cue is a
//! reject. Knows neither sessions nor clocks.

use crate::model::page::Reject;
use crate::model::transcript::TranscriptFormat;
use crate::providers::realtimekit::files::{Fault, Rows, reject};

/// A longer text before a colon is no name.
const LONGEST_NAME_CHARS: usize = 80;

/// A voice tag is a name and its classes; beyond this no end of it is looked for.
const LONGEST_TAG_CHARS: usize = 200;

/// Tags that dress text.
const TAGS: [&str; 9] = ["b", "i", "u", "c", "v", "ruby", "rt", "lang", "font"];

/// Something said.
#[derive(Debug)]
pub(super) struct Cue {
    /// Begin, milliseconds from the start.
    pub(super) start_ms: i64,
    /// End, likewise.
    pub(super) end_ms: i64,
    /// Who said it, where that is told.
    pub(super) speaker: Option<String>,
    /// What was said.
    pub(super) text: String,
}

/// A file's content.
#[derive(Debug)]
pub(super) struct Subtitles {
    /// What was said, in order.
    pub(super) cues: Rows<Cue>,
    /// The language, where the head tells it.
    pub(super) language_code: Option<String>,
}

/// Which kind of subtitles the text is, if it is one.
pub(super) fn form(text: &str) -> Option<TranscriptFormat> {
    if text.trim_start().starts_with("WEBVTT") {
        return Some(TranscriptFormat::Vtt);
    }
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let (first, second) = (lines.next()?, lines.next().unwrap_or_default());
    let is_number = first.bytes().all(|byte| byte.is_ascii_digit());
    (first.contains("-->") || (is_number && second.contains("-->"))).then_some(TranscriptFormat::Srt)
}

/// Reads the file.
pub(super) fn read(text: &str, form: TranscriptFormat) -> Result<Subtitles, Fault> {
    let is_vtt = form == TranscriptFormat::Vtt;
    let text = text.replace("\r\n", "\n").replace('\r', "\n");
    let lines: Vec<&str> = text.lines().collect();
    let blocks = lines.split(|line| line.trim().is_empty()).filter(|block| !block.is_empty());
    let (mut cues, mut rejects, mut language_code) = (Vec::new(), Vec::new(), None);
    let mut is_last_whole = true;
    for (index, block) in blocks.enumerate() {
        if is_vtt && index == 0 {
            let language = block.iter().find_map(|line| line.strip_prefix("Language:")).map(str::trim);
            language_code = language.filter(|language| !language.is_empty()).map(str::to_owned);
        } else if !(is_vtt && is_remark(block)) {
            match timing(block) {
                Ok((start_ms, end_ms, lines)) => {
                    is_last_whole = !lines.is_empty();
                    let said = voices(&lines.join("\n"), is_vtt).into_iter();
                    cues.extend(said.map(|(speaker, text)| Cue { start_ms, end_ms, speaker, text }));
                }
                Err(reject) => {
                    is_last_whole = false;
                    rejects.push(reject);
                }
            }
        }
    }
    if !is_last_whole && !text.ends_with('\n') {
        return Err(Fault::Broken("its last cue is cut off"));
    }
    Ok(Subtitles { cues: Rows { good: cues, rejects }, language_code })
}

fn is_remark(block: &[&str]) -> bool {
    let word = block.first().and_then(|line| line.split_whitespace().next());
    matches!(word, Some("NOTE" | "STYLE" | "REGION")) && !block.iter().take(2).any(|line| line.contains("-->"))
}

/// The times of a cue, and the lines below them. The line above is its number or name, which says nothing.
fn timing<'a>(block: &'a [&'a str]) -> Result<(i64, i64, &'a [&'a str]), Reject> {
    let refuse = |code, detail| reject(&block.join("\n"), code, "", detail);
    let mut lines = block.iter().take(2);
    let place = lines.position(|line| line.contains("-->"));
    let place = place.ok_or_else(|| refuse("missing_field", "the cue has no times"))?;
    let times = block[place].split_once("-->").and_then(|(start, rest)| {
        // Settings of place and size follow the end.
        Some((millis(start.trim())?, millis(rest.split_whitespace().next()?)?))
    });
    let (start_ms, end_ms) = times.ok_or_else(|| refuse("unreadable_time", "the cue's times cannot be read"))?;
    Ok((start_ms, end_ms, &block[place + 1..]))
}

/// `01:02:03.004`, also with a comma, also without hours.
fn millis(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once(['.', ',']).unwrap_or((text, "0"));
    let number = |digits: &str| {
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then(|| digits.parse::<i64>().ok()).flatten()
    };
    let parts: Vec<i64> = whole.split(':').map(number).collect::<Option<_>>()?;
    let (hours, minutes, seconds) = match parts.as_slice() {
        [hours, minutes, seconds] => (*hours, *minutes, *seconds),
        [minutes, seconds] => (0, *minutes, *seconds),
        _ => return None,
    };
    if minutes > 59 || seconds > 59 || fraction.len() > 3 {
        return None;
    }
    let fraction = number(&format!("{fraction:0<3}"))?;
    hours.checked_mul(3_600_000)?.checked_add(minutes * 60_000 + seconds * 1000 + fraction)
}

/// Who said what in a cue: by voice tags, else by a name before a colon.
fn voices(text: &str, is_vtt: bool) -> Vec<(Option<String>, String)> {
    let clean = |text: &str| decoded(undressed(text).trim(), is_vtt);
    let starts: Vec<usize> =
        text.match_indices("<v").map(|(at, _)| at).filter(|at| voice(&text[*at..]).is_some()).collect();
    let Some(first) = starts.first() else {
        let text = clean(text);
        let name = |(name, text): (&str, &str)| {
            let is_name = !name.trim().is_empty() && !name.contains('\n') && name.chars().count() <= LONGEST_NAME_CHARS;
            is_name.then(|| (Some(name.trim().to_owned()), text.trim().to_owned()))
        };
        return vec![text.split_once(": ").and_then(name).unwrap_or((None, text))];
    };
    let before = clean(&text[..*first]);
    let mut said: Vec<_> = (!before.is_empty()).then_some((None, before)).into_iter().collect();
    for (index, start) in starts.iter().enumerate() {
        let end = starts.get(index + 1).copied().unwrap_or(text.len());
        if let Some((name, rest)) = voice(&text[*start..end]) {
            let name = decoded(name.trim(), is_vtt);
            said.push(((!name.is_empty()).then_some(name), clean(rest)));
        }
    }
    said
}

/// The name in the voice tag a text begins with, and what follows: `<v.loud Ann>`.
fn voice(text: &str) -> Option<(&str, &str)> {
    let (inside, rest) = tag(text)?;
    let inside = inside.strip_prefix('v')?;
    let name = match inside.chars().next()? {
        '.' => inside.split_once([' ', '\t']).map_or("", |(_, name)| name),
        ' ' | '\t' => inside,
        _ => return None,
    };
    Some((name, rest))
}

/// The inside of the tag a text begins with, and what follows. No tag is long, so that a text full of
/// opened ones takes no longer to read than another.
fn tag(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix('<')?;
    let (end, _) = text.char_indices().take(LONGEST_TAG_CHARS).find(|(_, c)| *c == '>')?;
    Some((&text[..end], &text[end + 1..]))
}

/// The text without tags that dress it, and without times inside it.
fn undressed(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        kept.push_str(&rest[..at]);
        rest = &rest[at..];
        let name_end = |tag: &str| tag.find(['.', ' ', '\t']).unwrap_or(tag.len());
        match tag(rest).map(|(tag, after)| (tag.trim_start_matches('/'), after)) {
            Some((tag, after)) if TAGS.contains(&&tag[..name_end(tag)]) || millis(tag).is_some() => rest = after,
            _ => {
                kept.push('<');
                rest = &rest[1..];
            }
        }
    }
    kept + rest
}

/// `WebVTT` escapes what would be a tag; `SubRip` escapes nothing.
fn decoded(text: &str, is_vtt: bool) -> String {
    if !is_vtt || !text.contains('&') {
        return text.to_owned();
    }
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&nbsp;", "\u{a0}"), ("&lrm;", ""), ("&rlm;", ""), ("&amp;", "&")];
    entities.iter().fold(text.to_owned(), |text, (entity, plain)| text.replace(entity, plain))
}
