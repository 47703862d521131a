//! Concurrency: the number of simultaneous sessions or presences.
//!
//! Each start adds one and each end subtracts one; the running sum is the concurrency. Changes of the same instant
//! are summed first, so that an end makes room for a start. Each bucket gets a change of zero at its start, which
//! carries in the sum from before. The peak is the highest sum of a bucket, the average is weighted by time.

use chrono::{DateTime, TimeDelta, Utc};

use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::grain::Grain;
use crate::query::metrics::measure::Measure;
use crate::query::metrics::query::MetricQuery;
use crate::query::metrics::sql::rows::{chosen, counted_sessions};
use crate::query::metrics::sql::statement::Statement;
use crate::query::number::Number;
use crate::query::range::TimeRange;

const CUT: &str = "cut (bucket_start, counted_to, bucket) as (
  select * from unnest({starts}::timestamptz[], {ends}::timestamptz[]) with ordinality
), ";

/// The concurrency after each change, by group. A sum of steps is a count of rows, so it needs no decimals.
const LEVELS: &str = "with {cut}presence ({g}began_at, ended_at) as (
  select {groups}{began}, stay.ended_at
    from {stays}
), change ({g}at, step) as (
  select {g}began_at, 1 from presence
  union all select {g}ended_at, -1 from presence
  union all select {g}bucket_start, 0 from {present} cross join cut
), level ({g}at, level, next_at) as (
  select {g}at, sum(sum(step)::int) over along, lead(at) over along
    from change group by {g}at
  window along as ({partition}order by at)
)";

const BY_BUCKET: &str = "{levels}, placed as (
  select *, width_bucket(at, (select array_agg(bucket_start order by bucket_start) from cut)) as bucket from level
)
select {g}p.bucket, max(p.level)::numeric as peak, {average} as average
  from placed p{cut}
 where p.at >= {from} and p.at < {to}
 group by {g}p.bucket{ends}
 order by {g}p.bucket";

const AVERAGE: &str =
    "round(sum(p.level * extract(epoch from greatest(least(p.next_at, cut.counted_to) - p.at, interval '0')))
             / nullif(extract(epoch from greatest(cut.counted_to - cut.bucket_start, interval '0')), 0), {digits})";

const SESSIONS: &str = "analytics.sessions s
   cross join lateral (select analytics.effective_ended_at(s.session_state, s.started_at, s.ended_at, s.last_activity_at,
                                                           s.live_participants, {now}::timestamptz) as ended_at
                         from (values (1)) one) stay
   where stay.ended_at > s.started_at and s.started_at < {to} and stay.ended_at > {from}
     and (s.ended_at > {ended} or s.session_state in ('live', 'open')) and s.source_id = any({sources}){counted}";

/// A presence whose start or end is unknown raises no peak.
const PRESENCES: &str = "analytics.participants p
    join analytics.sessions s using (source_id, session_id)
   cross join lateral (select coalesce(p.left_at, case when s.is_provisional then {now}::timestamptz end) as ended_at
                         from (values (1)) one) stay
   where stay.ended_at > p.joined_at and p.joined_at < {to} and stay.ended_at > {from}
     and (s.ended_at > {ended} or s.ended_at is null) and s.source_id = any({sources}){counted}";

/// Longest time by which a presence outlasts its session; sessions that ended earlier are not read.
const LONGEST_AFTER_END: TimeDelta = TimeDelta::days(1);

/// Returns the statement for the values of a query, by bucket and group. Rows without an end last until `now`.
pub(crate) fn concurrency(query: &MetricQuery, grain: Grain, source_ids: &[i32], now: DateTime<Utc>) -> Statement {
    // The peak is cheap to compute, an average of exact numbers is not.
    let is_averaged = query.metrics.iter().any(|asked| asked.measure == Measure::TimeAverage && asked.grain == grain);
    let levels = levels(query, grain, source_ids, now);
    let (from, to) = (Statement::value(query.range.from), Statement::value(query.range.to));
    by_bucket(levels, query.dimensions.len(), is_averaged, from, to)
}

/// Returns the start of a statement with the concurrency after each change, by group; the caller continues it with a
/// query of `level`.
pub(crate) fn levels(query: &MetricQuery, grain: Grain, source_ids: &[i32], now: DateTime<Utc>) -> Statement {
    let starts: Vec<_> = query.buckets.iter().map(|bucket| bucket.from).collect();
    // Future time is in no average.
    let ends: Vec<_> = query.buckets.iter().map(|bucket| bucket.to.min(now)).collect();
    let cut = Statement::fill(CUT, [("starts", Statement::value(starts)), ("ends", Statement::value(ends))]);
    let groups = query.dimensions.iter().map(|by| column(*by).into()).collect();
    filled_levels(cut, groups, grain, stays(query, grain, source_ids, query.range, now, false))
}

