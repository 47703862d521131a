//! Metrics of what is fetched session by session: participants, transcripts, quality.
//!
//! Only meetings and livestreams have it. A session of which it was never fetched is unknown, and never zero:
//! it is counted where the session stands, since what was not read has no time of its own.

use crate::model::stream::Stream;
use crate::query::metrics::registry::sessions::COUNT;
use crate::query::metrics::registry::{Additivity, Anchor, Metric, Needs, Rows};

const PARTICIPANTS: Needs = Needs::PerSession(Stream::Participants);
const NO_PARTICIPANTS: &str = "s.session_kind in ('meeting', 'livestream') and s.participant_count is null";

/// A metric of presences, in the bucket in which they began.
pub(super) const PRESENCE: Metric = Metric {
    anchor: Anchor::JoinedAt,
    needs: PARTICIPANTS,
    rows: Rows::Presences,
    is_unknown_sql: NO_PARTICIPANTS,
    is_unknown_by_start: true,
    ..COUNT
};

/// A metric of transcripts, in the bucket in which their session ended.
const TRANSCRIPT: Metric = Metric {
    anchor: Anchor::EndedAt,
    needs: Needs::PerSession(Stream::Transcript),
    rows: Rows::Speakers,
    unknown_sql: "count(*) filter (where s.transcript_word_count is null and s.transcript_state <> 'not_enabled' and s.participant_count is distinct from 0)",
    is_unknown_sql: "s.session_kind in ('meeting', 'livestream') and s.ended_at is not null and s.transcript_word_count is null and s.transcript_state <> 'not_enabled' and s.participant_count is distinct from 0",
    ..COUNT
};

/// Mean opinion score: presences weighted by their length.
const QUALITY: Metric = Metric {
    unit: "mean opinion score, 1 to 5",
    null_rule: "A presence without a score or without a length is in unknown_count and in neither part; so is a session whose participants were never fetched.",
    additivity: Additivity::RatioOfSums,
    needs: Needs::PerSession(Stream::Quality),
    ..PRESENCE
};

