//! The statement of a pass: its columns and groups.
//!
//! The alias `t` has the instant and the zone of the query, `b` the bucket, `s` the session. If only sessions are
//! read, or rows that need no sessions, each bucket is a separate range scan; [`Reach`] decides this. A join with
//! other tables defeats per-bucket range scans, since the planner cannot estimate the length of a bucket and would
//! read these tables whole for each bucket. In this case the range is read once and rows are assigned with
//! `width_bucket`.

use chrono::{DateTime, Utc};

use crate::query::metrics::columns;
use crate::query::metrics::counted_sessions::push_filter_of;
use crate::query::metrics::dimension::{Dimension, Level};
use crate::query::metrics::from_clause::{push_rows, same_time_of_session, time};
use crate::query::metrics::measure::Metric;
use crate::query::metrics::pass::Pass;
use crate::query::metrics::query::MetricQuery;
use crate::query::metrics::reach::Reach;
use crate::query::metrics::requires::Requires;
use crate::query::metrics::statement::Statement;
use crate::query::metrics::time_column::TimeColumn;
use crate::query::range::TimeRange;

/// Returns the statement of a pass over these sources, at `now`.
pub(super) fn statement(
    query: &MetricQuery,
    pass: &Pass,
    buckets: &[TimeRange],
    source_ids: &[i32],
    now: DateTime<Utc>,
) -> Statement {
    let mut sql = Statement::new("select ");
    let reach = Reach::of(query, pass, buckets);
    let source = source_column(pass, reach);
    if reach.is_by_bucket {
        sql.push("b.bucket, x.* from ");
        push_buckets(&mut sql, buckets);
        sql.push(" cross join lateral (select ").push(source);
    } else {
        sql.push("b.bucket, ").push(source).push(" as source_id");
    }
    push_columns(&mut sql, query, pass);
    push_present(&mut sql, query, now);
    if reach.is_by_bucket {
        push_needed_rows(&mut sql, query, pass, Some(reach));
        sql.push(" where ").push(time(pass)).push(" >= b.bucket_start and ").push(time(pass)).push(" < b.bucket_end");
    } else {
        push_in_range(&mut sql, query, pass, buckets, true, Some(reach));
    }
    push_choice(&mut sql, query, pass, source_ids, reach);
    push_groups(&mut sql, query, pass, reach);
    sql
}

/// Adds the rows, without their sessions if these are not needed.
fn push_needed_rows(sql: &mut Statement, query: &MetricQuery, pass: &Pass, reach: Option<Reach>) {
    if !reach.is_some_and(|reach| reach.push_bare_rows(sql, pass)) {
        push_rows(sql, query, pass);
    }
}

/// Adds the rows of a value of one bucket, of all sources and before any condition on them. Unused parts are left
/// out, so that the SQL stays readable.
pub(super) fn push_figure_rows(sql: &mut Statement, query: &MetricQuery, pass: &Pass, now: DateTime<Utc>) {
    if is_named(query, pass, "t") {
        push_present(sql, query, now);
    } else {
        sql.push(" from ");
    }
    push_in_range(sql, query, pass, &query.buckets, is_named(query, pass, "b"), None);
}

fn push_present(sql: &mut Statement, query: &MetricQuery, now: DateTime<Utc>) {
    sql.push(" from (select ").push_bind(now).push("::timestamptz as now, ");
    sql.push_bind(query.zone_name).push("::text as zone) t cross join ");
}

/// Returns whether the SQL of a pass uses `alias`.
fn is_named(query: &MetricQuery, pass: &Pass, alias: &str) -> bool {
    let is_in = |sql: &str| columns::names(sql, alias);
    let mut read = pass.metrics.iter().map(|place| query.metrics[*place]);
    pass.time_column == TimeColumn::AsOf
        || pass.is_spread
        || read.any(|metric| [metric.value_sql, metric.known_sql, metric.unknown_sql].into_iter().any(is_in))
        || pass.is_first() && query.metrics.iter().any(|metric| is_in(metric.is_unknown_sql))
        || query.row_dimensions().any(|dimension| is_in(pass.column(dimension)))
}

