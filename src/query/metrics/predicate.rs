//! Which sessions a figure counts: what never counts, and what a question chooses.
//!
//! Whoever reads a figure, the rows behind it or what was left out of it says so in these words and no others, with the
//! sessions under the name `s`.

use crate::query::metrics::MetricQuery;
use crate::query::metrics::statement::Statement;

/// Which sessions count at all, and which of them are asked for.
pub(super) fn push_filter(sql: &mut Statement, query: &MetricQuery) {
    sql.push(" and not s.is_part_of_session and not s.is_deleted_at_provider");
    push_choice(sql, query);
}

/// Which sessions are asked for.
pub(super) fn push_choice(sql: &mut Statement, query: &MetricQuery) {
    let filter = &query.filter;
    let lists = [
        (" and s.channel = any(", &filter.channels),
        (" and s.outcome = any(", &filter.outcomes),
        (" and s.session_kind = any(", &filter.session_kinds),
    ];
    for (clause, values) in lists.into_iter().filter(|(_, values)| !values.is_empty()) {
        sql.push(clause).push_bind(values.clone()).push(")");
    }
}
