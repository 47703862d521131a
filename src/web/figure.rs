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
const MINUS: char = '\u{2212}';
/// Least amount of money that two digits after the point can show.
const CENT: Decimal = Decimal::from_parts(1, 0, 0, false, 2);
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
            "ratio" if self.is_share() => percent_text(number),
            "ratio" => grouped(number, 2),
            "minutes" => format!("{}{THIN}min", short(number)),
            "milliseconds" => format!("{}{THIN}ms", short(number)),
            "money" => {
                let amount = self.amount(number);
                self.currency.map_or_else(|| amount.clone(), |it| format!("{amount}{THIN}{it}"))
            }
            _ => short(number),
        }
    }

    /// Writes an amount of money. What one unit costs may be far less than a hundredth, so its first digits count.
    fn amount(self, number: Decimal) -> String {
        let least = if self.metric.starts_with("cost_per_") { Decimal::ONE } else { CENT };
        if number.is_zero() || number.abs() >= least {
            let mut cents = number.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
            cents.rescale(2);
            return written(cents);
        }
        let rounded = number.round_sf_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
        written(rounded.unwrap_or(number).normalize())
    }

    /// Writes a tick of an axis: a round number, without zeros at its end.
    pub(crate) fn tick(self, number: Decimal) -> String {
        match (self.unit, self.currency) {
            ("seconds", _) => round_duration(number),
            ("money", Some(currency)) => format!("{}{THIN}{currency}", grouped(number, 4)),
            _ => self.text(number),
        }
    }

    /// Writes a change: of shares in points.
    pub(crate) fn change(self, number: Decimal) -> String {
        if self.is_share() { points(number * Decimal::ONE_HUNDRED) } else { signed(self.text(number)) }
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
    let percent = |ratio: Decimal| format!("{}{THIN}%", signed(grouped(ratio * Decimal::ONE_HUNDRED, 1)));
    let text = match (change.previous, change.change_points, change.change_ratio) {
        (None, _, _) => format!("before: {}", reason_text(change.previous_reason.unwrap_or("unknown"))),
        (Some(_), Some(change), _) => points(change.0),
        (Some(_), None, Some(ratio)) if ratio.0 > GREAT_GROWTH => {
            return Some(Change { text: multiple(ratio.0), percent: Some(percent(ratio.0)) });
        }
        (Some(_), None, Some(ratio)) => percent(ratio.0),
        (Some(_), None, None) => "before: 0".to_owned(),
    };
    Some(Change { text, percent: None })
}

/// Writes a change in percentage points.
fn points(number: Decimal) -> String {
    format!("{}{THIN}points", signed(grouped(number, 1)))
}

/// Adds the sign to a change as it is written: what is rounded to zero has none.
fn signed(text: String) -> String {
    let is_zero = !text.contains(|digit: char| ('1'..='9').contains(&digit));
    if is_zero || text.starts_with(MINUS) { text } else { format!("+{text}") }
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

/// Writes a share in percent.
pub(crate) fn percent_text(share: Decimal) -> String {
    format!("{}{THIN}%", grouped(share * Decimal::ONE_HUNDRED, 1))
}

/// Writes a number with as many digits as its size needs.
pub(crate) fn short(number: Decimal) -> String {
    grouped(number, u32::from(number.abs() < Decimal::from(FEW)))
}

/// Writes a number with at most `digits` after the point, its whole part in groups of three.
pub(crate) fn grouped(number: Decimal, digits: u32) -> String {
    written(number.round_dp_with_strategy(digits, RoundingStrategy::MidpointAwayFromZero).normalize())
}

/// Writes all digits of a number, its whole part in groups of three.
fn written(rounded: Decimal) -> String {
    let text = rounded.abs().to_string();
    let (whole, fraction) = text.split_once('.').map_or((text.as_str(), None), |(whole, rest)| (whole, Some(rest)));
    let mut written = String::new();
    if rounded.is_sign_negative() && !rounded.is_zero() {
        written.push(MINUS);
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
    if rounded.is_sign_negative() && !rounded.is_zero() {
        return format!("{MINUS}{}", duration(-seconds));
    }
    let whole = rounded.to_i64().unwrap_or(0);
    match whole {
        0..60 => format!("{}{THIN}s", grouped(rounded, digits)),
        60..3_600 => format!("{}{THIN}min {}{THIN}s", whole / 60, whole % 60),
        3_600..86_400 => format!("{}{THIN}h {:02}{THIN}min", whole / 3_600, whole % 3_600 / 60),
        _ => format!("{}{THIN}d {}{THIN}h", grouped(Decimal::from(whole / 86_400), 0), whole % 86_400 / 3_600),
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
        assert_eq!(written("estimated_cost", "money", "-1050.5"), "−1 050.50 USD");
        assert_eq!(written("estimated_cost", "money", "3634.1"), "3 634.10 USD");
        assert_eq!(written("estimated_cost", "money", "0.004"), "0.004 USD");
        assert_eq!(written("estimated_cost", "money", "0"), "0.00 USD");
        assert_eq!(written("cost_per_minute", "money", "0.00842929"), "0.0084 USD");
        assert_eq!(written("cost_per_resolution", "money", "12.5"), "12.50 USD");
        assert_eq!(written("x", "seconds", "3.44"), "3.4 s");
        assert_eq!(written("x", "seconds", "59.6"), "1 min 0 s");
        assert_eq!(written("x", "seconds", "7260"), "2 h 01 min");
        assert_eq!(written("x", "seconds", "97200"), "1 d 3 h");
        assert_eq!(written("x", "seconds", "-75"), "−1 min 15 s");
    }

    #[test]
    fn a_change_has_the_sign_of_what_is_written() {
        let changed = |metric: &str, unit: &str, number: &str| {
            let measured = Measured { metric, unit, currency: None };
            measured.change(number.parse().expect("a number")).replace(THIN, " ")
        };
        assert_eq!(changed("resolution_rate", "ratio", "-0.009"), "−0.9 points");
        assert_eq!(changed("resolution_rate", "ratio", "0.0003"), "0 points");
        assert_eq!(changed("sessions", "sessions", "12"), "+12");
        assert_eq!(changed("x", "seconds", "-75"), "−1 min 15 s");
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
