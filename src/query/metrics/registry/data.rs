//! Metrics of the data itself: completeness, freshness, rejects and late changes.
//!
//! Their rows belong to a source and to no session (except late changes): they are grouped by provider and source,
//! and filters of sessions do not apply to them.

use crate::query::metrics::column::prelude::*;
use crate::query::metrics::grain::Grain;
use crate::query::metrics::measure::{Known, Measure, Metric, Term};
use crate::query::metrics::registry::volume::COUNT;
use crate::query::metrics::time_column::TimeColumn;

/// Base of the other metrics here.
const DATA: Metric = Metric { can_be_spread: false, can_overlap: false, ..COUNT };

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
        grain: Grain::Streams,
        measure: Measure::Greatest(expr!("greatest(extract(epoch from " AT " - " COMPLETE_THROUGH "), 0)")),
        known: Known::Has(COMPLETE_THROUGH),
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
        grain: Grain::Comparisons,
        measure: Measure::Ratio(Term::Sum(STORED_SESSION_COUNT), Term::Sum(PROVIDER_SESSION_COUNT)),
        known: Known::Has(PROVIDER_SESSION_COUNT),
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
        measure: Measure::Total(Term::RowsIf(expr!(RESOLVED_AT " is null"))),
        ..DATA
    },
    Metric {
        id: "unknown_values",
        label: "Unknown values",
        unit: "records",
        description: "Records with a value outside the list of known values, by the time at which the value was first seen.",
        formula: "sum(record_count) of analytics.provider_drift",
        time_column: TimeColumn::FirstSeenAt,
        grain: Grain::Drift,
        measure: Measure::Total(Term::Sum(RECORD_COUNT)),
        about: Some(expr!(KIND " = 'unknown_value'")),
        ..DATA
    },
    Metric {
        id: "sync_success_rate",
        label: "Runs that succeeded",
        unit: "ratio",
        description: "Runs that ended complete among the runs that began in the range and have ended; cancelled runs are left out.",
        formula: "count(verdict = 'complete') / count(verdict <> 'cancelled') of analytics.sync_runs",
        null_rule: "Null where no run ended.",
        grain: Grain::Runs,
        measure: Measure::Ratio(Term::RowsIf(expr!(VERDICT " = 'complete'")), Term::Rows),
        about: Some(expr!(VERDICT " <> 'cancelled'")),
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
        measure: Measure::Total(Term::Decimals(
            expr!("coalesce(" NEW_VALUE "::numeric, 0) - coalesce(" OLD_VALUE "::numeric, 0)"),
        )),
        about: Some(
            expr!(CHANGED_AT " >= (date_trunc('day', " STARTED_AT " at time zone " ZONE ") + interval '1 day') at time zone " ZONE),
        ),
        ..DATA
    },
];
