//! The rows of a scan: the tables and joins for each grain, and the conditions for rows that count.
//!
//! Dimensions of which a session has several values are joined here too, each value once per session. The alias `s`
//! stands for sessions everywhere.

use chrono::{DateTime, Utc};

use crate::query::metrics::column::prelude::*;
use crate::query::metrics::dimension::{Dimension, Level};
use crate::query::metrics::filter::{Condition, MetricFilter, Test};
use crate::query::metrics::grain::Grain;
use crate::query::metrics::plan::{Reach, Scan};
use crate::query::metrics::query::MetricQuery;
use crate::query::metrics::sql::statement::Statement;
use crate::query::metrics::time_column::TimeColumn;

/// Number of weeks that cohorts are followed.
const OLDEST_COHORT_WEEKS: &str = "12";

/// Sessions that were open at `c.at`: they had begun, and had neither ended nor been completed.
const OPEN_SESSIONS: &str = "{sessions} join lateral (select
   s.ended_at is null
   and analytics.is_stale_open(s.session_state, s.started_at, s.last_activity_at, s.live_participants, c.at) as is_stale from (values (1)) one) o
 on s.started_at <= c.at and (s.ended_at > c.at or s.ended_at is null and s.session_state in ('live', 'open'))";

const MESSAGES: &str = "{messages} m join {sessions} using (source_id, session_id)";
const REPLIES: &str = " cross join lateral unnest(s.reply_seconds) with ordinality r (seconds, place)";
const PRESENCES: &str = "analytics.participants p join {sessions} using (source_id, session_id)";
const REPORTS: &str =
    " left join analytics.participant_quality q using (source_id, session_id, provider_participant_id)";
const VISITS: &str = "analytics.visits v join {sessions} using (source_id, session_id)";
const FIRST_VISITS: &str = "analytics.visits v join {sessions} on s.source_id = v.source_id and s.session_id = v.session_id and v.started_at = v.first_visit_at
 cross join generate_series(1, {weeks}) c (age_weeks)
  left join lateral (select true as came_in_week from analytics.visits later
                      where later.source_id = v.source_id and later.person_id = v.person_id and later.is_counted
                        and later.started_at >= v.first_visit_at + c.age_weeks * interval '168 hours'
                        and later.started_at < v.first_visit_at + (c.age_weeks + 1) * interval '168 hours'
                      limit 1) n on true";
const CHANGES: &str = "analytics.session_changes h join {sessions} on s.source_id = h.source_id and s.session_id = h.session_id and h.field = 'provider_minutes'";

const SPEAKERS: &str = " left join lateral (
   select k.speaker_id, sum(k.word_count) as words, sum(k.speaking_seconds) as speaking_seconds,
          sum(sum(k.speaking_seconds)) over () as all_speaking_seconds
     from analytics.speaking_times k
    where k.source_id = s.source_id and k.session_id = s.session_id
    group by k.speaker_id) w on true";
const ALL_SPEAKERS: &str = " cross join lateral (
   select s.transcript_word_count as words, sum(k.speaking_seconds) as speaking_seconds,
          sum(k.speaking_seconds) as all_speaking_seconds
     from analytics.speaking_times k
    where k.source_id = s.source_id and k.session_id = s.session_id) w";
/// Words need no speaking time: they are stored with the transcript.
const SPOKEN_WORDS: &str = " cross join lateral (select s.transcript_word_count as words) w";

/// Streams with lists; per-session streams prove no range.
const STREAMS: &str = "(select f.complete_through, f.provider, f.source, src.source_id
   from analytics.stream_freshness f join analytics.sources src using (source)
  where f.stream = 'sessions' and f.is_enabled) s";

/// Sessions with their cost. It is computed once for a row, and not for each number that uses it.
const PRICED_SESSIONS: &str = "{view} s
 cross join lateral (select s.list_cost as cost, s.is_priced, s.unpriced_minutes, s.rounded_minutes offset 0) c";

/// Returns the sessions with the alias `s`: as they are, or as they were known.
pub(crate) fn sessions(query: &MetricQuery) -> Statement {
    match query.as_known_at {
        None => "analytics.sessions s".into(),
        Some(at) => Statement::fill("analytics.sessions_as_known_at({at}) s", [("at", Statement::value(at))]),
    }
}

/// The same of a statement that no analyst sees, with fewer columns and so planned in less time.
pub(super) const NARROW_SESSIONS: &str = "ingest.narrow_sessions s";

/// Sessions that count, as rows of closed hours and, of the other hours, one by one.
const HOURLY_SESSIONS: &str = "(
       select {times}, {columns}, true as is_counted, session_count
         from ingest.hourly_sessions
        where counted_by = {time} and hour >= {from} and hour < {to}{closed}{open}) s";
