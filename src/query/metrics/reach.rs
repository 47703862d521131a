//! The tables and ranges that a pass need not read.
//!
//! The columns that a query names decide how it is read. Postgres removes joins of the views whose columns are not
//! named. It does not find out whether rows can be read without their sessions, or whether each bucket can be a range
//! scan of its own. Both are derived from the SQL of the metrics, so that they are not defined twice.

use crate::query::metrics::columns::columns;
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::grain::Grain;
use crate::query::metrics::pass::Pass;
use crate::query::metrics::query::MetricQuery;
use crate::query::metrics::statement::Statement;
use crate::query::metrics::time_column::TimeColumn;
use crate::query::range::TimeRange;

/// The tables and ranges that a pass reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reach {
    /// The alias of the rows if they are read without their sessions.
    pub(super) bare: Option<&'static str>,
    /// Whether each bucket is a separate range scan: only one table is read. With a single bucket the range is used,
    /// whose ends the planner sees, so that it can use parallel workers.
    pub(super) is_by_bucket: bool,
}

impl Reach {
    pub(super) fn of(query: &MetricQuery, pass: &Pass, buckets: &[TimeRange]) -> Self {
        let bare = bare_name(pass.grain).filter(|name| {
            let mut named = numbers(query, pass).chain(query.row_dimensions().map(|dimension| pass.column(dimension)));
            let is_of_rows = |(alias, _): (&str, &str)| alias == *name || matches!(alias, "b" | "a" | "t");
            named.all(|sql| columns(sql).all(is_of_rows))
                // The filter of a query needs the sessions.
                && query.filter.fields().all(|field| field.column().is_none())
        });
        let is_by_bucket = match pass.grain {
            Grain::Sessions => is_of_sessions_alone(query, pass),
            Grain::Messages => bare.is_some() && !names_clock(query),
            _ => false,
        };
        Self { bare, is_by_bucket: is_by_bucket && buckets.len() > 1 }
    }

    /// Returns the alias that has a row's source.
    pub(super) fn owner(self) -> &'static str {
        self.bare.unwrap_or("s")
    }

    /// Adds the rows without their sessions; returns whether this is possible.
    pub(super) fn push_bare_rows(self, sql: &mut Statement, pass: &Pass) -> bool {
        match (self.bare, pass.grain) {
            (Some(_), Grain::Messages) => _ = sql.push("analytics.messages m"),
            (Some(_), Grain::Visits) => _ = sql.push("analytics.visits v"),
            _ => return false,
        }
        true
    }

    /// Adds the condition for sessions that count; returns whether this is possible without the sessions.
    pub(super) fn push_bare_filter(self, sql: &mut Statement, query: &MetricQuery, pass: &Pass) -> bool {
        let includes_deleted = query.filter.includes_deleted;
        match (self.bare, pass.grain) {
            // Few sessions do not count, and an index lists them: a lookup there is cheaper than a lookup of every
            // session.
            (Some(_), Grain::Messages) => {
                sql.push(" and not exists (select from analytics.sessions s where s.source_id = m.source_id and s.session_id = m.session_id and ");
                sql.push(if includes_deleted { "s.is_part_of_session)" } else { "not s.is_counted)" });
            }
            (Some(_), Grain::Visits) => {
                sql.push(if includes_deleted { " and not v.is_part_of_session" } else { " and v.is_counted" });
            }
            _ => return false,
        }
        true
    }
}

/// Returns the alias of rows that can be read without their sessions.
fn bare_name(grain: Grain) -> Option<&'static str> {
    match grain {
        Grain::Messages => Some("m"),
        Grain::Visits => Some("v"),
        _ => None,
    }
}

/// Returns the SQL of the numbers that a pass reads.
fn numbers<'a>(query: &'a MetricQuery, pass: &'a Pass) -> impl Iterator<Item = &'static str> + 'a {
    let read = pass.metrics.iter().map(|place| query.metrics[*place]);
    read.flat_map(|metric| [metric.value_sql, metric.known_sql, metric.unknown_sql])
}

/// Returns whether only sessions are read, by one of their own times.
fn is_of_sessions_alone(query: &MetricQuery, pass: &Pass) -> bool {
    let is_plain = !pass.is_spread && pass.alone.is_none();
    let is_by_time = matches!(pass.time_column, TimeColumn::StartedAt | TimeColumn::CompletedAt | TimeColumn::EndedAt);
    is_plain
        && is_by_time
        && numbers(query, pass).all(names_own_only)
        // Coverage uses every metric.
        && (!pass.is_first() || query.metrics.iter().all(|metric| names_own_only(metric.is_unknown_sql)))
        && query.row_dimensions().chain(query.filter.fields()).all(|field| field.column().is_none_or(names_own_only))
        // Changes are read once for the range, and not for each bucket.
        && query.as_known_at.is_none()
}

/// Columns of `analytics.sessions` that come from the row of the session or of its source.
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

/// Returns whether a piece of SQL uses only the session, and of it only these columns.
fn names_own_only(sql: &str) -> bool {
    columns(sql).all(|(alias, column)| match alias {
        "s" => OWN.contains(&column),
        alias => alias == "t" && column != "zone",
    })
}

/// Returns whether a query groups by the time of its rows.
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
