//! The body of the function of a ratio: its parts by bucket and source, for analysts.

use crate::query::metrics::grain::Grain;
use crate::query::metrics::measure::Metric;
use crate::query::metrics::plan::Scan;
use crate::query::metrics::query::MetricQuery;
use crate::query::metrics::sql::numbers::Numbers;
use crate::query::metrics::sql::rows::{counted, rows};
use crate::query::metrics::sql::statement::Statement;
use crate::query::metrics::sql::value::at;
use crate::query::number::Number;

const BODY: &str = "with cut as (
  select bucket_start, bucket_end, row_number() over (order by bucket_start) as bucket
    from analytics.buckets(range_from, range_to, step, zone)
), told as ({told}
), never_read as ({never_read}
), untimed as ({untimed}
)
select cut.bucket_start, cut.bucket_end, src.provider, src.source, coalesce(told.numerator, 0),
       coalesce(told.denominator, 0),
       coalesce(told.unknown_count, 0) + coalesce(never_read.unknown_count, 0) + coalesce(untimed.unknown_count, 0),
       round(told.numerator / nullif(told.denominator, 0), {digits})
  from cut cross join analytics.sources src
  left join told using (bucket, source_id)
  left join never_read using (bucket, source_id)
  left join untimed using (bucket, source_id)
 where {applies}
 order by cut.bucket_start, src.source";

const COUNTS: &str = "
  select b.bucket, s.source_id, {counts}
    from (select now() as now, zone as zone) t cross join {rows}
   cross join (select array_agg(bucket_start order by bucket_start) as starts from cut) edge
   cross join lateral (select width_bucket({at}, edge.starts)::bigint as bucket) b
   where {at} >= range_from and {at} < range_to{same}{is_untimed}{counted}
   group by 1, 2";

const NO_COUNTS: &str = "
  select null::bigint as bucket, null::int as source_id, null::bigint as unknown_count where false";

/// Returns the body for the only metric of a query over all sessions; the range is an argument of the function.
pub(crate) fn body(query: &MetricQuery, metric: &Metric) -> Statement {
    let scan = Scan::of_one(query);
    let Numbers { value, known, unknown } = Numbers::of(metric, &scan);
    let told = format!("({value})::numeric as numerator, {known} as denominator, ({unknown})::bigint as unknown_count");
    let named = |unknown: String| format!("{unknown} as unknown_count");
    // Data that were never read, or have no time, count as unknown at the start of their session.
    let missed = Numbers::missed(metric, query.attribution).unknown;
    let never_read =
        if missed == Numbers::NO_UNKNOWN { NO_COUNTS.into() } else { counts(query, &Scan::first(), named(missed)) };
    let untimed = Scan::of_untimed(metric, query.attribution);
    let untimed = untimed
        .map_or_else(|| NO_COUNTS.into(), |scan| counts(query, &scan, named(Numbers::of(metric, &scan).unknown)));
    Statement::fill(
        BODY,
        [
            ("told", counts(query, &scan, told)),
            ("never_read", never_read),
            ("untimed", untimed),
            ("digits", Number::DIGITS.to_string().into()),
            ("applies", metric.requires.condition_sql().unwrap_or("true").into()),
        ],
    )
}

/// Returns the query that counts the rows of a scan by bucket and source.
fn counts(query: &MetricQuery, scan: &Scan, counts: String) -> Statement {
    let is_visit = matches!(scan.grain, Grain::Visits | Grain::Cohorts);
    let same = if is_visit { " and s.started_at >= range_from and s.started_at < range_to" } else { "" };
    let is_untimed = scan.untimed.map_or_else(String::new, |untimed| format!(" and {untimed}"));
    Statement::fill(
        COUNTS,
        [
            ("counts", counts.into()),
            ("rows", rows(query, scan, None)),
            ("at", at(scan).into()),
            ("same", same.into()),
            ("is_untimed", is_untimed.into()),
            ("counted", counted(query, scan, None)),
        ],
    )
}
