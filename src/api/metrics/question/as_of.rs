//! Metric values as they were known at an earlier time (`as_known_at`).
//!
//! The history of some data is not kept. A query that needs such data is refused by name, with the possible
//! alternatives.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::api::metrics::question::raw_query::RawQuery;
use crate::api::parameters::Faults;
use crate::api::parameters::time::instant;
use crate::query::metrics::as_of::{is_dimension_kept, is_kept, kept};
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::measure::Metric;

/// Reads the instant and checks it against the metrics, and the dimensions of groups and filters.
pub(super) fn read(
    raw_query: &RawQuery,
    metrics: &[&'static Metric],
    dimensions: impl Iterator<Item = Dimension>,
    (zone, now): (Tz, DateTime<Utc>),
    faults: &mut Faults,
) -> Option<DateTime<Utc>> {
    let said = raw_query.as_known_at.as_ref()?;
    let at = instant(said, zone, faults);
    if at.is_some_and(|at| at > now) {
        let detail = "This instant is in the future; give an instant of the past.";
        faults.note(&said.at, "time_in_future", detail);
    }
    for metric in metrics.iter().filter(|metric| !is_kept(metric)) {
        let kept: Vec<&str> = kept().map(|metric| metric.id).collect();
        let detail = format!(
            "Earlier values of the data behind `{}` are not stored; omit `as_known_at`, or query {}.",
            metric.id,
            kept.join(", ")
        );
        faults.note(&said.at, "not_kept", detail);
    }
    for dimension in dimensions.filter(|dimension| !is_dimension_kept(*dimension)) {
        let name = dimension.as_str();
        let detail = format!("Earlier values of `{name}` are not stored; omit `{name}` or `as_known_at`.");
        faults.note(&said.at, "not_kept", detail);
    }
    at
}
