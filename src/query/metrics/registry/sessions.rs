//! Metrics of sessions and of the messages in them.
//!
//! One line for each, over what every provider lists. What is fetched session by session is next door.

use crate::query::metrics::registry::{Additivity, Anchor, Metric, Needs, Rows};

const RESOLVED: &str = "(count(*) filter (where s.outcome = 'resolved'))::numeric";
const UNRESOLVED: &str = "(count(*) filter (where s.outcome = 'unresolved'))::numeric";
const DECIDED: &str = "count(*) filter (where s.outcome in ('resolved', 'unresolved'))";
const UNDECIDED: &str = "count(*) filter (where s.outcome = 'unknown')";
const IS_UNDECIDED: &str = "s.has_outcomes and s.outcome = 'unknown'";

/// A metric of resolution: they differ in one sum.
const fn resolution(metric: Metric) -> Metric {
    Metric {
        null_rule: "Only completed sessions with a known outcome count. Sessions whose outcome the provider did not say are in unknown_count; where none has one, the figure is null.",
        anchor: Anchor::CompletedAt,
        needs: Needs::Outcomes,
        known_sql: DECIDED,
        unknown_sql: UNDECIDED,
        is_unknown_sql: IS_UNDECIDED,
        ..metric
    }
}

/// What the others are made from.
pub(super) const COUNT: Metric = Metric {
    id: "sessions",
    label: "Sessions",
    unit: "sessions",
    description: "Conversations, meetings and avatar streams that began in the range. Breakout rooms and sessions the provider deleted are left out, here and everywhere.",
    formula: "count(*)",
    null_rule: "Never null for complete data.",
    anchor: Anchor::StartedAt,
    additivity: Additivity::Sum,
    needs: Needs::Nothing,
    rows: Rows::Sessions,
    value_sql: "count(*)::numeric",
    known_sql: "count(*)",
    unknown_sql: "0::bigint",
    is_unknown_sql: "false",
    is_unknown_by_start: false,
};

/// Metrics of sessions and messages.
pub(super) static METRICS: [Metric; 7] = [
    COUNT,
    Metric {
        id: "minutes_consumed",
        label: "Minutes consumed",
        unit: "minutes",
        description: "What the providers meter. A meeting counts every participant's time (basis participant_time), an avatar stream its own length (basis session_time); every answer lists the bases it added. Chats are not metered: not applicable, never 0.",
        formula: "sum(minutes_consumed)",
        null_rule: "Sessions without minutes are in unknown_count and not in the sum; where no session has any, the figure is null.",
        needs: Needs::Minutes,
        value_sql: "round(sum(s.minutes_consumed), 12)",
        known_sql: "count(s.minutes_consumed)",
        unknown_sql: "count(*) - count(s.minutes_consumed)",
        is_unknown_sql: "s.minutes_basis is not null and s.minutes_consumed is null",
        ..COUNT
    },
    Metric {
        id: "elapsed_minutes",
        label: "Elapsed minutes",
        unit: "minutes",
        description: "Wall-clock length of sessions of all providers; an open chat up to its last message.",
        formula: "sum(duration_seconds) / 60",
        null_rule: "Sessions whose length is not known are in unknown_count and not in the sum; where none is known, the figure is null.",
        value_sql: "round(sum(s.duration_seconds) / 60, 12)",
        known_sql: "count(s.duration_seconds)",
        unknown_sql: "count(*) - count(s.duration_seconds)",
        is_unknown_sql: "s.duration_seconds is null",
        ..COUNT
    },
    resolution(Metric {
        id: "resolution_rate",
        label: "Resolution rate",
        unit: "ratio",
        description: "Resolved sessions among those completed in the range with a known outcome, from 0 to 1. Both parts come with it.",
        formula: "count(outcome = 'resolved') / count(outcome in ('resolved', 'unresolved'))",
        additivity: Additivity::RatioOfSums,
        value_sql: RESOLVED,
        ..COUNT
    }),
    resolution(Metric {
        id: "resolved_sessions",
        label: "Resolved sessions",
        description: "Sessions completed in the range and not flagged unresolved.",
        formula: "count(outcome = 'resolved')",
        value_sql: RESOLVED,
        ..COUNT
    }),
    resolution(Metric {
        id: "unresolved_sessions",
        label: "Unresolved sessions",
        description: "Sessions completed in the range and flagged unresolved.",
        formula: "count(outcome = 'unresolved')",
        value_sql: UNRESOLVED,
        ..COUNT
    }),
    Metric {
        id: "messages",
        label: "Messages",
        unit: "messages",
        description: "Messages sent in the range, of either side.",
        formula: "count(*) of analytics.messages",
        null_rule: "Null where the provider has messages that are not read. Sessions that began in the range and whose messages never came are in unknown_count. A message whose time the provider did not give is in no range.",
        anchor: Anchor::SentAt,
        needs: Needs::Messages,
        rows: Rows::Messages,
        is_unknown_by_start: true,
        is_unknown_sql: "s.message_support <> 'none' and s.message_count is null",
        ..COUNT
    },
];
