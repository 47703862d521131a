//! Metrics of concurrency.
//!
//! They are read along time and are no sums over rows: each cell and the whole are read separately. Sessions count
//! from their start to their effective end, presences from joining to leaving.

use crate::query::metrics::measure::{Measure, Metric};
use crate::query::metrics::registry::people::PRESENCE;
use crate::query::metrics::registry::volume::COUNT;

/// Base of metrics of sessions along time.
const ALONG_TIME: Metric = Metric {
    null_rule: "Sessions that began in the range and ended at an unknown time are left out and in unknown_count.",
    can_overlap: false,
    can_be_spread: false,
    ..COUNT
};

/// Metrics of concurrency.
pub(super) static METRICS: [Metric; 3] = [
    Metric {
        id: "peak_concurrent_sessions",
        label: "Most sessions at once",
        description: "Most sessions at the same time, including those that began before the bucket. A session that ends at the instant at which another begins ends first; a session of zero length does not count. A running session counts until now. An open chat or an empty meeting whose last activity is 24 hours ago counts as ended 30 minutes after that activity. The peak of a whole is computed separately: it is not the sum of the peaks of its parts.",
        formula: "max over time of count(started_at <= t and t < effective_ended_at) of analytics.sessions",
        measure: Measure::Peak,
        ..ALONG_TIME
    },
    Metric {
        id: "average_concurrent_sessions",
        label: "Sessions at once on average",
        description: "Mean number of sessions at the same time over the bucket: the time in sessions over the time that passed. Sessions count as for peak_concurrent_sessions; the future part of a bucket does not count. Averages of groups may be added; averages of buckets may only be weighted by the length of the buckets.",
        formula: "seconds in sessions / seconds that passed",
        measure: Measure::TimeAverage,
        ..ALONG_TIME
    },
    Metric {
        id: "peak_concurrent_participants",
        label: "Most participants at once",
        unit: "presences",
        description: "Most presences at the same time, over all sessions of the cell, including those that began before the bucket. A participant who leaves at the instant at which another joins leaves first. The peak of a whole is computed separately: it is not the sum of the peaks of its parts.",
        formula: "max over time of count(joined_at <= t and t < left_at) of analytics.participants",
        null_rule: "Presences of zero length are left out. Sessions that began in the range and whose participants were never fetched, and presences in them whose start or end is not known, are in unknown_count; they raise no peak. While its session runs, a presence without an end counts until now.",
        version: 3,
        measure: Measure::Peak,
        ..PRESENCE
    },
];
