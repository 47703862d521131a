//! The statement of a metric as analysts run it: over `analytics` alone, with the range, the step and the dimension as
//! parameters.
//!
//! `$1` and `$2` are the range, `$3` is the step and `$4` the zone of the buckets, `$5` the name of a dimension or
//! null, `$6` the present. It is made of the same numbers, rows and conditions as the API's own statements, and knows
//! nothing of proofs: where a range is not proven complete, the API says so, and this does not.

use chrono::DateTime;

use crate::query::bucket::Granularity;
use crate::query::metrics::dimension::{Dimension, Level};
use crate::query::metrics::filter::MetricFilter;
use crate::query::metrics::grain::Grain;
use crate::query::metrics::measure::{Additivity, Measure, Metric};
use crate::query::metrics::plan::Scan;
use crate::query::metrics::query::MetricQuery;
use crate::query::metrics::sql::concurrency::{self, Bounds};
use crate::query::metrics::sql::counted::Counted;
use crate::query::metrics::sql::numbers::Numbers;
use crate::query::metrics::sql::rows::{counted, rows};
use crate::query::metrics::sql::statement::Statement;
use crate::query::metrics::sql::value::{self, at};
use crate::query::metrics::time_column::{Attribution, TimeColumn};
use crate::query::number::Number;
use crate::query::range::TimeRange;

const METRIC: &str = "with cut as (
  select bucket_start, bucket_end, least(bucket_end, $6) as counted_to,
         row_number() over (order by bucket_start) as bucket
    from analytics.buckets_between($1, $2, $3, $4)
), edge as (
  select array_agg(bucket_start order by bucket_start) as starts from cut
), applicable as (
  select src.source_id, src.source, src.provider from analytics.sources src where {applies}
), counted as ({counted}
){missed}, of as (
  select null::text as dimension_value where $5 is null
  union select case $5 when 'source' then source else provider end from applicable where $5 in ('source', 'provider')
  union select dimension_value from counted where $5 is not null{missed_groups}
)
select cut.bucket_start, cut.bucket_end, of.dimension_value,
       round({value}, {digits}) as value,
       {parts},
       coalesce(counted.known_count, 0) as known_count, {unknown} as unknown_count
  from cut
 cross join of
  left join counted on counted.bucket = cut.bucket
                   and counted.dimension_value is not distinct from of.dimension_value{missed_joins}
 order by cut.bucket_start, of.dimension_value";

/// Rows that are counted beside those with a value: never read, or without a time.
const MISSED: &str = ", {name} as ({counts}
)";

const MISSED_GROUPS: &str = "
  union select dimension_value from {name} where $5 is not null and unknown_count > 0";

const MISSED_JOIN: &str = "
  left join {name} on {name}.bucket = cut.bucket
                  and {name}.dimension_value is not distinct from of.dimension_value";

const BY_TIME: &str = "
  select b.bucket, {group} as dimension_value, {numbers}
    from (select $6 as now, $4 as zone) t cross join {rows}
   cross join edge cross join lateral (select {at} as at) a
   cross join lateral (select width_bucket(a.at, edge.starts) as number) slot
   cross join lateral (select slot.number::bigint as bucket, edge.starts[slot.number] as bucket_start) b
   where {at} >= $1 and {at} < $2{same}{untimed} and s.source_id in (select source_id from applicable){counted}
   group by 1, 2";

const AS_OF: &str = "
  select b.bucket, {group} as dimension_value, {numbers}
    from (select $6 as now, $4 as zone) t cross join cut b
   cross join lateral (select least(b.bucket_end, t.now) as at) c
   cross join {rows}
   where b.bucket_start < t.now and s.source_id in (select source_id from applicable){counted}
   group by 1, 2";

const ALONG_TIME: &str = "
  select bucket, g1 as dimension_value, {value} as value, ceil({value}) as known_count, 0::bigint as unknown_count
    from ({levels}) levels";

/// One statement of a metric, and the dimensions that it can be run with.
pub(crate) struct Published {
    pub(crate) metric_id: &'static str,
    pub(crate) dimensions: Vec<&'static str>,
    pub(crate) sql: String,
}

/// Returns the statements of a metric: one for all dimensions that are columns of its rows, and one for each other
/// dimension, whose rows need further joins.
pub(crate) fn all(metric: &'static Metric) -> Vec<Published> {
    let possible = || Dimension::ALL.into_iter().filter(|dimension| metric.can_be_grouped_by(*dimension));
    let is_plain = |dimension: &Dimension| matches!(dimension.level(), Level::Source | Level::Session | Level::Clock);
    let plain: Vec<Dimension> = possible().filter(is_plain).collect();
    let alone = possible().filter(|dimension| !is_plain(dimension)).map(|dimension| vec![dimension]);
    let publish = |dimensions: Vec<Dimension>| Published {
        metric_id: metric.id,
        sql: statement(metric, &dimensions).literal(chrono_tz::UTC),
        dimensions: dimensions.into_iter().map(Dimension::as_str).collect(),
    };
    std::iter::once(plain).chain(alone).map(publish).collect()
}

