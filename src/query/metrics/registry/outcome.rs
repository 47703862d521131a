//! Metrics of outcome: resolution, whether it lasted, and how long it took.
//!
//! Rates are over conversations completed in the range, so that both parts cover one set. The rate of a cohort is
//! over conversations that began in the range, and rises as they are completed. Whether a resolution lasted is known
//! only after the person had time to come back.

use crate::query::metrics::column::prelude::*;
use crate::query::metrics::measure::{Known, Measure, Metric, Term};
use crate::query::metrics::registry::volume::{COUNT, IS_CHAT, STATE};
use crate::query::metrics::requires::Requires;
use crate::query::metrics::time_column::TimeColumn;

const IS_RESOLVED: Expr = expr!(OUTCOME " = 'resolved'");
const IS_UNRESOLVED: Expr = expr!(OUTCOME " = 'unresolved'");
const IS_DECIDED: Expr = expr!(OUTCOME " in ('resolved', 'unresolved')");
const TO_COMPLETION: Expr = expr!("extract(epoch from " COMPLETED_AT " - " CREATED_AT ")");

/// A known person completed the session long enough ago to have come back. A week is 168 hours; the length of seven
/// days would depend on the zone of the database session.
const IS_MATURE: Expr = expr!(PERSON_ID " is not null and " COMPLETED_AT " < " NOW " - interval '168 hours'");

/// The person came back within a week: another session of the same person at the same account.
const CAME_BACK: Expr = expr!(
    "exists (select 1 from " OF_SESSIONS " n where n.source_id = " SOURCE_ID " and n.person_id = " PERSON_ID
    " and n.started_at > " COMPLETED_AT " and n.started_at <= " COMPLETED_AT " + interval '168 hours' and n.is_counted)"
);

/// Base of metrics of resolution, which differ in one sum.
const RESOLUTION: Metric = Metric {
    version: 2,
    null_rule: "Only completed sessions with a known outcome count. Sessions without a reported outcome are in unknown_count; where these are all, the value is null.",
    time_column: TimeColumn::CompletedAt,
    requires: Requires::Outcomes,
    about: Some(expr!(OUTCOME " in ('resolved', 'unresolved', 'unknown')")),
    known: Known::If(IS_DECIDED),
    can_be_spread: false,
    ..COUNT
};

const RATE: Metric = Metric { unit: "ratio", ..RESOLUTION };

/// Base of percentiles of a time between two instants of resolved chats.
const TIME_TO_RESOLUTION: Metric = Metric {
    unit: "seconds",
    null_rule: "Only resolved sessions count; open sessions have no such time yet. The time includes the response times of the customer.",
    about: Some(expr!(OUTCOME " in ('resolved', 'unknown')")),
    known: Known::If(expr!(OUTCOME " = 'resolved' and " CREATED_AT " is not null")),
    ..RESOLUTION
};

/// Base of rates that need human steps to be configured.
const HANDOFF: Metric = Metric {
    null_rule: "Null with the reason handoff_mapping_missing if human_steps of the source does not list which steps, skills or origins of messages are human: these are never guessed. Completed sessions for which a handoff is unknown are in unknown_count and in neither part.",
    requires: Requires::HumanSteps,
    known: Known::If(expr!(IS_DECIDED " and " IS_HANDED_OFF " is not null")),
    ..RATE
};

