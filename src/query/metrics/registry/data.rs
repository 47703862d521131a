//! Metrics of the data itself: completeness, freshness, rejects and late changes.
//!
//! Their rows belong to a source and to no session (except late changes): they are grouped by provider and source,
//! and filters of sessions do not apply to them.

use crate::query::metrics::grain::Grain;
use crate::query::metrics::measure::{Additivity, Metric};
use crate::query::metrics::registry::volume::COUNT;
use crate::query::metrics::time_column::TimeColumn;

/// Base of the other metrics here.
const DATA: Metric = Metric { amount_sql: None, can_overlap: false, ..COUNT };

/// Metrics of the data itself.
pub(super) static METRICS: [Metric; 6] = [
    Metric {
        id: "data_lag_seconds",
        label: "Data lag",
        unit: "seconds",
        description: "Lag of the least complete stream behind the end of the bucket, or behind now if that is earlier: everything before that point is stored.",
        formula: "max(t - complete_through) of analytics.stream_freshness",
        null_rule: "Streams without a proven range are in unknown_count; null in buckets that have not begun.",
        time_column: TimeColumn::AsOf,
        additivity: Additivity::MaximumAsOf,
        grain: Grain::Streams,
        value_sql: "round(max(greatest(extract(epoch from c.at - s.complete_through), 0)), 6)",
        known_sql: "count(s.complete_through)",
        unknown_sql: "count(*) - count(s.complete_through)",
        ..DATA
    },
    Metric {
        id: "completeness_rate",
        label: "Completeness",
        unit: "ratio",
        description: "Stored sessions per session that the provider counts, in compared windows that begin in the range: 1 if no session is missing.",
        formula: "sum(stored_session_count) / sum(provider_session_count) of analytics.reconciliation",
        null_rule: "Null if no window was compared with the provider; windows without a count from the provider are in unknown_count.",
        time_column: TimeColumn::WindowFrom,
        additivity: Additivity::RatioOfSums,
        grain: Grain::Comparisons,
        value_sql: "coalesce(sum(s.stored_session_count) filter (where s.provider_session_count is not null), 0)",
        known_sql: "coalesce(sum(s.provider_session_count), 0)",
        unknown_sql: "count(*) - count(s.provider_session_count)",
        ..DATA
    },
    Metric {
        id: "rejected_records",
        label: "Rejected records",
        unit: "records",
        description: "Records that were first fetched in the range, could not be read and are not resolved.",
        formula: "count(resolved_at is null) of analytics.rejected_records",
        time_column: TimeColumn::FirstSeenAt,
        grain: Grain::Rejects,
        value_sql: "(count(*) filter (where s.resolved_at is null))::numeric",
        ..DATA
    },
    Metric {
        id: "unknown_values",
        label: "Unknown values",
        unit: "records",
        description: "Records with a value outside the list of known values, by the time at which the value was first seen.",
        formula: "sum(record_count) of analytics.provider_drift where kind = 'unknown_value'",
        time_column: TimeColumn::FirstSeenAt,
        grain: Grain::Drift,
        value_sql: "coalesce(sum(s.record_count) filter (where s.kind = 'unknown_value'), 0)::numeric",
        ..DATA
    },
    Metric {
        id: "sync_success_rate",
        label: "Runs that succeeded",
        unit: "ratio",
        description: "Runs that ended complete among the runs that began in the range and have ended; cancelled runs are left out.",
        formula: "count(verdict = 'complete') / count(verdict <> 'cancelled') of analytics.sync_runs",
        null_rule: "Null where no run ended.",
        additivity: Additivity::RatioOfSums,
        grain: Grain::Runs,
        value_sql: "(count(*) filter (where s.verdict = 'complete'))::numeric",
        known_sql: "count(*) filter (where s.verdict <> 'cancelled')",
        ..DATA
    },
    Metric {
        id: "restated_minutes",
        label: "Minutes restated",
        unit: "minutes",
        description: "Signed change of the metered minutes of sessions after the day on which they began was over, by the time at which the change became known.",
        formula: "sum(new_value - old_value) of analytics.session_changes, field provider_minutes, changed after the session's day",
        null_rule: "A session that is first seen late is not a change.",
        time_column: TimeColumn::ChangedAt,
        grain: Grain::Changes,
        value_sql: "coalesce(round(sum(coalesce(h.new_value::numeric, 0) - coalesce(h.old_value::numeric, 0)) filter (where h.changed_at >= (date_trunc('day', s.started_at at time zone t.zone) + interval '1 day') at time zone t.zone), 12), 0)",
        ..DATA
    },
];
