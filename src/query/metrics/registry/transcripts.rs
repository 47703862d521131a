//! Metrics of transcripts, summaries and trails of chats.
//!
//! Data that are fetched session by session and were never fetched are unknown, never zero. Metrics of speech count
//! by the end of the session, since a transcript does not exist before.

use crate::model::stream::Stream;
use crate::query::metrics::column::prelude::*;
use crate::query::metrics::grain::Grain;
use crate::query::metrics::measure::{Known, Measure, Metric, Term};
use crate::query::metrics::registry::volume::{COUNT, IS_CHAT};
use crate::query::metrics::requires::Requires;
use crate::query::metrics::time_column::TimeColumn;

/// People in a session, by its presences or by the provider's own count.
const ATTENDANCE: Expr = expr!("coalesce(" PARTICIPANT_COUNT ", " TOTAL_PARTICIPANTS ")");

/// Neither a message nor a word.
const IS_SILENT: Expr = expr!("coalesce(" MESSAGE_COUNT ", case when " CHAT_STATE " = 'not_enabled' then 0 end) = 0 and " TRANSCRIPT_WORD_COUNT " = 0");

/// Base of metrics of transcripts, in the bucket in which their session ended.
const TRANSCRIPT: Metric = Metric {
    version: 2,
    time_column: TimeColumn::EndedAt,
    requires: Requires::PerSession(Stream::Transcript),
    grain: Grain::Speakers,
    can_overlap: false,
    about: Some(
        expr!("(" TRANSCRIPT_WORD_COUNT " is not null or " TRANSCRIPT_STATE " <> 'not_enabled' and " PARTICIPANT_COUNT " is distinct from 0)"),
    ),
    known: Known::Has(TRANSCRIPT_WORD_COUNT),
    can_be_spread: false,
    ..COUNT
};

/// Base of metrics of the length of a chat's trail.
const TRAIL: Metric = Metric {
    unit: "steps",
    null_rule: "Chats whose state was not fetched are in unknown_count; an empty step counts as one.",
    requires: Requires::Chats,
    can_overlap: false,
    about: Some(IS_CHAT),
    known: Known::Has(TRAIL_LENGTH),
    can_be_spread: false,
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
        grain: Grain::Sessions,
        can_overlap: true,
        measure: Measure::Ratio(
            Term::RowsIf(expr!(TRANSCRIPT_STATE " = 'available' and " ATTENDANCE " >= 1")),
            Term::Rows,
        ),
        about: Some(
            expr!("(" ATTENDANCE " is null or " ATTENDANCE " >= 1 and not (" TRANSCRIPT_STATE " = 'pending' and " ENDED_AT " > " NOW " - interval '24 hours'))"),
        ),
        known: Known::Has(ATTENDANCE),
        ..TRANSCRIPT
    },
    Metric {
        id: "summary_coverage_rate",
        label: "Summary coverage",
        unit: "ratio",
        description: "Sessions with a summary among those that ended in the range and have a transcript.",
        formula: "count(summary_state = 'available' and transcript_state = 'available') / count(transcript_state = 'available')",
        null_rule: "Sessions without a transcript are in neither part.",
        requires: Requires::PerSession(Stream::Summary),
        grain: Grain::Sessions,
        can_overlap: true,
        measure: Measure::Ratio(
            Term::RowsIf(expr!(SUMMARY_STATE " = 'available' and " TRANSCRIPT_STATE " = 'available'")),
            Term::Rows,
        ),
        about: Some(expr!(TRANSCRIPT_STATE " = 'available'")),
        known: Known::All,
        ..TRANSCRIPT
    },
    Metric {
        id: "transcript_words",
        label: "Words spoken",
        unit: "words",
        description: "Words in the transcripts of sessions that ended in the range.",
        formula: "sum(word_count) of analytics.transcript_segments",
        null_rule: "Sessions whose transcript was not received (pending, expired, failed) are in unknown_count. Sessions for which the provider made none, and sessions without participants, add nothing.",
        measure: Measure::Total(Term::Sum(WORDS)),
        ..TRANSCRIPT
    },
    Metric {
        id: "talk_share",
        label: "Talk share",
        version: 3,
        description: "Speaking time of a speaker as a share of that of all speakers, in the sessions in which the speaker spoke, by speaker_id; without that dimension it is 1. If an utterance of a session has no start or no end, the characters of that session count instead, ten of them as one second. Sessions that ended in the range count.",
        formula: "sum(speaking_seconds) of the speaker / sum(all_speaking_seconds) of analytics.session_speakers",
        null_rule: "As transcript_words. A participant who is not transcribed has no share.",
        unit: "ratio",
        measure: Measure::Ratio(Term::Sum(SPEAKING_SECONDS), Term::Sum(ALL_SPEAKING_SECONDS)),
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
        can_overlap: true,
        measure: Measure::Total(Term::RowsIf(expr!(IS_CONNECTED " and " IS_SILENT))),
        about: None,
        known: Known::If(
            expr!("(not " IS_CONNECTED " or " MESSAGE_COUNT " > 0 or " TRANSCRIPT_WORD_COUNT " > 0 or " IS_SILENT ")"),
        ),
        ..TRANSCRIPT
    },
    Metric {
        id: "trail_depth_avg",
        label: "Steps of a chat, mean",
        description: "Steps through the AI's skills, per chat that began in the range.",
        formula: "sum(trail_length) / count(trail_length)",
        measure: Measure::Ratio(Term::Sum(TRAIL_LENGTH), Term::Rows),
        ..TRAIL
    },
    Metric {
        id: "trail_depth_p90",
        label: "Steps of a chat, 90th percentile",
        description: "Nine of ten chats that began in the range took no more steps than this.",
        formula: "percentile_cont(0.9) of trail_length",
        measure: Measure::Percentile("0.9", TRAIL_LENGTH),
        ..TRAIL
    },
];
