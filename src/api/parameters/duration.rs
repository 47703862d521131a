//! Durations in ISO 8601: `PT15M`, `P1DT12H`.
//!
//! Only units of fixed length are accepted: weeks, days, hours, minutes and seconds; a month has several lengths.

use chrono::TimeDelta;

/// Units in their required order, seconds each; the first two before the `T`.
const UNITS: [(char, i64); 5] = [('W', 604_800), ('D', 86_400), ('H', 3_600), ('M', 60), ('S', 1)];

/// The longest accepted duration, seconds: a hundred years.
const MAX_SECONDS: i64 = 100 * 366 * 86_400;

/// Parses a duration; `None` where the text is none.
pub(crate) fn parse(text: &str) -> Option<TimeDelta> {
    let rest = text.strip_prefix('P')?;
    let (days, clock) = rest.split_once('T').map_or((rest, None), |(days, clock)| (days, Some(clock)));
    if clock.is_some_and(str::is_empty) || rest.is_empty() {
        return None;
    }
    let seconds = sum(days, &UNITS[..2])?.checked_add(sum(clock.unwrap_or_default(), &UNITS[2..])?)?;
    (seconds <= MAX_SECONDS).then(|| TimeDelta::seconds(seconds))
}

fn sum(mut text: &str, units: &[(char, i64)]) -> Option<i64> {
    let mut seconds = 0_i64;
    let mut units = units.iter();
    while !text.is_empty() {
        let digits = text.find(|c: char| !c.is_ascii_digit())?;
        let count: i64 = text[..digits].parse().ok()?;
        let unit = text[digits..].chars().next()?;
        let (_, length) = units.find(|(name, _)| *name == unit)?;
        seconds = seconds.checked_add(count.checked_mul(*length)?)?;
        text = &text[digits + 1..];
    }
    Some(seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_understood_and_other_texts_are_not() {
        assert_eq!(parse("PT15M"), Some(TimeDelta::minutes(15)));
        assert_eq!(parse("P1DT2H3S"), Some(TimeDelta::seconds(86_400 + 7_200 + 3)));
        assert_eq!(parse("P2W"), Some(TimeDelta::weeks(2)));
        for text in
            ["", "P", "PT", "15M", "PT15", "P1M", "PTM", "PT1M1H", "PT1.5H", "P-1D", "PT99999999999999999999S", "PT1ü"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
