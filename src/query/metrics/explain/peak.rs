//! Rows behind a metric along time: everything present in the range, or, for a maximum, when it was first reached.
//!
//! All of it comes from the query that reads the value itself, narrowed to one group.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::Row;

use crate::query::metrics::concurrency;
use crate::query::metrics::explain::contribution::{self, RowPosition};
use crate::query::metrics::explain::subject::Subject;
use crate::query::metrics::measure::Additivity;
use crate::query::metrics::statement::Statement;
use crate::query::number::Number;
use crate::query::range::TimeRange;
use crate::query::snapshot::Snapshot;
use crate::query::{ReadError, reading};

/// Adds the rows of a metric along time; returns false if there are none. Each row contributes one to a maximum, and
/// to an average its share of the time.
pub(super) async fn push(
    sql: &mut Statement,
    snapshot: &Snapshot,
    subject: &Subject<'_>,
    after: Option<&RowPosition>,
    now: DateTime<Utc>,
) -> Result<bool, ReadError> {
    let grain = subject.metric.grain;
    let (began, row_id) = (concurrency::began(grain), contribution::row_id(grain));
    sql.push("select ").push(began).push(" as at, s.source_id, s.session_id, ").push(row_id).push(" as row_id, ");
    if subject.metric.additivity == Additivity::Maximum {
        let Some(at) = first(snapshot, subject, now).await? else { return Ok(false) };
        sql.push("1::numeric as value, 1::numeric as known, 0::bigint as unknown");
        push_present(sql, subject, at, now);
    } else {
        let range = TimeRange { to: subject.query.range.to.min(now), ..subject.query.range };
        if range.from >= range.to {
            return Ok(false);
        }
        sql.push("round(extract(epoch from least(stay.ended_at, ")
            .push_bind(range.to)
            .push(") - greatest(")
            .push(began);
        sql.push(", ").push_bind(range.from).push(")) / extract(epoch from ").push_bind(range.to);
        sql.push("::timestamptz - ")
            .push_bind(range.from)
            .push(format!("::timestamptz), {})", Number::QUOTIENT_DIGITS));
        sql.push(" as value, 1::numeric as known, 0::bigint as unknown");
        push_stays(sql, subject, range, now);
    }
    contribution::push_after(sql, [began, "s.source_id", "s.session_id", row_id], after);
    Ok(true)
}

/// Returns when the maximum was first reached; `None`: nothing was present.
async fn first(
    snapshot: &Snapshot,
    subject: &Subject<'_>,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, ReadError> {
    let TimeRange { from, to } = subject.query.range;
    let mut sql = concurrency::levels(&subject.query, subject.metric.grain, &subject.telling_ids(), now);
    sql.push(" select at from level where at >= ").push_bind(from).push(" and at < ").push_bind(to);
    sql.push(" and level > 0");
    for (place, (_, value)) in subject.group.iter().enumerate() {
        sql.push_equal(&format!("g{}", place + 1), value.as_deref());
    }
    sql.push(" order by level desc, at limit 1");
    let rows = sql.fetch_all(snapshot).await.map_err(reading("the time of a maximum"))?;
    rows.first().map(|row| row.try_get("at")).transpose().map_err(reading("the time of a maximum"))
}

/// Adds the rows present at an instant.
fn push_present(sql: &mut Statement, subject: &Subject<'_>, at: DateTime<Utc>, now: DateTime<Utc>) {
    // The instant alone: a presence that ends in it is not included.
    let instant = TimeRange { from: at, to: at + TimeDelta::microseconds(1) };
    push_stays(sql, subject, instant, now);
}

/// Adds the rows present in a range.
fn push_stays(sql: &mut Statement, subject: &Subject<'_>, range: TimeRange, now: DateTime<Utc>) {
    concurrency::push_stays(sql, &subject.query, subject.metric.grain, &subject.telling_ids(), range, now);
    for (dimension, value) in &subject.group {
        sql.push_equal(concurrency::column(*dimension), value.as_deref());
    }
}
