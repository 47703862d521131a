//! Which sessions a figure counts: what never counts, and what a question chooses.
//!
//! Whoever reads a figure, the rows behind it or what was left out of it says so in these words and no others, with the
//! sessions under the name `s`.

use crate::query::metrics::MetricQuery;
use crate::query::metrics::statement::Statement;

/// Which sessions count at all, and which of them are asked for.
pub(super) fn push_filter(sql: &mut Statement, query: &MetricQuery) {
    sql.push(" and not s.is_part_of_session");
    if !query.filter.includes_deleted {
        sql.push(" and not s.is_deleted_at_provider");
    }
    push_choice(sql, query);
}

/// Which sessions are asked for.
pub(super) fn push_choice(sql: &mut Statement, query: &MetricQuery) {
    query.filter.push(sql);
}
