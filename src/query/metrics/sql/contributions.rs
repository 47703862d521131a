//! The contribution of each row to a value.
//!
//! For sums it is the metric's own sum over that row alone. A percentile depends on the one or two values it lies
//! between, with the weights of the interpolation. In a distinct count the first row of each person counts. The rows
//! of a maximum are those present when it was first reached; for an average over time, each row contributes its share.
//! Rows that are in the range only by the start of their session, since they lack their time or were never read,
//! contribute nothing and are listed too.

use chrono::{DateTime, Utc};

use crate::query::metrics::grain::Grain;
use crate::query::metrics::measure::Measure;
use crate::query::metrics::plan::Scan;
use crate::query::metrics::sql::behind::Behind;
use crate::query::metrics::sql::concurrency::{began, levels};
use crate::query::metrics::sql::counted::Counted;
use crate::query::metrics::sql::numbers::{Numbers, count_known, row_value};
use crate::query::metrics::sql::statement::Statement;
use crate::query::metrics::sql::value::at;
use crate::query::number::Number;
use crate::query::range::TimeRange;

/// The sort key of a row: its time, source, session, and id within the session.
pub(crate) type RowKey = (DateTime<Utc>, i32, i64, String);

const PAGE: &str =
    "select x.*, d.source, d.provider, d.provider_session_id, d.session_kind, d.session_state, d.outcome, d.channel
  from (select * from ({contributions}) y
         where true{after}
         order by at, source_id, session_id, row_id limit {limit}) x
  join analytics.sessions d on d.source_id = x.source_id and d.session_id = x.session_id
 order by x.at, x.source_id, x.session_id, x.row_id";

const AFTER: &str = " and (at, source_id, session_id, row_id) > ({at}, {source_id}, {session_id}, {row_id})";

/// Rows, and behind them those of another query.
const AND: &str = "{rows}
 union all
select at, source_id, session_id, row_id, value, known, unknown from ({others}) o";

/// One row for each row that has a value, though it may be 0, or is unknown, with its own numbers.
const ROWS: &str = "select {at} as at, s.source_id, s.session_id, {row_id} as row_id, ({value})::numeric as value,
       {known} as known, ({unknown})::bigint as unknown{more}
  from {rows}
 group by 1, 2, 3, 4
having {count} > 0 or {unknown} > 0";

/// The row at the position of the percentile and the next one, with their weights; the first takes the rounding
/// difference.
const RANKED: &str = "select at, source_id, session_id, row_id,
       part + case when place = low then round(sum(part) over (), 6) - sum(part) over () else 0 end as value,
       known, unknown
  from (select w.*, case place when low then given * (1 - (spot - low)) when low + 1 then given * (spot - low) else 0 end as part
          from (select u.*, floor(spot) as low
                  from (select g.*, row_number() over (order by given, at, source_id, session_id, row_id) - 1 as place,
                               {share} * (count(given) over () - 1) as spot
                          from ({rows}) g) u) w) v";

/// The first row of each person that counts.
const FIRST: &str = "select at, source_id, session_id, row_id,
       case when counts and row_number() over (partition by counts, who order by at, source_id, session_id, row_id) = 1
            then 1 else 0 end::numeric as value,
       known, unknown
  from ({rows}) g";

/// A row that is present, with its share of the value.
const PRESENT: &str = "select {began} as at, s.source_id, s.session_id, {row_id} as row_id, {share} as value,
       1::numeric as known, 0::bigint as unknown
  from {rows}";

const SHARE_OF_TIME: &str = "round(extract(epoch from least(stay.ended_at, {to}) - greatest({began}, {from}))
             / extract(epoch from {to}::timestamptz - {from}::timestamptz), {digits})";

const FIRST_REACHED: &str = "{levels} select at from level where at >= {from} and at < {to} and level > 0{group} order by level desc, at limit 1";

/// Returns the SQL of a row's id within its session; empty: the session is the row.
fn row_id(grain: Grain) -> &'static str {
    match grain {
        Grain::Messages => "m.provider_message_id",
        Grain::Presences => "p.participant_id::text",
        Grain::Replies => "r.place::text",
        Grain::Visits | Grain::Cohorts => "v.visitor",
        _ => "''::text",
    }
}

fn and(rows: Statement, others: Statement) -> Statement {
    Statement::fill(AND, [("rows", rows), ("others", others)])
}

