//! The statement of a scan: numbers by bucket, source and group.
//!
//! The alias `t` has the instant and the zone of the query, `b` the bucket, `s` the session. If only sessions are
//! read, or rows that need no sessions, each bucket is a separate range scan. A join with other tables defeats
//! per-bucket range scans, since the planner cannot estimate the length of a bucket and would read these tables whole
//! for each bucket. In this case the range is read once and rows are assigned with `width_bucket`.

use chrono::{DateTime, Utc};

use crate::query::catalog::Source;
use crate::query::metrics::column::prelude::*;
use crate::query::metrics::dimension::{Dimension, Level};
use crate::query::metrics::grain::Grain;
use crate::query::metrics::plan::{Reach, Scan};
use crate::query::metrics::query::MetricQuery;
use crate::query::metrics::requires::Applicability;
use crate::query::metrics::sql::counted::Counted;
use crate::query::metrics::sql::numbers::{Numbers, count_lacking, lacking, lacks_messages_alone};
use crate::query::metrics::sql::rows::{counted, owner, rows};
use crate::query::metrics::sql::statement::Statement;
use crate::query::metrics::time_column::TimeColumn;
use crate::query::range::TimeRange;

const BY_BUCKET: &str = "select b.bucket, x.*
  from {buckets}
 cross join lateral (
       select {source} as source_id{columns}
         from {moment}{rows}
        where {at} >= b.bucket_start and {at} < b.bucket_end{counted}{sources}{lacking}
        group by {groups}) x";

const IN_RANGE: &str = "select {bucket}, {source} as source_id{columns}
  from {moment}{range}{counted}{sources}{lacking}
 group by {groups}";

/// The same, with the total as one more group. The rows are a subquery: where there are grouping sets, the planner does
/// not see through the columns of a view, and would use no index.
const IN_RANGE_WITH_TOTAL: &str = "select {owner}.bucket, {source} as source_id{columns}
  from (select {owner}.*, b.bucket
          from {range}{counted}{sources}) {owner}
 group by grouping sets (({groups}), ())";

/// A state at the end of each bucket. Citus takes an expression that depends on time only from rows: hence `one`.
const AS_OF: &str = "{buckets}
 cross join lateral (select least(b.bucket_end, t.now) as at from (values (1)) one) c
 cross join {rows}
 where b.bucket_start < t.now";

/// The part of a session that lies in each bucket; the parts add up to the whole, to the last digit. A live session is
/// spread until now, an uncompleted chat until its last message; a session without a length counts where it began.
const SPREAD: &str = "{rows}
 cross join {buckets}
 cross join lateral (select coalesce(s.ended_at, s.started_at + s.duration_seconds * interval '1 second',
   case when s.session_state in ('live', 'open') then greatest(s.started_at, t.now) else s.started_at end) as ended_at from (values (1)) one) e
 cross join lateral (select
   case when e.ended_at <= s.started_at then 1
        else extract(epoch from least(b.bucket_end, e.ended_at) - s.started_at) / extract(epoch from e.ended_at - s.started_at) end
 - case when e.ended_at <= s.started_at then 0
        else extract(epoch from greatest(b.bucket_start, s.started_at) - s.started_at) / extract(epoch from e.ended_at - s.started_at) end
   as part from (values (1)) one) f
 where s.started_at < {to} and (s.ended_at >= {from} or s.ended_at is null) and s.started_at < b.bucket_end
   and (e.ended_at > b.bucket_start or s.started_at >= b.bucket_start)";

/// Rows by their own time, each in its bucket.
const PLACED: &str = "{rows}{bucket}{placed}{twice}
 where {at} >= {from} and {at} < {to}{same}{untimed}";

/// Each row once more, for the total, where rows of several tables can be no subquery.
const TWICE: &str = "\n cross join (values (false), (true)) e (is_total)";

/// A range must be stated for the session as well: the planner derives equal values through joins, but not ranges.
const SAME_TIME: &str = " and s.started_at >= {from} and s.started_at < {to}";

/// Follows from the condition for sessions whose messages were never read, and lets the planner find them by the key.
const WITHOUT_MESSAGES: &str = " and not s.has_message_count";

const ONE_BUCKET: &str = " cross join (select {from}::timestamptz as bucket_start, 1::bigint as bucket) b";
const BUCKET_OF_ROW: &str = "
 cross join lateral (select z.starts[z.bucket] as bucket_start, z.bucket::bigint as bucket
   from (select width_bucket({at}, y.starts) as bucket, y.starts from (select {starts}::timestamptz[] as starts) y) z) b";

const BUCKETS: &str =
    "unnest({starts}::timestamptz[], {ends}::timestamptz[]) with ordinality as b (bucket_start, bucket_end, bucket)";

