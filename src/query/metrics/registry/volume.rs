//! Metrics of volume and state: how many sessions there are, how many connected, how many are live.
//!
//! States (live, waiting for a missing end) are given for the end of each bucket, or for now if that is earlier. They
//! are computed from when sessions began and ended, so that they are available for the past too.

use crate::query::metrics::grain::Grain;
use crate::query::metrics::measure::{Additivity, Metric};
use crate::query::metrics::requires::Requires;
use crate::query::metrics::time_column::TimeColumn;

/// Base of all other metrics.
pub(super) const COUNT: Metric = Metric {
    id: "sessions",
    version: 1,
    label: "Sessions",
    unit: "sessions",
    description: "Conversations, meetings and avatar streams that began in the range. Breakout rooms and sessions the provider deleted are left out, here and everywhere.",
    formula: "count(*)",
    null_rule: "Never null for complete data.",
    time_column: TimeColumn::StartedAt,
    additivity: Additivity::Sum,
    requires: Requires::Nothing,
    grain: Grain::Sessions,
    value_sql: "count(*)::numeric",
    known_sql: "count(*)",
    unknown_sql: "0::bigint",
    is_unknown_sql: "false",
    is_unknown_by_start: false,
    amount_sql: Some("1"),
    can_overlap: true,
};

/// Base of metrics of a state at an instant.
pub(super) const STATE: Metric = Metric {
    time_column: TimeColumn::AsOf,
    additivity: Additivity::StateAsOf,
    null_rule: "State at the end of each bucket, or now if that is earlier; null in buckets that have not begun. Never add buckets.",
    amount_sql: None,
    ..COUNT
};

const NEVER_STARTED_UNKNOWN: &str = "count(*) filter (where s.is_never_started is null)";

/// Metrics of volume and state.
pub(super) static METRICS: [Metric; 7] = [
    COUNT,
    Metric {
        id: "connected_sessions",
        label: "Connected sessions",
        description: "Sessions with activity: an avatar stream that connected or lasted, a chat with a message of the customer, a meeting with a participant or minutes.",
        formula: "count(is_connected)",
        null_rule: "Chats whose messages were never fetched, and meetings of unknown attendance, are in unknown_count.",
        value_sql: "(count(*) filter (where s.is_connected))::numeric",
        known_sql: "count(s.is_connected)",
        unknown_sql: "count(*) filter (where s.is_connected is null)",
        is_unknown_sql: "s.is_connected is null",
        amount_sql: Some("case when s.is_connected then 1 when not s.is_connected then 0 end"),
        ..COUNT
    },
    Metric {
        id: "never_started_sessions",
        label: "Sessions that never started",
        description: "Sessions without activity: an avatar stream that never connected within 15 minutes, a chat without a message of the customer, a meeting that ended without a participant.",
        formula: "count(is_never_started)",
        null_rule: "Sessions for which this is unknown are in unknown_count.",
        value_sql: "(count(*) filter (where s.is_never_started))::numeric",
        known_sql: "count(s.is_never_started)",
        unknown_sql: NEVER_STARTED_UNKNOWN,
        is_unknown_sql: "s.is_never_started is null",
        amount_sql: Some("case when s.is_never_started then 1 when not s.is_never_started then 0 end"),
        ..COUNT
    },
    Metric {
        id: "never_started_rate",
        label: "Share that never started",
        unit: "ratio",
        description: "Sessions without activity among all sessions for which this is known, from 0 to 1.",
        formula: "count(is_never_started) / count(is_never_started is not null)",
        null_rule: "Sessions for which this is unknown are in unknown_count and in neither part.",
        additivity: Additivity::RatioOfSums,
        value_sql: "(count(*) filter (where s.is_never_started))::numeric",
        known_sql: "count(s.is_never_started)",
        unknown_sql: NEVER_STARTED_UNKNOWN,
        is_unknown_sql: "s.is_never_started is null",
        amount_sql: None,
        ..COUNT
    },
    Metric {
        id: "live_sessions",
        label: "Sessions running",
        description: "Sessions that ran at the end of the bucket, or run now: begun, and not ended, completed or stale (stale_open_sessions counts the stale ones).",
        formula: "count(started_at <= t and not ended by t and not stale at t)",
        value_sql: "(count(*) filter (where not o.is_stale))::numeric",
        ..STATE
    },
    Metric {
        id: "stale_open_sessions",
        label: "Stale open sessions",
        description: "Sessions that were open at the end of the bucket, or are open now, without activity for 24 hours: chats that were not completed, and empty meetings.",
        formula: "count(open at t and t - greatest(started_at, last_activity_at) > 24 hours)",
        value_sql: "(count(*) filter (where o.is_stale))::numeric",
        ..STATE
    },
    Metric {
        id: "long_running_sessions",
        label: "Long sessions",
        description: "Sessions that began in the range and lasted more than 4 hours. A live session counts until now, an open chat until its last message.",
        formula: "count(duration_seconds > 14400), live: count(now - started_at > 4 hours)",
        null_rule: "Sessions whose length is not known are in unknown_count.",
        value_sql: "(count(*) filter (where case when s.session_state = 'live' then t.now - s.started_at > interval '4 hours' else s.duration_seconds > 14400 end))::numeric",
        known_sql: "count(*) filter (where s.session_state = 'live' or s.duration_seconds is not null)",
        unknown_sql: "count(*) filter (where s.session_state <> 'live' and s.duration_seconds is null)",
        is_unknown_sql: "s.session_state <> 'live' and s.duration_seconds is null",
        amount_sql: None,
        ..COUNT
    },
];
