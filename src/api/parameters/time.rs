//! Time ranges: by name or by their two ends, in a zone.
//!
//! A date means the first instant of that day in the zone, on both ends, since ranges are half-open. Every form
//! becomes two instants; later code knows only these.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::parameters::nearest;
use crate::api::parameters::{FaultLocation, Faults, Said};
use crate::model::time::{sane, sane_range};
use crate::query::calendar::start_of_day;
use crate::query::range::{NAMES, TimeRange};

/// Parameters of a time range.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct TimeParameters {
    /// A named range: `today`, `yesterday`, `last_N_days` (N local days, including today; N up to 36500),
    /// `last_N_hours` (N clock hours, including the current one), `this_week`, `this_month`, `this_quarter`,
    /// `this_year`, `previous_week`, `previous_month`, `previous_quarter`, `previous_year`. Not with `from` and `to`.
    #[param(example = "last_28_days")]
    range: Option<String>,
    /// First instant: a date (its first instant in `zone`) or RFC 3339. Default: 2000.
    #[param(example = "2026-11-18")]
    from: Option<String>,
    /// End of the range, exclusive: a date (its first instant in `zone`, so that day is left out) or
    /// RFC 3339. Default: the end of today.
    #[param(example = "2026-11-21")]
    to: Option<String>,
    /// IANA name of the time zone of the local days. Default: the service's own.
    #[param(example = "Europe/Berlin")]
    zone: Option<String>,
}

/// A time range as given, with the locations of its parts.
#[derive(Debug, Clone, Default)]
pub(crate) struct TimeSaid {
    /// Named range.
    pub(crate) range: Option<Said>,
    /// First instant.
    pub(crate) from: Option<Said>,
    /// End, exclusive.
    pub(crate) to: Option<Said>,
    /// Time zone.
    pub(crate) zone: Option<Said>,
}

/// A checked time range.
#[derive(Debug, Clone, Copy)]
pub(crate) struct When {
    /// The range, if one was given.
    pub(crate) range: Option<TimeRange>,
    /// Time zone.
    pub(crate) zone: Tz,
}

impl TimeParameters {
    /// Returns whether anything but the zone was given.
    pub(crate) fn is_said(&self) -> bool {
        self.said().is_said()
    }

    /// Returns the parameters as given, with their locations.
    pub(crate) fn said(&self) -> TimeSaid {
        let said = |name: &str, text: &Option<String>| text.as_ref().map(|text| Said::by_parameter(name, text));
        TimeSaid {
            range: said("range", &self.range),
            from: said("from", &self.from),
            to: said("to", &self.to),
            zone: said("zone", &self.zone),
        }
    }

    /// Reads the range as of `now`.
    pub(crate) fn read(&self, default_zone: Tz, now: DateTime<Utc>, faults: &mut Faults) -> When {
        self.said().read(default_zone, now, faults)
    }
}

impl TimeSaid {
    /// Returns whether anything but the zone was given.
    pub(crate) fn is_said(&self) -> bool {
        self.range.is_some() || self.from.is_some() || self.to.is_some()
    }

    /// Returns whether a number of days was requested, independent of months.
    pub(crate) fn is_of_days(&self) -> bool {
        self.range.as_ref().is_some_and(|range| range.text.starts_with("last_"))
    }

    /// Reads the range as of `now`.
    pub(crate) fn read(&self, default_zone: Tz, now: DateTime<Utc>, faults: &mut Faults) -> When {
        let zone = self.zone.as_ref().map_or(Some(default_zone), |said| zone(said, faults));
        let zone = zone.unwrap_or(default_zone);
        let range = match (&self.range, &self.from, &self.to) {
            (None, None, None) => None,
            (Some(name), None, None) => named(name, now, zone, faults),
            (Some(range), from, to) => {
                faults.note(&range.at, "conflicting_parameters", "Give either `range`, or `from` and `to`.");
                named(range, now, zone, faults);
                between(from.as_ref(), to.as_ref(), zone, now, faults);
                None
            }
            (None, from, to) => between(from.as_ref(), to.as_ref(), zone, now, faults),
        };
        When { range, zone }
    }
}

fn zone(said: &Said, faults: &mut Faults) -> Option<Tz> {
    let name = &said.text;
    let zone = name.parse().ok();
    if zone.is_none() {
        let names: Vec<String> = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name().to_owned()).collect();
        let near = nearest(name, &names);
        let hint = if near.is_empty() { String::new() } else { format!(" Did you mean {}?", near.join(" or ")) };
        let detail = format!("`{name}` is not an IANA zone such as Europe/Berlin.{hint}");
        faults.note_near(&said.at, "unknown_zone", detail, near);
    }
    zone
}

fn named(said: &Said, now: DateTime<Utc>, zone: Tz, faults: &mut Faults) -> Option<TimeRange> {
    let range = TimeRange::named(&said.text, now, zone);
    match range {
        None => faults.note_unknown(&said.at, "unknown_range", &said.text, NAMES),
        Some(range) if sane(range.from).is_none() => {
            faults.note(&said.at, "time_out_of_range", format!("`{}` begins before the year 2000.", said.text));
        }
        Some(_) => return range,
    }
    None
}

/// Returns the range between two ends. The default end is the end of today, the default start the earliest time
/// that is accepted here.
pub(crate) fn between(
    from: Option<&Said>,
    to: Option<&Said>,
    zone: Tz,
    now: DateTime<Utc>,
    faults: &mut Faults,
) -> Option<TimeRange> {
    let end_of_today = TimeRange::named("today", now, zone).map(|today| today.to);
    let start = from.map_or(Some(sane_range().0), |said| instant(said, zone, faults));
    let end = to.map_or(end_of_today, |said| instant(said, zone, faults));
    let range = TimeRange { from: start?, to: end? };
    if range.from < range.to {
        return Some(range);
    }
    // the end of today is after the earliest time, so at least one end was given
    let at = from.or(to).map_or(FaultLocation::from("from"), |said| said.at.clone());
    let written =
        |said: Option<&Said>, otherwise: &str| said.map_or(otherwise.to_owned(), |said| format!("`{}`", said.text));
    let (from, to) = (written(from, "the beginning"), written(to, "the end of today"));
    faults.note(&at, "empty_range", format!("{from} must be before {to}; the range is half-open."));
    None
}

/// Reads an instant: a date, or RFC 3339.
pub(crate) fn instant(said: &Said, zone: Tz, faults: &mut Faults) -> Option<DateTime<Utc>> {
    let text = &said.text;
    // an unescaped `+` of an offset arrives as a space
    let exact = DateTime::parse_from_rfc3339(text).or_else(|_| DateTime::parse_from_rfc3339(&text.replace(' ', "+")));
    let date = || text.parse::<NaiveDate>().ok().filter(|date| (1900..=2200).contains(&date.year()));
    let at = exact.ok().map(|at| at.to_utc()).or_else(|| date().map(|date| start_of_day(zone, date)));
    let Some(at) = at else {
        let detail = format!("`{text}` is neither a date (2026-11-18) nor an RFC 3339 instant (2026-11-18T09:00:00Z).");
        faults.note(&said.at, "invalid_time", detail);
        return None;
    };
    // the end of the accepted range is a usable end
    if sane(at).is_none() && at != sane_range().1 {
        faults.note(&said.at, "time_out_of_range", format!("`{text}` is outside of 2000 to 2100."));
        return None;
    }
    Some(at)
}
