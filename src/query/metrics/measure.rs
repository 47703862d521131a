//! Measures: what a metric is, how its values combine, and what they can be grouped by.
//!
//! A metric is three numbers over the rows of a cell (sessions, messages, presences, people): the value, the number of
//! rows behind it, and the number of rows that lack its data. This module defines no metric; the registry lists them.

use crate::query::metrics::columns::names;
use crate::query::metrics::dimension::{Dimension, Level};
use crate::query::metrics::grain::Grain;
use crate::query::metrics::requires::Requires;
use crate::query::metrics::time_column::{Attribution, TimeColumn};

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
    pub time_column: TimeColumn,
    /// Combination of values.
    pub additivity: Additivity,
    /// Data that a provider must have.
    pub requires: Requires,
    /// What one of its rows is.
    pub grain: Grain,
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
        let is_along_time = self.additivity.is_along_time();
        let may_overlap = self.grain == Grain::Sessions && self.can_overlap && !is_along_time;
        match dimension.level() {
            Level::Source => true,
            Level::Session => self.grain.is_of_sessions(),
            Level::Clock => self.grain.is_of_sessions() && self.time_column != TimeColumn::AsOf && !is_along_time,
            Level::Presence => self.grain == Grain::Presences || may_overlap,
            Level::Report => self.grain == Grain::Presences && !is_along_time || may_overlap,
            Level::Trail => may_overlap,
            Level::Speaker => self.grain == Grain::Speakers,
            Level::Message => self.grain == Grain::Messages,
            Level::Cohort => self.grain == Grain::Cohorts,
        }
    }

    /// Returns whether a session counts in several groups of `dimension`, so that groups must not be added.
    pub fn overlaps_in(&self, dimension: Dimension) -> bool {
        match dimension.level() {
            Level::Presence | Level::Report | Level::Trail => self.grain == Grain::Sessions,
            Level::Speaker | Level::Cohort => true,
            _ => false,
        }
    }

    /// Returns whether groups of `dimension` share rows, so that they do not add up to the whole; the words of
    /// speakers do.
    pub fn shares_sessions_in(&self, dimension: Dimension) -> bool {
        self.overlaps_in(dimension) && dimension.level() != Level::Speaker
    }

    /// Returns whether a value of the past may change as time passes, or because of data that belong to no session.
    pub fn depends_on_now(&self) -> bool {
        let sql = [self.value_sql, self.known_sql, self.unknown_sql, self.is_unknown_sql];
        !self.is_of_sessions() || self.time_column == TimeColumn::AsOf || sql.into_iter().any(|sql| names(sql, "t"))
    }

    /// Returns whether it can be counted elsewhere than at the start of its session.
    pub fn can_be_attributed(&self, attribution: Attribution) -> bool {
        let is_by_start = self.grain == Grain::Sessions && self.time_column == TimeColumn::StartedAt;
        match attribution {
            Attribution::Start => true,
            Attribution::End => is_by_start && !self.additivity.is_along_time(),
            Attribution::Spread => is_by_start && self.amount_sql.is_some(),
        }
    }

    /// Returns whether its rows have their own time, so that it does not depend on the attribution.
    pub fn has_own_time(&self) -> bool {
        let is_of_session =
            matches!(self.time_column, TimeColumn::StartedAt | TimeColumn::EndedAt) && self.is_of_sessions();
        !is_of_session
    }

    /// Returns whether its rows belong to sessions, so that filters of sessions apply.
    pub fn is_of_sessions(&self) -> bool {
        self.grain.is_of_sessions()
    }
}

/// Combination of the values of different cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Additivity {
    /// Values may be added.
    Sum,
    /// Numerators and denominators may be added, never the values.
    RatioOfSums,
    /// Nothing may be added: the peak of a whole is not the sum of the peaks of its parts. Read along time.
    Maximum,
    /// May be added over groups; over time it is weighted by the length of the buckets. Read along time.
    TimeAverage,
    /// Like a maximum, of a state at one instant.
    MaximumAsOf,
    /// A state at one instant: it may be added over groups; over time only the last one counts.
    StateAsOf,
    /// Distinct people: a person counts once, so nothing may be added.
    Distinct,
    /// A percentile: nothing may be added.
    Percentile,
}

impl Additivity {
    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::RatioOfSums => "ratio_of_sums",
            Self::Maximum | Self::MaximumAsOf => "maximum",
            Self::TimeAverage => "time_average",
            Self::StateAsOf => "state_as_of",
            Self::Distinct => "distinct",
            Self::Percentile => "percentile",
        }
    }

    /// Returns whether it is read along time.
    pub fn is_along_time(self) -> bool {
        matches!(self, Self::Maximum | Self::TimeAverage)
    }

    /// Returns whether parts add up to the whole, source by source and bucket by bucket.
    pub fn adds_up(self) -> bool {
        matches!(self, Self::Sum | Self::RatioOfSums)
    }
}
