//! Filters of metrics: conditions on attributes of a session.
//!
//! A condition names a dimension as the answer does, so that a row of an answer can be requested again. Platform and
//! account are no conditions on rows: they select sources, and rows of other sources are never read. A source that
//! cannot have matching sessions does not make a value zero; that is decided here too.

use crate::query::catalog::{Source, SourceFilter};
use crate::query::metrics::dimension::{Dimension, Level};

/// Filter of sessions. Empty means all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MetricFilter {
    /// Selected sources.
    pub sources: SourceFilter,
    /// Conditions on each session.
    pub conditions: Vec<Condition>,
    /// Whether sessions that were deleted at the provider are counted.
    pub includes_deleted: bool,
}

/// A condition on the sessions that count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// The dimension tested.
    pub field: Dimension,
    /// The test.
    pub test: Test,
}

/// A test of a dimension's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// It is one of these.
    In(Vec<String>),
    /// It is none of these; a missing value passes.
    NotIn(Vec<String>),
    /// It has no value.
    IsNull,
    /// It has a value.
    IsNotNull,
    /// It contains one of these, in any case of letters.
    Contains(Vec<String>),
    /// It begins with one of these, in any case of letters.
    StartsWith(Vec<String>),
}

impl Test {
    /// Returns the name of the comparison.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::In(_) => "in",
            Self::NotIn(_) => "not_in",
            Self::IsNull => "is_null",
            Self::IsNotNull => "is_not_null",
            Self::Contains(_) => "contains",
            Self::StartsWith(_) => "starts_with",
        }
    }

    /// Returns the values it compares with.
    pub fn values(&self) -> &[String] {
        match self {
            Self::In(values) | Self::NotIn(values) | Self::Contains(values) | Self::StartsWith(values) => values,
            Self::IsNull | Self::IsNotNull => &[],
        }
    }

    /// Returns the values as the database compares with them: parts of texts become patterns of `ilike`.
    pub(super) fn operands(&self) -> Vec<String> {
        let escaped = |part: &String| part.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        match self {
            Self::Contains(parts) => parts.iter().map(|part| format!("%{}%", escaped(part))).collect(),
            Self::StartsWith(parts) => parts.iter().map(|part| format!("{}%", escaped(part))).collect(),
            other => other.values().to_vec(),
        }
    }
}

/// Returns whether sessions can be filtered by a dimension: each session has one value of it.
pub fn is_filterable(dimension: Dimension) -> bool {
    matches!(dimension.level(), Level::Source | Level::Session)
}

impl MetricFilter {
    /// Returns the dimensions tested.
    pub fn fields(&self) -> impl Iterator<Item = Dimension> {
        self.conditions.iter().map(|condition| condition.field)
    }

    /// Returns whether a source can have sessions that fulfil all conditions.
    pub fn can_be_met_by(&self, source: &Source) -> bool {
        self.conditions.iter().all(|Condition { field, test }| match (field, test) {
            (field, Test::In(names)) => field.can_have(source, names),
            (field, Test::IsNotNull | Test::Contains(_) | Test::StartsWith(_)) => field.can_have(source, &[]),
            (_, Test::NotIn(_) | Test::IsNull) => true,
        })
    }
}
