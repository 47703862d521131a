//! The contribution of one row to a value, as SQL.
//!
//! For sums it is the metric's own sum over that row alone. A percentile depends on the one or two values it lies
//! between, with the weights of the interpolation. In a distinct count the first row of each person counts. The
//! values and the persons are read from the metric's own SQL, so that they are defined only once.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::query::metrics::explain::subject::{Counting, Naming, Subject};
use crate::query::metrics::from_clause::time;
use crate::query::metrics::grain::Grain;
use crate::query::metrics::measure::{Additivity, Metric};
use crate::query::metrics::select::numbers;
use crate::query::metrics::statement::Statement;

/// End of a page: the sort key of its last row, and the rounding difference up to there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowPosition {
    /// The row's time.
    pub at: DateTime<Utc>,
    /// Its source.
    pub source_id: i32,
    /// Its session.
    pub session_id: i64,
    /// Id of the row within the session.
    pub row_id: String,
    /// The rounding difference, less than one unit of the last digit.
    pub carried: String,
}

impl RowPosition {
    /// Returns the rounding difference; a manipulated cursor cannot carry one that matters.
    pub(super) fn carried(&self) -> Decimal {
        self.carried.parse::<Decimal>().ok().filter(|left| left.abs() < Decimal::ONE).unwrap_or_default()
    }
}

/// Selects `at`, `source_id`, `session_id`, `row_id`, `value`, `known` and `unknown` of the rows after `after` that
/// contribute to the value or lack its data.
pub(super) fn push(sql: &mut Statement, subject: &Subject<'_>, after: Option<&RowPosition>, now: DateTime<Utc>) {
    match (percentile(subject.metric), distinct(subject.metric)) {
        (Some(ranked), _) => push_ranked(sql, subject, &ranked, now),
        (_, Some(first)) => push_first(sql, subject, &first, now),
        (None, None) => {
            sql.push("select * from (");
            push_rows(sql, subject, "", now);
            sql.push(") y");
        }
    }
    sql.push(" where (coalesce(value, 0) <> 0 or known <> 0 or unknown > 0)");
    push_after(sql, ["at", "source_id", "session_id", "row_id"], after);
}

/// Adds the condition for rows after the end of a page.
pub(super) fn push_after(sql: &mut Statement, key: [&str; 4], after: Option<&RowPosition>) {
    let Some(after) = after else { return };
    sql.push(" and (").push(key.join(", ")).push(") > (");
    sql.push_bind(after.at).push(", ").push_bind(i64::from(after.source_id)).push(", ");
    sql.push_bind(after.session_id).push(", ").push_bind(after.row_id.clone()).push(")");
}

/// Adds a query with one row for each row behind the value, with its own numbers and `more`.
fn push_rows(sql: &mut Statement, subject: &Subject<'_>, more: &str, now: DateTime<Utc>) {
    let pass = subject.pass();
    let [value, known, unknown] = numbers(subject.metric, &pass);
    sql.push("select ").push(time(&pass)).push(" as at, s.source_id, s.session_id, ");
    sql.push(row_id(subject.metric.grain)).push(" as row_id, (").push(value).push(")::numeric as value, ");
    sql.push(known).push(" as known, (").push(unknown).push(")::bigint as unknown").push(more);
    subject.push_rows(sql, Counting::Counted, Naming::Number, now);
    sql.push(" group by 1, 2, 3, 4");
}

/// Returns the SQL of a row's id within its session; empty: the session is the row.
pub(super) fn row_id(grain: Grain) -> &'static str {
    match grain {
        Grain::Messages => "m.provider_message_id",
        Grain::Presences => "p.participant_id::text",
        Grain::Replies => "r.place::text",
        Grain::Visits | Grain::Cohorts => "v.visitor",
        _ => "''::text",
    }
}

/// The share of a percentile, and the SQL of its values.
struct Ranked {
    share: String,
    value: String,
}