/// Returns the statement for the peak and the average of one group column, over a table `cut` of the caller; its range
/// and sources are SQL too.
pub(super) fn published(query: &MetricQuery, grain: Grain, group: Statement, bounds: Bounds) -> Statement {
    let Bounds { from, to, .. } = bounds.clone();
    let stays = filled_stays(grain, bounds, counted_sessions(query));
    by_bucket(filled_levels(Statement::default(), vec![group], grain, stays), 1, true, from, to)
}

fn by_bucket(levels: Statement, groups: usize, is_averaged: bool, from: Statement, to: Statement) -> Statement {
    let average = Statement::fill(AVERAGE, [("digits", Number::QUOTIENT_DIGITS.to_string().into())]);
    let (average, cut, ends) = if is_averaged {
        (average, " join cut using (bucket)", ", cut.bucket_start, cut.counted_to")
    } else {
        ("null::numeric".into(), "", "")
    };
    let g: Vec<String> = (1..=groups).map(|place| format!("p.g{place}, ")).collect();
    Statement::fill(
        BY_BUCKET,
        [
            ("levels", levels),
            ("g", g.concat().into()),
            ("average", average),
            ("cut", cut.into()),
            ("ends", ends.into()),
            ("from", from),
            ("to", to),
        ],
    )
}

fn filled_levels(cut: Statement, groups: Vec<Statement>, grain: Grain, stays: Statement) -> Statement {
    let names: Vec<String> = (1..=groups.len()).map(|place| format!("g{place}")).collect();
    let names = names.join(", ");
    let g = if names.is_empty() { String::new() } else { format!("{names}, ") };
    let (present, partition) = if groups.is_empty() {
        ("(select 1 from presence limit 1) g".to_owned(), String::new())
    } else {
        (format!("(select distinct {names} from presence) g"), format!("partition by {names} "))
    };
    let mut columns = Statement::default();
    for group in groups {
        columns.append(group).push(", ");
    }
    Statement::fill(
        LEVELS,
        [
            ("cut", cut),
            ("g", g.into()),
            ("groups", columns),
            ("began", began(grain).into()),
            ("stays", stays),
            ("present", present.into()),
            ("partition", partition.into()),
        ],
    )
}

/// The range of a statement along time, its present and its sources: values, or SQL.
#[derive(Clone)]
pub(super) struct Bounds {
    pub(super) now: Statement,
    pub(super) from: Statement,
    pub(super) to: Statement,
    /// Sessions that ended before are not read.
    pub(super) ended: Statement,
    pub(super) sources: Statement,
}

/// Returns the column of a row's start.
pub(crate) fn began(grain: Grain) -> &'static str {
    if grain == Grain::Presences { "p.joined_at" } else { "s.started_at" }
}

/// Returns the rows that touch a range, with their ends under the alias `stay`; `includes_all`: with those that never
/// count.
pub(crate) fn stays(
    query: &MetricQuery,
    grain: Grain,
    source_ids: &[i32],
    range: TimeRange,
    now: DateTime<Utc>,
    includes_all: bool,
) -> Statement {
    let counted = if includes_all { chosen(&query.filter) } else { counted_sessions(query) };
    let ended = if grain == Grain::Presences { range.from - LONGEST_AFTER_END } else { range.from };
    let bounds = Bounds {
        now: Statement::value(now),
        from: Statement::value(range.from),
        to: Statement::value(range.to),
        ended: Statement::value(ended),
        sources: Statement::value(source_ids.to_vec()),
    };
    filled_stays(grain, bounds, counted)
}

fn filled_stays(grain: Grain, bounds: Bounds, counted: Statement) -> Statement {
    let Bounds { now, from, to, ended, sources } = bounds;
    Statement::fill(
        if grain == Grain::Presences { PRESENCES } else { SESSIONS },
        [("now", now), ("from", from), ("to", to), ("ended", ended), ("sources", sources), ("counted", counted)],
    )
}

/// Returns the column of a dimension.
pub(crate) fn column(dimension: Dimension) -> String {
    match dimension {
        Dimension::Provider => "s.provider".to_owned(),
        Dimension::Source => "s.source".to_owned(),
        other => other.column().map_or_else(|| "null::text".to_owned(), |column| column.to_string()),
    }
}