const MOMENT: &str = "(select {now}::timestamptz as now, {zone}::text as zone) t cross join ";

/// Returns the statement of a scan over these sources, at `now`.
pub(crate) fn value(
    query: &MetricQuery,
    scan: &Scan,
    buckets: &[TimeRange],
    sources: &[&Source],
    now: DateTime<Utc>,
) -> Statement {
    let reach = scan.reach(query, buckets.len());
    let owner = owner(scan, Some(reach));
    let source = if scan.alone.is_some() { format!("min({owner}.source_id)") } else { format!("{owner}.source_id") };
    let template = match reach {
        _ if scan.has_total_set(query, reach) => IN_RANGE_WITH_TOTAL,
        Reach { is_by_bucket: true, .. } => BY_BUCKET,
        _ => IN_RANGE,
    };
    let is_twice = is_twice(query, scan, reach);
    Statement::fill(
        template,
        [
            ("bucket", in_part(is_twice, "b.bucket", " as bucket").into()),
            ("source", source.into()),
            ("owner", owner.into()),
            ("columns", columns(query, scan, sources, is_twice)),
            ("moment", moment(query, now)),
            ("buckets", unnested(buckets)),
            ("rows", rows(query, scan, Some(reach))),
            ("at", at(scan).into()),
            ("range", in_range(query, scan, buckets, true, Some(reach))),
            ("counted", counted(query, scan, Some(reach))),
            ("sources", of_sources(query, scan, sources, owner)),
            ("lacking", only_lacking(query, scan, sources, reach)),
            ("groups", groups(query, scan, reach).into()),
        ],
    )
}

/// Returns the rows of a value of one bucket, of all sources and before any condition on them. Unused parts are left
/// out, so that the SQL stays readable.
pub(super) fn value_rows(query: &MetricQuery, scan: &Scan, now: DateTime<Utc>) -> Statement {
    let is_of_time = scan.time_column == TimeColumn::AsOf || scan.is_spread;
    let mut sql = Statement::default();
    if is_of_time || scan.reads(query, Table::Moment) {
        sql.append(moment(query, now));
    }
    sql.append(in_range(query, scan, &query.buckets, scan.reads(query, Table::Bucket), None));
    sql
}

pub(super) fn moment(query: &MetricQuery, now: DateTime<Utc>) -> Statement {
    Statement::fill(MOMENT, [("now", Statement::value(now)), ("zone", Statement::value(query.zone_name))])
}

/// Returns the time of a row.
pub(super) fn at(scan: &Scan) -> String {
    scan.time_column.column(if scan.untimed.is_some() { Grain::Sessions } else { scan.grain }).to_string()
}

/// Returns the rows of the range and, if needed, their buckets, up to the conditions on them. Without a `reach`, all
/// joined tables are included.
pub(super) fn in_range(
    query: &MetricQuery,
    scan: &Scan,
    buckets: &[TimeRange],
    is_bucket_named: bool,
    reach: Option<Reach>,
) -> Statement {
    let (from, to) = (Statement::value(query.range.from), Statement::value(query.range.to));
    let rows = rows(query, scan, reach);
    if scan.time_column == TimeColumn::AsOf {
        return Statement::fill(AS_OF, [("buckets", unnested(buckets)), ("rows", rows)]);
    }
    if scan.is_spread {
        return Statement::fill(SPREAD, [("buckets", unnested(buckets)), ("rows", rows), ("from", from), ("to", to)]);
    }
    let at = at(scan);
    let starts: Vec<_> = buckets.iter().map(|bucket| bucket.from).collect();
    let bucket = match buckets {
        _ if !is_bucket_named => Statement::default(),
        [_, _, ..] => {
            Statement::fill(BUCKET_OF_ROW, [("at", at.as_str().into()), ("starts", Statement::value(starts))])
        }
        _ => Statement::fill(ONE_BUCKET, [("from", from.clone())]),
    };
    let has_clock = query.dimensions.iter().any(|dimension| dimension.level() == Level::Clock);
    let placed = if has_clock { format!(" cross join lateral (select {at} as at) a") } else { String::new() };
    let is_visit = matches!(scan.grain, Grain::Visits | Grain::Cohorts) && reach.is_none_or(|reach| !reach.is_bare);
    let same = if is_visit {
        Statement::fill(SAME_TIME, [("from", from.clone()), ("to", to.clone())])
    } else {
        Statement::default()
    };
    let untimed = scan.untimed.map_or_else(String::new, |untimed| format!(" and {untimed}"));
    let twice = if reach.is_some_and(|reach| is_twice(query, scan, reach)) { TWICE } else { "" };
    Statement::fill(
        PLACED,
        [
            ("rows", rows),
            ("bucket", bucket),
            ("placed", placed.into()),
            ("twice", twice.into()),
            ("at", at.into()),
            ("from", from),
            ("to", to),
            ("same", same),
            ("untimed", untimed.into()),
        ],
    )
}

