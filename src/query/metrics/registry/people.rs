//! Metrics of people: their number, frequency and duration of visits.
//!
//! A person is a pseudonym, the same for the same person at the same account. Each presence of an unidentified
//! participant counts as one person. Distinct people are counted separately for each cell and for the whole, so that
//! a person counts once in either. They are compared as text, byte by byte: pairs would take three times as long to
//! sort.

use crate::model::stream::Stream;
use crate::query::metrics::grain::Grain;
use crate::query::metrics::measure::{Additivity, Metric};
use crate::query::metrics::registry::volume::COUNT;
use crate::query::metrics::requires::Requires;
use crate::query::metrics::time_column::TimeColumn;

const PARTICIPANTS: Requires = Requires::PerSession(Stream::Participants);
const NO_PARTICIPANTS: &str = "s.session_kind in ('meeting', 'livestream') and s.participant_count is null";

/// Base of metrics of presences, in the bucket in which they began.
pub(super) const PRESENCE: Metric = Metric {
    time_column: TimeColumn::JoinedAt,
    requires: PARTICIPANTS,
    grain: Grain::Presences,
    is_unknown_sql: NO_PARTICIPANTS,
    is_unknown_by_start: true,
    amount_sql: None,
    ..COUNT
};

/// Base of ratios over sessions with participants.
const PER_SESSION: Metric = Metric {
    unit: "ratio",
    null_rule: "Sessions whose participants were never fetched are in unknown_count and in neither part.",
    additivity: Additivity::RatioOfSums,
    requires: PARTICIPANTS,
    unknown_sql: "count(*) - count(s.participant_count)",
    is_unknown_sql: NO_PARTICIPANTS,
    amount_sql: None,
    can_overlap: false,
    ..COUNT
};

/// Base of metrics of distinct people.
const PEOPLE: Metric = Metric {
    unit: "people",
    additivity: Additivity::Distinct,
    requires: Requires::People,
    grain: Grain::Visits,
    known_sql: "count(*)",
    is_unknown_by_start: true,
    is_unknown_sql: NO_PARTICIPANTS,
    amount_sql: None,
    ..COUNT
};

