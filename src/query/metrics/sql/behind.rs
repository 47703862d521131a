//! The rows behind one value: of one metric, one range and one group.
//!
//! They are the rows that the value itself is read from, with all its conditions. Statements that run name sources by
//! id, for which there are indexes; statements that are shown name them by slug.

use chrono::{DateTime, Utc};

use crate::query::catalog::Source;
use crate::query::metrics::column::prelude::*;
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::grain::Grain;
use crate::query::metrics::measure::Metric;
use crate::query::metrics::plan::{Scan, is_session_untimed};
use crate::query::metrics::query::MetricQuery;
use crate::query::metrics::sql::concurrency::{self, stays};
use crate::query::metrics::sql::numbers::{is_known, is_unknown};
use crate::query::metrics::sql::rows::{chosen, counted, counts, sessions};
use crate::query::metrics::sql::statement::Statement;
use crate::query::metrics::sql::value::{column, value_rows};
use crate::query::range::TimeRange;

/// The rows behind one value.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Behind<'a> {
    /// The query of the metric, in one bucket.
    pub(crate) query: &'a MetricQuery,
    /// The metric.
    pub(crate) metric: &'a Metric,
    /// The group.
    pub(crate) group: &'a [(Dimension, Option<String>)],
    /// The sources to which the metric applies.
    pub(crate) sources: &'a [&'a Source],
    /// Whether sources are named by slug.
    pub(crate) is_shown: bool,
    /// The current time, or that of the knowledge.
    pub(crate) now: DateTime<Utc>,
}

/// Excluded sessions, each in one of two classes.
const NEVER_COUNTED: &str = "select count(distinct (s.source_id, s.session_id)) filter (where s.is_deleted_at_provider) as deleted,
       count(distinct (s.source_id, s.session_id)) filter (where s.is_part_of_session{and_not_deleted}) as breakout_rooms
  from {rows} and not s.is_counted";

/// Sessions that began in the range: those at sources without the metric, and open ones at the other sources.
const ELSEWHERE: &str = "select count(*) filter (where not s.source_id = any({telling})) as not_applicable,
       count(*) filter (where is_open and not is_stale) as open, count(*) filter (where is_open and is_stale) as stale_open
  from {sessions}
 cross join lateral (select s.outcome = 'open' and s.source_id = any({telling}) as is_open,
        analytics.is_stale_open(s.session_state, s.started_at, s.last_activity_at, null, {now}) as is_stale
               from (values (1)) one) o
 where s.started_at >= {from} and s.started_at < {to} and s.source_id = any({all}){counts}{chosen}";

/// All rows in scope of a value, each in one class.
const CLASSES: &str = "select coalesce({rows_in_scope}, 0)::bigint as rows,
       coalesce({counted}, 0)::bigint as counted, coalesce({partly_known}, 0)::bigint as partly_known,
       coalesce({unknown}, 0)::bigint as unknown, coalesce({deleted}, 0)::bigint as deleted,
       coalesce({breakout_rooms}, 0)::bigint as breakout_rooms
  from {rows}";

/// The sessions behind a value, and their changes since an instant.
const CHANGES: &str = "with changed as (
  select c.source_id, c.provider_session_id, c.field
    from analytics.session_changes c where c.changed_at > {since} and c.source_id = any({telling})
), cell as (
  select distinct s.source_id, s.session_id, s.provider_session_id, s.first_seen_at from {rows}
)";
const CHANGED_COUNTS: &str = "{changes}
select (select count(*) from cell where first_seen_at > {since}) as new,
       count(distinct (c.source_id, c.provider_session_id)) as changed
  from cell join changed c on c.source_id = cell.source_id and c.provider_session_id = cell.provider_session_id
 where cell.first_seen_at <= {since}";
const CHANGED_FIELDS: &str = "{changes}
select c.field, count(distinct (c.source_id, c.provider_session_id)) as session_count
  from cell join changed c on c.source_id = cell.source_id and c.provider_session_id = cell.provider_session_id
 where cell.first_seen_at <= {since} group by 1 order by 2 desc, 1";
/// Changed sessions that are not behind the value.
const CHANGED_ELSEWHERE: &str = "{changes}
select distinct c.source_id, c.provider_session_id
  from changed c
 where not exists (select from cell
                    where cell.source_id = c.source_id and cell.provider_session_id = c.provider_session_id)";