/// Adds the rows of the range and, if needed, their buckets, up to the conditions on them. Without a `reach`, all
/// joined tables are included.
fn push_in_range(
    sql: &mut Statement,
    query: &MetricQuery,
    pass: &Pass,
    buckets: &[TimeRange],
    is_bucket_named: bool,
    reach: Option<Reach>,
) {
    let (from, to) = (query.range.from, query.range.to);
    if pass.time_column == TimeColumn::AsOf {
        push_buckets(sql, buckets);
        sql.push(" cross join lateral (select least(b.bucket_end, t.now) as at) c cross join ");
        push_rows(sql, query, pass);
        sql.push(" where b.bucket_start < t.now");
    } else if pass.is_spread {
        push_rows(sql, query, pass);
        sql.push(" cross join ");
        push_buckets(sql, buckets);
        sql.push(SPREAD);
        sql.push(" where s.started_at < ").push_bind(to);
        sql.push(" and (s.ended_at >= ").push_bind(from).push(" or s.ended_at is null)");
        sql.push(" and s.started_at < b.bucket_end");
        sql.push(" and (e.ended_at > b.bucket_start or s.started_at >= b.bucket_start)");
    } else {
        push_needed_rows(sql, query, pass, reach);
        if is_bucket_named {
            push_bucket_of_row(sql, query, pass, buckets);
        }
        if query.dimensions.iter().any(|dimension| dimension.level() == Level::Clock) {
            sql.push(" cross join lateral (select ").push(time(pass)).push(" as at) a");
        }
        sql.push(" where ").push(time(pass)).push(" >= ").push_bind(from);
        sql.push(" and ").push(time(pass)).push(" < ").push_bind(to);
        let has_sessions = reach.is_none_or(|reach| reach.bare.is_none());
        if let Some(same) = same_time_of_session(pass).filter(|_| has_sessions) {
            sql.push(" and ").push(same).push(" >= ").push_bind(from);
            sql.push(" and ").push(same).push(" < ").push_bind(to);
        }
    }
}

/// Adds the bucket that a row lies in.
fn push_bucket_of_row(sql: &mut Statement, query: &MetricQuery, pass: &Pass, buckets: &[TimeRange]) {
    let starts: Vec<_> = buckets.iter().map(|bucket| bucket.from).collect();
    if buckets.len() > 1 {
        sql.push(" cross join lateral (select z.starts[z.bucket] as bucket_start, z.bucket::bigint as bucket from (select width_bucket(");
        sql.push(time(pass)).push(", y.starts) as bucket, y.starts from (select ").push_bind(starts);
        sql.push("::timestamptz[] as starts) y) z) b");
    } else {
        sql.push(" cross join (select ").push_bind(query.range.from);
        sql.push("::timestamptz as bucket_start, 1::bigint as bucket) b");
    }
}

/// The part of a session that lies in a bucket; the parts add up to the whole, to the last digit. A live session is
/// spread until now, an uncompleted chat until its last message; a session without a length counts where it began.
const SPREAD: &str = " cross join lateral (select coalesce(s.ended_at, s.started_at + s.duration_seconds * interval '1 second',
   case when s.session_state in ('live', 'open') then greatest(s.started_at, t.now) else s.started_at end) as ended_at) e
 cross join lateral (select
   case when e.ended_at <= s.started_at then 1
        else extract(epoch from least(b.bucket_end, e.ended_at) - s.started_at) / extract(epoch from e.ended_at - s.started_at) end
 - case when e.ended_at <= s.started_at then 0
        else extract(epoch from greatest(b.bucket_start, s.started_at) - s.started_at) / extract(epoch from e.ended_at - s.started_at) end
   as part) f";

fn push_buckets(sql: &mut Statement, buckets: &[TimeRange]) {
    let starts: Vec<_> = buckets.iter().map(|bucket| bucket.from).collect();
    let ends: Vec<_> = buckets.iter().map(|bucket| bucket.to).collect();
    sql.push("unnest(").push_bind(starts).push("::timestamptz[], ").push_bind(ends);
    sql.push("::timestamptz[]) with ordinality as b (bucket_start, bucket_end, bucket)");
}

