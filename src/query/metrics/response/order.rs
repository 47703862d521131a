//! Order and number of the groups of an answer.
//!
//! Groups are ordered by a value over the whole range, so that each bucket has the same order. Totals are of all
//! groups, shown or not.

use std::cmp::Ordering;

use crate::query::metrics::query::{MetricQuery, Order, OrderBy};
use crate::query::metrics::response::answer::{Answer, MetricRow, Warning};

/// Code of the warning that groups are left out.
pub(super) const GROUPS_LEFT_OUT: &str = "groups_left_out";

/// Orders the groups of an answer, and leaves out those beyond the limit. `ranking`: the groups over the whole range,
/// where neither its rows nor its sub-totals are these.
pub(super) fn arrange(query: &MetricQuery, answer: &mut Answer, ranking: Option<&[MetricRow]>) {
    let count = answer.rows.len() / query.buckets.len().max(1);
    if count == 0 || (query.order.is_none() && query.limit.is_none()) {
        return;
    }
    let mut places: Vec<usize> = (0..count).collect();
    if let Some(order) = query.order {
        let groups = &answer.rows[..count];
        let ranking = ranking.or(answer.subtotals.as_deref()).unwrap_or_default();
        let whole: Vec<&MetricRow> = groups.iter().map(|group| over_range(ranking, group)).collect();
        places.sort_by(|a, b| compared(order, whole[*a], whole[*b]));
    }
    let shown = query.limit.unwrap_or(count).min(count);
    places.truncate(shown);
    let rows = std::mem::take(&mut answer.rows);
    let place_of = |row: usize| places.iter().position(|place| *place == row % count);
    let mut kept: Vec<((usize, usize), MetricRow)> =
        rows.into_iter().enumerate().filter_map(|(at, row)| Some(((at / count, place_of(at)?), row))).collect();
    kept.sort_by_key(|(place, _)| *place);
    answer.rows = kept.into_iter().map(|(_, row)| row).collect();
    if shown < count {
        answer.warnings.push(Warning {
            code: GROUPS_LEFT_OUT,
            metrics: query.metrics.iter().map(|metric| metric.id).collect(),
            detail: format!("{shown} of {count} groups are shown; the totals are of all."),
            bases: Vec::new(),
        });
    }
}

/// Returns the row of a group over the whole range; in a query of one bucket, its own.
fn over_range<'a>(ranking: &'a [MetricRow], group: &'a MetricRow) -> &'a MetricRow {
    let is_same = |row: &&MetricRow| row.dimensions == group.dimensions && row.is_other == group.is_other;
    ranking.iter().find(is_same).unwrap_or(group)
}

/// Compares two groups: missing values and groups without a value come last, groups that lack every dimension after
/// these, and the group of all others after them.
fn compared(order: Order, a: &MetricRow, b: &MetricRow) -> Ordering {
    let directed = |ordering: Ordering| if order.is_descending { ordering.reverse() } else { ordering };
    let by_value = match order.by {
        OrderBy::Metric(metric) => {
            let value = |row: &MetricRow| row.values.get(metric.id).and_then(|value| value.value);
            last_if_missing(value(a).as_ref(), value(b).as_ref(), |a, b| directed(a.cmp(b)))
        }
        OrderBy::Dimension(dimension) => {
            let value = |row: &MetricRow| row.dimensions.get(dimension.as_str()).cloned().flatten();
            last_if_missing(value(a).as_ref(), value(b).as_ref(), |a, b| directed(natural(a, b)))
        }
    };
    let is_missing = |row: &MetricRow| row.dimensions.values().all(Option::is_none);
    a.is_other.cmp(&b.is_other).then(is_missing(a).cmp(&is_missing(b))).then(by_value)
}

fn last_if_missing<T>(a: Option<&T>, b: Option<&T>, compare: impl Fn(&T, &T) -> Ordering) -> Ordering {
    match (a, b) {
        (Some(a), Some(b)) => compare(a, b),
        _ => a.is_none().cmp(&b.is_none()),
    }
}

/// Compares two values of a dimension: whole numbers by size, all else by spelling.
fn natural(a: &str, b: &str) -> Ordering {
    match (a.parse::<i64>(), b.parse::<i64>()) {
        (Ok(a), Ok(b)) => a.cmp(&b),
        _ => a.cmp(b),
    }
}
