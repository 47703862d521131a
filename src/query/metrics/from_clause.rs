//! The rows of a pass: the tables and joins for each kind of rows.
//!
//! Dimensions of which a session has several values are joined here too, each value once per session.

use crate::model::stream::Stream;
use crate::query::metrics::as_of;
use crate::query::metrics::columns::columns;
use crate::query::metrics::dimension::{Dimension, Level};
use crate::query::metrics::grain::Grain;
use crate::query::metrics::measure::Metric;
use crate::query::metrics::pass::Pass;
use crate::query::metrics::query::MetricQuery;
use crate::query::metrics::registry::{COST_OF_SESSION, is_of_money};
use crate::query::metrics::requires::Requires;
use crate::query::metrics::statement::Statement;
use crate::query::metrics::time_column::TimeColumn;

/// Returns the time column that puts a row into a bucket. States at an instant do not use it.
pub(super) fn time(pass: &Pass) -> &'static str {
    match (pass.grain, pass.time_column) {
        (Grain::Visits | Grain::Cohorts, _) => "v.started_at",
        (_, TimeColumn::StartedAt | TimeColumn::AsOf | TimeColumn::FirstVisitAt) => "s.started_at",
        (_, TimeColumn::CompletedAt) => "s.completed_at",
        (_, TimeColumn::SentAt) => "m.sent_at",
        (_, TimeColumn::JoinedAt) => "p.joined_at",
        (_, TimeColumn::EndedAt) => "s.ended_at",
        (_, TimeColumn::FirstSeenAt) => "s.first_seen_at",
        (_, TimeColumn::ChangedAt) => "h.changed_at",
        (_, TimeColumn::WindowFrom) => "s.window_from",
    }
}

/// Returns a column of the session that holds the same instant as [`time`], where that is not the session's itself. A
/// range must be stated for both: the planner derives equal values through joins, but not ranges.
pub(super) fn same_time_of_session(pass: &Pass) -> Option<&'static str> {
    matches!(pass.grain, Grain::Visits | Grain::Cohorts).then_some("s.started_at")
}

/// Adds the rows, with the alias `s` for the session.
pub(super) fn push_rows(sql: &mut Statement, query: &MetricQuery, pass: &Pass) {
    let has = |level: Level| query.dimensions.iter().any(|dimension| dimension.level() == level);
    let is_asked =
        |stream| pass.metrics.iter().any(|place| query.metrics[*place].requires == Requires::PerSession(stream));
    match pass.grain {
        Grain::Sessions if pass.time_column == TimeColumn::AsOf => _ = sql.push(OPEN_SESSIONS),
        Grain::Sessions => as_of::push_sessions(sql, query),
        Grain::Messages => _ = sql.push("analytics.messages m join analytics.sessions s using (source_id, session_id)"),
        Grain::Replies => {
            as_of::push_sessions(sql, query);
            sql.push(" cross join lateral unnest(s.reply_seconds) with ordinality r (seconds, place)");
        }
        Grain::Presences => {
            sql.push("analytics.participants p join analytics.sessions s using (source_id, session_id)");
            if is_asked(Stream::Quality) || has(Level::Report) {
                sql.push(
                    " left join analytics.participant_quality q using (source_id, session_id, provider_participant_id)",
                );
            }
        }
        Grain::Speakers if query.dimensions.contains(&Dimension::SpeakerId) => {
            as_of::push_sessions(sql, query);
            sql.push(SPEAKERS);
        }
        Grain::Speakers if pass.metrics.iter().any(|place| names_speaking(query.metrics[*place])) => {
            as_of::push_sessions(sql, query);
            sql.push(ALL_SPEAKERS);
        }
        Grain::Speakers => {
            as_of::push_sessions(sql, query);
            sql.push(" cross join lateral (select s.transcript_word_count as words) w");
        }
        Grain::Visits => _ = sql.push("analytics.visits v join analytics.sessions s using (source_id, session_id)"),
        Grain::Cohorts => {
            sql.push("analytics.visits v join analytics.sessions s on s.source_id = v.source_id and s.session_id = v.session_id and v.started_at = v.first_visit_at");
            let last = if has(Level::Cohort) { OLDEST_COHORT_WEEKS } else { "1" };
            sql.push(" cross join generate_series(1, ").push(last).push(") c (age_weeks)");
        }
        Grain::Changes => {
            sql.push("analytics.session_changes h join analytics.sessions s on s.source_id = h.source_id and s.session_id = h.session_id and h.field = 'provider_minutes'");
        }
        Grain::Rejects => _ = sql.push("analytics.rejected_records s"),
        Grain::Drift => _ = sql.push("analytics.provider_drift s"),
        Grain::Runs => _ = sql.push("analytics.sync_runs s"),
        Grain::Comparisons => _ = sql.push("analytics.reconciliation s"),
        Grain::Streams => _ = sql.push(STREAMS),
    }
    if pass.grain == Grain::Sessions {
        push_several(sql, &query.dimensions);
    }
    // Coverage uses every metric.
    let is_looked_at = |at: usize| pass.is_first() || pass.metrics.contains(&at);
    if (0..query.metrics.len()).any(|at| is_looked_at(at) && is_of_money(query.metrics[at])) {
        sql.push(COST_OF_SESSION);
    }
}

