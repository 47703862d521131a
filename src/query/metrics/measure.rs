//! Measures: what a metric is, how its values combine, and what they can be grouped by.
//!
//! A metric is data: typed expressions over the rows of its grain. Its value, the rows behind it, the rows that lack
//! its data, the contribution of one row and the SQL for analysts follow from them. This module defines no metric; the
//! registry lists them.

use crate::query::metrics::column::prelude::*;
use crate::query::metrics::dimension::{Dimension, Level};
use crate::query::metrics::grain::Grain;
use crate::query::metrics::requires::Requires;
use crate::query::metrics::time_column::{Attribution, NO_END, STAY_UNKNOWN, TimeColumn};

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
    /// Formula, over the views of `analytics`; `whole_formula` adds the rows that it leaves out.
    pub formula: &'static str,
    /// Reasons for a null value, other than incomplete data.
    pub null_rule: &'static str,
    /// The time that puts a row into a bucket.
    pub time_column: TimeColumn,
    /// Data that a provider must have.
    pub requires: Requires,
    /// What one of its rows is.
    pub grain: Grain,
    /// What it measures.
    pub measure: Measure,
    /// Condition on the rows that should have a value; the metric excludes all others. `None`: all rows should.
    pub about: Option<Expr>,
    /// The rows that have a value. Rows that should have one and do not are unknown.
    pub known: Known,
    /// Condition on rows that have a value from a part of their data: they are unknown as well.
    pub is_partial: Option<Expr>,
    /// Number of missing values of an unknown row. `None`: one.
    pub missing_items: Option<Expr>,
    /// Whether a part of a session has a meaning, so that a session can be spread over the buckets that it spans.
    pub can_be_spread: bool,
    /// Whether a session may count in several groups, because it is counted and not added up.
    pub can_overlap: bool,
}

/// The rows that have a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// All rows that should.
    All,
    /// Those that should and for which this is not null.
    Has(Expr),
    /// Those that fulfil this condition; only rows that should have a value do.
    If(Expr),
}

impl Known {
    fn expr(self) -> Option<Expr> {
        match self {
            Self::All => None,
            Self::Has(of) | Self::If(of) => Some(of),
        }
    }
}

/// What a metric measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// A number that adds up.
    Total(Term),
    /// A quotient of two numbers that add up.
    Ratio(Term, Term),
    /// A percentile of this number: the share, and the number.
    Percentile(&'static str, Expr),
    /// Distinct values of the first expression, among rows that fulfil the second.
    Distinct(Expr, Option<Expr>),
    /// Rows in a state at one instant.
    State(Option<Expr>),
    /// The largest value at one instant.
    Greatest(Expr),
    /// The most rows at once. Read along time.
    Peak,
    /// The mean number of rows at once. Read along time.
    TimeAverage,
}

/// A number that adds up over rows that have a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Term {
    /// The number of these rows.
    Rows,
    /// The number of those that fulfil a condition.
    RowsIf(Expr),
    /// A sum of whole numbers, or of numbers with few digits.
    Sum(Expr),
    /// A sum of decimals, rounded once.
    Decimals(Expr),
    /// A sum of seconds, in minutes, rounded once.
    Minutes(Expr),
}

impl Term {
    /// Returns its expression.
    pub fn expr(self) -> Option<Expr> {
        match self {
            Self::Rows => None,
            Self::RowsIf(of) | Self::Sum(of) | Self::Decimals(of) | Self::Minutes(of) => Some(of),
        }
    }
}

impl Measure {
    fn exprs(self) -> impl Iterator<Item = Expr> {
        let both = match self {
            Self::Total(term) => [term.expr(), None],
            Self::Ratio(above, below) => [above.expr(), below.expr()],
            Self::Percentile(_, of) | Self::Greatest(of) => [Some(of), None],
            Self::Distinct(who, only) => [Some(who), only],
            Self::State(counted) => [counted, None],
            Self::Peak | Self::TimeAverage => [None, None],
        };
        both.into_iter().flatten()
    }
}

