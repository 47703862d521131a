//! Metrics of outcome: resolution, whether it lasted, and how long it took.
//!
//! Rates are over conversations completed in the range, so that both parts cover one set. The rate of a cohort is
//! over conversations that began in the range, and rises as they are completed. Whether a resolution lasted is known
//! only after the person had time to come back.

use crate::query::metrics::measure::{Additivity, Metric};
use crate::query::metrics::registry::volume::{COUNT, STATE};
use crate::query::metrics::requires::Requires;
use crate::query::metrics::time_column::TimeColumn;

const RESOLVED: &str = "(count(*) filter (where s.outcome = 'resolved'))::numeric";
const UNRESOLVED: &str = "(count(*) filter (where s.outcome = 'unresolved'))::numeric";
const DECIDED: &str = "count(*) filter (where s.outcome in ('resolved', 'unresolved'))";

/// Base of metrics of resolution, which differ in one sum.
const RESOLUTION: Metric = Metric {
    null_rule: "Only completed sessions with a known outcome count. Sessions without a reported outcome are in unknown_count; where these are all, the value is null.",
    time_column: TimeColumn::CompletedAt,
    requires: Requires::Outcomes,
    known_sql: DECIDED,
    unknown_sql: "count(*) filter (where s.outcome = 'unknown')",
    is_unknown_sql: "s.has_outcomes and s.outcome = 'unknown'",
    amount_sql: None,
    ..COUNT
};

const RATE: Metric = Metric { unit: "ratio", additivity: Additivity::RatioOfSums, ..RESOLUTION };

/// SQL for whether the person came back within a week: another session of the same person at the same account. A week
/// is 168 hours; the length of seven days would depend on the zone of the database session.
macro_rules! came_back {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            "exists (select 1 from analytics.sessions n where n.source_id = s.source_id and n.person_id = s.person_id and n.started_at > s.completed_at and n.started_at <= s.completed_at + interval '168 hours' and n.is_counted)",
            $after
        )
    };
}

/// Base of percentiles of a time between two instants of resolved chats.
const TIME_TO_RESOLUTION: Metric = Metric {
    unit: "seconds",
    null_rule: "Only resolved sessions count; open sessions have no such time yet. The time includes the response times of the customer.",
    additivity: Additivity::Percentile,
    known_sql: "count(*) filter (where s.outcome = 'resolved')",
    ..RESOLUTION
};

/// Base of rates that need human steps to be configured.
const HANDOFF: Metric = Metric {
    null_rule: "Null with the reason handoff_mapping_missing if human_steps of the source does not list which steps, skills or origins of messages are human: these are never guessed. Completed sessions for which a handoff is unknown are in unknown_count and in neither part.",
    requires: Requires::HumanSteps,
    known_sql: "count(*) filter (where s.outcome in ('resolved', 'unresolved') and s.is_handed_off is not null)",
    unknown_sql: "count(*) filter (where s.outcome = 'unknown' or s.outcome in ('resolved', 'unresolved') and s.is_handed_off is null)",
    is_unknown_sql: "s.has_outcomes and (s.outcome = 'unknown' or s.outcome in ('resolved', 'unresolved') and s.is_handed_off is null)",
    ..RATE
};