fn percentile(metric: &Metric) -> Option<Ranked> {
    let (_, told) = metric.value_sql.split_once("percentile_cont(")?;
    let (share, told) = told.split_once(") within group (order by ")?;
    let (value, told) = inside(told)?;
    let value = chosen(told).map_or_else(|| value.to_owned(), |is| format!("case when {is} then {value} end"));
    Some(Ranked { share: share.to_owned(), value }).filter(|_| metric.additivity == Additivity::Percentile)
}

/// The SQL of what is counted once, and of which rows count.
struct First {
    who: String,
    counts: String,
}

fn distinct(metric: &Metric) -> Option<First> {
    let (_, told) = metric.value_sql.split_once("count(distinct ")?;
    let (who, told) = inside(told)?;
    let counts = chosen(told).unwrap_or("true");
    let first = First { who: who.to_owned(), counts: counts.to_owned() };
    Some(first).filter(|_| metric.additivity == Additivity::Distinct)
}

/// Returns the condition of a filter that follows an aggregate.
fn chosen(told: &str) -> Option<&str> {
    told.strip_prefix(" filter (where ").and_then(inside).map(|(condition, _)| condition)
}

/// Splits at the closing parenthesis: returns the text before it and the text after it.
fn inside(sql: &str) -> Option<(&str, &str)> {
    let mut depth = 0;
    let closing = sql.char_indices().find(|(_, c)| {
        depth += i32::from(*c == '(') - i32::from(*c == ')');
        depth < 0
    });
    closing.map(|(at, _)| (&sql[..at], &sql[at + 1..]))
}

/// Adds the row at the position of the percentile and the next one, with their weights; the first takes the rounding
/// difference.
fn push_ranked(sql: &mut Statement, subject: &Subject<'_>, Ranked { share, value }: &Ranked, now: DateTime<Utc>) {
    sql.push(
        "select * from (select at, source_id, session_id, row_id, known, unknown,
           part + case when place = low then round(sum(part) over (), 6) - sum(part) over () else 0 end as value
         from (select w.*, case place when low then given * (1 - (spot - low)) when low + 1 then given * (spot - low) else 0 end as part
                 from (select u.*, floor(spot) as low
                         from (select g.*, row_number() over (order by given, at, source_id, session_id, row_id) - 1 as place,
                                      ",
    );
    sql.push(share).push(" * (count(given) over () - 1) as spot from (");
    push_rows(sql, subject, &format!(", min({value})::numeric as given"), now);
    sql.push(") g) u) w) v) y");
}

/// Adds the first row of each person that counts.
fn push_first(sql: &mut Statement, subject: &Subject<'_>, First { who, counts }: &First, now: DateTime<Utc>) {
    sql.push(
        "select * from (select at, source_id, session_id, row_id, known, unknown,
           case when counts and row_number() over (partition by counts, who order by at, source_id, session_id, row_id) = 1
                then 1 else 0 end::numeric as value
         from (",
    );
    push_rows(sql, subject, &format!(", bool_or({counts}) as counts, min(({who})::text) as who"), now);
    sql.push(") g) y");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::metrics::registry::{metric, metrics};

    #[test]
    fn every_percentile_and_everything_distinct_is_understood() {
        for metric in metrics() {
            let (is_ranked, is_first) = (percentile(metric).is_some(), distinct(metric).is_some());
            let wanted = (metric.additivity == Additivity::Percentile, metric.additivity == Additivity::Distinct);
            assert_eq!((is_ranked, is_first), wanted, "{}", metric.id);
        }
        let people = distinct(metric("new_people").unwrap()).unwrap();
        assert_eq!(people.who, "(v.source_id || ' ' || v.person_id) collate \"C\"");
        assert_eq!(people.counts, "v.first_visit_at >= b.bucket_start");
        let time = percentile(metric("time_to_resolution_p90_seconds").unwrap()).unwrap();
        assert_eq!(time.share, "0.9");
        assert_eq!(
            time.value,
            "case when s.outcome = 'resolved' then extract(epoch from s.completed_at - s.created_at) end"
        );
    }
}
