//! The comparison of a query: its period and options.
//!
//! The words are checked before the period is known, and the existence of data to compare only after.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::api::metrics::question::raw_query::{CompareSaid, RawQuery};
use crate::api::parameters::time::between;
use crate::api::parameters::{Faults, Said};
use crate::query::metrics::compare::{CompareTo, Comparison, Pieces, Wanted};
use crate::query::range::TimeRange;

/// Reads the requested comparison, if any.
pub(super) fn wanted(
    raw_query: &RawQuery,
    range: Option<TimeRange>,
    zone: Tz,
    now: DateTime<Utc>,
    faults: &mut Faults,
) -> Option<Wanted> {
    let said = raw_query.compare.as_ref()?;
    let by_weekday = one_of(said.align.as_ref(), ["calendar", "weekday"], faults);
    let has_begun = || range.is_some_and(|range| range.from < minute(now));
    let same_elapsed = match &said.elapsed {
        None => has_begun(),
        given => one_of(given.as_ref(), ["full", "same"], faults),
    };
    let to = to(said, zone, now, faults);
    Some(Wanted { to: to?, by_weekday, same_elapsed, is_of_days: raw_query.time.is_of_days() })
}

/// Returns the period of comparison.
pub(super) fn comparison(
    raw_query: &RawQuery,
    wanted: Wanted,
    asked: Pieces<'_>,
    now: DateTime<Utc>,
    faults: &mut Faults,
) -> Option<Comparison> {
    let comparison = Comparison::of(wanted, asked, minute(now));
    if comparison.is_none() {
        let at = raw_query.compare.as_ref().map_or_else(|| raw_query.location("compare"), |said| said.at.clone());
        let detail = "The periods cannot be compared: the range has not begun, or the compared period is empty.";
        faults.note(&at, "nothing_to_compare", detail);
    }
    comparison
}

/// Returns the time to the minute, so that an answer can be reused that long.
fn minute(now: DateTime<Utc>) -> DateTime<Utc> {
    DateTime::from_timestamp(now.timestamp() / 60 * 60, 0).unwrap_or(now)
}

fn to(said: &CompareSaid, zone: Tz, now: DateTime<Utc>, faults: &mut Faults) -> Option<CompareTo> {
    let Some(to) = &said.to else {
        let detail = format!("Name the period to compare with: {}.", CompareTo::NAMES.join(", "));
        faults.note(&said.at, "missing_comparison", detail);
        return None;
    };
    if to.text == "custom" {
        if said.from.is_none() || said.until.is_none() {
            let detail = "A custom period needs both ends: compare_from and compare_to, or in a body compare.range with \
                          from and to.";
            faults.note(&to.at, "missing_period", detail);
            return None;
        }
        return between(said.from.as_ref(), said.until.as_ref(), zone, now, faults).map(CompareTo::Custom);
    }
    if let Some(end) = said.from.as_ref().or(said.until.as_ref()) {
        faults.note(&end.at, "conflicting_parameters", "Only a `custom` period takes these ends.");
    }
    match to.text.as_str() {
        "previous_period" => Some(CompareTo::PreviousPeriod),
        "previous_year" => Some(CompareTo::PreviousYear),
        other => {
            faults.note_unknown(&to.at, "unknown_value", other, CompareTo::NAMES);
            None
        }
    }
}

/// Returns whether the second of two words was given; without a word the first applies.
fn one_of(said: Option<&Said>, words: [&str; 2], faults: &mut Faults) -> bool {
    let Some(said) = said else { return false };
    if !words.contains(&said.text.as_str()) {
        faults.note_unknown(&said.at, "unknown_value", &said.text, words);
    }
    said.text == words[1]
}
