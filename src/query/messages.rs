//! The messages of one session, in the provider's order, with their text.
//!
//! Texts are personal data and live in `analytics_pii`. [`crate::query::availability`] states whether messages may be
//! missing.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgPool;
use utoipa::ToSchema;

use crate::query::availability::Parts;
use crate::query::{ReadError, reading};

/// One message.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Message {
    /// The provider's id.
    pub provider_message_id: String,
    /// Position in the provider's order, from 0.
    pub position: i32,
    /// Time at which it was sent; null: the provider gave no readable time.
    pub sent_at: Option<DateTime<Utc>>,
    /// `user`, `assistant`, `participant` (of a meeting) or `unknown`.
    pub sender_role: String,
    /// In a meeting: the presence that wrote it, as in `/participants`.
    pub participant_id: Option<i64>,
    /// The provider's own word for the sender.
    pub provider_origin: Option<String>,
    /// The text; null: media.
    pub body: Option<String>,
    /// Characters of the text.
    pub char_count: Option<i32>,
    /// Words of the text.
    pub word_count: Option<i32>,
}

/// Returns up to `limit` messages after the one with sort key `after`: its position, then its id.
pub async fn list(
    pool: &PgPool,
    of: &Parts,
    after: Option<(i32, String)>,
    limit: i64,
) -> Result<Vec<Message>, ReadError> {
    let (position, id) = after.unwrap_or((-1, String::new()));
    sqlx::query_as!(
        Message,
        r#"
        select m.provider_message_id as "provider_message_id!", m.position as "position!", m.sent_at,
               m.sender_role as "sender_role!", m.participant_id as "participant_id?", m.provider_origin, text.body, m.char_count, m.word_count
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
    .map_err(reading("the messages"))
}
