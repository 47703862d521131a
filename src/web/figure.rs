//! Numbers as readers see them: grouped digits, units, and words where there is no number.
//!
//! Only digits that a reader cannot use are cut; the exact digits of the API stand beside each number. Zero, unknown
//! and not applicable have different words.

use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};

use crate::query::metrics::value::Value;
use crate::query::number::Number;

/// A narrow space that does not break: between groups of digits, and before units.
const THIN: char = '\u{202f}';
/// Whole parts from here on show no digits after the point.
const FEW: i64 = 100;
/// Growth above this, as a share of the value before, is written as a multiple.
const GREAT_GROWTH: Decimal = Decimal::TEN;
/// Multiples above this say no more than that the value before was next to nothing.
const MOST_TIMES: Decimal = Decimal::ONE_THOUSAND;

/// A metric value as a reader sees it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Figure {
    /// The text, with its unit.
    pub(crate) text: String,
    /// The digits of the API; `None`: there is no value, and the text says why.
    pub(crate) exact: Option<String>,
}

/// How the values of a metric are written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured<'a> {
    /// Id of the metric.
    pub(crate) metric: &'a str,
    /// Its unit.
    pub(crate) unit: &'a str,
    /// Currency of money.
    pub(crate) currency: Option<&'a str>,
}

impl Measured<'_> {
    /// Writes a value, or the reason why there is none.
    pub(crate) fn figure(self, value: Option<Number>, reason: Option<&str>) -> Figure {
        match value {
            Some(number) => Figure { text: self.text(number.0), exact: Some(number.to_string()) },
            None => Figure { text: reason_text(reason.unwrap_or("unknown")).to_owned(), exact: None },
        }
    }

    /// Writes the value of a total.
    pub(crate) fn total(self, value: &Value) -> Figure {
        self.figure(value.value, value.reason)
    }

    /// Writes a number with its unit.
    pub(crate) fn text(self, number: Decimal) -> String {
        match self.unit {
            "seconds" => duration(number),
            "ratio" if self.is_share() => format!("{}{THIN}%", grouped(number * Decimal::ONE_HUNDRED, 1)),
            "ratio" => grouped(number, 2),
            "minutes" => format!("{}{THIN}min", short(number)),
            "milliseconds" => format!("{}{THIN}ms", short(number)),
            "money" => {
                self.currency.map_or_else(|| grouped(number, 2), |it| format!("{}{THIN}{it}", grouped(number, 2)))
            }
            _ => short(number),
        }
    }

    /// Returns whether a ratio is a share of a whole, which is written in percent.
    pub(crate) fn is_share(self) -> bool {
        let id = self.metric;
        ["_rate", "_share"].iter().any(|end| id.ends_with(end)) || ["attendance_ratio", "packet_loss_avg"].contains(&id)
    }
}

/// A change since the previous period.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Change {
    /// The text.
    pub(crate) text: String,
    /// The change in percent, where the text is a multiple.
    pub(crate) percent: Option<String>,
}

/// Writes the change since the previous period: in points for rates, else in percent. Growth to more than tenfold is a
/// multiple, since percent from a small base only startle. `None`: none was requested, or there is no value to compare.
pub(crate) fn change(value: &Value) -> Option<Change> {
    let change = value.comparison.as_ref().filter(|_| value.value.is_some())?;
    let signed = |number: Decimal| {
        let sign = if number.is_sign_negative() { "" } else { "+" };
        format!("{sign}{}", grouped(number, 1))
    };
    let percent = |ratio: Decimal| format!("{}{THIN}%", signed(ratio * Decimal::ONE_HUNDRED));
    let text = match (change.previous, change.change_points, change.change_ratio) {
        (None, _, _) => format!("before: {}", reason_text(change.previous_reason.unwrap_or("unknown"))),
        (Some(_), Some(points), _) => format!("{}{THIN}points", signed(points.0)),
        (Some(_), None, Some(ratio)) if ratio.0 > GREAT_GROWTH => {
            return Some(Change { text: multiple(ratio.0), percent: Some(percent(ratio.0)) });
        }
        (Some(_), None, Some(ratio)) => percent(ratio.0),
        (Some(_), None, None) => "before: 0".to_owned(),
    };
    Some(Change { text, percent: None })
}

/// Writes growth as a multiple of the value before.
fn multiple(ratio: Decimal) -> String {
    let times = ratio + Decimal::ONE;
    if times > MOST_TIMES { format!("over {}×", grouped(MOST_TIMES, 0)) } else { format!("{}×", grouped(times, 0)) }
}