/// Metrics of outcome.
pub(super) static METRICS: [Metric; 16] = [
    Metric {
        id: "completed_sessions",
        label: "Completed sessions",
        description: "Sessions completed in the range, resolved or not.",
        formula: "count(outcome in ('resolved', 'unresolved'))",
        value_sql: "(count(*) filter (where s.outcome in ('resolved', 'unresolved')))::numeric",
        ..RESOLUTION
    },
    Metric {
        id: "resolved_sessions",
        label: "Resolved sessions",
        description: "Sessions completed in the range and not flagged unresolved.",
        formula: "count(outcome = 'resolved')",
        value_sql: RESOLVED,
        ..RESOLUTION
    },
    Metric {
        id: "unresolved_sessions",
        label: "Unresolved sessions",
        description: "Sessions completed in the range and flagged unresolved.",
        formula: "count(outcome = 'unresolved')",
        value_sql: UNRESOLVED,
        ..RESOLUTION
    },
    Metric {
        id: "resolution_rate",
        label: "Resolution rate",
        description: "Resolved sessions among those completed in the range with a known outcome, from 0 to 1. Responses include both parts.",
        formula: "count(outcome = 'resolved') / count(outcome in ('resolved', 'unresolved'))",
        value_sql: RESOLVED,
        ..RATE
    },
    Metric {
        id: "unresolved_rate",
        label: "Share unresolved",
        description: "Unresolved sessions among those completed in the range with a known outcome, from 0 to 1: 1 minus the resolution rate.",
        formula: "count(outcome = 'unresolved') / count(outcome in ('resolved', 'unresolved'))",
        value_sql: UNRESOLVED,
        ..RATE
    },
    Metric {
        id: "cohort_resolution_rate",
        label: "Resolution rate of a cohort",
        description: "Sessions resolved by now among those that began in the range and whose status is known, from 0 to 1. It rises as chats are completed; cohort_matured_rate gives the completed share.",
        formula: "count(outcome = 'resolved') / count(outcome in ('resolved', 'unresolved', 'open'))",
        null_rule: "Sessions without a reported outcome are in unknown_count and in neither part.",
        time_column: TimeColumn::StartedAt,
        value_sql: RESOLVED,
        known_sql: "count(*) filter (where s.outcome in ('resolved', 'unresolved', 'open'))",
        ..RATE
    },
    Metric {
        id: "cohort_matured_rate",
        label: "Share of a cohort that is completed",
        description: "Sessions completed by now among those that began in the range and whose status is known, from 0 to 1; below 0.95, a rate of the cohort is not final.",
        formula: "count(outcome in ('resolved', 'unresolved')) / count(outcome in ('resolved', 'unresolved', 'open'))",
        null_rule: "Sessions without a reported outcome are in unknown_count and in neither part.",
        time_column: TimeColumn::StartedAt,
        value_sql: "(count(*) filter (where s.outcome in ('resolved', 'unresolved')))::numeric",
        known_sql: "count(*) filter (where s.outcome in ('resolved', 'unresolved', 'open'))",
        ..RATE
    },
    Metric {
        id: "durable_resolution_rate",
        label: "Durable resolutions",
        description: "Share of the sessions of known people, resolved in the range and at least 7 days ago, after which the person began no other session at the same account within 7 days, from 0 to 1.",
        formula: "count(no session of the same person_id within 7 days) / count(outcome = 'resolved' and completed_at < now - 7 days and person_id is not null)",
        null_rule: "Sessions resolved less than 7 days ago, or of unidentified people, are in unknown_count and in neither part.",
        value_sql: came_back!(
            "(count(*) filter (where s.outcome = 'resolved' and s.person_id is not null and s.completed_at < t.now - interval '168 hours' and not ",
            "))::numeric"
        ),
        known_sql: "count(*) filter (where s.outcome = 'resolved' and s.person_id is not null and s.completed_at < t.now - interval '168 hours')",
        unknown_sql: "count(*) filter (where s.outcome = 'unknown' or s.outcome = 'resolved' and (s.person_id is null or s.completed_at >= t.now - interval '168 hours'))",
        is_unknown_sql: "s.has_outcomes and (s.outcome = 'unknown' or s.outcome = 'resolved' and (s.person_id is null or s.completed_at >= t.now - interval '168 hours'))",
        ..RATE
    },
    Metric {
        id: "repeat_contact_rate",
        label: "Repeat contacts",
        description: "Share of the sessions of known people, completed in the range and at least 7 days ago, after which the person began another session at the same account within 7 days, from 0 to 1. A returning person begins a new session, so this is the closest measure of reopened conversations.",
        formula: "count(a session of the same person_id within 7 days) / count(completed_at < now - 7 days and person_id is not null)",
        null_rule: "Sessions completed less than 7 days ago, or of unidentified people, are in unknown_count and in neither part.",
        value_sql: came_back!(
            "(count(*) filter (where s.outcome in ('resolved', 'unresolved') and s.person_id is not null and s.completed_at < t.now - interval '168 hours' and ",
            "))::numeric"
        ),
        known_sql: "count(*) filter (where s.outcome in ('resolved', 'unresolved') and s.person_id is not null and s.completed_at < t.now - interval '168 hours')",
        unknown_sql: "count(*) filter (where s.outcome = 'unknown' or s.outcome in ('resolved', 'unresolved') and (s.person_id is null or s.completed_at >= t.now - interval '168 hours'))",
        is_unknown_sql: "s.has_outcomes and (s.outcome = 'unknown' or s.outcome in ('resolved', 'unresolved') and (s.person_id is null or s.completed_at >= t.now - interval '168 hours'))",
        ..RATE
    },
    Metric {
        id: "handoff_rate",
        label: "Handed to a human (proxy)",
        description: "Completed sessions that a human took over, among completed sessions for which this is known, from 0 to 1. No provider reports it: it is derived from the list human_steps of the source.",
        formula: "count(is_handed_off) / count(is_handed_off is not null), completed ones",
        value_sql: "(count(*) filter (where s.outcome in ('resolved', 'unresolved') and s.is_handed_off))::numeric",
        ..HANDOFF
    },
    Metric {
        id: "containment_rate",
        label: "Contained (proxy)",
        description: "Completed sessions that no human took over, from 0 to 1. A contained session is not necessarily resolved.",
        formula: "1 - handoff_rate",
        value_sql: "(count(*) filter (where s.outcome in ('resolved', 'unresolved') and not s.is_handed_off))::numeric",
        ..HANDOFF
    },
    Metric {
        id: "time_to_resolution_p50_seconds",
        label: "Time to resolution, median",
        description: "Half of the sessions resolved in the range took no longer than this from creation to completion.",
        formula: "percentile_cont(0.5) of completed_at - created_at, resolved ones",
        value_sql: "round((percentile_cont(0.5) within group (order by extract(epoch from s.completed_at - s.created_at)) filter (where s.outcome = 'resolved'))::numeric, 6)",
        ..TIME_TO_RESOLUTION
    },
    Metric {
        id: "time_to_resolution_p90_seconds",
        label: "Time to resolution, 90th percentile",
        description: "Nine of ten sessions resolved in the range took no longer than this from creation to completion.",
        formula: "percentile_cont(0.9) of completed_at - created_at, resolved ones",
        value_sql: "round((percentile_cont(0.9) within group (order by extract(epoch from s.completed_at - s.created_at)) filter (where s.outcome = 'resolved'))::numeric, 6)",
        ..TIME_TO_RESOLUTION
    },
    Metric {
        id: "closing_lag_seconds",
        label: "Closing lag, median",
        description: "Half of the sessions completed in the range were completed no later than this after their last message: it distinguishes work from a timer that closes sessions.",
        formula: "percentile_cont(0.5) of completed_at - last_message_at",
        null_rule: "Completed sessions without a message that has a time are in unknown_count.",
        value_sql: "round((percentile_cont(0.5) within group (order by extract(epoch from s.completed_at - s.last_message_at)))::numeric, 6)",
        known_sql: "count(s.last_message_at)",
        unknown_sql: "count(*) filter (where s.last_message_at is null)",
        is_unknown_sql: "s.completed_at is not null and s.last_message_at is null",
        ..TIME_TO_RESOLUTION
    },
    Metric {
        id: "open_backlog",
        label: "Open chats",
        description: "Chats that were open at the end of the bucket, or are open now: begun and not completed.",
        formula: "count(started_at <= t and (completed_at > t or outcome = 'open'))",
        requires: Requires::Outcomes,
        value_sql: "(count(*) filter (where s.completed_at is not null or s.outcome = 'open'))::numeric",
        ..STATE
    },
    Metric {
        id: "abandonment_rate",
        label: "Abandoned by the customer (proxy)",
        description: "Share of the chats that began in the range that are still open, without activity for 24 hours, and whose last message is not the customer's, from 0 to 1.",
        formula: "count(outcome = 'open' and nothing for 24 hours and last_sender_role <> 'user') / count(message_count)",
        null_rule: "Chats whose messages were never fetched are in unknown_count and in neither part.",
        time_column: TimeColumn::StartedAt,
        requires: Requires::Chats,
        value_sql: "(count(*) filter (where s.outcome = 'open' and s.last_sender_role <> 'user' and analytics.is_stale_open(s.session_state, s.started_at, s.last_activity_at, s.live_participants, t.now)))::numeric",
        known_sql: "count(s.message_count)",
        unknown_sql: "count(*) - count(s.message_count)",
        is_unknown_sql: "s.session_kind = 'chat' and s.message_count is null",
        ..RATE
    },
];