/// Metrics of what is fetched session by session.
pub(super) static METRICS: [Metric; 10] = [
    Metric {
        id: "participants",
        label: "Participants",
        unit: "presences",
        description: "Presences that began in the range. Whoever joins twice, or with two devices, counts twice.",
        formula: "count(*) of analytics.participants",
        null_rule: "Sessions that began in the range and whose participants were never fetched are in unknown_count. A presence whose beginning the provider did not give is in no range.",
        ..PRESENCE
    },
    Metric {
        id: "participant_minutes",
        label: "Participant minutes",
        unit: "minutes",
        description: "Sum of the lengths of all presences in sessions that began in the range. Presences without a length are left out.",
        formula: "sum(participant_minutes)",
        null_rule: "Sessions whose participants were never fetched, or have no lengths, are in unknown_count; where no session tells any, the figure is null.",
        needs: PARTICIPANTS,
        value_sql: "round(sum(s.participant_minutes), 12)",
        known_sql: "count(s.participant_minutes)",
        unknown_sql: "count(*) - count(s.participant_minutes)",
        is_unknown_sql: "s.session_kind in ('meeting', 'livestream') and s.participant_minutes is null",
        ..COUNT
    },
    Metric {
        id: "participants_per_session",
        label: "Participants per session",
        unit: "ratio",
        description: "Presences in sessions that began in the range, for each of these sessions.",
        formula: "sum(participant_count) / count(participant_count)",
        null_rule: "Sessions whose participants were never fetched are in unknown_count and in neither part.",
        additivity: Additivity::RatioOfSums,
        needs: PARTICIPANTS,
        value_sql: "sum(s.participant_count)::numeric",
        known_sql: "count(s.participant_count)",
        unknown_sql: "count(*) - count(s.participant_count)",
        is_unknown_sql: NO_PARTICIPANTS,
        ..COUNT
    },
    Metric {
        id: "unexplained_minutes",
        label: "Unexplained minutes",
        unit: "minutes",
        description: "What the provider meters minus the lengths of the presences it lists, signed. By unexplained_class: still_live, rounding (less than a minute for each presence), participants_missing (fewer presences than the provider counts, or some without a length), other.",
        formula: "sum(minutes_consumed - participant_minutes)",
        null_rule: "Sessions of which one of the two is not known are in unknown_count and not in the sum.",
        needs: PARTICIPANTS,
        value_sql: "round(sum(s.unexplained_minutes), 12)",
        known_sql: "count(s.unexplained_minutes)",
        unknown_sql: "count(*) - count(s.unexplained_minutes)",
        is_unknown_sql: "s.session_kind in ('meeting', 'livestream') and s.unexplained_minutes is null",
        ..COUNT
    },
    Metric {
        id: "transcript_coverage_rate",
        label: "Transcript coverage",
        unit: "ratio",
        description: "Sessions with a transcript among those that ended in the range and had a participant. A transcript that is pending for less than 24 hours is not missed yet. Reasons: by transcript_state.",
        formula: "count(transcript_state = 'available') / count(participant_count >= 1)",
        null_rule: "Sessions of which nobody knows whether anyone was there are in unknown_count and in neither part.",
        additivity: Additivity::RatioOfSums,
        rows: Rows::Sessions,
        value_sql: "(count(*) filter (where s.transcript_state = 'available' and coalesce(s.participant_count, s.total_participants) >= 1))::numeric",
        known_sql: "count(*) filter (where coalesce(s.participant_count, s.total_participants) >= 1 and not (s.transcript_state = 'pending' and s.ended_at > t.not_missed_since))",
        unknown_sql: "count(*) filter (where coalesce(s.participant_count, s.total_participants) is null)",
        is_unknown_sql: "s.session_kind in ('meeting', 'livestream') and s.ended_at is not null and coalesce(s.participant_count, s.total_participants) is null",
        ..TRANSCRIPT
    },
    Metric {
        id: "transcript_words",
        label: "Words spoken",
        unit: "words",
        description: "Words in the transcripts of sessions that ended in the range.",
        formula: "sum(word_count) of analytics.transcript_segments",
        null_rule: "Sessions whose transcript has not come (pending, expired, failed) are in unknown_count. Sessions of which the provider made none, or in which nobody was, count for nothing.",
        value_sql: "sum(w.words)::numeric",
        known_sql: "count(w.words)",
        ..TRANSCRIPT
    },
    Metric {
        id: "talk_share",
        label: "Share of the talk",
        description: "Words of a speaker among all words of the sessions in which the speaker spoke, by speaker_id; without that dimension it is 1. Sessions count that ended in the range.",
        formula: "sum(word_count) of the speaker / sum(transcript_word_count)",
        null_rule: "As transcript_words. Who is not transcribed has no share.",
        unit: "ratio",
        additivity: Additivity::RatioOfSums,
        value_sql: "sum(w.words)::numeric",
        known_sql: "sum(s.transcript_word_count) filter (where w.words is not null)",
        ..TRANSCRIPT
    },
    Metric {
        id: "quality_coverage_rate",
        label: "Quality coverage",
        unit: "ratio",
        description: "Presences with a quality report among those that began in the range.",
        formula: "count(has_report) of analytics.participant_quality / count(*) of analytics.participants",
        null_rule: "As participants. A report that has not been asked for yet is one that is not there.",
        value_sql: "(count(*) filter (where q.has_report))::numeric",
        ..QUALITY
    },
    Metric {
        id: "audio_mos_avg",
        label: "Quality of sound sent",
        description: "Mean opinion score of the sound sent by those who joined in the range, weighted by the minutes they were there.",
        formula: "sum(audio_mos_avg * duration_seconds) / sum(duration_seconds)",
        value_sql: "round(sum(q.audio_mos_avg * p.duration_seconds) / 60, 12)",
        known_sql: "round(sum(p.duration_seconds) filter (where q.audio_mos_avg is not null) / 60, 12)",
        unknown_sql: "count(*) filter (where q.audio_mos_avg is null or p.duration_seconds is null)",
        ..QUALITY
    },
    Metric {
        id: "audio_in_mos_avg",
        label: "Quality of sound received",
        description: "Mean opinion score of the sound received by those who joined in the range, weighted by the minutes they were there.",
        formula: "sum(audio_in_mos_avg * duration_seconds) / sum(duration_seconds)",
        value_sql: "round(sum(q.audio_in_mos_avg * p.duration_seconds) / 60, 12)",
        known_sql: "round(sum(p.duration_seconds) filter (where q.audio_in_mos_avg is not null) / 60, 12)",
        unknown_sql: "count(*) filter (where q.audio_in_mos_avg is null or p.duration_seconds is null)",
        ..QUALITY
    },
];
