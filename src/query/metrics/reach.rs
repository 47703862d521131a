//! What a pass need not read.
//!
//! What a question names decides how it is read. Of the views every column is there, and a join of which no column is
//! named costs nothing; but whether rows can be told without their sessions, and whether each bucket can be a range scan
//! of its own, the planner does not find out by itself. It is read from the SQL of what is asked, and not written down
//! a second time.

use crate::query::metrics::MetricQuery;
use crate::query::metrics::columns::columns;
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::pass::Pass;
use crate::query::metrics::registry::{Anchor, Rows};
use crate::query::metrics::select::column;
use crate::query::metrics::statement::Statement;
use crate::query::range::TimeRange;

/// How far a pass reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reach {
    /// The name under which the rows and their source stand where they are read without their sessions.
    pub(super) bare: Option<&'static str>,
    /// Whether each bucket is a range scan of its own: only one table is read. A single bucket is the range, whose ends the
    /// planner then sees, so that it may share the work among processes.
    pub(super) is_by_bucket: bool,
}

impl Reach {
    pub(super) fn of(query: &MetricQuery, pass: &Pass, buckets: &[TimeRange]) -> Self {
        let bare = bare_name(pass.rows).filter(|name| {
            let mut named = numbers(query, pass).chain(query.row_dimensions().map(|dimension| column(dimension, pass)));
            let is_of_rows = |(alias, _): (&str, &str)| alias == *name || matches!(alias, "b" | "a" | "t");
            named.all(|sql| columns(sql).all(is_of_rows))
                // a question that chooses sessions must look at them
                && query.filter.fields().all(|field| field.column().is_none())
        });
        let is_by_bucket = match pass.rows {
            Rows::Sessions => is_of_sessions_alone(query, pass),
            Rows::Messages => bare.is_some() && !names_clock(query),
            _ => false,
        };
        Self { bare, is_by_bucket: is_by_bucket && buckets.len() > 1 }
    }

    /// The name under which a row's source stands.
    pub(super) fn owner(self) -> &'static str {
        self.bare.unwrap_or("s")
    }

    /// The rows without their sessions; whether it was possible.
    pub(super) fn push_bare_rows(self, sql: &mut Statement, pass: &Pass) -> bool {
        match (self.bare, pass.rows) {
            (Some(_), Rows::Messages) => _ = sql.push("analytics.messages m"),
            (Some(_), Rows::Visits) => _ = sql.push("analytics.visits v"),
            _ => return false,
        }
        true
    }

    /// Leaves out those whose session does not count; whether it was possible without the sessions.
    pub(super) fn push_bare_filter(self, sql: &mut Statement, query: &MetricQuery, pass: &Pass) -> bool {
        let includes_deleted = query.filter.includes_deleted;
        match (self.bare, pass.rows) {
            // few are left out, and an index holds them: to look for these is less than to look up every session
            (Some(_), Rows::Messages) => {
                sql.push(" and not exists (select from analytics.sessions s where s.source_id = m.source_id and s.session_id = m.session_id and ");
                sql.push(if includes_deleted {
                    "s.is_part_of_session)"
                } else {
                    "(s.is_part_of_session or s.is_deleted_at_provider))"
                });
            }
            (Some(_), Rows::Visits) => {
                sql.push(" and not v.is_part_of_session");
                sql.push(if includes_deleted { "" } else { " and not v.is_deleted_at_provider" });
            }
            _ => return false,
        }
        true
    }
}

/// The name of rows that can be told without their sessions.
fn bare_name(rows: Rows) -> Option<&'static str> {
    match rows {
        Rows::Messages => Some("m"),
        Rows::Visits => Some("v"),
        _ => None,
    }
}

/// The SQL of the numbers a pass reads.
fn numbers<'a>(query: &'a MetricQuery, pass: &'a Pass) -> impl Iterator<Item = &'static str> + 'a {
    let read = pass.metrics.iter().map(|place| query.metrics[*place]);
    read.flat_map(|metric| [metric.value_sql, metric.known_sql, metric.unknown_sql])
}

/// Whether nothing but the sessions themselves is read, by a time of theirs.
fn is_of_sessions_alone(query: &MetricQuery, pass: &Pass) -> bool {
    let is_plain = !pass.is_spread && pass.alone.is_none();
    let is_by_time = matches!(pass.anchor, Anchor::StartedAt | Anchor::CompletedAt | Anchor::EndedAt);
    is_plain
        && is_by_time
        && numbers(query, pass).all(names_own_only)
        // coverage looks at every metric
        && (!pass.is_first() || query.metrics.iter().all(|metric| names_own_only(metric.is_unknown_sql)))
        && query.row_dimensions().chain(query.filter.fields()).all(|field| field.column().is_none_or(names_own_only))
        // changes are looked through once for the range, and not for each bucket
        && query.as_known_at.is_none()
}

/// Columns of `analytics.sessions` that stand in the row of the session or of its source.
const OWN: [&str; 17] = [
    "started_at",
    "ended_at",
    "completed_at",
    "created_at",
    "source_id",
    "provider",
    "session_kind",
    "session_state",
    "outcome",
    "channel",
    "duration_seconds",
    "minutes_consumed",
    "minutes_basis",
    "has_outcomes",
    "is_provisional",
    "last_activity_at",
    "message_support",
];

/// Whether a piece of SQL names no other rows than the session, and of it only such columns.
fn names_own_only(sql: &str) -> bool {
    columns(sql).all(|(alias, column)| match alias {
        "s" => OWN.contains(&column),
        alias => alias == "t" && column != "zone",
    })
}

/// Whether a question groups by the time of its rows.
fn names_clock(query: &MetricQuery) -> bool {
    query.row_dimensions().filter_map(Dimension::column).flat_map(columns).any(|(alias, _)| alias == "a")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_columns_are_told_from_others() {
        assert!(names_own_only("count(*) filter (where s.outcome = 'x' and t.now > s.started_at)"));
        assert!(!names_own_only("sum(s.message_count)"));
        assert!(!names_own_only("to_char(a.at at time zone t.zone, 'ID')"));
    }
}
