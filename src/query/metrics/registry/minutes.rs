//! Metrics of time: metered minutes, clock time, and time spent by participants.
//!
//! These are different quantities and are never mixed silently; every answer lists the bases it added. Sums of
//! minutes cannot be grouped by dimensions of which a session has several values, since its minutes would be added
//! once for each.

use crate::model::stream::Stream;
use crate::query::metrics::measure::{Additivity, Metric};
use crate::query::metrics::registry::volume::COUNT;
use crate::query::metrics::requires::Requires;

const PARTICIPANTS: Requires = Requires::PerSession(Stream::Participants);

/// Counts sessions whose length is final: they have started and ended.
const IS_OVER: &str =
    "count(s.duration_seconds) filter (where not s.is_provisional and s.is_never_started is not true)";
const IS_OVER_UNKNOWN: &str =
    "count(*) filter (where not s.is_provisional and s.is_never_started is not true and s.duration_seconds is null)";
const LENGTH_NULL_RULE: &str = "Running sessions, open chats and sessions that never started are left out. Ended sessions of unknown length are in unknown_count.";

/// Base of sums of minutes over sessions.
const MINUTES: Metric = Metric { unit: "minutes", can_overlap: false, ..COUNT };

/// Base of percentiles of session length.
const LENGTH: Metric = Metric {
    unit: "seconds",
    null_rule: LENGTH_NULL_RULE,
    additivity: Additivity::Percentile,
    known_sql: IS_OVER,
    unknown_sql: IS_OVER_UNKNOWN,
    is_unknown_sql: "not s.is_provisional and s.is_never_started is not true and s.duration_seconds is null",
    amount_sql: None,
    ..COUNT
};

/// Base of metrics of metered minutes.
const METERED: Metric = Metric {
    requires: Requires::Minutes,
    value_sql: "round(sum(s.minutes_consumed), 12)",
    known_sql: "count(s.minutes_consumed)",
    unknown_sql: "count(*) - count(s.minutes_consumed)",
    is_unknown_sql: "s.minutes_consumed is null",
    amount_sql: Some("s.minutes_consumed"),
    null_rule: "Sessions without minutes are in unknown_count and not in the sum; if no session has any, the value is null.",
    ..MINUTES
};

