//! A metric query as given: texts and their locations, before any check.
//!
//! Both URL parameters and a JSON body become this type, so that the same rules read both, and a fault is
//! reported at the location where it was made.

use crate::api::parameters::time::TimeSaid;
use crate::api::parameters::{FaultLocation, Said};

/// A query as given.
#[derive(Debug, Clone, Default)]
pub(crate) struct RawQuery {
    /// Whether the query came as a body.
    pub(crate) is_body: bool,
    /// JSON pointer to the query in its body.
    pub(crate) within: String,
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
    pub(crate) order_by: Option<Said>,
    pub(crate) limit: Option<Said>,
    pub(crate) shape: Option<Said>,
    pub(crate) titles: Option<Said>,
    pub(crate) require_fresh: Option<Said>,
    pub(crate) as_known_at: Option<Said>,
}

/// A condition as given.
#[derive(Debug, Clone)]
pub(crate) struct FilterSaid {
    pub(crate) field: Said,
    /// `in` by default.
    pub(crate) op: Option<Said>,
    /// `None`: none were given.
    pub(crate) values: Option<Vec<Said>>,
    /// Location of the whole condition.
    pub(crate) at: FaultLocation,
}

/// A comparison as given.
#[derive(Debug, Clone)]
pub(crate) struct CompareSaid {
    pub(crate) to: Option<Said>,
    pub(crate) from: Option<Said>,
    pub(crate) until: Option<Said>,
    pub(crate) align: Option<Said>,
    pub(crate) elapsed: Option<Said>,
    /// Location of `to`.
    pub(crate) at: FaultLocation,
}

/// The greatest groups as requested.
#[derive(Debug, Clone)]
pub(crate) struct TopSaid {
    pub(crate) dimension: Option<Said>,
    pub(crate) by: Option<Said>,
    pub(crate) count: Option<Said>,
    pub(crate) includes_missing: Option<Said>,
    /// Location of the whole field.
    pub(crate) at: FaultLocation,
}

impl RawQuery {
    /// Returns the location of a field that was left out: its name is the same in both forms.
    pub(super) fn location(&self, name: &str) -> FaultLocation {
        if self.is_body { FaultLocation::Pointer(format!("{}/{name}", self.within)) } else { FaultLocation::from(name) }
    }

    /// Returns the location of the granularity.
    pub(super) fn granularity_location(&self) -> FaultLocation {
        match &self.granularity {
            Some(said) => said.at.clone(),
            None if self.is_body => FaultLocation::Pointer(format!("{}/time/granularity", self.within)),
            None => "granularity".into(),
        }
    }
}
