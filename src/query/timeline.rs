//! The timeline of one session: all its events in one order.
//!
//! States, presences, messages and utterances come from four views and are merged by time. Within one instant a
//! session begins before its participants join, and ends after all of them have left. Events without a time are not
//! listed, only counted. Names and texts are personal data and live in `analytics_pii`.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;
use utoipa::ToSchema;

use crate::query::availability::Parts;
use crate::query::{ReadError, reading};

/// An event of a session.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct TimelineEvent {
    /// Time of the event.
    pub at: DateTime<Utc>,
    /// `created`, `started`, `ended`, `completed` (the session), `joined`, `left` (a participant), `message` or
    /// `segment` (an utterance).
    pub event: String,
    /// The presence, as in `/participants`; null: an event of the session, or unknown.
    pub participant_id: Option<i64>,
    /// Name of the person. Personal.
    pub name: Option<String>,
    /// Text of the message or utterance. Personal.
    pub body: Option<String>,
    /// Position in `/messages` or `/transcript`.
    pub position: Option<i32>,
    /// True if the provider gave no leaving time and the end of the session is used.
    pub is_derived: bool,
    /// Of a message: `user`, `assistant`, `participant` or `unknown`. For the page: `/messages` has it for programs.
    #[serde(skip)]
    pub sender_role: Option<String>,
    #[serde(skip)]
    rank: i32,
    #[serde(skip)]
    id: String,
}

/// Sort key of an event.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct EventKey {
    /// Time of the event.
    pub at: DateTime<Utc>,
    rank: i32,
    position: i32,
    id: String,
}

impl EventKey {
    /// Returns the key before all events of an instant.
    pub fn before(at: DateTime<Utc>) -> Self {
        Self { at, rank: -1, position: 0, id: String::new() }
    }
}

impl TimelineEvent {
    /// Returns its sort key.
    pub fn key(&self) -> EventKey {
        EventKey { at: self.at, rank: self.rank, position: self.position.unwrap_or(0), id: self.id.clone() }
    }
}

/// Returns up to `limit` events after `after`.
pub async fn list(
    pool: &PgPool,
    of: &Parts,
    after: Option<EventKey>,
    limit: i64,
) -> Result<Vec<TimelineEvent>, ReadError> {
    let after = after.unwrap_or_else(|| EventKey::before(DateTime::UNIX_EPOCH));
    sqlx::query_as!(
        TimelineEvent,
        r#"
        select at as "at!", event as "event!", participant_id as "participant_id?", name as "name?", body as "body?",
               position as "position?", is_derived as "is_derived!", sender_role as "sender_role?", rank as "rank!",
               id as "id!"
          from (select state.at, state.rank, state.event, null::bigint as participant_id, null as name, null as body,
                       null::int as position, state.event = 'ended' and s.ended_at_source = 'duration' as is_derived,
                       null as sender_role, '' as id
                  from analytics.sessions s
                 cross join lateral (values (s.created_at, 0, 'created'), (s.started_at, 1, 'started'),
                                            (s.completed_at, 6, 'completed'), (s.ended_at, 7, 'ended'))
                       state (at, rank, event)
                 where s.source_id = $1 and s.session_id = $2
                union all
                select moved.at, moved.rank, moved.event, p.participant_id, name.display_name, null, null,
                       moved.is_derived, null, p.provider_participant_id
                  from analytics.participants p
                  join analytics_pii.participants name using (source_id, session_id, provider_participant_id)
                 cross join lateral (values (p.joined_at, 2, 'joined', false),
                                            (p.left_at, 5, 'left', p.is_left_at_derived))
                       moved (at, rank, event, is_derived)
                 where p.source_id = $1 and p.session_id = $2
                union all
                select m.sent_at, 3, 'message', m.participant_id, name.display_name, text.body, m.position, false,
                       m.sender_role, m.provider_message_id
                  from analytics.messages m
                  join analytics_pii.messages text using (source_id, session_id, provider_message_id)
                  left join analytics_pii.participants name
                    on name.source_id = m.source_id and name.session_id = m.session_id
                   and name.participant_id = m.participant_id
                 where m.source_id = $1 and m.session_id = $2
                union all
                select g.started_at, 4, 'segment', g.participant_id, text.speaker_label, text.body, g.position, false,
                       null, ''
                  from analytics.transcript_segments g
                  join analytics_pii.transcript_segments text using (source_id, session_id, position)
                 where g.source_id = $1 and g.session_id = $2) happened
         where (at, rank, coalesce(position, 0), id collate "C")
               > ($3::timestamptz, $4::int, $5::int, $6::text collate "C")
         order by at, rank, coalesce(position, 0), id collate "C"
         limit $7
        "#,
        of.source_id,
        of.session_id,
        after.at,
        after.rank,
        after.position,
        after.id,
        limit
    )
    .fetch_all(pool)
    .await
    .map_err(reading("a timeline"))
}

/// Returns the number of presences, messages and utterances of a session that have no time.
pub async fn untimed_count(pool: &PgPool, of: &Parts) -> Result<i64, ReadError> {
    sqlx::query_scalar!(
        r#"
        select (select count(*) from analytics.participants
                 where source_id = $1 and session_id = $2 and joined_at is null)
             + (select count(*) from analytics.messages where source_id = $1 and session_id = $2 and sent_at is null)
             + (select count(*) from analytics.transcript_segments
                 where source_id = $1 and session_id = $2 and started_at is null) as "count!"
        "#,
        of.source_id,
        of.session_id
    )
    .fetch_one(pool)
    .await
    .map_err(reading("a timeline"))
}