/// Metrics of time.
pub(super) static METRICS: [Metric; 10] = [
    Metric {
        id: "minutes_consumed",
        label: "Minutes consumed",
        description: "Minutes that the providers meter. A meeting counts the time of every participant (basis participant_time), an avatar stream its own length (basis session_time); every response lists the bases that it added. Chats are not metered: not applicable, never 0.",
        formula: "sum(minutes_consumed)",
        ..METERED
    },
    Metric {
        id: "billable_minutes",
        label: "Billable minutes",
        description: "Metered minutes of sessions that are sold by the minute: avatar streams and meetings. Chats are not sold by the minute.",
        formula: "sum(minutes_consumed)",
        ..METERED
    },
    Metric {
        id: "elapsed_minutes",
        label: "Elapsed minutes",
        description: "Wall-clock length of sessions of all providers; an open chat counts until its last message.",
        formula: "sum(duration_seconds) / 60",
        null_rule: "Sessions of unknown length are in unknown_count and not in the sum; if no length is known, the value is null.",
        value_sql: "round(sum(s.duration_seconds) / 60, 12)",
        known_sql: "count(s.duration_seconds)",
        unknown_sql: "count(*) - count(s.duration_seconds)",
        is_unknown_sql: "s.duration_seconds is null",
        amount_sql: Some("s.duration_seconds / 60"),
        ..MINUTES
    },
    Metric {
        id: "participant_minutes",
        label: "Participant minutes",
        description: "Sum of the lengths of all presences in sessions that began in the range. Presences without a length are left out.",
        formula: "sum(participant_minutes)",
        null_rule: "unknown_count contains presences without a length in ended sessions, sessions whose participants were never fetched, and running sessions without lengths yet; if no session has any, the value is null.",
        requires: PARTICIPANTS,
        value_sql: "round(sum(s.participant_minutes), 12)",
        known_sql: "count(s.participant_minutes)",
        unknown_sql: "coalesce(sum(case when s.participant_count is null or s.is_provisional then (s.participant_minutes is null)::int else s.unknown_duration_count end), 0)::bigint",
        is_unknown_sql: "s.session_kind in ('meeting', 'livestream') and (s.participant_minutes is null or not s.is_provisional and s.unknown_duration_count > 0)",
        amount_sql: Some("s.participant_minutes"),
        ..MINUTES
    },
    Metric {
        id: "active_minutes",
        label: "Active minutes",
        description: "Active time of chats: the gaps between their messages, each counted as at most 5 minutes. A chat of three days is thus comparable with one of ten minutes; a single message is 0.",
        formula: "sum(active_seconds) / 60",
        null_rule: "Chats whose messages were never fetched are in unknown_count and not in the sum; if no chat has any, the value is null.",
        requires: Requires::Chats,
        value_sql: "round(sum(s.active_seconds) / 60, 12)",
        known_sql: "count(s.active_seconds)",
        unknown_sql: "count(*) filter (where s.session_kind = 'chat' and s.active_seconds is null)",
        is_unknown_sql: "s.session_kind = 'chat' and s.active_seconds is null",
        amount_sql: Some("s.active_seconds / 60"),
        ..MINUTES
    },
    Metric {
        id: "average_session_duration_seconds",
        label: "Average length",
        description: "Mean wall-clock length of sessions that began in the range and are over.",
        formula: "sum(duration_seconds) / count(duration_seconds)",
        additivity: Additivity::RatioOfSums,
        value_sql: "sum(s.duration_seconds) filter (where not s.is_provisional and s.is_never_started is not true)",
        ..LENGTH
    },
    Metric {
        id: "session_duration_p50_seconds",
        label: "Length, median",
        description: "Half of the sessions that began in the range and are over were no longer than this.",
        formula: "percentile_cont(0.5) of duration_seconds",
        value_sql: "round((percentile_cont(0.5) within group (order by s.duration_seconds) filter (where not s.is_provisional and s.is_never_started is not true))::numeric, 6)",
        ..LENGTH
    },
    Metric {
        id: "session_duration_p90_seconds",
        label: "Length, 90th percentile",
        description: "Nine of ten sessions that began in the range and are over were no longer than this.",
        formula: "percentile_cont(0.9) of duration_seconds",
        value_sql: "round((percentile_cont(0.9) within group (order by s.duration_seconds) filter (where not s.is_provisional and s.is_never_started is not true))::numeric, 6)",
        ..LENGTH
    },
    Metric {
        id: "session_duration_p95_seconds",
        label: "Length, 95th percentile",
        description: "19 of 20 sessions that began in the range and are over were no longer than this.",
        formula: "percentile_cont(0.95) of duration_seconds",
        value_sql: "round((percentile_cont(0.95) within group (order by s.duration_seconds) filter (where not s.is_provisional and s.is_never_started is not true))::numeric, 6)",
        ..LENGTH
    },
    Metric {
        id: "unexplained_minutes",
        label: "Unexplained minutes",
        description: "Metered minutes minus the lengths of the presences that the provider lists, signed. Classes by unexplained_class: still_live, rounding (less than a minute for each presence), participants_missing (fewer presences than the provider counts, or some without a length), other.",
        formula: "sum(minutes_consumed - participant_minutes)",
        null_rule: "Sessions for which one of the two is unknown are in unknown_count and not in the sum.",
        requires: PARTICIPANTS,
        value_sql: "round(sum(s.unexplained_minutes), 12)",
        known_sql: "count(s.unexplained_minutes)",
        unknown_sql: "count(*) - count(s.unexplained_minutes)",
        is_unknown_sql: "s.session_kind in ('meeting', 'livestream') and s.unexplained_minutes is null",
        amount_sql: None,
        ..MINUTES
    },
];