const NOT_OPEN: &str = " and hour <> all({hours})";
const IN_OPEN_HOURS: &str = "
        union all
       select started_at, completed_at, {columns}, is_counted, 1
         from unnest({hours}) o (hour)
         join ingest.narrow_sessions on {at} >= o.hour and {at} < o.hour + interval '1 hour'";
const HOURLY_COLUMNS: &str = "source_id, source, provider, session_kind, session_state, outcome, channel, chat_state,
              is_provisional, message_support, minutes_basis, has_message_count, message_count, participant_count,
              minutes_consumed, duration_seconds";

/// Returns closed hours of the range of a query, and the sessions of the hours that are open.
fn hourly_sessions(query: &MetricQuery, time_column: TimeColumn, open: &[DateTime<Utc>]) -> Statement {
    let of_open = |template: &str| match open {
        [] => Statement::default(),
        hours => Statement::fill(
            template,
            [
                ("hours", Statement::value(hours.to_vec())),
                ("columns", HOURLY_COLUMNS.into()),
                ("at", time_column.as_str().into()),
            ],
        ),
    };
    // the planner knows how many hours a range has, but not how many of them have an instant of completion
    let times = match time_column {
        TimeColumn::CompletedAt => "null::timestamptz as started_at, hour as completed_at",
        _ => "hour as started_at, completed_at",
    };
    Statement::fill(
        HOURLY_SESSIONS,
        [
            ("times", times.into()),
            ("columns", HOURLY_COLUMNS.into()),
            ("time", Statement::value(time_column.as_str())),
            ("from", Statement::value(query.range.from)),
            ("to", Statement::value(query.range.to)),
            ("closed", of_open(NOT_OPEN)),
            ("open", of_open(IN_OPEN_HOURS)),
        ],
    )
}

/// Returns the messages. The table itself has all columns that a statement reads without their sessions.
fn messages(reach: Option<Reach>) -> &'static str {
    if reach.is_some() { "core.messages" } else { "analytics.messages" }
}

/// Returns the rows of a scan, with their sessions unless these are not needed. Without a `reach`, they are those of
/// the views that analysts see.
pub(super) fn rows(query: &MetricQuery, scan: &Scan, reach: Option<Reach>) -> Statement {
    let of_level = |level: Level| query.dimensions.iter().any(|dimension| dimension.level() == level);
    let is_narrow = reach.is_some_and(|reach| reach.is_narrow);
    let sessions = || if is_narrow { NARROW_SESSIONS.into() } else { sessions(query) };
    let joined = |template: &str, more: &str| {
        let parts = [
            ("sessions", if is_narrow { NARROW_SESSIONS } else { "analytics.sessions s" }.into()),
            ("messages", messages(reach).into()),
            ("weeks", if of_level(Level::Cohort) { OLDEST_COHORT_WEEKS } else { "1" }.into()),
        ];
        let mut rows = Statement::fill(template, parts);
        rows.push(more);
        rows
    };
    let of_sessions = |joined: &str| {
        let mut rows: Statement = sessions();
        rows.push(joined);
        rows
    };
    let is_bare = reach.is_some_and(|reach| reach.is_bare);
    if let Some(open) = &scan.open_hours {
        return hourly_sessions(query, scan.time_column, open);
    }
    let mut rows = match scan.grain {
        Grain::Messages if is_bare => format!("{} m", messages(reach)).into(),
        Grain::Visits if is_bare => "analytics.visits v".into(),
        Grain::Sessions if scan.time_column == TimeColumn::AsOf => joined(OPEN_SESSIONS, ""),
        // Coverage uses every metric.
        Grain::Sessions if scan.looked_at(query).any(|metric| metric.reads(Table::Cost)) => {
            let view = if is_narrow { "ingest.narrow_priced_sessions" } else { "analytics.priced_sessions" };
            Statement::fill(PRICED_SESSIONS, [("view", view.into())])
        }
        Grain::Sessions => sessions(),
        Grain::Messages => joined(MESSAGES, ""),
        Grain::Replies => of_sessions(REPLIES),
        Grain::Presences if scan.reads(query, Table::Report) => joined(PRESENCES, REPORTS),
        Grain::Presences => joined(PRESENCES, ""),
        Grain::Speakers if of_level(Level::Speaker) => of_sessions(SPEAKERS),
        Grain::Speakers if scan.any_column(query, &|column| column.name == "speaking_seconds") => {
            of_sessions(ALL_SPEAKERS)
        }
        Grain::Speakers => of_sessions(SPOKEN_WORDS),
        Grain::Visits => joined(VISITS, ""),
        Grain::Cohorts => joined(FIRST_VISITS, ""),
        Grain::Changes => joined(CHANGES, ""),
        Grain::Rejects => "analytics.rejected_records s".into(),
        Grain::Drift => "analytics.provider_drift s".into(),
        Grain::Runs => "analytics.sync_runs s".into(),
        Grain::Comparisons => "analytics.reconciliation s".into(),
        Grain::Streams => STREAMS.into(),
    };
    if scan.grain == Grain::Sessions {
        rows.append(several(&query.dimensions));
    }
    rows
}

