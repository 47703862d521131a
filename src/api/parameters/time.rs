//! When: a range by name or by its two ends, in a zone.
//!
//! A date means the first instant of that day in the zone, on both ends, since ranges are half-open. Every form
//! leads to two instants; what comes after knows only these.

use chrono::{DateTime, Datelike, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::parameters::Faults;
use crate::api::parameters::nearest::nearest;
use crate::model::time::{sane, sane_range};
use crate::query::calendar::start_of_day;
use crate::query::range::{NAMES, TimeRange};

/// Parameters that say when.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct TimeParameters {
    /// A range by name: `today`, `yesterday`, `last_N_days` (N local days, today included), `last_N_hours` (N clock
    /// hours, the present one included), `this_week`, `this_month`, `this_year`, `previous_week`, `previous_month`,
    /// `previous_year`. Not together with `from` and `to`.
    #[param(example = "last_28_days")]
    range: Option<String>,
    /// First instant: a date (its first instant in `zone`) or RFC 3339.
    #[param(example = "2026-11-18")]
    from: Option<String>,
    /// First instant after the range: a date (its first instant in `zone`, so the day itself is left out) or
    /// RFC 3339. Default: the end of today.
    #[param(example = "2026-11-21")]
    to: Option<String>,
    /// IANA name of the zone whose days are meant. Default: the service's own.
    #[param(example = "Europe/Berlin")]
    zone: Option<String>,
}

/// What a question says about time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct When {
    /// The range, if one is named.
    pub(crate) range: Option<TimeRange>,
    /// Whose calendar.
    pub(crate) zone: Tz,
}

impl TimeParameters {
    /// Whether anything but the zone was said.
    pub(crate) fn is_said(&self) -> bool {
        self.range.is_some() || self.from.is_some() || self.to.is_some()
    }

    /// What was said, at `now`.
    pub(crate) fn read(&self, default_zone: Tz, now: DateTime<Utc>, faults: &mut Faults) -> When {
        let zone = self.zone.as_deref().map_or(Some(default_zone), |name| zone(name, faults));
        let zone = zone.unwrap_or(default_zone);
        let range = match (&self.range, &self.from, &self.to) {
            (None, None, None) => None,
            (Some(name), None, None) => named(name, now, zone, faults),
            (Some(_), _, _) => {
                faults.note("range", "conflicting_parameters", "Give either `range`, or `from` and `to`.");
                None
            }
            (None, from, to) => between(("from", from.as_deref()), ("to", to.as_deref()), zone, now, faults),
        };
        When { range, zone }
    }
}

fn zone(name: &str, faults: &mut Faults) -> Option<Tz> {
    let zone = name.parse().ok();
    if zone.is_none() {
        let names: Vec<String> = chrono_tz::TZ_VARIANTS.iter().map(|zone| zone.name().to_owned()).collect();
        let near = nearest(name, &names);
        let hint = if near.is_empty() { String::new() } else { format!(" Did you mean {}?", near.join(" or ")) };
        faults.note("zone", "unknown_zone", format!("`{name}` is not an IANA zone such as Europe/Berlin.{hint}"));
    }
    zone
}

fn named(name: &str, now: DateTime<Utc>, zone: Tz, faults: &mut Faults) -> Option<TimeRange> {
    let range = TimeRange::named(name, now, zone).filter(|range| sane(range.from).is_some());
    if range.is_none() {
        faults.note_unknown("range", "unknown_range", name, NAMES);
    }
    range
}

/// The range between two ends, each a name of a parameter and its text. Without the second it goes to the end of
/// today, without the first it begins with time as it is known here.
pub(crate) fn between(
    from: (&str, Option<&str>),
    to: (&str, Option<&str>),
    zone: Tz,
    now: DateTime<Utc>,
    faults: &mut Faults,
) -> Option<TimeRange> {
    let end_of_today = TimeRange::named("today", now, zone).map(|today| today.to);
    let start = from.1.map_or(Some(sane_range().0), |text| instant(from.0, text, zone, faults));
    let end = to.1.map_or(end_of_today, |text| instant(to.0, text, zone, faults));
    let range = TimeRange { from: start?, to: end? };
    if range.from >= range.to {
        let detail = format!("`{}` must lie before `{}`; the range is half-open.", from.0, to.0);
        faults.note(from.0, "empty_range", detail);
        return None;
    }
    Some(range)
}

fn instant(parameter: &str, text: &str, zone: Tz, faults: &mut Faults) -> Option<DateTime<Utc>> {
    // an unescaped `+` of an offset arrives as a space
    let exact = DateTime::parse_from_rfc3339(text).or_else(|_| DateTime::parse_from_rfc3339(&text.replace(' ', "+")));
    let date = || text.parse::<NaiveDate>().ok().filter(|date| (1900..=2200).contains(&date.year()));
    let at = exact.ok().map(|at| at.to_utc()).or_else(|| date().map(|date| start_of_day(zone, date)));
    let Some(at) = at else {
        let detail = format!("`{text}` is neither a date (2026-11-18) nor an RFC 3339 instant (2026-11-18T09:00:00Z).");
        faults.note(parameter, "invalid_time", detail);
        return None;
    };
    // the end of the known range is a usable end
    if sane(at).is_none() && at != sane_range().1 {
        faults.note(parameter, "time_out_of_range", format!("`{text}` lies outside of 2000 to 2100."));
        return None;
    }
    Some(at)
}