/// Metrics of outcome.
pub(super) static METRICS: [Metric; 16] = [
    Metric {
        id: "completed_sessions",
        label: "Completed sessions",
        description: "Sessions completed in the range, resolved or not.",
        formula: "count(outcome in ('resolved', 'unresolved'))",
        measure: Measure::Total(Term::Rows),
        ..RESOLUTION
    },
    Metric {
        id: "resolved_sessions",
        label: "Resolved sessions",
        description: "Sessions completed in the range and not flagged unresolved.",
        formula: "count(outcome = 'resolved')",
        measure: Measure::Total(Term::RowsIf(IS_RESOLVED)),
        ..RESOLUTION
    },
    Metric {
        id: "unresolved_sessions",
        label: "Unresolved sessions",
        description: "Sessions completed in the range and flagged unresolved.",
        formula: "count(outcome = 'unresolved')",
        measure: Measure::Total(Term::RowsIf(IS_UNRESOLVED)),
        ..RESOLUTION
    },
    Metric {
        id: "resolution_rate",
        label: "Resolution rate",
        description: "Resolved sessions among those completed in the range with a known outcome, from 0 to 1. Responses include both parts.",
        formula: "count(outcome = 'resolved') / count(outcome in ('resolved', 'unresolved'))",
        measure: Measure::Ratio(Term::RowsIf(IS_RESOLVED), Term::Rows),
        ..RATE
    },
    Metric {
        id: "unresolved_rate",
        label: "Share unresolved",
        description: "Unresolved sessions among those completed in the range with a known outcome, from 0 to 1: 1 minus the resolution rate.",
        formula: "count(outcome = 'unresolved') / count(outcome in ('resolved', 'unresolved'))",
        measure: Measure::Ratio(Term::RowsIf(IS_UNRESOLVED), Term::Rows),
        ..RATE
    },
    Metric {
        id: "cohort_resolution_rate",
        version: 1,
        label: "Resolution rate of a cohort",
        description: "Sessions resolved by now among those that began in the range and whose status is known, from 0 to 1. It rises as chats are completed; cohort_matured_rate gives the completed share.",
        formula: "count(outcome = 'resolved') / count(outcome in ('resolved', 'unresolved', 'open'))",
        null_rule: "Sessions without a reported outcome are in unknown_count and in neither part.",
        time_column: TimeColumn::StartedAt,
        measure: Measure::Ratio(Term::RowsIf(IS_RESOLVED), Term::Rows),
        about: Some(expr!(OUTCOME " <> 'not_applicable'")),
        known: Known::If(expr!(OUTCOME " in ('resolved', 'unresolved', 'open')")),
        ..RATE
    },
    Metric {
        id: "cohort_matured_rate",
        version: 1,
        label: "Share of a cohort that is completed",
        description: "Sessions completed by now among those that began in the range and whose status is known, from 0 to 1; below 0.95, a rate of the cohort is not final.",
        formula: "count(outcome in ('resolved', 'unresolved')) / count(outcome in ('resolved', 'unresolved', 'open'))",
        null_rule: "Sessions without a reported outcome are in unknown_count and in neither part.",
        time_column: TimeColumn::StartedAt,
        measure: Measure::Ratio(Term::RowsIf(IS_DECIDED), Term::Rows),
        about: Some(expr!(OUTCOME " <> 'not_applicable'")),
        known: Known::If(expr!(OUTCOME " in ('resolved', 'unresolved', 'open')")),
        ..RATE
    },
    Metric {
        id: "durable_resolution_rate",
        label: "Durable resolutions",
        description: "Share of the sessions of known people, resolved in the range and at least 7 days ago, after which the person began no other session at the same account within 7 days, from 0 to 1.",
        formula: "count(no session of the same person_id within 7 days) / count(outcome = 'resolved' and completed_at < now - 7 days and person_id is not null)",
        null_rule: "Sessions resolved less than 7 days ago, or of unidentified people, are in unknown_count and in neither part.",
        measure: Measure::Ratio(Term::RowsIf(expr!(IS_RESOLVED " and " IS_MATURE " and not " CAME_BACK)), Term::Rows),
        about: Some(expr!(OUTCOME " in ('resolved', 'unknown')")),
        known: Known::If(expr!(IS_RESOLVED " and " IS_MATURE)),
        ..RATE
    },
    Metric {
        id: "repeat_contact_rate",
        label: "Repeat contacts",
        description: "Share of the sessions of known people, completed in the range and at least 7 days ago, after which the person began another session at the same account within 7 days, from 0 to 1. A returning person begins a new session, so this is the closest measure of reopened conversations.",
        formula: "count(a session of the same person_id within 7 days) / count(completed_at < now - 7 days and person_id is not null)",
        null_rule: "Sessions completed less than 7 days ago, or of unidentified people, are in unknown_count and in neither part.",
        measure: Measure::Ratio(Term::RowsIf(expr!(IS_DECIDED " and " IS_MATURE " and " CAME_BACK)), Term::Rows),
        known: Known::If(expr!(IS_DECIDED " and " IS_MATURE)),
        ..RATE
    },
    Metric {
        id: "handoff_rate",
        label: "Handed to a human (proxy)",
        description: "Completed sessions that a human took over, among completed sessions for which this is known, from 0 to 1. No provider reports it: it is derived from the list human_steps of the source.",
        formula: "count(is_handed_off) / count(is_handed_off is not null), completed ones",
        measure: Measure::Ratio(Term::RowsIf(expr!(IS_DECIDED " and " IS_HANDED_OFF)), Term::Rows),
        ..HANDOFF
    },
    Metric {
        id: "containment_rate",
        label: "Contained (proxy)",
        description: "Completed sessions that no human took over, from 0 to 1. A contained session is not necessarily resolved.",
        formula: "1 - handoff_rate",
        measure: Measure::Ratio(Term::RowsIf(expr!(IS_DECIDED " and not " IS_HANDED_OFF)), Term::Rows),
        ..HANDOFF
    },
    Metric {
        id: "time_to_resolution_p50_seconds",
        label: "Time to resolution, median",
        description: "Half of the sessions resolved in the range took no longer than this from creation to completion.",
        formula: "percentile_cont(0.5) of completed_at - created_at, resolved ones",
        measure: Measure::Percentile("0.5", TO_COMPLETION),
        ..TIME_TO_RESOLUTION
    },
    Metric {
        id: "time_to_resolution_p90_seconds",
        label: "Time to resolution, 90th percentile",
        description: "Nine of ten sessions resolved in the range took no longer than this from creation to completion.",
        formula: "percentile_cont(0.9) of completed_at - created_at, resolved ones",
        measure: Measure::Percentile("0.9", TO_COMPLETION),
        ..TIME_TO_RESOLUTION
    },
    Metric {
        id: "closing_lag_seconds",
        label: "Closing lag, median",
        description: "Half of the sessions completed in the range were completed no later than this after their last message: it distinguishes work from a timer that closes sessions.",
        formula: "percentile_cont(0.5) of completed_at - last_message_at",
        null_rule: "Completed sessions without a message that has a time are in unknown_count; so are those of which some messages lack a time, measured from the last that has one.",
        version: 3,
        measure: Measure::Percentile("0.5", expr!("extract(epoch from " COMPLETED_AT " - " LAST_MESSAGE_AT ")")),
        about: None,
        known: Known::Has(LAST_MESSAGE_AT),
        is_partial: Some(expr!(UNTIMED_MESSAGE_COUNT " > 0")),
        ..TIME_TO_RESOLUTION
    },
    Metric {
        id: "open_backlog",
        label: "Open chats",
        description: "Chats that were open at the end of the bucket, or are open now: begun and not completed.",
        formula: "count(started_at <= t and (completed_at > t or outcome = 'open'))",
        requires: Requires::Outcomes,
        measure: Measure::State(Some(expr!("(" COMPLETED_AT " is not null or " OUTCOME " = 'open')"))),
        ..STATE
    },
    Metric {
        id: "abandonment_rate",
        version: 1,
        label: "Abandoned by the customer (proxy)",
        description: "Share of the chats that began in the range that are still open, without activity for 24 hours, and whose last message is not the customer's, from 0 to 1.",
        formula: "count(outcome = 'open' and nothing for 24 hours and last_sender_role <> 'user') / count(message_count)",
        null_rule: "Chats whose messages were never fetched are in unknown_count and in neither part.",
        time_column: TimeColumn::StartedAt,
        requires: Requires::Chats,
        measure: Measure::Ratio(
            Term::RowsIf(
                expr!(OUTCOME " = 'open' and " LAST_SENDER_ROLE " <> 'user' and analytics.is_stale_open(" SESSION_STATE ", " STARTED_AT ", " LAST_ACTIVITY_AT ", " LIVE_PARTICIPANTS ", " NOW ")"),
            ),
            Term::Rows,
        ),
        about: Some(IS_CHAT),
        known: Known::Has(MESSAGE_COUNT),
        ..RATE
    },
];
