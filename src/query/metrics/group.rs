//! Groups: which row of an answer a figure belongs to, and which sources stand behind that row.
//!
//! A group is one value for each dimension. Values of the source come from the catalog, those of rows from what was
//! read. Where only the greatest groups are shown, the rest of a dimension is one group more, so that the parts still
//! make up the whole.

use std::collections::{BTreeMap, BTreeSet};

use crate::query::catalog::Source;
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::registry::Applicability;
use crate::query::metrics::scan::Contribution;

/// The value of a dimension in a group. What has none comes after what has one, and the rest last.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Member {
    /// This value.
    Named(String),
    /// No value.
    Nothing,
    /// All values that are not shown by themselves.
    Other,
}

/// The value of each dimension asked for, in their order.
pub(super) type Group = Vec<Member>;

impl Member {
    pub(super) fn of(value: Option<String>) -> Self {
        value.map_or(Self::Nothing, Self::Named)
    }

    /// As it stands in the answer.
    pub(super) fn shown(&self) -> Option<String> {
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

/// The values of a dimension that are shown by themselves; the rest is one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fold {
    pub(super) dimension: Dimension,
    /// Each with its rank.
    pub(super) kept: BTreeMap<Member, usize>,
}

impl Fold {
    fn fold(fold: Option<&Self>, dimension: Dimension, member: Member) -> Member {
        let is_other = fold.is_some_and(|fold| fold.dimension == dimension && !fold.kept.contains_key(&member));
        if is_other { Member::Other } else { member }
    }
}

/// How rows are grouped.
#[derive(Clone, Copy)]
pub(super) struct Grouping<'a> {
    /// Where rows may come from.
    pub(super) sources: &'a [&'a Source],
    /// By what the rows were read.
    pub(super) read_by: &'a [Dimension],
    /// By what they are grouped; all of it among `read_by`.
    pub(super) dimensions: &'a [Dimension],
    /// What is not shown by itself.
    pub(super) fold: Option<&'a Fold>,
}

impl<'a> Grouping<'a> {
    pub(super) fn source(&self, source_id: i32) -> Option<&'a Source> {
        self.sources.iter().copied().find(|source| source.source_id == source_id)
    }

    /// All dimensions but one.
    pub(super) fn without(&self, place: usize) -> Vec<Dimension> {
        let others = self.dimensions.iter().enumerate().filter(|(at, _)| *at != place);
        others.map(|(_, dimension)| *dimension).collect()
    }

    pub(super) fn group(&self, contribution: &Contribution) -> Group {
        self.grouped(self.source(contribution.source_id), &contribution.dimensions)
    }

    /// The group of a source and of the values a row has, which are none where no row was found.
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

    /// Groups that stand in the answer whatever was found: every source that is polled, or the whole.
    pub(super) fn known_groups<T>(&self, found: &BTreeMap<Group, T>) -> BTreeSet<Group> {
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

    pub(super) fn is_fed_by(&self, group: &Group, source: &Source) -> bool {
        self.dimensions.iter().zip(group).all(|(dimension, member)| match dimension {
            Dimension::Provider => self.is_member(*dimension, member, &source.provider),
            Dimension::Source => self.is_member(*dimension, member, &source.source),
            Dimension::Outcome => match member {
                Member::Named(outcome) => source.can_hold(&[], std::slice::from_ref(outcome)),
                Member::Nothing | Member::Other => true,
            },
            other => self.holds_nothing(member) || other.needs().of(source) != Applicability::NotApplicable,
        })
    }

    /// Whether a member stands for what has no value, alone or among the rest.
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

    /// The sources behind a group: those that are polled, and those that gave something. Who gave to what is no sum is
    /// not known, so all of them may have.
    pub(super) fn feeding(&self, group: &Group, gave: &BTreeSet<i32>, has_exact: bool) -> Vec<&'a Source> {
        let of_group: Vec<&Source> =
            self.sources.iter().copied().filter(|source| self.is_fed_by(group, source)).collect();
        let feeds = |source: &&Source| source.is_enabled || has_exact || gave.contains(&source.source_id);
        let feeding: Vec<&Source> = of_group.iter().copied().filter(feeds).collect();
        // what is polled no more and gave nothing still has the notion
        if feeding.is_empty() { of_group } else { feeding }
    }
}
