//! The messages of one session, in the provider's order, with their text.
//!
//! The only question that reads texts: they live in `analytics_pii`, and nothing else here goes there.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgPool;
use utoipa::ToSchema;

use crate::model::source::MessageSupport;
use crate::query::{ReadError, reading};

/// What is known about a session's messages as a whole. An empty list alone would not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Availability {
    /// They are stored; an empty list means that there are none.
    Available,
    /// The provider has none.
    NotApplicable,
    /// The provider has them; they are not read yet.
    NotFetched,
    /// The provider gives them, but did not for this session.
    Unknown,
}

/// One message.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Message {
    /// The provider's id.
    pub provider_message_id: String,
    /// Place in the provider's order, from 0.
    pub position: i32,
    /// When it was sent; null: the provider gave no readable time.
    pub sent_at: Option<DateTime<Utc>>,
    /// `user`, `assistant` or `unknown`.
    #[schema(example = "user")]
    pub sender_role: String,
    /// The provider's own word for the sender.
    pub provider_origin: Option<String>,
    /// The text; null: media.
    pub body: Option<String>,
    /// Characters of the text.
    pub char_count: Option<i32>,
    /// Words of the text.
    pub word_count: Option<i32>,
}

/// Where a session's messages are, and what is known about them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transcript {
    /// The source the session belongs to.
    pub source_id: i32,
    /// The session.
    pub session_id: i64,
    /// What is known.
    pub availability: Availability,
}

/// Finds a session's messages; `None` where there is no such session.
pub async fn find(pool: &PgPool, session_id: i64) -> Result<Option<Transcript>, ReadError> {
    let row = sqlx::query!(
        r#"
        select source_id as "source_id!", message_support as "message_support!",
               message_count is not null as "is_counted!"
          from analytics.sessions
         where session_id = $1
        "#,
        session_id
    )
    .fetch_optional(pool)
    .await
    .map_err(reading("a session's messages"))?;
    Ok(row.map(|row| Transcript {
        source_id: row.source_id,
        session_id,
        availability: match row.message_support.as_str() {
            support if support == MessageSupport::None.as_str() => Availability::NotApplicable,
            support if support == MessageSupport::NotFetched.as_str() => Availability::NotFetched,
            _ if row.is_counted => Availability::Available,
            _ => Availability::Unknown,
        },
    }))
}

/// Up to `limit` messages after the one with sort key `after`: its position, then its id.
pub async fn list(
    pool: &PgPool,
    of: Transcript,
    after: Option<(i32, String)>,
    limit: i64,
) -> Result<Vec<Message>, ReadError> {
    let (position, id) = after.unwrap_or((-1, String::new()));
    sqlx::query_as!(
        Message,
        r#"
        select m.provider_message_id as "provider_message_id!", m.position as "position!", m.sent_at,
               m.sender_role as "sender_role!", m.provider_origin, text.body, m.char_count, m.word_count
          from analytics.messages m
          join analytics_pii.messages text using (source_id, session_id, provider_message_id)
         where m.source_id = $1 and m.session_id = $2 and (m.position, m.provider_message_id) > ($3, $4)
         order by m.position, m.provider_message_id
         limit $5
        "#,
        of.source_id,
        of.session_id,
        position,
        id,
        limit
    )
    .fetch_all(pool)
    .await
    .map_err(reading("messages"))
}
