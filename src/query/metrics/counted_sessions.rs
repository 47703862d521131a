//! Conditions on the sessions that a metric counts: those that never count, and the filter of the query.
//!
//! Values, the rows behind them and their exclusions all use these conditions and no others, with the alias `s` for
//! sessions.

use crate::query::metrics::grain::Grain;
use crate::query::metrics::query::MetricQuery;
use crate::query::metrics::statement::Statement;

/// Adds the conditions for sessions that count and that pass the filter.
pub(super) fn push_filter(sql: &mut Statement, query: &MetricQuery) {
    push_counted(sql, query);
    push_choice(sql, query);
}

/// Adds the same conditions for a grain. People are not filtered by their sessions, but only sessions that count
/// are used; rows that belong to a source are not filtered at all.
pub(super) fn push_filter_of(sql: &mut Statement, query: &MetricQuery, grain: Grain) {
    if grain.is_of_sessions() {
        push_filter(sql, query);
    } else if grain == Grain::Cohorts {
        push_counted(sql, query);
    }
}

/// Adds the condition for sessions that count.
fn push_counted(sql: &mut Statement, query: &MetricQuery) {
    sql.push(if query.filter.includes_deleted { " and not s.is_part_of_session" } else { " and s.is_counted" });
}

/// Adds the filter of the query.
pub(super) fn push_choice(sql: &mut Statement, query: &MetricQuery) {
    query.filter.push(sql);
}