/// Those of these sessions that were behind the value then. A statement of its own, since Citus would call the function
/// of earlier sessions on a node that has other tables of the statement.
const GONE: &str = "select count(distinct (s.source_id, s.session_id)) as gone from {before}
   and (s.source_id, s.provider_session_id) in (select * from unnest({source_ids}::int[], {sessions}::text[]))";

impl Behind<'_> {
    /// Returns the scan of the value.
    pub(super) fn scan(&self) -> Scan {
        Scan::of_one(self.query)
    }

    /// Returns the scan of rows without a time, if the metric can have such rows.
    pub(super) fn untimed(&self) -> Option<Scan> {
        let scan = Scan::of_untimed(self.metric, self.query.attribution)?;
        Some(Scan { metrics: vec![0], ..scan })
    }

    /// Returns the rows of a scan that count.
    pub(super) fn rows(&self, scan: &Scan) -> Statement {
        let mut sql = value_rows(self.query, scan, self.now);
        sql.append(counted(self.query, scan, None)).append(self.of_group(scan));
        sql
    }

    /// Returns the rows of a scan that pass the filter, with those that never count.
    fn all_rows(&self, scan: &Scan) -> Statement {
        let mut sql = value_rows(self.query, scan, self.now);
        if scan.grain.is_of_sessions() {
            sql.append(chosen(&self.query.filter));
        }
        sql.append(self.of_group(scan));
        sql
    }

    /// Returns the conditions for the group and the sources. Dimensions that rows of the scan lack are null.
    fn of_group(&self, scan: &Scan) -> Statement {
        let mut sql = Statement::default();
        for (dimension, value) in self.group.iter().filter(|(dimension, _)| dimension.column().is_some()) {
            sql.push_equal(column(scan, *dimension), value.as_deref());
        }
        if self.is_shown {
            let slugs: Vec<String> = self.sources.iter().map(|source| source.source.clone()).collect();
            sql.push(" and s.source = any(").append(Statement::value(slugs)).push(")");
        } else {
            sql.push(" and s.source_id = any(").append(self.ids()).push(")");
        }
        sql
    }

    pub(super) fn source_ids(&self) -> Vec<i32> {
        self.sources.iter().map(|source| source.source_id).collect()
    }

    fn ids(&self) -> Statement {
        Statement::value(self.source_ids())
    }

    /// Returns the rows of a metric along time that touch a range.
    pub(super) fn stays(&self, range: TimeRange, includes_all: bool) -> Statement {
        let mut sql = stays(self.query, self.metric.grain, &self.source_ids(), range, self.now, includes_all);
        for (dimension, value) in self.group {
            sql.push_equal(concurrency::column(*dimension), value.as_deref());
        }
        sql
    }

    /// Returns the sessions behind the value; for metrics along time, the sessions that began in the range.
    fn sessions(&self) -> Statement {
        if self.metric.is_along_time() { self.rows(&Scan::first()) } else { self.rows(&self.scan()) }
    }

    /// Counts deleted sessions and breakout rooms in the range.
    pub(crate) fn never_counted(&self) -> Statement {
        let scan = if self.metric.is_along_time() { Scan::first() } else { self.scan() };
        let and_not_deleted = if self.query.filter.includes_deleted { "" } else { " and not s.is_deleted_at_provider" };
        let parts = [("rows", self.all_rows(&scan)), ("and_not_deleted", and_not_deleted.into())];
        Statement::fill(NEVER_COUNTED, parts)
    }

    /// Counts sessions that began in the range at `all` sources: those at sources without the metric, and open ones.
    pub(crate) fn elsewhere(&self, all: Vec<i32>) -> Statement {
        Statement::fill(
            ELSEWHERE,
            [
                ("telling", self.ids()),
                ("sessions", sessions(self.query)),
                ("now", Statement::value(self.now)),
                ("from", Statement::value(self.query.range.from)),
                ("to", Statement::value(self.query.range.to)),
                ("all", Statement::value(all)),
                ("counts", counts(&self.query.filter).into()),
                ("chosen", chosen(&self.query.filter)),
            ],
        )
    }

    /// Returns the statements that put all rows in scope of the value into classes: those in the range, those without
    /// a time, and sessions whose rows were never read.
    pub(crate) fn classes(&self) -> Vec<Statement> {
        let metric = self.metric;
        let mut statements = Vec::new();
        if metric.is_along_time() {
            statements.push(self.classify(&Scan::first(), self.stays(self.query.range, true), None, None, None));
        } else {
            let scan = self.scan();
            let began = |unknown: String| format!("s.started_at >= b.bucket_start and {unknown}");
            let unknown = is_unknown(metric).map(|unknown| if scan.is_spread { began(unknown) } else { unknown });
            statements.push(self.classify(&scan, self.all_rows(&scan), is_known(metric), unknown, None));
        }
        let nothing = || Some("false".to_owned());
        // What a metric is about may depend on the time that is missing.
        let is_about =
            || Some(metric.about.map_or_else(|| "true".to_owned(), |about| format!("({about}) is not false")));
        if let Some(scan) = self.untimed() {
            statements.push(self.classify(&scan, self.all_rows(&scan), nothing(), is_about(), None));
        }
        let first = Scan::first();
        let begun = |condition: Expr| {
            let mut rows = self.all_rows(&first);
            rows.push(format!(" and ({condition})"));
            rows
        };
        if let Some(unread) = metric.grain.is_unread() {
            let items = metric.grain.unread_items().map(|items| items.to_string());
            statements.push(self.classify(&first, begun(unread), nothing(), Some("true".to_owned()), items.as_deref()));
        } else if let Some(untimed) = is_session_untimed(metric, self.query.attribution) {
            statements.push(self.classify(&first, begun(untimed), nothing(), is_about(), None));
        }
        statements
    }

    fn classify(
        &self,
        scan: &Scan,
        rows: Statement,
        known: Option<String>,
        unknown: Option<String>,
        items: Option<&str>,
    ) -> Statement {
        let count = |condition: &str| match items {
            Some(items) => format!("sum({items}) filter (where {condition})"),
            None => scan.grain.count(Some(condition)),
        };
        let known = known.unwrap_or_else(|| "true".to_owned());
        let unknown = unknown.unwrap_or_else(|| "false".to_owned());
        let has_session = scan.grain.is_of_sessions() || scan.grain == Grain::Cohorts;
        let (is_counted, deleted, part) = match (has_session, self.query.filter.includes_deleted) {
            (true, true) => ("not s.is_part_of_session", "false", "s.is_part_of_session"),
            (true, false) => {
                ("s.is_counted", "s.is_deleted_at_provider", "s.is_part_of_session and not s.is_deleted_at_provider")
            }
            (false, _) => ("true", "false", "false"),
        };
        let class = |known: &str, unknown: &str| count(&format!("{is_counted} and ({known}) and ({unknown})"));
        let (has, lacks) = (format!("({known}) is true"), format!("({unknown}) is true"));
        let (has_not, lacks_not) = (format!("({known}) is not true"), format!("({unknown}) is not true"));
        Statement::fill(
            CLASSES,
            [
                ("rows_in_scope", count("true").into()),
                ("counted", class(&has, &lacks_not).into()),
                ("partly_known", class(&has, &lacks).into()),
                ("unknown", class(&has_not, &lacks).into()),
                ("deleted", count(deleted).into()),
                ("breakout_rooms", count(part).into()),
                ("rows", rows),
            ],
        )
    }

    fn changes(&self, since: DateTime<Utc>) -> Statement {
        let parts = [("since", Statement::value(since)), ("telling", self.ids()), ("rows", self.sessions())];
        Statement::fill(CHANGES, parts)
    }

    /// Counts the sessions behind the value that are new or have changed since an instant.
    pub(crate) fn changed_counts(&self, since: DateTime<Utc>) -> Statement {
        let parts = [("changes", self.changes(since)), ("since", Statement::value(since))];
        Statement::fill(CHANGED_COUNTS, parts)
    }

    /// Counts them by the field that changed.
    pub(crate) fn changed_fields(&self, since: DateTime<Utc>) -> Statement {
        let parts = [("changes", self.changes(since)), ("since", Statement::value(since))];
        Statement::fill(CHANGED_FIELDS, parts)
    }

    /// Returns the sessions that changed since an instant and are not behind the value now.
    pub(crate) fn changed_elsewhere(&self, since: DateTime<Utc>) -> Statement {
        Statement::fill(CHANGED_ELSEWHERE, [("changes", self.changes(since))])
    }

    /// Counts those of these sessions that are behind the value.
    pub(crate) fn count_of(&self, source_ids: Vec<i32>, sessions: Vec<String>) -> Statement {
        let parts = [
            ("before", self.sessions()),
            ("source_ids", Statement::value(source_ids)),
            ("sessions", Statement::value(sessions)),
        ];
        Statement::fill(GONE, parts)
    }
}
