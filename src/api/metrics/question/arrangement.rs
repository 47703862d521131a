//! The arrangement of an answer: the order and number of its groups, its shape, and titles.

use crate::api::metrics::question::raw_query::RawQuery;
use crate::api::parameters::values::flag;
use crate::api::parameters::{Faults, Said};
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::measure::Metric;
use crate::query::metrics::query::{MAX_TOP, Order, OrderBy};

/// Shape of a JSON answer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One row for each bucket and group.
    #[default]
    Rows,
    /// Labels, and one array of values for each group and metric.
    Series,
}

/// The arrangement as it was requested.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Arrangement {
    pub(crate) shape: Shape,
    /// Whether titles of meetings are wanted.
    pub(crate) titles: bool,
    pub(super) order: Option<Order>,
    pub(super) limit: Option<usize>,
}

/// Reads the arrangement of the answer to a query with these metrics and dimensions.
pub(super) fn read(
    raw_query: &RawQuery,
    metrics: &[&'static Metric],
    dimensions: &[Dimension],
    faults: &mut Faults,
) -> Arrangement {
    let limit = raw_query.limit.as_ref().and_then(|said| {
        let limit = said.text.parse::<usize>().ok().filter(|limit| (1..=MAX_TOP).contains(limit));
        if limit.is_none() {
            let detail = format!("The number of groups must be a whole number from 1 to {MAX_TOP}.");
            faults.note(&said.at, "invalid_count", detail);
        }
        limit
    });
    Arrangement {
        shape: raw_query.shape.as_ref().map_or(Shape::Rows, |said| shape(said, faults)),
        titles: raw_query.titles.as_ref().is_some_and(|said| flag(said, faults)),
        order: raw_query.order_by.as_ref().and_then(|said| order(said, metrics, dimensions, faults)),
        limit,
    }
}

fn shape(said: &Said, faults: &mut Faults) -> Shape {
    match said.text.as_str() {
        "rows" => Shape::Rows,
        "series" => Shape::Series,
        other => {
            faults.note_unknown(&said.at, "unknown_value", other, ["rows", "series"]);
            Shape::Rows
        }
    }
}

fn order(said: &Said, metrics: &[&'static Metric], dimensions: &[Dimension], faults: &mut Faults) -> Option<Order> {
    let (is_descending, name) = match said.text.strip_prefix('-') {
        Some(name) => (true, name),
        None => (false, said.text.as_str()),
    };
    let metric = metrics.iter().find(|metric| metric.id == name).map(|metric| OrderBy::Metric(metric));
    let dimension = || dimensions.iter().find(|dimension| dimension.as_str() == name);
    let by = metric.or_else(|| dimension().map(|dimension| OrderBy::Dimension(*dimension)));
    if by.is_none() {
        let known = metrics.iter().map(|metric| metric.id).chain(dimensions.iter().map(|dimension| dimension.as_str()));
        faults.note_unknown(&said.at, "not_of_the_question", name, known);
    }
    by.map(|by| Order { by, is_descending })
}
