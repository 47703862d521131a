//! Sessions: one, or a list by time.
//!
//! The view `analytics.sessions` is a contract with the names of the answer, so its row is the answer. Lists leave
//! out sessions that the provider no longer lists; a session requested by its number is always returned.

pub mod list;

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{AssertSqlSafe, PgPool};
use utoipa::ToSchema;

use crate::query::number::Number;
use crate::query::{ReadError, reading};

/// One conversation, meeting or avatar stream. Contains no personal data.
#[derive(Debug, Clone, Serialize, ToSchema, sqlx::FromRow)]
pub struct Session {
    /// Number of the session; stays the same for the same source and provider id.
    pub session_id: i64,
    /// Slug of the source.
    pub source: String,
    /// Kind of platform.
    pub provider: String,
    /// The provider's id, unchanged.
    pub provider_session_id: String,
    /// `avatar`, `chat`, `meeting` or `livestream`.
    pub session_kind: String,
    /// `live`, `ended`, `open`, `never_started` or `unknown`.
    pub session_state: String,
    /// The provider's status, unchanged.
    pub provider_status: Option<String>,
    /// `resolved`, `unresolved`, `open`, `unknown` (not given) or `not_applicable` (the provider has no outcomes).
    pub outcome: String,
    /// The provider's unresolved flag, completed or not.
    pub is_flagged_unresolved: Option<bool>,
    /// Way of contact, unchanged.
    pub channel: Option<String>,
    /// Pseudonym of the person.
    pub person_id: Option<String>,
    /// The session that this one is a part of, if stored.
    pub parent_session_id: Option<i64>,
    /// True for a breakout room; metrics leave it out.
    pub is_part_of_session: bool,
    /// The provider's grouping of sessions: meeting, feed or avatar.
    pub group_key: Option<String>,
    /// Meeting that it belongs to.
    pub meeting_id: Option<String>,
    /// Title of the meeting, free text. Null unless `titles=true` and the key has `content:read`.
    pub meeting_title: Option<String>,
    /// The provider's own word for the kind of meeting.
    pub session_type: Option<String>,
    /// App of the meeting.
    pub app_id: Option<String>,
    /// Avatar that was shown.
    pub avatar_id: Option<String>,
    /// Voice of the avatar.
    pub voice_name: Option<String>,
    /// Kind of key that the session was created with.
    pub api_key_type: Option<String>,
    /// Workspace of the chat.
    pub workspace_id: Option<String>,
    /// Feed that the chat came from.
    pub feed_id: Option<String>,
    /// Skill that handled the chat.
    pub skill_type: Option<String>,
    /// Subject of the chat.
    pub sub_intent_type: Option<String>,
    /// Video quality of an avatar started through this service.
    pub launch_quality: Option<String>,
    /// Voice of an avatar started through this service.
    pub launch_voice: Option<String>,
    /// Speech-to-text provider of an avatar started through this service.
    pub launch_stt_provider: Option<String>,
    /// Time at which the provider created it.
    pub created_at: DateTime<Utc>,
    /// Time at which it began; the time of creation if the provider gives no start.
    pub started_at: DateTime<Utc>,
    /// Time at which it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// `provider`: given by the provider; `duration`: start plus duration.
    pub ended_at_source: Option<String>,
    /// Time at which a chat was completed.
    pub completed_at: Option<DateTime<Utc>>,
    /// Time of the last activity that the provider reports.
    pub last_activity_at: Option<DateTime<Utc>>,
    /// Wall-clock length, seconds; null: unknown.
    pub duration_seconds: Option<Number>,
    /// Minutes that the provider meters; null: unknown, or not applicable if `minutes_basis` is null.
    pub minutes_consumed: Option<Number>,
    /// `participant_time` or `session_time`; null: the provider meters nothing.
    pub minutes_basis: Option<String>,
    /// Wall-clock length, minutes; null: unknown.
    pub elapsed_minutes: Option<Number>,
    /// True while it is live or open: its values may still change.
    pub is_provisional: bool,
    /// Most people at the same time.
    pub max_concurrent_participants: Option<i32>,
    /// People over the whole session.
    pub total_participants: Option<i32>,
    /// Messages stored; null: never fetched, which is not zero.
    pub message_count: Option<i32>,
    /// Messages of the customer.
    pub user_message_count: Option<i32>,
    /// Messages of the AI or agent.
    pub assistant_message_count: Option<i32>,
    /// Words of customers; null: unknown.
    pub user_word_count: Option<i32>,
    /// Words of the AI or agent.
    pub assistant_word_count: Option<i32>,
    /// Time from the first user message to the first reply, seconds.
    pub first_response_seconds: Option<Number>,
    /// Presences: each joining counts; null: never fetched, which is not zero.
    pub participant_count: Option<i32>,
    /// People among them; each presence of an unidentified person counts as one.
    pub person_count: Option<i32>,
    /// Sum of the lengths of the presences, minutes; null: never fetched, or no length known.
    pub participant_minutes: Option<Number>,
    /// Most presences at the same time, from joining and leaving times.
    pub peak_participants: Option<i32>,
    /// `minutes_consumed` minus `participant_minutes`, signed.
    pub unexplained_minutes: Option<Number>,
    /// Reason for the difference: `still_live`, `rounding`, `participants_missing` or `other`.
    pub unexplained_minutes_class: Option<String>,
    /// `available`, `empty`, `pending`, `not_enabled`, `expired`, `failed` or `not_fetched`; null: not applicable.
    pub transcript_state: Option<String>,
    /// Words of the transcript.
    pub transcript_word_count: Option<i32>,
    /// Values as in `transcript_state`.
    pub summary_state: Option<String>,
    /// State of a meeting's chat, with values as in `transcript_state`.
    pub chat_state: Option<String>,
    /// Presences with a quality report; null: never requested.
    pub quality_report_count: Option<i32>,
    /// The provider's own time of the last change.
    pub provider_updated_at: Option<DateTime<Utc>>,
    /// Time at which it was first stored.
    pub first_seen_at: DateTime<Utc>,
    /// Time at which it last changed in this database.
    pub last_changed_at: DateTime<Utc>,
    /// True once the provider no longer lists it; metrics leave it out.
    pub is_deleted_at_provider: bool,
}