impl Metric {
    /// Returns the combination of its values.
    pub fn additivity(&self) -> Additivity {
        match self.measure {
            Measure::Total(_) => Additivity::Sum,
            Measure::Ratio(..) => Additivity::RatioOfSums,
            Measure::Percentile(..) => Additivity::Percentile,
            Measure::Distinct(..) => Additivity::Distinct,
            Measure::State(_) => Additivity::StateAsOf,
            Measure::Greatest(_) => Additivity::MaximumAsOf,
            Measure::Peak => Additivity::Maximum,
            Measure::TimeAverage => Additivity::TimeAverage,
        }
    }

    /// Returns whether a column of the expressions over its rows passes a test.
    pub fn any_column(&self, test: &impl Fn(Column) -> bool) -> bool {
        self.measure.exprs().any(|expr| expr.any(test)) || self.any_rule_column(test)
    }

    /// Returns whether its value is made of this column.
    pub fn measures(&self, of: Expr) -> bool {
        let is_same = |column: Column| of.any(&|other| other == column);
        self.measure.exprs().chain(self.known.expr()).any(|expr| expr.any(&is_same))
    }

    /// Returns whether a column that decides which rows have a value passes a test.
    pub fn any_rule_column(&self, test: &impl Fn(Column) -> bool) -> bool {
        let mut rules = [self.about, self.known.expr(), self.is_partial, self.missing_items].into_iter().flatten();
        rules.any(|expr| expr.any(test))
    }

    /// Returns whether its expressions use a table.
    pub fn reads(&self, table: Table) -> bool {
        self.any_column(&|column| column.of == table)
    }

    /// Returns whether it is read along time.
    pub fn is_along_time(&self) -> bool {
        matches!(self.measure, Measure::Peak | Measure::TimeAverage)
    }

    /// Returns whether parts add up to the whole, source by source and bucket by bucket.
    pub fn adds_up(&self) -> bool {
        matches!(self.measure, Measure::Total(_) | Measure::Ratio(..))
    }

    /// Returns whether it is a quotient.
    pub fn is_ratio(&self) -> bool {
        matches!(self.measure, Measure::Ratio(..))
    }

    /// Returns whether it can be grouped by `dimension`: its rows must have one value of it, or must be sessions that
    /// may count in several groups.
    pub fn can_be_grouped_by(&self, dimension: Dimension) -> bool {
        let is_along_time = self.is_along_time();
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
        !self.is_of_sessions() || self.time_column == TimeColumn::AsOf || self.reads(Table::Moment)
    }

    /// Returns whether it can be counted elsewhere than at the start of its session.
    pub fn can_be_attributed(&self, attribution: Attribution) -> bool {
        let is_by_start = self.grain == Grain::Sessions && self.time_column == TimeColumn::StartedAt;
        match attribution {
            Attribution::Start => true,
            Attribution::End => is_by_start && !self.is_along_time(),
            Attribution::Spread => is_by_start && self.can_be_spread,
        }
    }

    /// Returns the time that puts its rows into buckets in a query with this attribution.
    pub fn time_column_by(&self, attribution: Attribution) -> TimeColumn {
        if self.is_by_end(attribution) { TimeColumn::EndedAt } else { self.time_column }
    }

    /// Returns whether its sessions are counted by their end because the query says so.
    fn is_by_end(&self, attribution: Attribution) -> bool {
        attribution == Attribution::End && self.can_be_attributed(attribution)
    }

    /// Returns the condition for rows whose time is unknown in a query with this attribution; of rows along time, for
    /// those whose start or end is. They are unknown where their session began.
    pub fn is_untimed(&self, attribution: Attribution) -> Option<Expr> {
        match self.grain {
            Grain::Sessions if self.is_along_time() => TimeColumn::EndedAt.is_unknown(),
            Grain::Presences if self.is_along_time() => Some(STAY_UNKNOWN),
            _ if self.is_by_end(attribution) => Some(NO_END),
            _ => self.time_column.is_unknown(),
        }
    }

    /// Returns whether its rows have their own time, so that it does not depend on the attribution.
    pub fn has_own_time(&self) -> bool {
        !matches!(self.time_column, TimeColumn::StartedAt | TimeColumn::EndedAt) || !self.is_of_sessions()
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
}
