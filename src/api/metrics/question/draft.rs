//! A question about figures as it was said: texts and their places, nothing decided.
//!
//! Parameters of an address and a body of JSON both become this, so that both are understood by the same rules and a
//! fault is told at the place where it was made.

use crate::api::parameters::time::TimeSaid;
use crate::api::parameters::{Place, Said};

/// A question as it was said.
#[derive(Debug, Clone, Default)]
pub(crate) struct Draft {
    /// Whether it came as a body.
    pub(crate) is_body: bool,
    pub(crate) metrics: Vec<Said>,
    pub(crate) dimensions: Vec<Said>,
    pub(crate) time: TimeSaid,
    pub(crate) granularity: Option<Said>,
    pub(crate) filters: Vec<FilterSaid>,
    pub(crate) includes_deleted: Option<Said>,
    pub(crate) attribution: Option<Said>,
    pub(crate) compare: Option<CompareSaid>,
    pub(crate) totals_by: Vec<Said>,
    pub(crate) top: Option<TopSaid>,
    pub(crate) require_fresh: Option<Said>,
    pub(crate) as_known_at: Option<Said>,
}

/// A condition as it was said.
#[derive(Debug, Clone)]
pub(crate) struct FilterSaid {
    pub(crate) field: Said,
    /// `in` where nothing was said.
    pub(crate) op: Option<Said>,
    /// `None`: nothing was said.
    pub(crate) values: Option<Vec<Said>>,
    /// The whole of it.
    pub(crate) at: Place,
}

/// A comparison as it was said.
#[derive(Debug, Clone)]
pub(crate) struct CompareSaid {
    pub(crate) to: Option<Said>,
    pub(crate) from: Option<Said>,
    pub(crate) until: Option<Said>,
    pub(crate) align: Option<Said>,
    pub(crate) elapsed: Option<Said>,
    /// Where `to` would stand.
    pub(crate) at: Place,
}

/// The greatest groups as they were asked for.
#[derive(Debug, Clone)]
pub(crate) struct TopSaid {
    pub(crate) dimension: Option<Said>,
    pub(crate) by: Option<Said>,
    pub(crate) count: Option<Said>,
    /// The whole of it.
    pub(crate) at: Place,
}

impl Draft {
    /// Where a field that was left out would stand: its name is the same in both forms.
    pub(super) fn place(&self, name: &str) -> Place {
        if self.is_body { Place::Pointer(format!("/{name}")) } else { Place::from(name) }
    }

    /// Where the granularity would stand.
    pub(super) fn place_of_granularity(&self) -> Place {
        match &self.granularity {
            Some(said) => said.at.clone(),
            None if self.is_body => Place::Pointer("/time/granularity".to_owned()),
            None => "granularity".into(),
        }
    }
}
