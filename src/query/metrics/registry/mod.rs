//! The registry: what can be measured, and what each figure means.
//!
//! Everything that speaks of a metric is made from its line here: the list the API gives, the text of the
//! API's description, `analytics.metric_definitions`, and the SQL. Each metric is three numbers over the rows of a cell
//! (sessions, messages, presences, people): the value, what it rests on, and how many rows should have told it and did
//! not. Where they are sums they may be added over sources and buckets that do not overlap, and a total is exactly the
//! sum of its parts; a ratio is made from sums at the very end and never averaged. What is no sum (a percentile, a
//! maximum, different people, a state) is read for each cell and for the total by itself. One family a file.

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
    /// Its name in questions and answers.
    pub id: &'static str,
    /// Grows when it changes its meaning.
    pub version: u16,
    /// Its name for people.
    pub label: &'static str,
    /// What is counted.
    pub unit: &'static str,
    /// What it means.
    pub description: &'static str,
    /// How it is worked out, over the views of `analytics`.
    pub formula: &'static str,
    /// When a figure is null, beyond data that is not complete yet.
    pub null_rule: &'static str,
    /// Which time puts a row into a bucket.
    pub anchor: Anchor,
    /// How figures go together.
    pub additivity: Additivity,
    /// What a provider must have.
    pub needs: Needs,
    /// What its rows are.
    pub rows: Rows,
    /// SQL aggregate, numeric: the figure, or the ratio's numerator. Of what is swept: not used.
    pub value_sql: &'static str,
    /// SQL aggregate, a number: the rows the value rests on; the ratio's denominator.
    pub known_sql: &'static str,
    /// SQL aggregate, bigint: the rows that should have told the value and did not.
    pub unknown_sql: &'static str,
    /// SQL condition on a session: it should have told the value and did not.
    pub is_unknown_sql: &'static str,
    /// What is unknown is counted where sessions began, since rows that were never read have no time.
    pub is_unknown_by_start: bool,
    /// SQL expression over a session: what it gives to the sum, null where it gives nothing. `None`: a part of it
    /// would mean nothing.
    pub amount_sql: Option<&'static str>,
    /// A session may count in several groups, because it is counted and not added up.
    pub can_overlap: bool,
}

impl Metric {
    /// Whether it can be grouped by `dimension`: its rows must have one value of it, or must be sessions that may count
    /// in several groups.
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

    /// Whether a session counts in several groups of `dimension`, so that groups must not be added.
    pub fn overlaps_in(&self, dimension: Dimension) -> bool {
        match dimension.home() {
            Home::Presence | Home::Report | Home::Trail => self.rows == Rows::Sessions,
            Home::Speaker | Home::Cohort => true,
            _ => false,
        }
    }

    /// Whether groups of `dimension` tell of the same rows, so that they do not make up the whole: what speakers said does.
    pub fn shares_sessions_in(&self, dimension: Dimension) -> bool {
        self.overlaps_in(dimension) && dimension.home() != Home::Speaker
    }

    /// Whether a figure of the past may change because time goes by, or because of what is no session's.
    pub fn depends_on_now(&self) -> bool {
        let sql = [self.value_sql, self.known_sql, self.unknown_sql, self.is_unknown_sql];
        !self.is_of_sessions() || self.anchor == Anchor::AsOf || sql.into_iter().any(|sql| names(sql, "t"))
    }

    /// Whether it can be counted elsewhere than where its session began.
    pub fn can_be_attributed(&self, attribution: Attribution) -> bool {
        let is_by_start = self.rows == Rows::Sessions && self.anchor == Anchor::StartedAt;
        match attribution {
            Attribution::Start => true,
            Attribution::End => is_by_start && !self.additivity.is_along_time(),
            Attribution::Spread => is_by_start && self.amount_sql.is_some(),
        }
    }

    /// Whether its rows have an instant of their own, so that it is the same wherever sessions are counted.
    pub fn has_own_time(&self) -> bool {
        let is_of_session = matches!(self.anchor, Anchor::StartedAt | Anchor::EndedAt) && self.is_of_sessions();
        !is_of_session
    }

    /// Whether it is worked out from what sessions cost, which [`COST_OF_SESSION`] tells.
    pub fn is_of_money(&self) -> bool {
        money::METRICS.iter().any(|metric| metric.id == self.id)
    }

    /// Whether it is what is asked of sessions, so that questions may choose sessions for it.
    pub fn is_of_sessions(&self) -> bool {
        self.rows.are_of_sessions()
    }
}

/// A transcript may come this long after its session ended without being missed.
pub const TRANSCRIPT_GRACE: TimeDelta = TimeDelta::hours(24);

/// A percentile of fewer values is marked.
pub const LOW_SAMPLE: i64 = 20;

/// All metrics.
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

/// The metric of that name.
pub fn metric(id: &str) -> Option<&'static Metric> {
    metrics().find(|metric| metric.id == id)
}
