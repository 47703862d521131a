//! Metric values as they were known at an earlier time.
//!
//! Earlier states of a session come from its recorded changes: the function `analytics.sessions_as_known_at` returns
//! each session with the oldest value that was replaced later. Only the columns it returns are recorded, so only
//! metrics that use these columns of sessions can be requested; the list of these metrics is derived from their SQL.
//! The cost is one range scan, as for current values, and one read of all changes since.

use crate::query::metrics::columns::columns;
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::grain::Grain;
use crate::query::metrics::measure::Metric;
use crate::query::metrics::query::MetricQuery;
use crate::query::metrics::registry::metrics;
use crate::query::metrics::statement::Statement;
use crate::query::metrics::time_column::TimeColumn;

/// The columns of `analytics.sessions_as_known_at`.
const KEPT: [&str; 30] = [
    "started_at",
    "session_id",
    "source_id",
    "source",
    "provider",
    "provider_session_id",
    "session_kind",
    "provider_status",
    "session_state",
    "outcome",
    "is_flagged_unresolved",
    "channel",
    "person_id",
    "is_part_of_session",
    "group_key",
    "ended_at",
    "completed_at",
    "last_activity_at",
    "duration_seconds",
    "minutes_consumed",
    "minutes_basis",
    "elapsed_minutes",
    "is_provisional",
    "max_concurrent_participants",
    "message_count",
    "has_outcomes",
    "message_support",
    "first_seen_at",
    "is_deleted_at_provider",
    "is_counted",
];

/// Returns whether values of this metric are available as they were known earlier.
pub fn is_kept(metric: &Metric) -> bool {
    let Metric { value_sql, known_sql, unknown_sql, is_unknown_sql, .. } = metric;
    let amount_sql = metric.amount_sql.unwrap_or_default();
    metric.grain == Grain::Sessions
        && !metric.additivity.is_along_time()
        && matches!(metric.time_column, TimeColumn::StartedAt | TimeColumn::CompletedAt | TimeColumn::EndedAt)
        && [*value_sql, *known_sql, *unknown_sql, *is_unknown_sql, amount_sql].into_iter().all(names_only_kept)
}

/// Returns whether earlier values of a dimension are recorded.
pub fn is_dimension_kept(dimension: Dimension) -> bool {
    dimension.column().is_none_or(names_only_kept)
}

/// Returns the metrics that can be requested.
pub fn kept() -> impl Iterator<Item = &'static Metric> {
    metrics().filter(|metric| is_kept(metric))
}

/// Returns whether all columns of `s` in a piece of SQL are recorded, and it uses no other rows; `t` and `a` hold
/// instants.
fn names_only_kept(sql: &str) -> bool {
    columns(sql).all(|(alias, column)| match alias {
        "s" => KEPT.contains(&column),
        alias => matches!(alias, "t" | "a"),
    })
}

/// Adds the sessions with the alias `s`: as they are, or as they were known.
pub(super) fn push_sessions(sql: &mut Statement, query: &MetricQuery) {
    match query.as_known_at {
        None => _ = sql.push("analytics.sessions s"),
        Some(at) => _ = sql.push("analytics.sessions_as_known_at(").push_bind(at).push(") s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_in_sql() {
        assert!(names_only_kept("round(sum(s.duration_seconds) / 60, 12)"));
        assert!(names_only_kept("count(*) filter (where s.outcome in ('a', 'b') and 1.5 > 0 and s.ended_at > t.x)"));
        assert!(!names_only_kept("sum(s.participant_minutes)"));
        assert!(!names_only_kept("count(m.sent_at)"));
        assert!(!names_only_kept("(select 1 from analytics.people)"));
    }

    #[test]
    fn figures_of_sessions_are_kept_and_those_of_what_is_in_them_are_not() {
        let ids: Vec<&str> = kept().map(|metric| metric.id).collect();
        assert!(ids.contains(&"sessions") && ids.contains(&"minutes_consumed") && ids.contains(&"resolution_rate"));
        assert!(!ids.contains(&"messages") && !ids.contains(&"participant_minutes"), "{ids:?}");
    }
}
