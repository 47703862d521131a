//! Metrics of time: metered minutes, clock time, and time spent by participants.
//!
//! These are different quantities and are never mixed silently; every answer lists the bases it added. Sums of
//! minutes cannot be grouped by dimensions of which a session has several values, since its minutes would be added
//! once for each.

use crate::model::stream::Stream;
use crate::query::metrics::column::prelude::*;
use crate::query::metrics::measure::{Known, Measure, Metric, Term};
use crate::query::metrics::registry::volume::{COUNT, IS_CHAT};
use crate::query::metrics::requires::Requires;

const PARTICIPANTS: Requires = Requires::PerSession(Stream::Participants);

/// The length of a session is final: it has started and ended.
const IS_OVER: Expr = expr!("not " IS_PROVISIONAL " and " IS_NEVER_STARTED " is not true");
const LENGTH_NULL_RULE: &str = "Running sessions, open chats and sessions that never started are left out. Ended sessions of unknown length are in unknown_count.";

/// Base of sums of minutes over sessions.
const MINUTES: Metric = Metric { unit: "minutes", can_overlap: false, ..COUNT };

/// Base of percentiles of session length.
const LENGTH: Metric = Metric {
    unit: "seconds",
    null_rule: LENGTH_NULL_RULE,
    about: Some(IS_OVER),
    known: Known::Has(DURATION_SECONDS),
    can_be_spread: false,
    ..COUNT
};

/// Base of metrics of metered minutes.
const METERED: Metric = Metric {
    requires: Requires::Minutes,
    null_rule: "Sessions without minutes are in unknown_count and not in the sum; if no session has any, the value is null.",
    measure: Measure::Total(Term::Decimals(MINUTES_CONSUMED)),
    known: Known::Has(MINUTES_CONSUMED),
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
        measure: Measure::Total(Term::Minutes(DURATION_SECONDS)),
        known: Known::Has(DURATION_SECONDS),
        ..MINUTES
    },
    Metric {
        id: "participant_minutes",
        label: "Participant minutes",
        description: "Sum of the lengths of all presences in sessions that began in the range. Presences without a length are left out.",
        formula: "sum(participant_minutes)",
        null_rule: "unknown_count contains presences without a length in ended sessions, sessions whose participants were never fetched, and running sessions without lengths yet; if no session has any, the value is null.",
        requires: PARTICIPANTS,
        measure: Measure::Total(Term::Decimals(PARTICIPANT_MINUTES)),
        known: Known::Has(PARTICIPANT_MINUTES),
        is_partial: Some(expr!("not " IS_PROVISIONAL " and " UNKNOWN_DURATION_COUNT " > 0")),
        missing_items: Some(
            expr!("case when " PARTICIPANT_COUNT " is null or " IS_PROVISIONAL " then 1 else " UNKNOWN_DURATION_COUNT " end"),
        ),
        ..MINUTES
    },
    Metric {
        id: "active_minutes",
        label: "Active minutes",
        description: "Active time of chats: the gaps between their messages, each counted as at most 5 minutes. A chat of three days is thus comparable with one of ten minutes; a single message is 0.",
        formula: "sum(active_seconds) / 60",
        null_rule: "Chats whose messages were never fetched, or of whose messages no two have a time, are in unknown_count and not in the sum; if no chat has any, the value is null. A chat of which some messages lack a time is in unknown_count, and the gaps that are known are in the sum.",
        version: 2,
        requires: Requires::Chats,
        measure: Measure::Total(Term::Minutes(ACTIVE_SECONDS)),
        about: Some(IS_CHAT),
        known: Known::Has(ACTIVE_SECONDS),
        // a single message has no gap
        is_partial: Some(expr!(UNTIMED_MESSAGE_COUNT " > 0 and " MESSAGE_COUNT " > 1")),
        ..MINUTES
    },
    Metric {
        id: "average_session_duration_seconds",
        label: "Average length",
        description: "Mean wall-clock length of sessions that began in the range and are over.",
        formula: "sum(duration_seconds) / count(duration_seconds)",
        measure: Measure::Ratio(Term::Sum(DURATION_SECONDS), Term::Rows),
        ..LENGTH
    },
    Metric {
        id: "session_duration_p50_seconds",
        label: "Length, median",
        description: "Half of the sessions that began in the range and are over were no longer than this.",
        formula: "percentile_cont(0.5) of duration_seconds",
        measure: Measure::Percentile("0.5", DURATION_SECONDS),
        ..LENGTH
    },
    Metric {
        id: "session_duration_p90_seconds",
        label: "Length, 90th percentile",
        description: "Nine of ten sessions that began in the range and are over were no longer than this.",
        formula: "percentile_cont(0.9) of duration_seconds",
        measure: Measure::Percentile("0.9", DURATION_SECONDS),
        ..LENGTH
    },
    Metric {
        id: "session_duration_p95_seconds",
        label: "Length, 95th percentile",
        description: "19 of 20 sessions that began in the range and are over were no longer than this.",
        formula: "percentile_cont(0.95) of duration_seconds",
        measure: Measure::Percentile("0.95", DURATION_SECONDS),
        ..LENGTH
    },
    Metric {
        id: "unexplained_minutes",
        label: "Unexplained minutes",
        description: "Metered minutes minus the lengths of the presences that the provider lists, signed. Classes by unexplained_class: still_live, rounding (less than a minute for each presence), participants_missing (fewer presences than the provider counts, or some without a length), other.",
        formula: "sum(minutes_consumed - participant_minutes)",
        null_rule: "Sessions for which one of the two is unknown are in unknown_count and not in the sum.",
        requires: PARTICIPANTS,
        measure: Measure::Total(Term::Decimals(UNEXPLAINED_MINUTES)),
        known: Known::Has(UNEXPLAINED_MINUTES),
        can_be_spread: false,
        ..MINUTES
    },
];
