//! Metrics of people: their number, frequency and duration of visits.
//!
//! A person is a pseudonym, the same for the same person at the same account. Each presence of an unidentified
//! participant counts as one person. Distinct people are counted separately for each cell and for the whole, so that
//! a person counts once in either. They are compared as text, byte by byte: pairs would take three times as long to
//! sort.

use crate::model::stream::Stream;
use crate::query::metrics::column::prelude::*;
use crate::query::metrics::grain::Grain;
use crate::query::metrics::measure::{Known, Measure, Metric, Term};
use crate::query::metrics::registry::volume::COUNT;
use crate::query::metrics::requires::Requires;
use crate::query::metrics::time_column::TimeColumn;

const PARTICIPANTS: Requires = Requires::PerSession(Stream::Participants);
const WHO: Expr = expr!("(" VISIT_SOURCE_ID " || ' ' || " VISIT_PERSON_ID ") collate \"C\"");
const IS_WEEK_OVER: Expr = expr!(FIRST_VISIT_AT " + (" AGE_WEEKS " + 1) * interval '168 hours' <= " NOW);

/// Base of metrics of presences, in the bucket in which they began.
pub(super) const PRESENCE: Metric = Metric {
    version: 2,
    time_column: TimeColumn::JoinedAt,
    requires: PARTICIPANTS,
    grain: Grain::Presences,
    can_be_spread: false,
    ..COUNT
};

/// Base of ratios over sessions with participants.
const PER_SESSION: Metric = Metric {
    unit: "ratio",
    null_rule: "Sessions whose participants were never fetched are in unknown_count and in neither part.",
    requires: PARTICIPANTS,
    can_overlap: false,
    known: Known::Has(PARTICIPANT_COUNT),
    can_be_spread: false,
    ..COUNT
};

/// Base of metrics of distinct people.
const PEOPLE: Metric =
    Metric { unit: "people", requires: Requires::People, grain: Grain::Visits, can_be_spread: false, ..COUNT };