impl Behind<'_> {
    /// Returns a page of rows after `after` that contribute to the value or lack its data; `contributions` are all.
    pub(crate) fn page(contributions: Statement, after: Option<RowKey>, limit: i64) -> Statement {
        let after = after.map_or_else(Statement::default, |(at, source_id, session_id, row_id)| {
            Statement::fill(
                AFTER,
                [
                    ("at", Statement::value(at)),
                    ("source_id", Statement::value(i64::from(source_id))),
                    ("session_id", Statement::value(session_id)),
                    ("row_id", Statement::value(row_id)),
                ],
            )
        });
        let parts = [("contributions", contributions), ("after", after), ("limit", Statement::value(limit))];
        Statement::fill(PAGE, parts)
    }

    /// Returns the rows behind the value and the unknown ones, each with its contribution.
    pub(crate) fn contributions(&self) -> Statement {
        let contributions = match self.metric.measure {
            Measure::Percentile(share, of) => {
                let rows = self.numbers(&format!(", min({})::numeric as given", row_value(self.metric, of)));
                Statement::fill(RANKED, [("share", share.into()), ("rows", rows)])
            }
            Measure::Distinct(who, only) => {
                let only = only.map_or_else(|| "true".to_owned(), |only| only.to_string());
                let rows = self.numbers(&format!(", bool_or({only}) as counts, min(({who})::text) as who"));
                Statement::fill(FIRST, [("rows", rows)])
            }
            _ => self.numbers(""),
        };
        self.missed().into_iter().fold(contributions, and)
    }

    /// Returns the rows of a metric along time that are present in a range, if there is one, and the unknown ones;
    /// `None`: there can be neither.
    pub(crate) fn present_or_unknown(&self, range: Option<TimeRange>) -> Option<Statement> {
        range.map(|range| self.present(range)).into_iter().chain(self.missed()).reduce(and)
    }

    /// Returns the rows that are unknown at the start of their session: those without a time, and sessions whose rows
    /// were never read.
    fn missed(&self) -> Vec<Statement> {
        let mut missed = Vec::new();
        if let Some(scan) = self.untimed() {
            missed.push(self.rows_of(&scan, Numbers::of(self.metric, &scan), "0", ""));
        }
        let unread = Numbers::missed(self.metric, self.query.attribution, Counted::SESSIONS);
        if unread.unknown != Numbers::NO_UNKNOWN {
            missed.push(self.rows_of(&Scan { metrics: Vec::new(), ..Scan::first() }, unread, "0", ""));
        }
        missed
    }

    fn numbers(&self, more: &str) -> Statement {
        let scan = self.scan();
        self.rows_of(&scan, Numbers::of(self.metric, &scan), &count_known(self.metric, Counted::of(&scan)), more)
    }

    fn rows_of(&self, scan: &Scan, Numbers { value, known, unknown }: Numbers, count: &str, more: &str) -> Statement {
        Statement::fill(
            ROWS,
            [
                ("at", at(scan).into()),
                ("row_id", row_id(scan.grain).into()),
                ("value", value.into()),
                ("known", known.into()),
                ("unknown", unknown.into()),
                ("count", count.into()),
                ("more", more.into()),
                ("rows", self.rows(scan)),
            ],
        )
    }

    /// Returns the instant at which a maximum was first reached.
    pub(crate) fn first_reached(&self) -> Statement {
        Statement::fill(
            FIRST_REACHED,
            [
                ("levels", levels(self.query, self.metric.grain, &self.source_ids(), self.now)),
                ("from", Statement::value(self.query.range.from)),
                ("to", Statement::value(self.query.range.to)),
                ("group", self.of_levels()),
            ],
        )
    }

    /// Returns the condition for the group among levels.
    pub(super) fn of_levels(&self) -> Statement {
        let mut sql = Statement::default();
        for (place, (_, value)) in self.group.iter().enumerate() {
            sql.push_equal(format!("g{}", place + 1), value.as_deref());
        }
        sql
    }

    /// Returns the rows present in a range, each with its share of the time or, of a maximum, one.
    fn present(&self, range: TimeRange) -> Statement {
        let began = began(self.metric.grain);
        let share = Statement::fill(
            if self.metric.measure == Measure::Peak { "1::numeric" } else { SHARE_OF_TIME },
            [
                ("began", began.into()),
                ("from", Statement::value(range.from)),
                ("to", Statement::value(range.to)),
                ("digits", Number::QUOTIENT_DIGITS.to_string().into()),
            ],
        );
        Statement::fill(
            PRESENT,
            [
                ("began", began.into()),
                ("row_id", row_id(self.metric.grain).into()),
                ("share", share),
                ("rows", self.stays(range, false)),
            ],
        )
    }
}