fn unnested(buckets: &[TimeRange]) -> Statement {
    let starts: Vec<_> = buckets.iter().map(|bucket| bucket.from).collect();
    let ends: Vec<_> = buckets.iter().map(|bucket| bucket.to).collect();
    Statement::fill(BUCKETS, [("starts", Statement::value(starts)), ("ends", Statement::value(ends))])
}

/// Returns the condition for rows of these sources, where the scan would read others.
pub(super) fn of_sources(query: &MetricQuery, scan: &Scan, sources: &[&Source], owner: &str) -> Statement {
    // Sessions by their end are looked up source by source.
    let is_by_source = !query.filter.sources.is_empty() || scan.time_column == TimeColumn::EndedAt;
    if !is_by_source && scan.alone.is_none() && scan.grain.is_of_sessions() {
        return Statement::default();
    }
    let is_applicable = |source: &&&Source| scan.alone.is_none_or(|it| it.of(source) == Applicability::Applicable);
    let ids: Vec<i32> = sources.iter().filter(is_applicable).map(|source| source.source_id).collect();
    Statement::fill(" and {owner}.source_id = any({ids})", [("owner", owner.into()), ("ids", Statement::value(ids))])
}

fn groups(query: &MetricQuery, scan: &Scan, reach: Reach) -> String {
    let owner = owner(scan, Some(reach));
    let first = if reach.is_by_bucket { 1 } else { 2 };
    let mut groups: Vec<String> = if reach.is_by_bucket { Vec::new() } else { vec!["1".to_owned()] };
    if scan.alone.is_none() {
        groups.push(first.to_string());
    } else {
        let of_part = |column: &str| in_part(is_twice(query, scan, reach), &format!("{owner}.{column}"), "");
        groups.extend(query.dimensions.contains(&Dimension::Provider).then(|| of_part("provider")));
        groups.extend(query.dimensions.contains(&Dimension::Source).then(|| of_part("source_id")));
    }
    groups.extend((first + 1..).take(query.row_dimensions().count()).map(|place| place.to_string()));
    groups.join(", ")
}

fn columns(query: &MetricQuery, scan: &Scan, sources: &[&Source], is_twice: bool) -> Statement {
    let mut sql = Statement::default();
    for dimension in query.row_dimensions() {
        sql.push(", ").push(in_part(is_twice, &column(scan, dimension), ""));
    }
    sql.append(coverage(query, scan, sources));
    let of_rows = scan.metrics.iter().map(|place| Numbers::of(query.metrics[*place], scan));
    let counted = Counted::of(scan);
    let missed = scan.missed(query).into_iter();
    let missed = missed.map(|place| Numbers::missed(query.metrics[place], query.attribution, counted));
    for numbers in of_rows.chain(missed) {
        sql.push(",\n       ").push(numbers.columns());
    }
    sql
}

/// Returns whether each row is read once more for the total.
fn is_twice(query: &MetricQuery, scan: &Scan, reach: Reach) -> bool {
    scan.has_total(query) && !scan.has_total_set(query, reach)
}

/// Returns a column by which rows are grouped; the total has none, if each row is read once more for it.
fn in_part(is_twice: bool, column: &str, name: &str) -> String {
    if is_twice { format!("case when not e.is_total then {column} end{name}") } else { column.to_owned() }
}

/// Returns the column of a dimension; null if the rows of the scan do not have it.
pub(super) fn column(scan: &Scan, dimension: Dimension) -> String {
    scan.column(dimension).map_or_else(|| "null::text".to_owned(), |column| column.to_string())
}

/// Returns the number of sessions, and the number of those that lack the data for one of the metrics.
fn coverage(query: &MetricQuery, scan: &Scan, sources: &[&Source]) -> Statement {
    if !scan.is_first() {
        return ", null::bigint as started, null::bigint as unknown".into();
    }
    let counted = Counted::of(scan);
    let count = ("count", counted.count(None).into());
    if scan.is_of_lacking(query) {
        return Statement::fill(", 0::bigint as started, {count} as unknown", [count]);
    }
    let unknown = ("unknown", count_lacking(query, sources, counted));
    Statement::fill(", {count} as started, {unknown} as unknown", [count, unknown])
}

fn only_lacking(query: &MetricQuery, scan: &Scan, sources: &[&Source], reach: Reach) -> Statement {
    let Some(lacking) = lacking(query, sources).filter(|_| scan.is_of_lacking(query)) else {
        return Statement::default();
    };
    let without_messages = if reach.is_narrow && lacks_messages_alone(query) { WITHOUT_MESSAGES } else { "" };
    Statement::fill("{first} and ({lacking})", [("first", without_messages.into()), ("lacking", lacking)])
}
