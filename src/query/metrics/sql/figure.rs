//! The statement of one value, for readers: over `analytics`, with literal values.
//!
//! It is made of the rows, the filter and the numbers that the value itself is read with, so that it returns the same
//! number in psql.

use crate::query::metrics::measure::{Additivity, Measure};
use crate::query::metrics::plan::Scan;
use crate::query::metrics::sql::behind::Behind;
use crate::query::metrics::sql::concurrency::concurrency;
use crate::query::metrics::sql::counted::Counted;
use crate::query::metrics::sql::numbers::Numbers;
use crate::query::metrics::sql::statement::Statement;
use crate::query::number::Number;

const FIGURE: &str = "with {first} as (
  select {numbers},
         {unknown} as unknown_count
    from {rows}
){elsewhere}
select {shown}
  from figure";

/// Unknown rows that are counted elsewhere, and the whole.
const ELSEWHERE: &str = ", {name} as (
  select {unknown} as unknown_count
    from {rows}
)";
const WHOLE: &str = ", figure as (
  select {numbers}, {sum} as unknown_count
    from {parts}
)";

const SUMS: &str = "{value} as value,
         {known} as known_count";
const PARTS: &str = "coalesce({value}, 0) as numerator,
         coalesce({known}, 0) as denominator";
/// A peak of 0 beside sessions of unknown attendance is unknown, not 0.
const ALONG_TIME: &str = "max({figure})::numeric as value,
         coalesce(ceil(max({figure})), 0)::numeric as known_count";
const SWEPT: &str = "(
{levels}
) swept
   where true{group}";

impl Behind<'_> {
    /// Returns the statement that computes the value. If the range is not proven, an empty result is not 0.
    pub(crate) fn figure(&self, is_unproven: bool) -> Statement {
        let (metric, scan) = (self.metric, self.scan());
        let Numbers { value, known, unknown } = Numbers::of(metric, &scan);
        let figure = if metric.measure == Measure::TimeAverage { "average" } else { "peak" };
        let (template, rows) = match metric.measure {
            Measure::Peak | Measure::TimeAverage => {
                let levels = concurrency(self.query, metric.grain, &self.source_ids(), self.now);
                (ALONG_TIME, Statement::fill(SWEPT, [("levels", levels), ("group", self.of_levels())]))
            }
            Measure::Ratio(..) => (PARTS, self.rows(&scan)),
            _ => (SUMS, self.rows(&scan)),
        };
        let parts = [("value", value.into()), ("known", known.into()), ("figure", figure.into())];
        let unknown = if metric.is_along_time() { "0".to_owned() } else { unknown };
        let elsewhere = self.unknown_elsewhere();
        Statement::fill(
            FIGURE,
            [
                ("first", if elsewhere.is_empty() { "figure" } else { "own" }.into()),
                ("numbers", Statement::fill(template, parts)),
                ("unknown", unknown.into()),
                ("rows", rows),
                ("elsewhere", whole(elsewhere, matches!(metric.measure, Measure::Ratio(..)))),
                ("shown", self.shown(is_unproven).into()),
            ],
        )
    }

    /// Returns the counts of unknown rows that are not in the range: those that count at the start of their session.
    fn unknown_elsewhere(&self) -> Vec<(&'static str, Statement)> {
        let missed = Numbers::missed(self.metric, self.query.attribution, Counted::SESSIONS).unknown;
        let first = Scan { metrics: Vec::new(), ..Scan::first() };
        let mut parts = Vec::new();
        if missed != Numbers::NO_UNKNOWN {
            parts.push(("missed", missed, self.rows(&first)));
        }
        if let Some(scan) = self.untimed() {
            parts.push(("untimed", Numbers::of(self.metric, &scan).unknown, self.rows(&scan)));
        }
        let count = |(name, unknown, rows): (&'static str, String, Statement)| {
            let parts = [("name", name.into()), ("unknown", unknown.into()), ("rows", rows)];
            (name, Statement::fill(ELSEWHERE, parts))
        };
        parts.into_iter().map(count).collect()
    }

    /// Returns the columns of the result, with the rule for null values, rounded as in an answer.
    fn shown(&self, is_unproven: bool) -> String {
        let digits = Number::DIGITS;
        match self.metric.additivity() {
            Additivity::RatioOfSums => {
                format!(
                    "round(numerator / nullif(denominator, 0), {digits}) as value, numerator, denominator, unknown_count"
                )
            }
            Additivity::Percentile | Additivity::MaximumAsOf => format!(
                "round(case when known_count > 0 then coalesce(value, 0) end, {digits}) as value, known_count, unknown_count"
            ),
            Additivity::Sum
            | Additivity::Maximum
            | Additivity::TimeAverage
            | Additivity::StateAsOf
            | Additivity::Distinct => {
                let zero = if is_unproven { "nullif(value, 0)" } else { "coalesce(value, 0)" };
                format!(
                    "round(case when known_count = 0 and unknown_count > 0 then null else {zero} end, {digits}) as value, \
                     known_count, unknown_count"
                )
            }
        }
    }
}

/// Returns the counts from elsewhere, and the figure with their sum.
fn whole(elsewhere: Vec<(&'static str, Statement)>, is_ratio: bool) -> Statement {
    let mut sql = Statement::default();
    if elsewhere.is_empty() {
        return sql;
    }
    let mut names = vec!["own"];
    for (name, count) in elsewhere {
        names.push(name);
        sql.append(count);
    }
    let parts = names.join(", ");
    let sum = names.iter().map(|name| format!("{name}.unknown_count")).collect::<Vec<_>>().join(" + ");
    let numbers = if is_ratio { "numerator, denominator" } else { "value, known_count" };
    sql.append(Statement::fill(WHOLE, [("numbers", numbers.into()), ("sum", sum.into()), ("parts", parts.into())]));
    sql
}
