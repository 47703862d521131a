//! The coverage of a query: how many sessions began, and how many of them lack data.
//!
//! A session lacks data if its own data are missing, or those of one of its rows: a message without a time, a presence
//! without a quality report, a visitor who is not identified. The latter are counted apart, since the statement of a
//! scan does not read these rows.

use chrono::{DateTime, Utc};

use crate::query::catalog::Source;
use crate::query::metrics::grain::Grain;
use crate::query::metrics::measure::Metric;
use crate::query::metrics::plan::{Scan, is_filter_narrow};
use crate::query::metrics::query::MetricQuery;
use crate::query::metrics::requires::Applicability;
use crate::query::metrics::sql::numbers::{is_row_unknown, lacking};
use crate::query::metrics::sql::rows::{NARROW_SESSIONS, counted, counted_sessions, owner, sessions};
use crate::query::metrics::sql::statement::Statement;
use crate::query::metrics::sql::value::{in_range, moment, of_sources};

/// Sessions that began, by source. Each source is a separate range scan of a narrow index. The group names the source,
/// so that Citus counts it where it is stored.
const STARTED: &str = "select own.source_id, own.started
  from analytics.sources src
 cross join lateral (
       select s.source_id, count(*) as started
         from {sessions}
        where s.source_id = src.source_id and s.started_at >= {from} and s.started_at < {to}{counted}
        group by 1) own
 where src.source_id = any({ids})";

/// The same, of those that pass a filter: no narrow index has its columns, so the range is read once for all sources.
const STARTED_OF_FILTER: &str = "select s.source_id, count(*) as started
  from {sessions}
 where s.started_at >= {from} and s.started_at < {to}{counted} and s.source_id = any({ids})
 group by 1";

/// Sessions of which a row lacks data.
const PARTLY_LACKING: &str = "select s.source_id, count(distinct s.session_id) as unknown
  from (
{rows}) s
 group by 1";

/// The same of those that lack no data of their own.
const ONLY_PARTLY_LACKING: &str = "select s.source_id, count(*) as unknown
  from {moment}{sessions}{counted}{sources}
   and ({lacking}) is not true
   and (s.source_id, s.session_id) in (
{rows})
 group by 1";

const LACKING_ROWS: &str = "select {owner}.source_id, {owner}.session_id
  from {moment}{range}{counted} and ({unknown})";

/// Returns the statement that counts the sessions that began in the range, by source.
pub(crate) fn started(query: &MetricQuery, sources: &[&Source]) -> Statement {
    let ids: Vec<i32> = sources.iter().map(|source| source.source_id).collect();
    let sessions = if is_filter_narrow(query) { NARROW_SESSIONS.into() } else { sessions(query) };
    Statement::fill(
        if query.filter.conditions.is_empty() { STARTED } else { STARTED_OF_FILTER },
        [
            ("sessions", sessions),
            ("from", Statement::value(query.range.from)),
            ("to", Statement::value(query.range.to)),
            ("counted", counted_sessions(query)),
            ("ids", Statement::value(ids)),
        ],
    )
}

/// Returns the statement that counts the sessions that began in the range and lack data only in some of their rows, by
/// source; `None`: no metric of the query has such rows. `has_untimed`: whether rows of the range lack their time.
pub(crate) fn partly_lacking(
    query: &MetricQuery,
    sources: &[&Source],
    now: DateTime<Utc>,
    has_untimed: bool,
) -> Option<Statement> {
    let query = &query.narrowed(&MetricQuery::whole_view(&[]));
    let mut rows: Option<Statement> = None;
    for grain in [Grain::Messages, Grain::Presences, Grain::Visits] {
        let Some(lacking) = lacking_rows(query, grain, sources, now, has_untimed) else { continue };
        match &mut rows {
            Some(rows) => _ = rows.push("\nunion all ").append(lacking),
            None => rows = Some(lacking),
        }
    }
    let rows = rows?;
    let Some(lacking) = lacking(query, sources) else {
        return Some(Statement::fill(PARTLY_LACKING, [("rows", rows)]));
    };
    let first = Scan::first();
    let parts = [
        ("moment", moment(query, now)),
        ("sessions", in_range(query, &first, &query.buckets, false, Some(first.joined(query)))),
        ("counted", counted_sessions(query)),
        ("sources", of_sources(query, &first, sources, "s")),
        ("lacking", lacking),
        ("rows", rows),
    ];
    Some(Statement::fill(ONLY_PARTLY_LACKING, parts))
}

/// Returns the sessions of the range of which a row of this grain is unknown in a metric of the query.
fn lacking_rows(
    query: &MetricQuery,
    grain: Grain,
    sources: &[&Source],
    now: DateTime<Utc>,
    has_untimed: bool,
) -> Option<Statement> {
    let is_of_grain = |(_, metric): &(usize, &&'static Metric)| metric.grain == grain;
    let of_grain = query.metrics.iter().enumerate().filter(is_of_grain);
    let conditions = of_grain
        .filter_map(|(place, metric)| Some((place, metric, is_row_unknown(metric, query.attribution, has_untimed)?)));
    let conditions: Vec<_> = conditions.collect();
    // by the start of the session, as the first scan, whichever time its rows have
    let scan = Scan { grain, metrics: conditions.iter().map(|(place, ..)| *place).collect(), ..Scan::first() };
    // only a visit has the start of its session itself
    let reach = if grain == Grain::Visits { scan.reach(query, 1) } else { scan.joined(query) };
    let owner = owner(&scan, Some(reach));
    let mut unknown: Option<Statement> = None;
    for (_, metric, condition) in conditions {
        let is_applicable = |source: &&&Source| metric.requires.of(source) == Applicability::Applicable;
        let ids: Vec<i32> = sources.iter().filter(is_applicable).map(|source| source.source_id).collect();
        let parts = [("owner", owner.into()), ("ids", Statement::value(ids)), ("condition", condition.into())];
        let condition = Statement::fill("{owner}.source_id = any({ids}) and ({condition})", parts);
        match &mut unknown {
            Some(unknown) => _ = unknown.push("\n    or ").append(condition),
            None => unknown = Some(condition),
        }
    }
    let parts = [
        ("owner", owner.into()),
        ("moment", moment(query, now)),
        ("range", in_range(query, &scan, &query.buckets, false, Some(reach))),
        ("counted", counted(query, &scan, Some(reach))),
        ("unknown", unknown?),
    ];
    Some(Statement::fill(LACKING_ROWS, parts))
}
