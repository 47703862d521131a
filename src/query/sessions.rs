//! Sessions: one, or a list by time.
//!
//! The view `analytics.sessions` is a contract with the names of the answer, so its row is the answer. Lists leave
//! out sessions that the provider no longer lists; a session requested by its number is always returned.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::{AssertSqlSafe, PgPool, Postgres, QueryBuilder};
use utoipa::ToSchema;

use crate::query::list::push_any;
use crate::query::number::Number;
use crate::query::range::TimeRange;
use crate::query::{ReadError, reading};

/// One conversation, meeting or avatar stream. Contains no personal data.
#[derive(Debug, Clone, Serialize, ToSchema, sqlx::FromRow)]
pub struct Session {
    /// Number of the session; stays the same for the same source and provider id.
    pub session_id: i64,
    /// Slug of the source.
    #[schema(example = "konvo-eu")]
    pub source: String,
    /// Kind of platform.
    #[schema(example = "konvo")]
    pub provider: String,
    /// The provider's id, unchanged.
    pub provider_session_id: String,
    /// `avatar`, `chat`, `meeting` or `livestream`.
    #[schema(example = "chat")]
    pub session_kind: String,
    /// `live`, `ended`, `open`, `never_started` or `unknown`.
    #[schema(example = "ended")]
    pub session_state: String,
    /// The provider's status, unchanged.
    pub provider_status: Option<String>,
    /// `resolved`, `unresolved`, `open`, `unknown` (not given) or `not_applicable` (the provider has no outcomes).
    #[schema(example = "resolved")]
    pub outcome: String,
    /// The provider's unresolved flag, completed or not.
    pub is_flagged_unresolved: Option<bool>,
    /// Way of contact, unchanged.
    #[schema(example = "whatsapp")]
    pub channel: Option<String>,
    /// Pseudonym of the person.
    pub person_id: Option<String>,
    /// The session that this one is a part of, if stored.
    pub parent_session_id: Option<i64>,
    /// True for a breakout room; metrics leave it out.
    pub is_part_of_session: bool,
    /// The provider's grouping of sessions: meeting, feed or avatar.
    pub group_key: Option<String>,
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
    /// Words of the customer.
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
    #[schema(example = "rounding")]
    pub unexplained_minutes_class: Option<String>,
    /// `available`, `empty`, `pending`, `not_enabled`, `expired`, `failed` or `not_fetched`; null: not applicable.
    #[schema(example = "available")]
    pub transcript_state: Option<String>,
    /// Words of the transcript.
    pub transcript_word_count: Option<i32>,
    /// Values as in `transcript_state`.
    #[schema(example = "pending")]
    pub summary_state: Option<String>,
    /// State of a meeting's chat, with values as in `transcript_state`.
    #[schema(example = "not_enabled")]
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

const SELECT: &str = "
select s.session_id, s.source, s.provider, s.provider_session_id, s.session_kind, s.session_state, s.provider_status,
       s.outcome, s.is_flagged_unresolved, s.channel, s.person_id, s.parent_session_id, s.is_part_of_session,
       s.group_key, s.created_at, s.started_at, s.ended_at, s.ended_at_source, s.completed_at, s.last_activity_at,
       s.duration_seconds, s.minutes_consumed, s.minutes_basis, s.elapsed_minutes, s.is_provisional,
       s.max_concurrent_participants, s.total_participants, s.message_count, s.user_message_count,
       s.assistant_message_count, s.user_word_count, s.assistant_word_count, s.first_response_seconds,
       s.participant_count, s.person_count, s.participant_minutes, s.peak_participants, s.unexplained_minutes,
       s.unexplained_minutes_class, s.transcript_state, s.transcript_word_count, s.summary_state, s.chat_state,
       s.quality_report_count,
       s.provider_updated_at, s.first_seen_at, s.last_changed_at, s.is_deleted_at_provider
  from analytics.sessions s
 where ";

/// Filter of sessions. Empty lists mean all.
#[derive(Debug, Clone, Default)]
pub struct SessionFilter {
    /// Any of these sources; `None` means all.
    pub source_ids: Option<Vec<i32>>,
    /// Any of these channels.
    pub channels: Vec<String>,
    /// Any of these outcomes.
    pub outcomes: Vec<String>,
    /// Any of these states.
    pub session_states: Vec<String>,
    /// Any of these kinds.
    pub session_kinds: Vec<String>,
    /// Any of these provider ids.
    pub provider_session_ids: Vec<String>,
    /// Only sessions with a transcript, or only those without.
    pub has_transcript: Option<bool>,
    /// Only sessions that started in this range.
    pub started: Option<TimeRange>,
}

/// Order by start, then by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionOrder {
    /// Newest first.
    NewestFirst,
    /// Oldest first.
    OldestFirst,
}

/// Sort key of a session.
pub type SessionKey = (DateTime<Utc>, i64);

/// Returns the session with that number.
pub async fn find(pool: &PgPool, session_id: i64) -> Result<Option<Session>, ReadError> {
    sqlx::query_as(AssertSqlSafe(format!("{SELECT} s.session_id = $1")))
        .bind(session_id)
        .fetch_optional(pool)
        .await
        .map_err(reading("a session"))
}

/// Returns up to `limit` sessions that pass the filter and come after `after`.
pub async fn list(
    pool: &PgPool,
    filter: &SessionFilter,
    order: SessionOrder,
    after: Option<SessionKey>,
    limit: i64,
) -> Result<Vec<Session>, ReadError> {
    let mut sql = QueryBuilder::<Postgres>::new(SELECT);
    sql.push("not s.is_deleted_at_provider");
    match filter.source_ids.as_deref() {
        // One source: its index gives the order.
        Some([source_id]) => _ = sql.push(" and s.source_id = ").push_bind(*source_id),
        Some(source_ids) => _ = sql.push(" and s.source_id = any(").push_bind(source_ids.to_vec()).push(")"),
        None => {}
    }
    push_any(
        &mut sql,
        [
            ("s.channel", &filter.channels),
            ("s.outcome", &filter.outcomes),
            ("s.session_state", &filter.session_states),
            ("s.session_kind", &filter.session_kinds),
            ("s.provider_session_id", &filter.provider_session_ids),
        ],
    );
    if let Some(started) = filter.started {
        sql.push(" and s.started_at >= ").push_bind(started.from).push(" and s.started_at < ").push_bind(started.to);
    }
    match filter.has_transcript {
        Some(true) => _ = sql.push(" and s.transcript_state = 'available'"),
        Some(false) => _ = sql.push(" and s.transcript_state is distinct from 'available'"),
        None => {}
    }
    let (comparison, direction) = match order {
        SessionOrder::NewestFirst => (" < (", "desc"),
        SessionOrder::OldestFirst => (" > (", "asc"),
    };
    if let Some((started_at, session_id)) = after {
        sql.push(" and (s.started_at, s.session_id)").push(comparison);
        sql.push_bind(started_at).push(", ").push_bind(session_id).push(")");
    }
    sql.push(format_args!(" order by s.started_at {direction}, s.session_id {direction} limit ")).push_bind(limit);
    sql.build_query_as().fetch_all(pool).await.map_err(reading("the sessions"))
}
