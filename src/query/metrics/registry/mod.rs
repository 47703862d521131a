//! The registry: the definitions of all metrics.
//!
//! Everything about a metric is generated from its entry here: the list in the API, the text of the OpenAPI
//! description, `analytics.metric_definitions`, and the SQL. Sums may be added over sources and buckets that do not
//! overlap, and a total is exactly the sum of its parts; a ratio is computed from sums at the very end and never
//! averaged. Other metrics (a percentile, a maximum, distinct people, a state) are read separately for each cell and
//! for the total. One family per file.

mod concurrency;
mod data;
mod messages;
mod minutes;
mod money;
mod outcome;
mod people;
mod quality;
mod transcripts;
mod volume;

use chrono::TimeDelta;

use crate::query::metrics::measure::Metric;
pub use crate::query::metrics::registry::money::MONEY;

/// Time after the end of a session during which a missing transcript does not count as missing.
pub const TRANSCRIPT_GRACE: TimeDelta = TimeDelta::hours(24);

/// Returns all metrics.
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

/// Returns the metric of that name.
pub fn metric(id: &str) -> Option<&'static Metric> {
    metrics().find(|metric| metric.id == id)
}
