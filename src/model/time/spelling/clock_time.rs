//! The time of day: with or without seconds, with a fraction of any length, `24:00`, a leap second, `am` and `pm`.

use chrono::NaiveTime;

use super::number;

/// A time of day.
#[derive(Debug, Clone, Copy)]
pub(super) struct ClockTime {
    /// The time.
    pub(super) time: NaiveTime,
    /// Whether it is `24:00`, the midnight at the end of its day.
    pub(super) is_end_of_day: bool,
    /// Whether minutes are given.
    pub(super) has_minutes: bool,
}

impl ClockTime {
    /// Parses the time at the start of `text`; returns it and the rest.
    pub(super) fn read(text: &str) -> Option<(Self, &str)> {
        let (mut hour, mut rest) = number(text, 1, 2)?;
        let (mut minute, mut second, mut nanos) = (None, None, 0);
        let has_colons = rest.starts_with(':');
        if !has_colons && text.len() - rest.len() == 1 {
            return None;
        }
        for part in [&mut minute, &mut second] {
            let digits = if has_colons { rest.strip_prefix(':') } else { Some(rest) };
            let Some((value, after)) = digits.and_then(|digits| number(digits, 2, 2)) else { break };
            (*part, rest) = (Some(value), after);
        }
        if second.is_some()
            && let Some(digits) = rest.strip_prefix(['.', ','])
        {
            (nanos, rest) = fraction(digits)?;
        }
        // a digit or a separator that belongs to no part
        if rest.starts_with(|c: char| c.is_ascii_digit() || matches!(c, ':' | '.' | ',')) {
            return None;
        }
        if let Some((is_afternoon, after)) = half_day(rest) {
            hour = (1..=12).contains(&hour).then(|| hour % 12 + if is_afternoon { 12 } else { 0 })?;
            rest = after;
        }
        let (has_minutes, minute, second) = (minute.is_some(), minute.unwrap_or(0), second.unwrap_or(0));
        let is_end_of_day = hour == 24 && minute == 0 && second == 0 && nanos == 0;
        // a leap second is the last second of its minute plus one
        let (second, nanos) = if second == 60 { (59, nanos + 1_000_000_000) } else { (second, nanos) };
        let time = NaiveTime::from_hms_nano_opt(if is_end_of_day { 0 } else { hour }, minute, second, nanos)?;
        Some((Self { time, is_end_of_day, has_minutes }, rest))
    }
}

/// Parses the digits of a fraction as billionths; returns them and the rest. Digits beyond the ninth are dropped.
fn fraction(text: &str) -> Option<(u32, &str)> {
    let length = text.bytes().take_while(u8::is_ascii_digit).count();
    let kept = &text[..length.min(9)];
    let nanos = format!("{kept:0<9}").parse().ok()?;
    (length > 0).then_some((nanos, &text[length..]))
}

/// Returns whether `text` begins with `pm` rather than `am`, and the rest.
fn half_day(text: &str) -> Option<(bool, &str)> {
    let (mark, after) = text.trim_start().split_at_checked(2)?;
    let is_afternoon = mark.eq_ignore_ascii_case("pm");
    let is_mark = is_afternoon || mark.eq_ignore_ascii_case("am");
    (is_mark && !after.starts_with(char::is_alphanumeric)).then_some((is_afternoon, after))
}
