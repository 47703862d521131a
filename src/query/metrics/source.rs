//! The rows that figures are aggregated over, and the columns they have.
//!
//! Each column of time has its rows: sessions, messages, presences or speakers, with the session under the name `s`. What
//! is summed over them stands in the registry, and which of them count in [`super::predicate`].

use chrono::{DateTime, Utc};

use crate::model::stream::Stream;
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::registry::{Anchor, COST_OF_SESSION, Metric, Needs, Rows, TRANSCRIPT_GRACE};
use crate::query::metrics::statement::Statement;
use crate::query::metrics::{MetricQuery, hindsight};

/// The column of a dimension; null where the rows of the anchor do not have it.
pub(super) fn column(dimension: Dimension, anchor: Anchor) -> &'static str {
    let has_it = match dimension.rows() {
        Some(Rows::Presences) => anchor == Anchor::JoinedAt,
        Some(Rows::Speakers) => anchor == Anchor::EndedAt,
        _ => true,
    };
    dimension.column().filter(|_| has_it).unwrap_or("null::text")
}

/// The rows that the metrics of an anchor are aggregated over.
pub(super) fn push_from(
    sql: &mut Statement,
    query: &MetricQuery,
    anchor: Anchor,
    metrics: &[usize],
    now: DateTime<Utc>,
) {
    sql.push(" from ");
    let is_named = |metric: &Metric| {
        [metric.value_sql, metric.known_sql, metric.unknown_sql].iter().any(|sql| sql.contains("t.not_missed"))
    };
    if metrics.iter().any(|at| is_named(query.metrics[*at])) {
        sql.push("(select ").push_bind(now - TRANSCRIPT_GRACE).push("::timestamptz as not_missed_since) t cross join ");
    }
    push_rows(sql, query, anchor, metrics);
}

fn push_rows(sql: &mut Statement, query: &MetricQuery, anchor: Anchor, metrics: &[usize]) {
    let is_asked = |stream| metrics.iter().any(|at| query.metrics[*at].needs == Needs::PerSession(stream));
    match anchor {
        Anchor::SentAt => _ = sql.push("analytics.messages m join analytics.sessions s using (source_id, session_id)"),
        Anchor::JoinedAt => {
            sql.push("analytics.participants p join analytics.sessions s using (source_id, session_id)");
            if is_asked(Stream::Quality) {
                sql.push(
                    " left join analytics.participant_quality q using (source_id, session_id, provider_participant_id)",
                );
            }
        }
        Anchor::EndedAt if query.dimensions.contains(&Dimension::SpeakerId) => {
            sql.push(
                "analytics.sessions s left join lateral (
                       select g.speaker_id, sum(g.word_count) as words from analytics.transcript_segments g
                        where g.source_id = s.source_id and g.session_id = s.session_id group by 1) w on true",
            );
        }
        Anchor::EndedAt if is_asked(Stream::Transcript) => {
            sql.push("analytics.sessions s cross join lateral (select s.transcript_word_count as words) w");
        }
        Anchor::StartedAt | Anchor::CompletedAt | Anchor::EndedAt => hindsight::push_sessions(sql, query),
    }
    // coverage, which is by the start, looks at every metric
    let is_looked_at = |at: usize| anchor == Anchor::StartedAt || metrics.contains(&at);
    if (0..query.metrics.len()).any(|at| is_looked_at(at) && query.metrics[at].is_of_money()) {
        sql.push(COST_OF_SESSION);
    }
}

/// The column of time that puts a row into a bucket.
pub(super) fn time(anchor: Anchor) -> &'static str {
    match anchor {
        Anchor::StartedAt => "s.started_at",
        Anchor::CompletedAt => "s.completed_at",
        Anchor::SentAt => "m.sent_at",
        Anchor::JoinedAt => "p.joined_at",
        Anchor::EndedAt => "s.ended_at",
    }
}