/// The columns of a session, but its title.
const SELECT: &str = "
select s.session_id, s.source, s.provider, s.provider_session_id, s.session_kind, s.session_state, s.provider_status,
       s.outcome, s.is_flagged_unresolved, s.channel, s.person_id, s.parent_session_id, s.is_part_of_session,
       s.group_key, s.meeting_id, s.session_type, s.app_id, s.avatar_id, s.voice_name, s.api_key_type, s.workspace_id,
       s.feed_id, s.skill_type, s.sub_intent_type, s.launch_quality, s.launch_voice, s.launch_stt_provider,
       s.created_at, s.started_at, s.ended_at, s.ended_at_source, s.completed_at, s.last_activity_at,
       s.duration_seconds, s.minutes_consumed, s.minutes_basis, s.elapsed_minutes, s.is_provisional,
       s.max_concurrent_participants, s.total_participants, s.message_count, s.user_message_count,
       s.assistant_message_count, s.user_word_count, s.assistant_word_count, s.first_response_seconds,
       s.participant_count, s.person_count, s.participant_minutes, s.peak_participants, s.unexplained_minutes,
       s.unexplained_minutes_class, s.transcript_state, s.transcript_word_count, s.summary_state, s.chat_state,
       s.quality_report_count,
       s.provider_updated_at, s.first_seen_at, s.last_changed_at, s.is_deleted_at_provider, ";

const WITH_TITLE: &str = "(select c.meeting_title from analytics_pii.session_contacts c
         where c.source_id = s.source_id and c.session_id = s.session_id) as meeting_title
  from analytics.sessions s
 where ";
const WITHOUT_TITLE: &str = "null::text as meeting_title
  from analytics.sessions s
 where ";

/// Returns the statement of sessions up to its conditions. Titles are personal.
fn select(with_titles: bool) -> String {
    format!("{SELECT}{}", if with_titles { WITH_TITLE } else { WITHOUT_TITLE })
}

/// Returns the session with that number, with its title if it may be read.
pub async fn find(pool: &PgPool, session_id: i64, with_title: bool) -> Result<Option<Session>, ReadError> {
    sqlx::query_as(AssertSqlSafe(format!("{} s.session_id = $1", select(with_title))))
        .bind(session_id)
        .fetch_optional(pool)
        .await
        .map_err(reading("a session"))
}
