//! Top groups: the largest groups of a dimension; all others form one group, `other`.
//!
//! Groups are ranked by one metric over the whole range, so that the same groups are shown in every bucket. Sessions
//! without a value of the dimension take no place unless requested. Groups whose metric is null rank last; equal groups
//! rank by name, so that answers are reproducible.

use std::cmp::Ordering;

use crate::query::ReadError;
use crate::query::metrics::fold::Table;
use crate::query::metrics::fold::group::{Fold, Group, Grouping, Member};
use crate::query::metrics::query::{MetricQuery, Top};
use crate::query::metrics::reader::Reader;
use crate::query::metrics::response::value::Value;
use crate::query::metrics::run::Scanned;

/// Ranks the groups of a query.
pub(crate) async fn rank(
    reader: &Reader<'_>,
    query: &MetricQuery,
    scanned: &Scanned,
    top: Top,
) -> Result<Fold, ReadError> {
    let dimensions = [top.dimension];
    let view = MetricQuery::whole_view(&dimensions);
    let extra = reader.extra(query, &view, scanned, None).await?;
    let grouping = Grouping {
        sources: reader.sources,
        read_by: if extra.scanned.is_some() { &dimensions } else { &query.dimensions },
        dimensions: &dimensions,
        fold: None,
    };
    let whole = [query.range];
    let table = Table::of(grouping, &query.metrics, &whole, scanned, &extra, true, reader.now);
    let place = query.metrics.iter().position(|metric| metric.id == top.by.id).unwrap_or(0);
    let mut ranked: Vec<(Option<Value>, &Group)> = table
        .groups()
        .map(|group| (table.values(group, &table.feeding(group), 0).into_iter().nth(place), group))
        .collect();
    ranked.sort_by(|(a, a_group), (b, b_group)| {
        greatest_first(a.as_ref(), b.as_ref()).then_with(|| a_group.cmp(b_group))
    });
    let members = ranked.into_iter().filter_map(|(_, group)| group.first().cloned());
    let kept = members.filter(|member| top.includes_missing || *member != Member::Nothing).take(top.count);
    let kept = kept.enumerate().map(|(rank, member)| (member, rank)).collect();
    Ok(Fold { dimension: top.dimension, kept })
}

fn greatest_first(a: Option<&Value>, b: Option<&Value>) -> Ordering {
    let figure = |value: Option<&Value>| value.and_then(|value| value.value);
    figure(b).cmp(&figure(a))
}