/// Returns the words for a missing value.
pub(crate) fn reason_text(reason: &str) -> &str {
    match reason {
        "not_applicable" => "not applicable",
        "not_fetched" => "not fetched",
        "handoff_mapping_missing" => "not configured",
        "no_data" => "no cases",
        "no_rows" => "none",
        "not_shown" => "not shown",
        "no_counterpart" => "nothing to compare",
        "awaiting_sync" => "not read yet",
        "in_progress" => "in progress",
        "not_begun" => "not begun",
        "has_gap" => "gap, not proven",
        "accepted_gap" => "gap, accepted",
        "before_history" => "before the history",
        "unknown" => "unknown",
        other => other,
    }
}

/// Writes a number with as many digits as its size needs.
pub(crate) fn short(number: Decimal) -> String {
    grouped(number, u32::from(number.abs() < Decimal::from(FEW)))
}

/// Writes a number with at most `digits` after the point, its whole part in groups of three.
pub(crate) fn grouped(number: Decimal, digits: u32) -> String {
    let rounded = number.round_dp_with_strategy(digits, RoundingStrategy::MidpointAwayFromZero).normalize();
    let text = rounded.abs().to_string();
    let (whole, fraction) = text.split_once('.').map_or((text.as_str(), None), |(whole, rest)| (whole, Some(rest)));
    let mut written = String::new();
    if rounded.is_sign_negative() && !rounded.is_zero() {
        written.push('\u{2212}');
    }
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place) % 3 == 0 {
            written.push(THIN);
        }
        written.push(digit);
    }
    if let Some(fraction) = fraction {
        written.push('.');
        written.push_str(fraction);
    }
    written
}

/// Writes a length of time.
pub(crate) fn duration(seconds: Decimal) -> String {
    let digits = u32::from(seconds.abs() < Decimal::TEN);
    let rounded = seconds.round_dp_with_strategy(digits, RoundingStrategy::MidpointAwayFromZero);
    let whole = rounded.to_i64().unwrap_or(0);
    match whole.abs() {
        0..60 => format!("{}{THIN}s", grouped(rounded, digits)),
        60..3_600 => format!("{}{THIN}min {}{THIN}s", whole / 60, whole.abs() % 60),
        3_600..86_400 => format!("{}{THIN}h {:02}{THIN}min", whole / 3_600, whole.abs() % 3_600 / 60),
        _ => format!("{}{THIN}d {}{THIN}h", grouped(Decimal::from(whole / 86_400), 0), whole.abs() % 86_400 / 3_600),
    }
}

/// Writes a length of time without the part of its smaller unit where that is 0, as a tick of an axis.
pub(crate) fn round_duration(seconds: Decimal) -> String {
    let text = duration(seconds);
    let is_zero = |part: &str| part.split(THIN).next().is_some_and(|digits| digits.trim_matches('0').is_empty());
    match text.split_once(' ') {
        Some((whole, rest)) if is_zero(rest) => whole.to_owned(),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(metric: &str, unit: &str, number: &str) -> String {
        let measured = Measured { metric, unit, currency: Some("USD") };
        measured.text(number.parse().expect("a number")).replace(THIN, " ")
    }

    #[test]
    fn numbers_have_groups_units_and_no_useless_digits() {
        assert_eq!(written("sessions", "sessions", "1234567"), "1 234 567");
        assert_eq!(written("minutes_consumed", "minutes", "140.75"), "141 min");
        assert_eq!(written("minutes_consumed", "minutes", "12.34"), "12.3 min");
        assert_eq!(written("resolution_rate", "ratio", "0.7419"), "74.2 %");
        assert_eq!(written("messages_per_session", "ratio", "7.126"), "7.13");
        assert_eq!(written("estimated_cost", "money", "-1050.5"), "−1 050.5 USD");
        assert_eq!(written("x", "seconds", "3.44"), "3.4 s");
        assert_eq!(written("x", "seconds", "59.6"), "1 min 0 s");
        assert_eq!(written("x", "seconds", "7260"), "2 h 01 min");
        assert_eq!(written("x", "seconds", "97200"), "1 d 3 h");
    }

    #[test]
    fn great_growth_is_a_calm_multiple() {
        let written = |ratio: &str| multiple(ratio.parse().expect("a number")).replace(THIN, " ");
        assert_eq!(written("10.4"), "11×");
        assert_eq!(written("93.2"), "94×");
        assert_eq!(written("999"), "1 000×");
        assert_eq!(written("93740.25"), "over 1 000×");
    }

    #[test]
    fn zero_unknown_and_not_applicable_differ() {
        let measured = Measured { metric: "minutes_consumed", unit: "minutes", currency: None };
        let zero = measured.figure(Some(Number(Decimal::ZERO)), None);
        assert_eq!((zero.text.as_str(), zero.exact.as_deref()), ("0\u{202f}min", Some("0")));
        assert_eq!(measured.figure(None, Some("unknown")), Figure { text: "unknown".to_owned(), exact: None });
        assert_eq!(measured.figure(None, Some("not_applicable")).text, "not applicable");
    }
}
