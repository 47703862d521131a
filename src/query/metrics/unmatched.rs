//! Filter values that no session of the range has: a mistyped one gives an empty answer, which looks like a quiet day.
//!
//! The range is read once more by the field of the condition, only where a condition can be in doubt: nothing was
//! found, it names several values, or it excludes some.

use std::collections::BTreeSet;

use rust_decimal::Decimal;

use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::filter::{Condition, MetricFilter, Test};
use crate::query::metrics::query::MetricQuery;
use crate::query::metrics::reader::Reader;
use crate::query::metrics::registry;
use crate::query::metrics::response::answer::{Answer, Warning};
use crate::query::metrics::time_column::Attribution;
use crate::query::{ReadError, nearest};

/// Returns a warning for each value of a condition that no session of the range has.
pub(super) async fn warnings(
    reader: &Reader<'_>,
    query: &MetricQuery,
    answer: &Answer,
) -> Result<Vec<Warning>, ReadError> {
    let is_zero = |value: Option<Decimal>| value.is_none_or(|value| value.is_zero());
    let is_empty = answer.totals.values().all(|figure| is_zero(figure.value.map(|number| number.0)));
    let mut warnings = Vec::new();
    for condition in query.filter.conditions.iter().filter(|condition| is_in_doubt(condition, is_empty)) {
        let found = values(reader, query, condition.field).await?;
        let known: Vec<String> = found.iter().cloned().collect();
        for value in condition.test.values().iter().filter(|value| !found.contains(*value)) {
            let near = nearest(value, &known);
            let hint =
                if near.is_empty() { String::new() } else { format!(" Did you mean `{}`?", near.join("` or `")) };
            warnings.push(Warning {
                code: "unmatched_filter_value",
                metrics: query.metrics.iter().map(|metric| metric.id).collect(),
                detail: format!("No session of the range has `{}` = `{value}`.{hint}", condition.field.as_str()),
                bases: Vec::new(),
            });
        }
    }
    Ok(warnings)
}

fn is_in_doubt(condition: &Condition, is_empty: bool) -> bool {
    // the words of these are checked
    let is_closed = matches!(condition.field, Dimension::Outcome | Dimension::SessionKind | Dimension::SessionState);
    !is_closed
        && match &condition.test {
            Test::In(values) => is_empty || values.len() > 1,
            Test::NotIn(_) => true,
            Test::IsNull | Test::IsNotNull | Test::Contains(_) | Test::StartsWith(_) => false,
        }
}

/// Returns the values that sessions of the range have in a field.
async fn values(reader: &Reader<'_>, query: &MetricQuery, field: Dimension) -> Result<BTreeSet<String>, ReadError> {
    let by_field = MetricQuery {
        metrics: registry::metric("sessions").into_iter().collect(),
        dimensions: vec![field],
        buckets: vec![query.range],
        filter: MetricFilter { conditions: Vec::new(), ..query.filter.clone() },
        attribution: Attribution::Start,
        totals_by: Vec::new(),
        top: None,
        comparison: None,
        ..query.clone()
    };
    let scanned = reader.scan(&by_field).await?;
    Ok(scanned.contributions.into_iter().filter_map(|given| given.dimensions.into_iter().next().flatten()).collect())
}
