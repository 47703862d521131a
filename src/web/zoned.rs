//! Instants and lengths of time as a reader sees them, in the zone of the page.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use rust_decimal::Decimal;

use crate::api::formats::cell::Cell as Exact;
use crate::api::parameters::time::TimeSaid;
use crate::api::parameters::{Faults, Said};
use crate::query::range::TimeRange;
use crate::web::figure::{duration, round_duration};
use crate::web::table::Cell;
use crate::web::visit::Visit;

/// The zone of a page.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Zoned {
    zone: Tz,
    now: DateTime<Utc>,
}

impl Zoned {
    /// Returns the zone of a page; one that is unknown counts as UTC, as the pickers show.
    pub(crate) fn of(visit: &Visit) -> Self {
        let named = visit.selection.get("zone").map(|name| name.parse().unwrap_or(Tz::UTC));
        Self { zone: named.unwrap_or(visit.state.default_zone), now: visit.state.clock.now() }
    }

    /// Returns the range of a page; `None`: the address gives none that is valid.
    pub(crate) fn range(visit: &Visit) -> Option<TimeRange> {
        let said = |name: &str, text: Option<&str>| text.map(|text| Said::by_parameter(name, text));
        let selection = &visit.selection;
        let [from, to, zone] = ["from", "to", "zone"].map(|name| said(name, selection.get(name)));
        let given = TimeSaid { range: said("range", selection.range()), from, to, zone };
        given.read(visit.state.default_zone, visit.state.clock.now(), &mut Faults::default()).range
    }

    /// Returns the zone.
    pub(crate) fn zone(self) -> Tz {
        self.zone
    }

    /// Returns the name of the zone.
    pub(crate) fn name(self) -> &'static str {
        self.zone.name()
    }

    /// Writes an instant to the minute.
    pub(crate) fn minute(self, at: DateTime<Utc>) -> String {
        at.with_timezone(&self.zone).format("%Y-%m-%d %H:%M").to_string()
    }

    /// Writes an instant to the second.
    pub(crate) fn second(self, at: DateTime<Utc>) -> String {
        at.with_timezone(&self.zone).format("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// Writes the instants in a text of the API as readers see them.
    pub(crate) fn instants(self, text: &str) -> String {
        let word = |word: &str| {
            let (instant, end) = word.split_at(word.trim_end_matches([' ', ',', ';', '.']).len());
            let at = instant.parse::<DateTime<Utc>>().ok();
            at.map_or_else(|| word.to_owned(), |at| format!("{}{end}", self.second(at)))
        };
        text.split_inclusive(' ').map(word).collect()
    }

    /// Writes an instant to the second: on the local day of another, its time alone.
    pub(crate) fn clock_after(self, before: DateTime<Utc>, at: DateTime<Utc>) -> String {
        if self.day(before) == self.day(at) { self.clock(at) } else { self.second(at) }
    }

    /// Writes the local day.
    pub(crate) fn day(self, at: DateTime<Utc>) -> String {
        at.with_timezone(&self.zone).format("%Y-%m-%d").to_string()
    }

    /// Returns a cell with an instant.
    pub(crate) fn cell(self, at: DateTime<Utc>) -> Cell {
        Cell::text(self.second(at)).exactly(Exact::Instant(at.fixed_offset()))
    }

    /// Returns a cell with an instant to the minute.
    pub(crate) fn minute_cell(self, at: DateTime<Utc>) -> Cell {
        Cell { text: self.minute(at), ..self.cell(at) }
    }

    /// Writes the time of day to the second.
    pub(crate) fn clock(self, at: DateTime<Utc>) -> String {
        at.with_timezone(&self.zone).format("%H:%M:%S").to_string()
    }

    /// Writes the time since an instant, to the minute from a minute on. `None`: by our clock, it is to come.
    pub(crate) fn since(self, at: DateTime<Utc>) -> Option<String> {
        let seconds = u64::try_from((self.now - at).num_seconds()).ok()?;
        Some(round_duration(Decimal::from(if seconds < 60 { seconds } else { seconds - seconds % 60 })))
    }

    /// Writes how long ago an instant was, or in how long it will be.
    pub(crate) fn distance(self, at: DateTime<Utc>) -> String {
        let seconds = (self.now - at).num_seconds();
        let length = duration(Decimal::from(seconds.abs()));
        if seconds < 0 { format!("in {length}") } else { format!("{length} ago") }
    }
}