/// Metrics of people.
pub(super) static METRICS: [Metric; 11] = [
    Metric {
        id: "participants",
        label: "Participants",
        unit: "presences",
        description: "Presences that began in the range. A person who joins twice, or with two devices, counts twice.",
        formula: "count(*) of analytics.participants",
        null_rule: "Sessions that began in the range and whose participants were never fetched are in unknown_count.",
        ..PRESENCE
    },
    Metric {
        id: "unique_people",
        label: "Distinct people",
        description: "Distinct people in sessions that began in the range: contacts of chats and participants of meetings. An unidentified person counts once for each chat or presence. The same person at two accounts counts twice.",
        formula: "count(distinct source_id, visitor) of analytics.visits",
        null_rule: "Chats and presences of unidentified people, and sessions whose participants were never fetched, are in unknown_count.",
        measure: Measure::Distinct(expr!("(" VISIT_SOURCE_ID " || ' ' || " VISITOR ") collate \"C\""), None),
        is_partial: Some(expr!("not " IS_IDENTIFIED)),
        ..PEOPLE
    },
    Metric {
        id: "participants_per_session",
        label: "Participants per session",
        description: "Presences per session that began in the range.",
        formula: "sum(participant_count) / count(participant_count)",
        measure: Measure::Ratio(Term::Sum(PARTICIPANT_COUNT), Term::Rows),
        ..PER_SESSION
    },
    Metric {
        id: "attendance_ratio",
        label: "Attendance",
        description: "Share of the time that people attended, of the time for which all of them could have attended, in meetings that began in the range and are over, from 0 to 1. Overlapping presences of a person count once.",
        formula: "sum(attended_seconds) / sum(duration_seconds * person_count)",
        version: 2,
        null_rule: "Running meetings are left out; ended meetings whose participants were never fetched, or one of whose presences has no known end, are in unknown_count and in neither part.",
        measure: Measure::Ratio(Term::Sum(ATTENDED_SECONDS), Term::Sum(expr!(DURATION_SECONDS " * " PERSON_COUNT))),
        about: Some(
            expr!("(not " IS_PROVISIONAL " or " ATTENDED_SECONDS " is not null and " DURATION_SECONDS " is not null)"),
        ),
        known: Known::If(expr!(ATTENDED_SECONDS " is not null and " DURATION_SECONDS " is not null")),
        ..PER_SESSION
    },
    Metric {
        id: "rejoin_rate",
        label: "Rejoins",
        description: "People with several presences in a session among the people of sessions that began in the range, from 0 to 1.",
        formula: "sum(rejoined_person_count) / sum(person_count)",
        measure: Measure::Ratio(Term::Sum(REJOINED_PERSON_COUNT), Term::Sum(PERSON_COUNT)),
        known: Known::Has(REJOINED_PERSON_COUNT),
        ..PER_SESSION
    },
    Metric {
        id: "late_join_p50_seconds",
        label: "Late join, median",
        unit: "seconds",
        description: "Half of the participants who joined in the range, without the first to join each session and without rejoins, joined no later than this after the start of the session.",
        formula: "percentile_cont(0.5) of joined_at - started_at, without the first to join and without rejoins",
        null_rule: "As participants.",
        measure: Measure::Percentile("0.5", expr!("extract(epoch from " JOINED_AT " - " STARTED_AT ")")),
        about: Some(expr!(JOINED_AT " > " FIRST_JOINED_AT " and not " IS_REJOIN)),
        ..PRESENCE
    },
    Metric {
        id: "solo_sessions",
        label: "Sessions with one person",
        unit: "sessions",
        description: "Meetings that began in the range, have ended, and had exactly one person.",
        formula: "count(session_state = 'ended' and person_count = 1)",
        null_rule: "Meetings that have ended and whose participants were never fetched are in unknown_count.",
        can_overlap: true,
        measure: Measure::Total(Term::RowsIf(expr!(SESSION_STATE " = 'ended' and " PERSON_COUNT " = 1"))),
        about: Some(expr!(SESSION_STATE " = 'ended'")),
        known: Known::Has(PERSON_COUNT),
        ..PER_SESSION
    },
    Metric {
        id: "new_people",
        label: "New people",
        description: "Distinct known people whose first stored session began in the bucket.",
        formula: "count(distinct source_id, person_id) of analytics.visits where first_visit_at >= start of the bucket",
        null_rule: "Chats and presences of unidentified people are in unknown_count. First means since the history of the source begins.",
        measure: Measure::Distinct(WHO, Some(expr!(FIRST_VISIT_AT " >= " BUCKET_START))),
        known: Known::If(IS_IDENTIFIED),
        ..PEOPLE
    },
    Metric {
        id: "returning_people",
        label: "Returning people",
        description: "Distinct known people with a session in the bucket and an earlier one before the bucket.",
        formula: "count(distinct source_id, person_id) of analytics.visits where first_visit_at < start of the bucket",
        null_rule: "Chats and presences of unidentified people are in unknown_count. Earlier means since the history of the source begins.",
        measure: Measure::Distinct(WHO, Some(expr!(FIRST_VISIT_AT " < " BUCKET_START))),
        known: Known::If(IS_IDENTIFIED),
        ..PEOPLE
    },
    Metric {
        id: "identified_rate",
        label: "Share identified",
        unit: "ratio",
        description: "Chats and presences of known people among all, in sessions that began in the range, from 0 to 1. It shows how reliable metrics of people are.",
        formula: "count(is_identified) / count(*) of analytics.visits",
        null_rule: "Sessions whose participants were never fetched are in unknown_count and in neither part.",
        measure: Measure::Ratio(Term::RowsIf(IS_IDENTIFIED), Term::Rows),
        ..PEOPLE
    },
    Metric {
        id: "retention_rate",
        label: "Retention",
        unit: "ratio",
        description: "Share of the people whose first session began in the range that have another one a given number of weeks later, from 0 to 1: in the first week after (days 8 to 14), or by age_weeks in each of twelve weeks.",
        formula: "count(distinct person_id with a session in [first + n weeks, first + n + 1 weeks)) / count(distinct person_id with first + n + 1 weeks <= now)",
        null_rule: "People whose week is not over yet are in unknown_count and in neither part; if no such week is over, the value is null.",
        time_column: TimeColumn::FirstVisitAt,
        grain: Grain::Cohorts,
        measure: Measure::Ratio(Term::RowsIf(expr!(IS_WEEK_OVER " and " CAME_IN_WEEK)), Term::Rows),
        known: Known::If(IS_WEEK_OVER),
        ..PEOPLE
    },
];
