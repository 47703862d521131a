//! The instant at which figures were known, checked against what is asked for.
//!
//! Only what is kept of sessions can be told as it was known earlier. A question with anything else is refused, since
//! half of its answer would be of then and half of now.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use crate::api::parameters::time::instant;
use crate::api::parameters::{Faults, Said};
use crate::query::metrics::MetricFilter;
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::hindsight::{is_dimension_kept, is_kept, kept};
use crate::query::metrics::registry::Metric;

/// The instant, for these metrics by these dimensions of what passes the filter.
pub(crate) fn read(
    said: &Said,
    (metrics, dimensions, filter): (&[&'static Metric], &[Dimension], &MetricFilter),
    (zone, now): (Tz, DateTime<Utc>),
    faults: &mut Faults,
) -> Option<DateTime<Utc>> {
    let at = instant(said, zone, faults);
    if at.is_some_and(|at| at > now) {
        let detail = "Nobody knows yet what will be known then; give an instant of the past.";
        faults.note(&said.at, "time_in_future", detail);
    }
    for metric in metrics.iter().filter(|metric| !is_kept(metric)) {
        let kept: Vec<&str> = kept().map(|metric| metric.id).collect();
        let detail = format!(
            "Earlier values of what `{}` is made of are not kept; leave `as_known_at` out, or ask for {}.",
            metric.id,
            kept.join(", ")
        );
        faults.note(&said.at, "not_kept", detail);
    }
    let fields = filter.conditions.iter().map(|condition| condition.field);
    let mut named: Vec<Dimension> = dimensions.iter().copied().chain(fields).collect();
    named.sort_by_key(|dimension| dimension.as_str());
    named.dedup();
    for dimension in named.into_iter().filter(|dimension| !is_dimension_kept(*dimension)) {
        let name = dimension.as_str();
        let detail = format!("Earlier values of `{name}` are not kept; leave out `{name}` or `as_known_at`.");
        faults.note(&said.at, "not_kept", detail);
    }
    at
}
