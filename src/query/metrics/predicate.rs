//! Which sessions a figure counts: what never counts, and what a question chooses.
//!
//! Whoever reads a figure, the rows behind it or what was left out of it says so in these words and no others, with the
//! sessions under the name `s`.

use crate::query::metrics::MetricQuery;
use crate::query::metrics::registry::Rows;
use crate::query::metrics::statement::Statement;

/// Which sessions count at all, and which of them are asked for.
pub(super) fn push_filter(sql: &mut Statement, query: &MetricQuery) {
    push_counted(sql, query);
    push_choice(sql, query);
}

/// The same of other rows: people are not chosen by their sessions, but come by such as count; what belongs to a source is
/// not chosen at all.
pub(super) fn push_filter_of(sql: &mut Statement, query: &MetricQuery, rows: Rows) {
    if rows.are_of_sessions() {
        push_filter(sql, query);
    } else if rows == Rows::Cohorts {
        push_counted(sql, query);
    }
}

/// Which sessions count at all.
fn push_counted(sql: &mut Statement, query: &MetricQuery) {
    sql.push(" and not s.is_part_of_session");
    if !query.filter.includes_deleted {
        sql.push(" and not s.is_deleted_at_provider");
    }
}

/// Which sessions are asked for.
pub(super) fn push_choice(sql: &mut Statement, query: &MetricQuery) {
    query.filter.push(sql);
}