fn statement(metric: &'static Metric, dimensions: &[Dimension]) -> Statement {
    let query = question(metric, dimensions);
    let counted = if metric.is_along_time() { along_time(&query, metric) } else { known(&query, metric) };
    let missed = missed(&query, metric);
    let mut unknown = "coalesce(counted.unknown_count, 0)".to_owned();
    let (mut tables, mut groups, mut joins) = (Statement::default(), Statement::default(), Statement::default());
    for (name, counts) in missed {
        unknown = format!("{unknown} + coalesce({name}.unknown_count, 0)");
        tables.append(Statement::fill(MISSED, [("name", name.into()), ("counts", counts)]));
        groups.append(Statement::fill(MISSED_GROUPS, [("name", name.into())]));
        joins.append(Statement::fill(MISSED_JOIN, [("name", name.into())]));
    }
    let parts = if metric.is_ratio() {
        "coalesce(counted.value, 0) as numerator, coalesce(counted.known_count, 0) as denominator"
    } else {
        "null::numeric as numerator, null::numeric as denominator"
    };
    Statement::fill(
        METRIC,
        [
            ("applies", metric.requires.condition_sql().unwrap_or("true").into()),
            ("counted", counted),
            ("missed", tables),
            ("missed_groups", groups),
            ("missed_joins", joins),
            ("value", value_of(metric, &unknown).into()),
            ("digits", Number::DIGITS.to_string().into()),
            ("parts", parts.into()),
            ("unknown", unknown.into()),
        ],
    )
}

/// Returns the value of a bucket and group, or null by the rules of the API.
fn value_of(metric: &Metric, unknown: &str) -> String {
    let value = match metric.additivity() {
        Additivity::RatioOfSums => "counted.value / nullif(counted.known_count, 0)".to_owned(),
        Additivity::Percentile | Additivity::MaximumAsOf => {
            "case when counted.known_count > 0 then coalesce(counted.value, 0) end".to_owned()
        }
        _ => format!(
            "case when coalesce(counted.known_count, 0) = 0 and {unknown} > 0 or not exists (select from applicable) then null
                  else coalesce(counted.value, 0) end"
        ),
    };
    let is_of_present = metric.time_column == TimeColumn::AsOf || metric.is_along_time();
    if is_of_present { format!("case when cut.bucket_start < $6 then {value} end") } else { value }
}

/// Returns the query of rows that have a time.
fn known(query: &MetricQuery, metric: &Metric) -> Statement {
    let scan = Scan::of_one(query);
    let Numbers { value, known, unknown } = Numbers::of(metric, &scan);
    counts(
        query,
        &scan,
        format!("({value})::numeric as value, ({known})::numeric as known_count, ({unknown})::bigint as unknown_count"),
    )
}

/// Returns the queries of rows that count as unknown at the start of their session, each with a name: data that were
/// never read, and rows that have no time.
fn missed(query: &MetricQuery, metric: &Metric) -> Vec<(&'static str, Statement)> {
    let named = |unknown: String| format!("{unknown} as unknown_count");
    let unread = Numbers::missed(metric, query.attribution, Counted::SESSIONS).unknown;
    let never_read =
        (unread != Numbers::NO_UNKNOWN).then(|| ("never_read", counts(query, &Scan::first(), named(unread))));
    let untimed = Scan::of_untimed(metric, query.attribution);
    let untimed = untimed.map(|scan| ("untimed", counts(query, &scan, named(Numbers::of(metric, &scan).unknown))));
    never_read.into_iter().chain(untimed).collect()
}

/// Returns the query that counts the rows of a scan by bucket and group.
fn counts(query: &MetricQuery, scan: &Scan, numbers: String) -> Statement {
    let is_visit = matches!(scan.grain, Grain::Visits | Grain::Cohorts);
    let same = if is_visit { " and s.started_at >= $1 and s.started_at < $2" } else { "" };
    let untimed = scan.untimed.map_or_else(String::new, |untimed| format!(" and {untimed}"));
    Statement::fill(
        if scan.time_column == TimeColumn::AsOf { AS_OF } else { BY_TIME },
        [
            ("group", group(&query.dimensions, |dimension| value::column(scan, dimension)).into()),
            ("numbers", numbers.into()),
            ("rows", rows(query, scan, None)),
            ("at", at(scan).into()),
            ("same", same.into()),
            ("untimed", untimed.into()),
            ("counted", counted(query, scan, None)),
        ],
    )
}

fn along_time(query: &MetricQuery, metric: &Metric) -> Statement {
    let ended = if metric.grain == Grain::Presences { "$1 - interval '1 day'" } else { "$1" };
    let bounds = Bounds {
        now: "$6".into(),
        from: "$1".into(),
        to: "$2".into(),
        ended: ended.into(),
        sources: "select source_id from applicable".into(),
    };
    let group = group(&query.dimensions, concurrency::column).into();
    let value = if metric.measure == Measure::TimeAverage { "average" } else { "peak" };
    Statement::fill(
        ALONG_TIME,
        [
            ("value", format!("coalesce({value}, 0)").into()),
            ("levels", concurrency::published(query, metric.grain, group, bounds)),
        ],
    )
}

/// Returns the group of a row, by the name of the dimension.
fn group(dimensions: &[Dimension], column: impl Fn(Dimension) -> String) -> String {
    let of = |dimension: &Dimension| match dimension {
        Dimension::Provider => " when 'provider' then s.provider".to_owned(),
        Dimension::Source => " when 'source' then s.source".to_owned(),
        other => format!(" when '{}' then {}", other.as_str(), column(*other)),
    };
    format!("case $5{} end", dimensions.iter().map(of).collect::<String>())
}

/// Returns a query of the metric over all sessions; the range is a parameter of the statement.
fn question(metric: &'static Metric, dimensions: &[Dimension]) -> MetricQuery {
    MetricQuery {
        metrics: vec![metric],
        dimensions: dimensions.to_vec(),
        range: TimeRange { from: DateTime::UNIX_EPOCH, to: DateTime::UNIX_EPOCH },
        buckets: Vec::new(),
        granularity: Granularity::None,
        zone: chrono_tz::UTC,
        zone_name: "UTC",
        filter: MetricFilter::default(),
        as_known_at: None,
        attribution: Attribution::Start,
        totals_by: Vec::new(),
        top: None,
        order: None,
        limit: None,
        comparison: None,
        is_distributed: false,
    }
}
