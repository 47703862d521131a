//! A cue: its timing line, `00:01.000 --> 00:04.000 align:start`, and the voices, tags and character references of its
//! text. See <https://www.w3.org/TR/webvtt1/#webvtt-cue-text-parsing-rules>.
//!
//! Formatting tags are dropped; text that only looks like a tag stays, since not every writer escapes.

use crate::model::speaker;

/// Separators of begin and end: the standard's, and those of careless writers.
const ARROWS: [&str; 4] = ["-->", "--&gt;", "\u{2192}", " -> "];

/// Settings that may follow the times: those of `WebVTT`, and the coordinates of `SubRip`.
const SETTINGS: [&str; 10] = ["vertical", "line", "position", "size", "align", "region", "X1", "X2", "Y1", "Y2"];

/// Known tags.
const TAGS: [&str; 9] = ["b", "i", "u", "c", "v", "ruby", "rt", "lang", "font"];

/// Begin and end of a cue, milliseconds from the start; the end may be missing.
pub(super) type Times = (i64, Option<i64>);

/// Whether the line is a timing line, readable or not. An arrow within a sentence does not count.
pub(super) fn is_timing(line: &str) -> bool {
    is_plain_timing(line) || is_odd_timing(line)
}

/// Whether the line is written as the standards have it.
fn is_plain_timing(line: &str) -> bool {
    let Some((start, rest)) = line.split_once(ARROWS[0]) else { return false };
    let (start, mut words) = (start.trim(), rest.split_whitespace());
    let end = words.next().unwrap_or_default();
    let is_time = |text: &str| text.contains(':') && text.bytes().all(|b| b.is_ascii_digit() || b":.,".contains(&b));
    // `10:00 --> 11:00 suits me`: words that are no settings, after times as people write them
    let is_sentence = !start.contains(['.', ',']) && words.any(|word| !word.contains(':'));
    (is_time(start) || (start.is_empty() && is_time(end))) && !is_sentence
}

/// Whether both sides of the arrow are times in another spelling: signs, blanks, stray letters, seconds alone. A word
/// on either side makes the line a sentence.
fn is_odd_timing(line: &str) -> bool {
    let Some((start, end, settings)) = sides(line) else { return false };
    let is_usual_arrow = line.contains(ARROWS[0]);
    let is_time = |side: &str| {
        let digits = side.bytes().filter(u8::is_ascii_digit).count();
        let letters = side.chars().filter(|c| c.is_alphabetic()).count();
        let marks = side.matches(['.', ',']).count();
        let colons = side.matches(':').count();
        // `3:2 -> 4:1` is a score
        let is_clock =
            letters * 3 < digits && if is_usual_arrow { colons > 0 } else { colons + marks > 1 && colons > 0 };
        let is_number = is_usual_arrow && letters == 0 && marks < 2 && !side.contains(char::is_whitespace);
        let has_word = side.split_whitespace().any(|word| word.chars().all(char::is_alphabetic));
        let is_usual = |c: char| c.is_alphanumeric() || c.is_whitespace() || ":.,;+-".contains(c);
        digits > 0 && (is_clock || is_number) && !has_word && side.chars().all(is_usual)
    };
    is_time(start) && is_time(end) && settings.split_whitespace().all(|word| word.contains(':'))
}

/// Returns begin, end and settings, which begin with a letter.
fn sides(line: &str) -> Option<(&str, &str, &str)> {
    let (start, rest) = ARROWS.iter().find_map(|arrow| line.split_once(arrow))?;
    let mut words = rest.match_indices(char::is_whitespace).map(|(at, blank)| at + blank.len());
    let first = words.find(|at| rest[*at..].starts_with(char::is_alphabetic)).unwrap_or(rest.len());
    Some((start.trim(), rest[..first].trim(), &rest[first..]))
}

/// Reads the times of such a line; settings of position and size may follow them.
pub(super) fn times(line: &str) -> Option<Times> {
    let (start, end, _) = sides(line)?;
    let read = |side: &str| {
        let side = side.replace(": ", ":").replace(" :", ":");
        millis(&side).or_else(|| seconds(&side))
    };
    let end = end.split_whitespace().next().map(|first| read(end).or_else(|| read(first)));
    Some((read(start)?, if let Some(end) = end { Some(end?) } else { None }))
}

/// Returns the text that some writers put behind the times of a cue, on the same line.
pub(super) fn text_beside_times(line: &str) -> Option<&str> {
    let rest = ARROWS.iter().find_map(|arrow| line.split_once(arrow))?.1.trim_start();
    let (end, mut rest) = rest.split_once(char::is_whitespace)?;
    millis(end)?;
    let is_setting = |word: &str| word.split_once(':').is_some_and(|(name, _)| SETTINGS.contains(&name));
    while let Some((_, more)) = rest.trim_start().split_once(char::is_whitespace).filter(|(word, _)| is_setting(word)) {
        rest = more;
    }
    // an unknown setting is one word
    let is_text = |word: &str| !word.contains(':') && word.contains(char::is_alphabetic);
    rest.split_whitespace().any(is_text).then(|| rest.trim())
}

