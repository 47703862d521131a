//! Metrics of volume and state: how many sessions there are, how many connected, how many are live.
//!
//! States (live, waiting for a missing end) are given for the end of each bucket, or for now if that is earlier. They
//! are computed from when sessions began and ended, so that they are available for the past too.

use crate::query::metrics::column::prelude::*;
use crate::query::metrics::grain::Grain;
use crate::query::metrics::measure::{Known, Measure, Metric, Term};
use crate::query::metrics::requires::Requires;
use crate::query::metrics::time_column::TimeColumn;

/// The session is a chat.
pub(super) const IS_CHAT: Expr = expr!(SESSION_KIND " = 'chat'");

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
    requires: Requires::Nothing,
    grain: Grain::Sessions,
    can_overlap: true,
    measure: Measure::Total(Term::Rows),
    about: None,
    known: Known::All,
    is_partial: None,
    missing_items: None,
    can_be_spread: true,
};

/// Base of metrics of a state at an instant.
pub(super) const STATE: Metric = Metric {
    version: 2,
    time_column: TimeColumn::AsOf,
    null_rule: "State at the end of each bucket, or now if that is earlier; null in buckets that have not begun. Never add buckets.",
    measure: Measure::State(None),
    can_be_spread: false,
    ..COUNT
};

/// Metrics of volume and state.
pub(super) static METRICS: [Metric; 7] = [
    COUNT,
    Metric {
        id: "connected_sessions",
        label: "Connected sessions",
        description: "Sessions with activity: an avatar stream that connected or lasted, a chat with a message of the customer, a meeting with a participant or minutes.",
        formula: "count(is_connected)",
        null_rule: "Chats whose messages were never fetched, and meetings of unknown attendance, are in unknown_count.",
        measure: Measure::Total(Term::RowsIf(IS_CONNECTED)),
        known: Known::Has(IS_CONNECTED),
        ..COUNT
    },
    Metric {
        id: "never_started_sessions",
        label: "Sessions that never started",
        description: "Sessions without activity: an avatar stream that never connected within 15 minutes, a chat without a message of the customer, a meeting that ended without a participant.",
        formula: "count(is_never_started)",
        null_rule: "Sessions for which this is unknown are in unknown_count.",
        measure: Measure::Total(Term::RowsIf(IS_NEVER_STARTED)),
        known: Known::Has(IS_NEVER_STARTED),
        ..COUNT
    },
    Metric {
        id: "never_started_rate",
        label: "Share that never started",
        unit: "ratio",
        description: "Sessions without activity among all sessions for which this is known, from 0 to 1.",
        formula: "count(is_never_started) / count(is_never_started is not null)",
        null_rule: "Sessions for which this is unknown are in unknown_count and in neither part.",
        measure: Measure::Ratio(Term::RowsIf(IS_NEVER_STARTED), Term::Rows),
        known: Known::Has(IS_NEVER_STARTED),
        can_be_spread: false,
        ..COUNT
    },
    Metric {
        id: "live_sessions",
        label: "Sessions running",
        description: "Sessions that ran at the end of the bucket, or run now: begun, and not ended, completed or stale (stale_open_sessions counts the stale ones).",
        formula: "count(started_at <= t and not ended by t and not stale at t)",
        measure: Measure::State(Some(expr!("not " IS_STALE))),
        ..STATE
    },
    Metric {
        id: "stale_open_sessions",
        label: "Stale open sessions",
        description: "Sessions that were open at the end of the bucket, or are open now, without activity for 24 hours: chats that were not completed, and empty meetings.",
        formula: "count(open at t and t - greatest(started_at, last_activity_at) > 24 hours)",
        measure: Measure::State(Some(IS_STALE)),
        ..STATE
    },
    Metric {
        id: "long_running_sessions",
        label: "Long sessions",
        description: "Sessions that began in the range and lasted more than 4 hours. A live session counts until now, an open chat until its last message.",
        formula: "count(duration_seconds > 14400), live: count(now - started_at > 4 hours)",
        null_rule: "Sessions whose length is not known are in unknown_count.",
        measure: Measure::Total(Term::RowsIf(
            expr!("case when " SESSION_STATE " = 'live' then " NOW " - " STARTED_AT " > interval '4 hours' else " DURATION_SECONDS " > 14400 end"),
        )),
        known: Known::If(expr!("(" SESSION_STATE " = 'live' or " DURATION_SECONDS " is not null)")),
        can_be_spread: false,
        ..COUNT
    },
];
