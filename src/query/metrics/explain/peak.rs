//! Rows behind a metric along time: everything present in the range, or, for a maximum, when it was first reached.
//!
//! All of it comes from the query that reads the value itself, narrowed to one group.

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::Row;

use crate::query::metrics::explain::subject::Subject;
use crate::query::metrics::statement::Statement;
use crate::query::metrics::sweep;
use crate::query::range::TimeRange;
use crate::query::snapshot::Snapshot;
use crate::query::{ReadError, reading};

/// Returns when the maximum was first reached; `None`: nothing was present.
pub(super) async fn first(
    snapshot: &Snapshot,
    subject: &Subject<'_>,
    now: DateTime<Utc>,
) -> Result<Option<DateTime<Utc>>, ReadError> {
    let TimeRange { from, to } = subject.query.range;
    let mut sql = sweep::levels(&subject.query, subject.metric.rows, &subject.telling_ids(), now);
    sql.push(" select at from level where at >= ").push_bind(from).push(" and at < ").push_bind(to);
    sql.push(" and level > 0");
    for (place, (_, value)) in subject.group.iter().enumerate() {
        push_equal(&mut sql, &format!("g{}", place + 1), value.as_deref());
    }
    sql.push(" order by level desc, at limit 1");
    let rows = sql.fetch_all(snapshot).await.map_err(reading("the time of a maximum"))?;
    rows.first().map(|row| row.try_get("at")).transpose().map_err(reading("the time of a maximum"))
}

/// Adds the rows present at an instant.
pub(super) fn push_present(sql: &mut Statement, subject: &Subject<'_>, at: DateTime<Utc>, now: DateTime<Utc>) {
    // The instant alone: a presence that ends in it is not included.
    let instant = TimeRange { from: at, to: at + TimeDelta::microseconds(1) };
    push_stays(sql, subject, instant, now);
}

/// Adds the rows present in a range.
pub(super) fn push_stays(sql: &mut Statement, subject: &Subject<'_>, range: TimeRange, now: DateTime<Utc>) {
    sweep::push_stays(sql, &subject.query, subject.metric.rows, &subject.telling_ids(), range, now);
    for (dimension, value) in &subject.group {
        push_equal(sql, sweep::column(*dimension), value.as_deref());
    }
}

fn push_equal(sql: &mut Statement, column: &str, value: Option<&str>) {
    match value {
        Some(value) => _ = sql.push(" and ").push(column).push(" = ").push_bind(value),
        None => _ = sql.push(" and ").push(column).push(" is null"),
    }
}