/// Adds the conditions for rows that count and that pass the filter.
fn push_choice(sql: &mut Statement, query: &MetricQuery, pass: &Pass, source_ids: &[i32], reach: Reach) {
    if !reach.push_bare_filter(sql, query, pass) {
        push_filter_of(sql, query, pass.grain);
    }
    let owner = reach.owner();
    // Sessions by their end are looked up source by source.
    let is_by_source = !query.filter.sources.is_empty() || pass.time_column == TimeColumn::EndedAt;
    if is_by_source || pass.alone.is_some() || !pass.grain.is_of_sessions() {
        sql.push(" and ").push(owner).push(".source_id = any(").push_bind(source_ids.to_vec()).push(")");
    }
    if let Some(condition) = pass.alone.and_then(Requires::condition_sql) {
        sql.push(" and ").push(owner).push(".source_id in (select src.source_id from analytics.sources src where ");
        sql.push(condition).push(")");
    }
}

fn push_groups(sql: &mut Statement, query: &MetricQuery, pass: &Pass, reach: Reach) {
    let Reach { is_by_bucket, .. } = reach;
    let of_owner = |column: &str| format!("{}.{column}", reach.owner());
    let mut groups: Vec<String> = Vec::new();
    if !is_by_bucket {
        groups.push("1".to_owned());
    }
    if pass.alone.is_none() {
        groups.push(if is_by_bucket { "1" } else { "2" }.to_owned());
    } else {
        groups.extend(query.dimensions.contains(&Dimension::Provider).then(|| of_owner("provider")));
        groups.extend(query.dimensions.contains(&Dimension::Source).then(|| of_owner("source_id")));
    }
    let first = if is_by_bucket { 2 } else { 3 };
    groups.extend((first..).take(query.row_dimensions().count()).map(|place| place.to_string()));
    sql.push(" group by ").push(groups.join(", ")).push(if is_by_bucket { ") x" } else { "" });
}

/// Returns the source column; metrics that are no sums have one of the sources of their group.
fn source_column(pass: &Pass, reach: Reach) -> String {
    let owner = reach.owner();
    if pass.alone.is_some() { format!("min({owner}.source_id)") } else { format!("{owner}.source_id") }
}

fn push_columns(sql: &mut Statement, query: &MetricQuery, pass: &Pass) {
    for dimension in query.row_dimensions() {
        sql.push(", ").push(pass.column(dimension));
    }
    push_coverage(sql, query, pass);
    for metric in pass.metrics.iter().map(|place| query.metrics[*place]) {
        let [value, known, unknown] = numbers(metric, pass);
        sql.push(", ").push(value).push(", ").push(known).push(", ").push(unknown);
    }
    for place in pass.missed(query) {
        let is_unknown = query.metrics[place].is_unknown_sql;
        sql.push(", null::numeric, 0::numeric, count(*) filter (where ").push(is_unknown).push(")");
    }
}

/// Returns the SQL of the three numbers of a metric in a pass: the value, the rows behind it, and the rows without
/// data.
pub(super) fn numbers(metric: &Metric, pass: &Pass) -> [String; 3] {
    let Metric { value_sql, known_sql, unknown_sql, is_unknown_sql, amount_sql, .. } = metric;
    let known = format!("({known_sql})::numeric");
    match amount_sql.filter(|_| pass.is_spread) {
        Some(amount) => [
            format!("round(sum(({amount}) * f.part), 12)"),
            known,
            // A session is unknown once, where it began.
            format!("count(*) filter (where s.started_at >= b.bucket_start and ({is_unknown_sql}))"),
        ],
        None => [(*value_sql).to_owned(), known, (*unknown_sql).to_owned()],
    }
}

/// Adds the number of sessions, and the number of those that lack the data for one of the metrics.
fn push_coverage(sql: &mut Statement, query: &MetricQuery, pass: &Pass) {
    if !pass.is_first() {
        sql.push(", null::bigint as started, null::bigint as unknown");
        return;
    }
    sql.push(", count(*) as started, count(*) filter (where false");
    for metric in &query.metrics {
        sql.push(" or (").push(metric.is_unknown_sql);
        if metric.requires == Requires::Minutes {
            // Looked up once, and not for each session: simple values are read with an index-only scan.
            sql.push(" and s.source_id = any(array(select src.source_id from analytics.sources src");
            sql.push(" where src.minutes_basis is not null))");
        }
        sql.push(")");
    }
    sql.push(") as unknown");
}