/// Parses seconds alone, `3.5`. A comma in them may separate thousands.
fn seconds(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once('.')?;
    number(whole)?.checked_mul(1000)?.checked_add(thousandths(fraction)?)
}

/// Parses `01:02:03.004`, also with a comma, without hours, and with any number of digits in the fraction.
fn millis(text: &str) -> Option<i64> {
    let (whole, fraction) = text.split_once(['.', ',']).unwrap_or((text, "0"));
    let parts: Vec<i64> = whole.split(':').map(number).collect::<Option<_>>()?;
    // without hours there may be more than 59 minutes
    let (hours, minutes, seconds) = match parts.as_slice() {
        [hours, minutes @ 0..=59, seconds] => (*hours, *minutes, *seconds),
        [minutes, seconds] => (0, *minutes, *seconds),
        _ => return None,
    };
    if seconds > 59 {
        return None;
    }
    let whole = hours.checked_mul(3600)?.checked_add(minutes.checked_mul(60)?)?.checked_add(seconds)?;
    whole.checked_mul(1000)?.checked_add(thousandths(fraction)?)
}

fn number(digits: &str) -> Option<i64> {
    let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok()).flatten()
}

/// Parses the digits of a fraction; those beyond the third are dropped.
fn thousandths(digits: &str) -> Option<i64> {
    let are_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    are_digits.then(|| number(&format!("{:0<3}", &digits[..digits.len().min(3)]))).flatten()
}

/// Splits a cue into speakers and texts by its voice tags. Without one the text may begin with a name, which stays in
/// it.
pub(super) fn voices(text: &str, is_vtt: bool) -> Vec<(Option<String>, String)> {
    let clean = |text: &str| decoded(undressed(text).trim(), is_vtt);
    let starts: Vec<usize> =
        text.match_indices("<v").map(|(at, _)| at).filter(|at| voice(&text[*at..]).is_some()).collect();
    let Some(first) = starts.first() else { return named_lines(&clean(text)) };
    let mut said = vec![(None, clean(&text[..*first]))];
    for (index, start) in starts.iter().enumerate() {
        let end = starts.get(index + 1).copied().unwrap_or(text.len());
        if let Some((name, rest)) = voice(&text[*start..end]) {
            let name = decoded(name.trim(), is_vtt);
            said.push(((!name.is_empty()).then_some(name), clean(rest)));
        }
    }
    said
}

/// Splits a cue in which several lines begin with a name: each is the utterance of another speaker.
fn named_lines(text: &str) -> Vec<(Option<String>, String)> {
    let bare = |line: &'_ str| line.trim().trim_start_matches(['-', '\u{2013}']).trim_start().to_owned();
    let lines: Vec<String> = text.lines().map(bare).collect();
    let mut said = vec![text.to_owned()];
    if lines.iter().filter(|line| speaker::may_begin_with_name(line)).count() > 1 {
        said.clear();
        for line in lines {
            match said.last_mut().filter(|_| !speaker::may_begin_with_name(&line)) {
                Some(last) => last.extend(["\n", &line]),
                None => said.push(line),
            }
        }
    }
    said.iter().map(|text| (None, speaker::with_plain_mark(text))).collect()
}

/// Returns the name in a voice tag at the beginning of a text, and the rest: `<v.loud Ann>`.
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

/// Returns the inside of a tag at the beginning of a text, and the rest. The search ends at the next `<`, so that a
/// text full of them still takes linear time.
fn tag(text: &str) -> Option<(&str, &str)> {
    let text = text.strip_prefix('<')?;
    let (inside, rest) = text.split_at(text.find(['<', '>'])?);
    rest.strip_prefix('>').map(|rest| (inside, rest))
}

/// Returns the text without formatting tags and inline times.
fn undressed(text: &str) -> String {
    let mut kept = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        kept.push_str(&rest[..at]);
        rest = &rest[at..];
        let is_dress = |name: &str| TAGS.iter().any(|tag| name.eq_ignore_ascii_case(tag));
        let name_end = |tag: &str| tag.find(['.', ' ', '\t']).unwrap_or(tag.len());
        match tag(rest).map(|(tag, after)| (tag.trim_start_matches('/'), after)) {
            Some((tag, after)) if is_dress(&tag[..name_end(tag)]) || millis(tag).is_some() => rest = after,
            _ => {
                kept.push('<');
                rest = &rest[1..];
            }
        }
    }
    kept + rest
}

/// Decodes character references: `WebVTT` escapes as HTML does; `SubRip` escapes nothing.
fn decoded(text: &str, is_vtt: bool) -> String {
    if is_vtt { htmlize::unescape(text).into_owned() } else { text.to_owned() }
}
