//! Which sessions a question is about: conditions on what a session belongs to.
//!
//! A condition speaks of a dimension in the words of the answer, so that a row of an answer can be asked about again.
//! Platform and account are no conditions on rows: they choose sources, and rows of other sources are never read. A
//! source that can hold nothing of what is asked for makes no figure zero; that is decided here too.

use crate::query::catalog::{Source, SourceFilter};
use crate::query::metrics::dimension::{Dimension, Home};
use crate::query::metrics::registry::Applicability;
use crate::query::metrics::statement::Statement;

/// Which sessions a question is about. Nothing said means all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MetricFilter {
    /// Of which sources.
    pub sources: SourceFilter,
    /// What must be true of each session.
    pub conditions: Vec<Condition>,
    /// Whether sessions count that are gone at the provider.
    pub includes_deleted: bool,
}

/// A condition on the sessions that count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// On what.
    pub field: Dimension,
    /// What must be true of it.
    pub test: Test,
}

/// What must be true of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// It is one of these.
    In(Vec<String>),
    /// It is none of these; having no value is none of these too.
    NotIn(Vec<String>),
    /// It has no value.
    IsNull,
    /// It has a value.
    IsNotNull,
}

impl Test {
    /// The name of the comparison.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::In(_) => "in",
            Self::NotIn(_) => "not_in",
            Self::IsNull => "is_null",
            Self::IsNotNull => "is_not_null",
        }
    }

    /// The values it names.
    pub fn values(&self) -> &[String] {
        match self {
            Self::In(values) | Self::NotIn(values) => values,
            Self::IsNull | Self::IsNotNull => &[],
        }
    }
}

/// Whether sessions can be chosen by a dimension: each has one value of it.
pub fn is_filterable(dimension: Dimension) -> bool {
    matches!(dimension.home(), Home::Source | Home::Session)
}

impl MetricFilter {
    /// Whether a source can have anything that fulfils all conditions.
    pub fn can_be_met_by(&self, source: &Source) -> bool {
        self.conditions.iter().all(|Condition { field, test }| match (field, test) {
            (Dimension::Outcome, Test::In(outcomes)) => source.can_hold(&[], outcomes),
            (Dimension::SessionKind, Test::In(kinds)) => source.can_hold(kinds, &[]),
            (field, Test::In(_) | Test::IsNotNull) => field.needs().of(source) != Applicability::NotApplicable,
            (_, Test::NotIn(_) | Test::IsNull) => true,
        })
    }

    /// Adds the conditions to a statement that has the sessions under the name `s`.
    pub(super) fn push(&self, sql: &mut Statement) {
        for Condition { field, test } in &self.conditions {
            let Some(column) = field.column() else { continue };
            sql.push(" and ");
            match test {
                Test::In(values) => sql.push(column).push(" = any(").push_bind(values.clone()).push(")"),
                Test::NotIn(values) => sql
                    .push("(")
                    .push(column)
                    .push(" is null or ")
                    .push(column)
                    .push(" <> all(")
                    .push_bind(values.clone())
                    .push("))"),
                Test::IsNull => sql.push(column).push(" is null"),
                Test::IsNotNull => sql.push(column).push(" is not null"),
            };
        }
    }
}
