//! Groups: the row of an answer that a value belongs to, and the sources behind that row.
//!
//! A group is one value for each dimension. Values of the source come from the catalog, values of rows from the data
//! read. If only the largest groups are shown, the rest of a dimension is one more group, so that the groups still
//! add up to the whole.

use std::collections::{BTreeMap, BTreeSet};

use crate::query::catalog::Source;
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::run::Contribution;

/// The value of a dimension in a group. Missing values sort after named ones, and the rest group sorts last.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Member {
    /// This value.
    Named(String),
    /// No value.
    Nothing,
    /// All values that are not shown separately.
    Other,
}

/// The value of each requested dimension, in their order.
pub(crate) type Group = Vec<Member>;

impl Member {
    pub(crate) fn of(value: Option<String>) -> Self {
        value.map_or(Self::Nothing, Self::Named)
    }

    /// Returns the value as shown in the answer.
    pub(crate) fn shown(&self) -> Option<String> {
        match self {
            Self::Named(name) => Some(name.clone()),
            Self::Nothing => None,
            Self::Other => Some("other".to_owned()),
        }
    }

    fn is(&self, name: &str) -> bool {
        matches!(self, Self::Named(own) if own == name)
    }
}

/// The values of a dimension that are shown separately; the rest is one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fold {
    pub(crate) dimension: Dimension,
    /// The values, each with its rank.
    pub(crate) kept: BTreeMap<Member, usize>,
}

impl Fold {
    fn fold(fold: Option<&Self>, dimension: Dimension, member: Member) -> Member {
        let is_other = fold.is_some_and(|fold| fold.dimension == dimension && !fold.kept.contains_key(&member));
        if is_other { Member::Other } else { member }
    }
}

/// Grouping of rows.
#[derive(Clone, Copy)]
pub(crate) struct Grouping<'a> {
    /// Sources of the rows.
    pub(crate) sources: &'a [&'a Source],
    /// Dimensions that the rows were read by.
    pub(crate) read_by: &'a [Dimension],
    /// Dimensions that they are grouped by; a subset of `read_by`.
    pub(crate) dimensions: &'a [Dimension],
    /// Values that are shown separately.
    pub(crate) fold: Option<&'a Fold>,
}

impl<'a> Grouping<'a> {
    /// Creates a grouping by the dimensions that the rows were read by.
    pub(crate) fn of(sources: &'a [&'a Source], dimensions: &'a [Dimension]) -> Self {
        Self { sources, read_by: dimensions, dimensions, fold: None }
    }

    pub(crate) fn source(&self, source_id: i32) -> Option<&'a Source> {
        self.sources.iter().copied().find(|source| source.source_id == source_id)
    }

    /// Returns all dimensions but the one at `place`.
    pub(crate) fn without(&self, place: usize) -> Vec<Dimension> {
        let others = self.dimensions.iter().enumerate().filter(|(at, _)| *at != place);
        others.map(|(_, dimension)| *dimension).collect()
    }

    pub(crate) fn group(&self, contribution: &Contribution) -> Group {
        self.grouped(self.source(contribution.source_id), &contribution.dimensions)
    }

    /// Returns the group of a source and of a row's values; without a row there are no values.
    fn grouped(&self, source: Option<&Source>, of_row: &[Option<String>]) -> Group {
        let of_rows = || self.read_by.iter().filter(|dimension| dimension.column().is_some());
        let value = |dimension: &Dimension| match dimension {
            Dimension::Provider => source.map(|source| source.provider.clone()),
            Dimension::Source => source.map(|source| source.source.clone()),
            other => of_rows().position(|by| by == other).and_then(|place| of_row.get(place)).cloned().flatten(),
        };
        let member = |dimension: &Dimension| Fold::fold(self.fold, *dimension, Member::of(value(dimension)));
        self.dimensions.iter().map(member).collect()
    }

    /// Returns the groups that are in the answer even without rows: every enabled source, or the whole.
    pub(crate) fn known_groups<T>(&self, found: &BTreeMap<Group, T>) -> BTreeSet<Group> {
        let is_of_source = |d: &Dimension| matches!(d, Dimension::Provider | Dimension::Source);
        if self.dimensions.is_empty() {
            return BTreeSet::from([Group::new()]);
        }
        if !self.dimensions.iter().any(is_of_source) {
            return BTreeSet::new();
        }
        let stands = |source: &&&Source| found.keys().any(|group| self.is_fed_by(group, source));
        let missing = self.sources.iter().filter(|source| source.is_enabled && !stands(source));
        missing.map(|source| self.grouped(Some(source), &[])).collect()
    }

    pub(crate) fn is_fed_by(&self, group: &Group, source: &Source) -> bool {
        self.dimensions.iter().zip(group).all(|(dimension, member)| match dimension {
            Dimension::Provider => self.is_member(*dimension, member, &source.provider),
            Dimension::Source => self.is_member(*dimension, member, &source.source),
            other => match member {
                Member::Named(name) => other.can_have(source, std::slice::from_ref(name)),
                Member::Nothing | Member::Other => self.holds_nothing(member) || other.can_have(source, &[]),
            },
        })
    }

    /// Returns whether a member stands for missing values, alone or among the rest.
    fn holds_nothing(&self, member: &Member) -> bool {
        match member {
            Member::Named(_) => false,
            Member::Nothing => true,
            Member::Other => self.fold.is_none_or(|fold| !fold.kept.contains_key(&Member::Nothing)),
        }
    }

    fn is_member(&self, dimension: Dimension, member: &Member, name: &str) -> bool {
        match member {
            Member::Other => Fold::fold(self.fold, dimension, Member::Named(name.to_owned())) == Member::Other,
            _ => member.is(name),
        }
    }

    /// Returns the sources behind a group: the enabled ones, and those that contributed. Values along time do not
    /// record which source contributed, so all sources may have.
    pub(crate) fn feeding(&self, group: &Group, gave: &BTreeSet<i32>, has_exact: bool) -> Vec<&'a Source> {
        let of_group: Vec<&Source> =
            self.sources.iter().copied().filter(|source| self.is_fed_by(group, source)).collect();
        let feeds = |source: &&Source| source.is_enabled || has_exact || gave.contains(&source.source_id);
        let feeding: Vec<&Source> = of_group.iter().copied().filter(feeds).collect();
        // A source that is disabled and contributed nothing can still have the metric.
        if feeding.is_empty() { of_group } else { feeding }
    }
}
