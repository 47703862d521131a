//! The timing line of a cue: `00:01.000 --> 00:04.000 align:start`.

/// Separator of begin and end.
const ARROW: &str = "-->";

/// Begin and end of a cue, milliseconds from the start; the end may be missing.
pub(super) type Times = (i64, Option<i64>);

/// Whether the line is a timing line, readable or not. An arrow within a sentence does not count.
pub(super) fn is_timing(line: &str) -> bool {
    let Some((start, rest)) = line.split_once(ARROW) else { return false };
    let (start, mut words) = (start.trim(), rest.split_whitespace());
    let end = words.next().unwrap_or_default();
    let is_time = |text: &str| text.contains(':') && text.bytes().all(|b| b.is_ascii_digit() || b":.,".contains(&b));
    // `10:00 --> 11:00 suits me`: words that are no settings, after times as people write them
    let is_sentence = !start.contains(['.', ',']) && words.any(|word| !word.contains(':'));
    (is_time(start) || (start.is_empty() && is_time(end))) && !is_sentence
}

/// Reads the times of such a line; settings of position and size may follow them.
pub(super) fn read(line: &str) -> Option<Times> {
    let (start, rest) = line.split_once(ARROW)?;
    let end = rest.split_whitespace().next();
    Some((millis(start.trim())?, if let Some(end) = end { Some(millis(end)?) } else { None }))
}

/// Parses `01:02:03.004`, also with a comma, without hours, and with any number of digits in the fraction.
pub(super) fn millis(text: &str) -> Option<i64> {
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
    if minutes > 59 || seconds > 59 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let fraction = number(&format!("{:0<3}", &fraction[..fraction.len().min(3)]))?;
    hours.checked_mul(3_600_000)?.checked_add(minutes * 60_000 + seconds * 1000 + fraction)
}