/// Metrics of people.
pub(super) static METRICS: [Metric; 11] = [
    Metric {
        id: "participants",
        label: "Participants",
        unit: "presences",
        description: "Presences that began in the range. A person who joins twice, or with two devices, counts twice.",
        formula: "count(*) of analytics.participants",
        null_rule: "Sessions that began in the range and whose participants were never fetched are in unknown_count. A presence without a start time from the provider is in no range.",
        ..PRESENCE
    },
    Metric {
        id: "unique_people",
        label: "Distinct people",
        description: "Distinct people in sessions that began in the range: contacts of chats and participants of meetings. An unidentified person counts once for each chat or presence. The same person at two accounts counts twice.",
        formula: "count(distinct source_id, visitor) of analytics.visits",
        null_rule: "Chats and presences of unidentified people, and sessions whose participants were never fetched, are in unknown_count.",
        value_sql: "count(distinct (v.source_id || ' ' || v.visitor) collate \"C\")::numeric",
        unknown_sql: "count(*) filter (where not v.is_identified)",
        ..PEOPLE
    },
    Metric {
        id: "participants_per_session",
        label: "Participants per session",
        description: "Presences per session that began in the range.",
        formula: "sum(participant_count) / count(participant_count)",
        value_sql: "sum(s.participant_count)::numeric",
        known_sql: "count(s.participant_count)",
        ..PER_SESSION
    },
    Metric {
        id: "attendance_ratio",
        label: "Attendance",
        description: "Share of the time that people attended, of the time for which all of them could have attended, in meetings that began in the range and are over, from 0 to 1. Overlapping presences of a person count once.",
        formula: "sum(attended_seconds) / sum(duration_seconds * person_count)",
        version: 2,
        null_rule: "Running meetings are left out; ended meetings whose participants were never fetched, or one of whose presences has no known end, are in unknown_count and in neither part.",
        value_sql: "sum(s.attended_seconds) filter (where s.duration_seconds is not null)",
        known_sql: "coalesce(sum(s.duration_seconds * s.person_count) filter (where s.attended_seconds is not null), 0)",
        unknown_sql: "count(*) filter (where not s.is_provisional and (s.attended_seconds is null or s.duration_seconds is null))",
        is_unknown_sql: "s.session_kind in ('meeting', 'livestream') and not s.is_provisional and (s.attended_seconds is null or s.duration_seconds is null)",
        ..PER_SESSION
    },
    Metric {
        id: "rejoin_rate",
        label: "Rejoins",
        description: "People with several presences in a session among the people of sessions that began in the range, from 0 to 1.",
        formula: "sum(rejoined_person_count) / sum(person_count)",
        value_sql: "sum(s.rejoined_person_count)::numeric",
        known_sql: "coalesce(sum(s.person_count) filter (where s.rejoined_person_count is not null), 0)",
        unknown_sql: "count(*) - count(s.rejoined_person_count)",
        is_unknown_sql: "s.session_kind in ('meeting', 'livestream') and s.rejoined_person_count is null",
        ..PER_SESSION
    },
    Metric {
        id: "late_join_p50_seconds",
        label: "Late join, median",
        unit: "seconds",
        description: "Half of the participants who joined in the range, without the first to join each session and without rejoins, joined no later than this after the start of the session.",
        formula: "percentile_cont(0.5) of joined_at - started_at, without the first to join and without rejoins",
        null_rule: "As participants.",
        additivity: Additivity::Percentile,
        value_sql: "round((percentile_cont(0.5) within group (order by extract(epoch from p.joined_at - s.started_at)) filter (where p.joined_at > s.first_joined_at and not p.is_rejoin))::numeric, 6)",
        known_sql: "count(*) filter (where p.joined_at > s.first_joined_at and not p.is_rejoin)",
        ..PRESENCE
    },
    Metric {
        id: "solo_sessions",
        label: "Sessions with one person",
        unit: "sessions",
        description: "Meetings that began in the range, have ended, and had exactly one person.",
        formula: "count(session_state = 'ended' and person_count = 1)",
        null_rule: "Meetings that have ended and whose participants were never fetched are in unknown_count.",
        additivity: Additivity::Sum,
        can_overlap: true,
        value_sql: "(count(*) filter (where s.session_state = 'ended' and s.person_count = 1))::numeric",
        known_sql: "count(s.person_count) filter (where s.session_state = 'ended')",
        unknown_sql: "count(*) filter (where s.session_state = 'ended' and s.person_count is null)",
        is_unknown_sql: "s.session_kind in ('meeting', 'livestream') and s.session_state = 'ended' and s.person_count is null",
        ..PER_SESSION
    },
    Metric {
        id: "new_people",
        label: "New people",
        description: "Distinct known people whose first stored session began in the bucket.",
        formula: "count(distinct source_id, person_id) of analytics.visits where first_visit_at >= start of the bucket",
        null_rule: "Chats and presences of unidentified people are in unknown_count. First means since the history of the source begins.",
        value_sql: "count(distinct (v.source_id || ' ' || v.person_id) collate \"C\") filter (where v.first_visit_at >= b.bucket_start)::numeric",
        known_sql: "count(v.person_id)",
        unknown_sql: "count(*) filter (where not v.is_identified)",
        ..PEOPLE
    },
    Metric {
        id: "returning_people",
        label: "Returning people",
        description: "Distinct known people with a session in the bucket and an earlier one before the bucket.",
        formula: "count(distinct source_id, person_id) of analytics.visits where first_visit_at < start of the bucket",
        null_rule: "Chats and presences of unidentified people are in unknown_count. Earlier means since the history of the source begins.",
        value_sql: "count(distinct (v.source_id || ' ' || v.person_id) collate \"C\") filter (where v.first_visit_at < b.bucket_start)::numeric",
        known_sql: "count(v.person_id)",
        unknown_sql: "count(*) filter (where not v.is_identified)",
        ..PEOPLE
    },
    Metric {
        id: "identified_rate",
        label: "Share identified",
        unit: "ratio",
        description: "Chats and presences of known people among all, in sessions that began in the range, from 0 to 1. It shows how reliable metrics of people are.",
        formula: "count(is_identified) / count(*) of analytics.visits",
        null_rule: "Sessions whose participants were never fetched are in unknown_count and in neither part.",
        additivity: Additivity::RatioOfSums,
        value_sql: "(count(*) filter (where v.is_identified))::numeric",
        unknown_sql: "0::bigint",
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
        additivity: Additivity::RatioOfSums,
        grain: Grain::Cohorts,
        value_sql: "count(distinct (v.source_id, v.person_id)) filter (where v.first_visit_at + (c.age_weeks + 1) * interval '168 hours' <= t.now and exists (select 1 from analytics.visits later where later.source_id = v.source_id and later.person_id = v.person_id and later.started_at >= v.first_visit_at + c.age_weeks * interval '168 hours' and later.started_at < v.first_visit_at + (c.age_weeks + 1) * interval '168 hours' and later.is_counted))::numeric",
        known_sql: "count(distinct (v.source_id, v.person_id)) filter (where v.first_visit_at + (c.age_weeks + 1) * interval '168 hours' <= t.now)",
        unknown_sql: "count(distinct (v.source_id, v.person_id)) filter (where v.first_visit_at + (c.age_weeks + 1) * interval '168 hours' > t.now)",
        is_unknown_by_start: false,
        is_unknown_sql: "false",
        ..PEOPLE
    },
];
