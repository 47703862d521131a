//! The registry: the definitions of all metrics.
//!
//! Everything about a metric is generated from its entry here: the list in the API, the text of the OpenAPI
//! description, `analytics.metric_definitions`, and the SQL. Each metric is three numbers over the rows of a cell
//! (sessions, messages, presences, people): the value, the number of rows behind it, and the number of rows that lack
//! its data. Sums may be added over sources and buckets that do not overlap, and a total is exactly the sum of its
//! parts; a ratio is computed from sums at the very end and never averaged. Other metrics (a percentile, a maximum,
//! distinct people, a state) are read separately for each cell and for the total. One family per file.

pub mod anchor;
mod concurrency;
mod data;
mod messages;
mod minutes;
mod money;
pub mod needs;
mod outcome;
mod people;
mod quality;
pub mod rows;
mod transcripts;
mod volume;

use chrono::TimeDelta;

pub use crate::query::metrics::registry::anchor::{Additivity, Anchor};
pub use crate::query::metrics::registry::money::{COST_OF_SESSION, MONEY};
pub use crate::query::metrics::registry::needs::{Applicability, Needs};
pub use crate::query::metrics::registry::rows::Rows;

use crate::query::metrics::attribution::Attribution;
use crate::query::metrics::columns::names;
use crate::query::metrics::dimension::{Dimension, Home};

/// One metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// Name in requests and answers.
    pub id: &'static str,
    /// Version; increases when the meaning changes.
    pub version: u16,
    /// Display name.
    pub label: &'static str,
    /// Unit of the value.
    pub unit: &'static str,
    /// Meaning of the metric.
    pub description: &'static str,
    /// Formula, over the views of `analytics`.
    pub formula: &'static str,
    /// Reasons for a null value, other than incomplete data.
    pub null_rule: &'static str,
    /// The time that puts a row into a bucket.
    pub anchor: Anchor,
    /// Combination of values.
    pub additivity: Additivity,
    /// Data that a provider must have.
    pub needs: Needs,
    /// The kind of its rows.
    pub rows: Rows,
    /// SQL aggregate, numeric: the value, or the ratio's numerator. Not used for metrics along time.
    pub value_sql: &'static str,
    /// SQL aggregate, a number: the rows behind the value; the ratio's denominator.
    pub known_sql: &'static str,
    /// SQL aggregate, bigint: the rows that lack the data for the value.
    pub unknown_sql: &'static str,
    /// SQL condition on a session: it lacks the data for the value.
    pub is_unknown_sql: &'static str,
    /// Whether unknown rows count at the start of their session, since rows that were never read have no time.
    pub is_unknown_by_start: bool,
    /// SQL expression over a session: its contribution to the sum, null if it contributes nothing. `None`: a part of
    /// a session has no meaning.
    pub amount_sql: Option<&'static str>,
    /// Whether a session may count in several groups, because it is counted and not added up.
    pub can_overlap: bool,
}

impl Metric {
    /// Returns whether it can be grouped by `dimension`: its rows must have one value of it, or must be sessions that
    /// may count in several groups.
    pub fn can_be_grouped_by(&self, dimension: Dimension) -> bool {
        let is_swept = self.additivity.is_along_time();
        let may_overlap = self.rows == Rows::Sessions && self.can_overlap && !is_swept;
        match dimension.home() {
            Home::Source => true,
            Home::Session => self.rows.are_of_sessions(),
            Home::Clock => self.rows.are_of_sessions() && self.anchor != Anchor::AsOf && !is_swept,
            Home::Presence => self.rows == Rows::Presences || may_overlap,
            Home::Report => self.rows == Rows::Presences && !is_swept || may_overlap,
            Home::Trail => may_overlap,
            Home::Speaker => self.rows == Rows::Speakers,
            Home::Message => self.rows == Rows::Messages,
            Home::Cohort => self.rows == Rows::Cohorts,
        }
    }

    /// Returns whether a session counts in several groups of `dimension`, so that groups must not be added.
    pub fn overlaps_in(&self, dimension: Dimension) -> bool {
        match dimension.home() {
            Home::Presence | Home::Report | Home::Trail => self.rows == Rows::Sessions,
            Home::Speaker | Home::Cohort => true,
            _ => false,
        }
    }

    /// Returns whether groups of `dimension` share rows, so that they do not add up to the whole; the words of
    /// speakers do.
    pub fn shares_sessions_in(&self, dimension: Dimension) -> bool {
        self.overlaps_in(dimension) && dimension.home() != Home::Speaker
    }

    /// Returns whether a value of the past may change as time passes, or because of data that belong to no session.
    pub fn depends_on_now(&self) -> bool {
        let sql = [self.value_sql, self.known_sql, self.unknown_sql, self.is_unknown_sql];
        !self.is_of_sessions() || self.anchor == Anchor::AsOf || sql.into_iter().any(|sql| names(sql, "t"))
    }

    /// Returns whether it can be counted elsewhere than at the start of its session.
    pub fn can_be_attributed(&self, attribution: Attribution) -> bool {
        let is_by_start = self.rows == Rows::Sessions && self.anchor == Anchor::StartedAt;
        match attribution {
            Attribution::Start => true,
            Attribution::End => is_by_start && !self.additivity.is_along_time(),
            Attribution::Spread => is_by_start && self.amount_sql.is_some(),
        }
    }

    /// Returns whether its rows have their own time, so that it does not depend on the attribution.
    pub fn has_own_time(&self) -> bool {
        let is_of_session = matches!(self.anchor, Anchor::StartedAt | Anchor::EndedAt) && self.is_of_sessions();
        !is_of_session
    }

    /// Returns whether it is computed from the cost of sessions, which [`COST_OF_SESSION`] gives.
    pub fn is_of_money(&self) -> bool {
        money::METRICS.iter().any(|metric| metric.id == self.id)
    }

    /// Returns whether its rows belong to sessions, so that filters of sessions apply.
    pub fn is_of_sessions(&self) -> bool {
        self.rows.are_of_sessions()
    }
}

/// Time after the end of a session during which a missing transcript does not count as missing.
pub const TRANSCRIPT_GRACE: TimeDelta = TimeDelta::hours(24);

/// A percentile of fewer values is marked.
pub const LOW_SAMPLE: i64 = 20;

/// Returns all metrics.
pub fn metrics() -> impl Iterator<Item = &'static Metric> {
    let families: [&'static [Metric]; 10] = [
        &volume::METRICS,
        &minutes::METRICS,
        &outcome::METRICS,
        &messages::METRICS,
        &people::METRICS,
        &concurrency::METRICS,
        &transcripts::METRICS,
        &quality::METRICS,
        &money::METRICS,
        &data::METRICS,
    ];
    families.into_iter().flatten()
}

/// Returns the metric of that name.
pub fn metric(id: &str) -> Option<&'static Metric> {
    metrics().find(|metric| metric.id == id)
}
