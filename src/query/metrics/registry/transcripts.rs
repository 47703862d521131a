//! Metrics of transcripts, summaries and trails of chats.
//!
//! Data that are fetched session by session and were never fetched are unknown, never zero. Metrics of speech count
//! by the end of the session, since a transcript does not exist before.

use crate::model::stream::Stream;
use crate::query::metrics::grain::Grain;
use crate::query::metrics::measure::{Additivity, Metric};
use crate::query::metrics::registry::volume::COUNT;
use crate::query::metrics::requires::Requires;
use crate::query::metrics::time_column::TimeColumn;

/// Base of metrics of transcripts, in the bucket in which their session ended.
const TRANSCRIPT: Metric = Metric {
    time_column: TimeColumn::EndedAt,
    requires: Requires::PerSession(Stream::Transcript),
    grain: Grain::Speakers,
    unknown_sql: "count(*) filter (where s.transcript_word_count is null and s.transcript_state <> 'not_enabled' and s.participant_count is distinct from 0)",
    is_unknown_sql: "s.session_kind in ('meeting', 'livestream') and s.ended_at is not null and s.transcript_word_count is null and s.transcript_state <> 'not_enabled' and s.participant_count is distinct from 0",
    amount_sql: None,
    can_overlap: false,
    ..COUNT
};

/// Base of metrics of the length of a chat's trail.
const TRAIL: Metric = Metric {
    unit: "steps",
    null_rule: "Chats whose state was not fetched are in unknown_count; an empty step counts as one.",
    requires: Requires::Chats,
    known_sql: "count(s.trail_length)",
    unknown_sql: "count(*) filter (where s.session_kind = 'chat' and s.trail_length is null)",
    is_unknown_sql: "s.session_kind = 'chat' and s.trail_length is null",
    amount_sql: None,
    can_overlap: false,
    ..COUNT
};

/// Metrics of transcripts, summaries and trails.
pub(super) static METRICS: [Metric; 7] = [
    Metric {
        id: "transcript_coverage_rate",
        label: "Transcript coverage",
        unit: "ratio",
        description: "Sessions with a transcript among those that ended in the range and had a participant. A transcript that has been pending for less than 24 hours does not count as missing. transcript_state gives the reasons.",
        formula: "count(transcript_state = 'available') / count(participant_count >= 1)",
        null_rule: "Sessions of unknown attendance are in unknown_count and in neither part.",
        additivity: Additivity::RatioOfSums,
        grain: Grain::Sessions,
        value_sql: "(count(*) filter (where s.transcript_state = 'available' and coalesce(s.participant_count, s.total_participants) >= 1))::numeric",
        known_sql: "count(*) filter (where coalesce(s.participant_count, s.total_participants) >= 1 and not (s.transcript_state = 'pending' and s.ended_at > t.now - interval '24 hours'))",
        unknown_sql: "count(*) filter (where coalesce(s.participant_count, s.total_participants) is null)",
        is_unknown_sql: "s.session_kind in ('meeting', 'livestream') and s.ended_at is not null and coalesce(s.participant_count, s.total_participants) is null",
        can_overlap: true,
        ..TRANSCRIPT
    },
    Metric {
        id: "summary_coverage_rate",
        label: "Summary coverage",
        unit: "ratio",
        description: "Sessions with a summary among those that ended in the range and have a transcript.",
        formula: "count(summary_state = 'available' and transcript_state = 'available') / count(transcript_state = 'available')",
        null_rule: "Sessions without a transcript are in neither part.",
        additivity: Additivity::RatioOfSums,
        requires: Requires::PerSession(Stream::Summary),
        grain: Grain::Sessions,
        value_sql: "(count(*) filter (where s.summary_state = 'available' and s.transcript_state = 'available'))::numeric",
        known_sql: "count(*) filter (where s.transcript_state = 'available')",
        unknown_sql: "0::bigint",
        is_unknown_sql: "false",
        can_overlap: true,
        ..TRANSCRIPT
    },
    Metric {
        id: "transcript_words",
        label: "Words spoken",
        unit: "words",
        description: "Words in the transcripts of sessions that ended in the range.",
        formula: "sum(word_count) of analytics.transcript_segments",
        null_rule: "Sessions whose transcript was not received (pending, expired, failed) are in unknown_count. Sessions for which the provider made none, and sessions without participants, add nothing.",
        value_sql: "sum(w.words)::numeric",
        known_sql: "count(w.words)",
        ..TRANSCRIPT
    },
    Metric {
        id: "talk_share",
        label: "Talk share",
        version: 2,
        description: "Speaking time of a speaker as a share of that of all speakers, in the sessions in which the speaker spoke, by speaker_id; without that dimension it is 1. If an utterance of a session has no start or no end, the characters of that session count instead, ten of them as one second. Sessions that ended in the range count.",
        formula: "sum(speaking_seconds) of the speaker / sum(all_speaking_seconds) of analytics.session_speakers",
        null_rule: "As transcript_words. A participant who is not transcribed has no share.",
        unit: "ratio",
        additivity: Additivity::RatioOfSums,
        value_sql: "sum(w.speaking_seconds)",
        known_sql: "coalesce(sum(w.all_speaking_seconds), 0)",
        ..TRANSCRIPT
    },
    Metric {
        id: "silent_sessions",
        label: "Silent sessions",
        description: "Meetings that ended in the range and had a participant, but no message and no word in the transcript.",
        formula: "count(is_connected and message_count = 0 and transcript_word_count = 0)",
        null_rule: "Meetings for which this is unknown, because the chat or the transcript is missing, are in unknown_count: a meeting without a transcript does not count as silent. A known message or word proves that the meeting was not silent.",
        requires: Requires::PerSession(Stream::Transcript),
        grain: Grain::Sessions,
        value_sql: "(count(*) filter (where s.is_connected and coalesce(s.message_count, case when s.chat_state = 'not_enabled' then 0 end) = 0 and s.transcript_word_count = 0))::numeric",
        known_sql: "count(*) filter (where not s.is_connected or s.message_count > 0 or s.transcript_word_count > 0 or coalesce(s.message_count, case when s.chat_state = 'not_enabled' then 0 end) = 0 and s.transcript_word_count = 0)",
        unknown_sql: "count(*) filter (where not coalesce(not s.is_connected or s.message_count > 0 or s.transcript_word_count > 0 or coalesce(s.message_count, case when s.chat_state = 'not_enabled' then 0 end) = 0 and s.transcript_word_count = 0, false))",
        is_unknown_sql: "s.session_kind in ('meeting', 'livestream') and s.ended_at is not null and not coalesce(not s.is_connected or s.message_count > 0 or s.transcript_word_count > 0 or coalesce(s.message_count, case when s.chat_state = 'not_enabled' then 0 end) = 0 and s.transcript_word_count = 0, false)",
        can_overlap: true,
        ..TRANSCRIPT
    },
    Metric {
        id: "trail_depth_avg",
        label: "Steps of a chat, mean",
        description: "Steps through the AI's skills, per chat that began in the range.",
        formula: "sum(trail_length) / count(trail_length)",
        additivity: Additivity::RatioOfSums,
        value_sql: "sum(s.trail_length)::numeric",
        ..TRAIL
    },
    Metric {
        id: "trail_depth_p90",
        label: "Steps of a chat, 90th percentile",
        description: "Nine of ten chats that began in the range took no more steps than this.",
        formula: "percentile_cont(0.9) of trail_length",
        additivity: Additivity::Percentile,
        value_sql: "round((percentile_cont(0.9) within group (order by s.trail_length))::numeric, 6)",
        ..TRAIL
    },
];