/// Number of weeks that cohorts are followed.
const OLDEST_COHORT_WEEKS: &str = "12";

/// Sessions that were open at `c.at`: they had begun, and had neither ended nor been completed.
const OPEN_SESSIONS: &str = "analytics.sessions s join lateral (select
   s.ended_at is null
   and analytics.is_stale_open(s.session_state, s.started_at, s.last_activity_at, s.live_participants, c.at) as is_stale) o
 on s.started_at <= c.at and (s.ended_at > c.at or s.ended_at is null and s.session_state in ('live', 'open'))";

const SPEAKERS: &str = " left join lateral (
   select k.speaker_id, k.word_count as words, k.speaking_seconds, k.all_speaking_seconds
     from analytics.session_speakers(s.source_id, s.session_id) k) w on true";

const ALL_SPEAKERS: &str = " cross join lateral (
   select s.transcript_word_count as words, sum(k.speaking_seconds) as speaking_seconds,
          sum(k.speaking_seconds) as all_speaking_seconds
     from analytics.session_speakers(s.source_id, s.session_id) k) w";

/// Returns whether a metric needs the speaking time. Words need no speaking time: they are stored with the
/// transcript.
fn names_speaking(metric: &Metric) -> bool {
    columns(metric.value_sql).any(|named| named == ("w", "speaking_seconds"))
}

/// Streams with lists; per-session streams prove no range.
const STREAMS: &str = "(select f.complete_through, f.provider, f.source, src.source_id
   from analytics.stream_freshness f join analytics.sources src using (source)
  where f.stream = 'sessions' and f.is_enabled) s";

/// Adds the dimensions of which a session has several values, each distinct value once; a session without any keeps
/// one row with nulls.
fn push_several(sql: &mut Statement, dimensions: &[Dimension]) {
    let of = |level: Level| dimensions.iter().copied().filter(move |dimension| dimension.level() == level);
    let of_presence: Vec<&str> = of(Level::Presence).map(Dimension::as_str).collect();
    let of_report: Vec<&str> = of(Level::Report).map(Dimension::as_str).collect();
    if !of_presence.is_empty() || !of_report.is_empty() {
        let columns: Vec<&str> = of_presence.iter().chain(&of_report).copied().collect();
        sql.push(" left join lateral (select distinct ")
            .push(columns.join(", "))
            .push(" from analytics.participants x");
        if !of_report.is_empty() {
            sql.push(
                " left join analytics.participant_quality y using (source_id, session_id, provider_participant_id)",
            );
        }
        sql.push(" where x.source_id = s.source_id and x.session_id = s.session_id) p on true");
    }
    if !of_report.is_empty() {
        let columns: Vec<String> = of_report.iter().map(|column| format!("p.{column}")).collect();
        sql.push(" cross join lateral (select ").push(columns.join(", ")).push(") q");
    }
    if of(Level::Trail).next().is_some() {
        sql.push(" left join lateral (select distinct x.step_type from analytics.session_trail_steps x");
        sql.push(" where x.source_id = s.source_id and x.session_id = s.session_id) d on true");
    }
}