/// Each distinct value of these dimensions once; a session without any keeps one row with nulls.
const PRESENCES_OF_SESSION: &str =
    " left join lateral (select distinct {columns} from analytics.participants x{reports}
   where x.source_id = s.source_id and x.session_id = s.session_id) p on true";
const REPORTS_OF_SESSION: &str =
    " left join analytics.participant_quality y using (source_id, session_id, provider_participant_id)";
const STEPS_OF_SESSION: &str = " left join lateral (select distinct x.step_type from analytics.session_trail_steps x
   where x.source_id = s.source_id and x.session_id = s.session_id) d on true";

/// Returns the joins of dimensions of which a session has several values.
fn several(dimensions: &[Dimension]) -> Statement {
    let of = |level: Level| dimensions.iter().copied().filter(move |dimension| dimension.level() == level);
    let of_presence: Vec<&str> = of(Level::Presence).map(Dimension::as_str).collect();
    let of_report: Vec<&str> = of(Level::Report).map(Dimension::as_str).collect();
    let columns = [of_presence, of_report.clone()].concat();
    let mut sql = Statement::default();
    if !columns.is_empty() {
        let reports = if of_report.is_empty() { "" } else { REPORTS_OF_SESSION };
        let parts = [("columns", columns.join(", ").into()), ("reports", reports.into())];
        sql.append(Statement::fill(PRESENCES_OF_SESSION, parts));
    }
    if !of_report.is_empty() {
        let columns: Vec<String> = of_report.iter().map(|column| format!("p.{column}")).collect();
        sql.push(format!(" cross join lateral (select {}) q", columns.join(", ")));
    }
    if of(Level::Trail).next().is_some() {
        sql.push(STEPS_OF_SESSION);
    }
    sql
}

/// Returns the alias that has a row's source.
pub(super) fn owner(scan: &Scan, reach: Option<Reach>) -> &'static str {
    match scan.grain {
        Grain::Messages if reach.is_some_and(|reach| reach.is_bare) => "m",
        Grain::Visits if reach.is_some_and(|reach| reach.is_bare) => "v",
        _ => "s",
    }
}

/// Returns the conditions for rows that count and that pass the filter of the query. People are not filtered by their
/// sessions, but only sessions that count are used; rows that belong to a source are not filtered at all.
pub(super) fn counted(query: &MetricQuery, scan: &Scan, reach: Option<Reach>) -> Statement {
    let includes_deleted = query.filter.includes_deleted;
    match (reach.is_some_and(|reach| reach.is_bare), scan.grain) {
        // Few sessions do not count, and an index lists them: a lookup there is cheaper than a lookup of every session.
        (true, Grain::Messages) => {
            let is_left_out = if includes_deleted { "s.is_part_of_session" } else { "not s.is_counted" };
            format!(" and not exists (select from {NARROW_SESSIONS} where s.source_id = m.source_id and s.session_id = m.session_id and {is_left_out})").into()
        }
        (true, Grain::Visits) => {
            if includes_deleted { " and not v.is_part_of_session" } else { " and v.is_counted" }.into()
        }
        (_, Grain::Cohorts) => counts(&query.filter).into(),
        (_, grain) if grain.is_of_sessions() => counted_sessions(query),
        _ => Statement::default(),
    }
}

/// Returns the conditions for sessions that count and that pass the filter.
pub(crate) fn counted_sessions(query: &MetricQuery) -> Statement {
    let mut sql = Statement::new(counts(&query.filter));
    sql.append(chosen(&query.filter));
    sql
}

/// Returns the condition for sessions that count.
pub(super) fn counts(filter: &MetricFilter) -> &'static str {
    if filter.includes_deleted { " and not s.is_part_of_session" } else { " and s.is_counted" }
}

/// The planner expects `is null` of an outer join to hold for a single row, and would join all others to it by nested
/// loops.
const MISSING: &str = " and num_nulls({column}) = 1";

/// Returns the filter of a query, as conditions on sessions.
pub(crate) fn chosen(filter: &MetricFilter) -> Statement {
    let mut sql = Statement::default();
    for Condition { field, test } in &filter.conditions {
        let Some(column) = field.column() else { continue };
        let is_of_other_table = column.any(&|column| !column.is_own);
        let template = match test {
            Test::In(_) => " and {column} = any({values})",
            Test::NotIn(_) => " and ({column} is null or {column} <> all({values}))",
            Test::IsNull if is_of_other_table => MISSING,
            Test::IsNull => " and {column} is null",
            Test::IsNotNull => " and {column} is not null",
            Test::Contains(_) | Test::StartsWith(_) => " and {column} ilike any({values})",
        };
        let values = Statement::value(test.operands());
        sql.append(Statement::fill(template, [("column", column.to_string().into()), ("values", values)]));
    }
    sql
}
