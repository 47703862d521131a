//! Metrics of the most at once: swept along time.
//!
//! No figure here may be added to another: each cell and the whole is swept by itself.

use crate::query::metrics::registry::people::PRESENCE;
use crate::query::metrics::registry::{Additivity, Metric};

/// Metrics of the most at once.
pub(super) static METRICS: [Metric; 1] = [Metric {
    id: "peak_concurrent_participants",
    label: "Most participants at once",
    unit: "presences",
    description: "Most presences at the same time, over all sessions of the cell, those that began before the bucket included. Who leaves in the instant in which another joins makes room first. The peak of a whole is read by itself: it is not the sum of the peaks of its parts.",
    formula: "max over time of count(joined_at <= t and t < left_at) of analytics.participants",
    null_rule: "Presences without a beginning, without an end in a session that does not run, or of no length are left out. Sessions that began in the range and whose participants were never fetched are in unknown_count.",
    additivity: Additivity::Maximum,
    ..PRESENCE
}];
