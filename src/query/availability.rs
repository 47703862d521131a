//! Availability of the parts of a session: messages, participants, transcript.
//!
//! An empty list alone does not show whether there is nothing or nothing is known, so every answer about a part
//! states which, why, and when the part is tried again. Meetings have a task for each part. The messages of other
//! sessions arrive with the session's record or not at all.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgPool;
use utoipa::ToSchema;

use crate::model::source::MessageSupport;
use crate::model::stream::Stream;
use crate::query::{ReadError, reading};

/// Whether a part of a session is available.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The part is stored; an empty list means that there is nothing.
    Available,
    /// The part exists and has no content.
    Empty,
    /// The part may still become available.
    Pending,
    /// The provider made none.
    NotEnabled,
    /// The provider no longer has it.
    Expired,
    /// The part could not be read.
    Failed,
    /// The provider has no such part.
    NotApplicable,
    /// The provider has it; this source does not fetch it.
    NotFetched,
    /// The provider sends such parts, but sent none for this session.
    Unknown,
}

impl State {
    /// Parses a value of `analytics.session_artifacts.state`.
    fn parse(text: &str) -> Self {
        match text {
            "available" => Self::Available,
            "empty" => Self::Empty,
            "pending" => Self::Pending,
            "not_enabled" => Self::NotEnabled,
            "expired" => Self::Expired,
            "failed" => Self::Failed,
            "not_fetched" => Self::NotFetched,
            _ => Self::Unknown,
        }
    }
}

/// Availability of a part of a session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Availability {
    /// Whether the part is available.
    pub availability: State,
    /// Result of the last try, such as `no_link` or `file_cut`; null: no problem, or not tried.
    pub reason: Option<String>,
    /// Time of the next try; null: none is planned.
    pub next_try_at: Option<DateTime<Utc>>,
}

impl Availability {
    fn plain(availability: State) -> Self {
        Self { availability, reason: None, next_try_at: None }
    }
}

/// The parts of a session, and the availability of each.
#[derive(Debug, Clone)]
pub struct Parts {
    /// The source the session belongs to.
    pub source_id: i32,
    /// The session.
    pub session_id: i64,
    /// Time at which the session began.
    pub started_at: DateTime<Utc>,
    message_support: String,
    has_message_count: bool,
    artifacts: BTreeMap<String, Availability>,
}

impl Parts {
    /// Returns the availability of a stream that is fetched session by session.
    pub fn of(&self, stream: Stream) -> Availability {
        let known = self.artifacts.get(stream.as_str());
        known.cloned().unwrap_or_else(|| Availability::plain(State::NotApplicable))
    }

    /// Returns the availability of the messages, in whichever way the provider sends them.
    pub fn messages(&self) -> Availability {
        match self.message_support.as_str() {
            support if support == MessageSupport::None.as_str() => Availability::plain(State::NotApplicable),
            support if support == MessageSupport::NotFetched.as_str() => Availability::plain(State::NotFetched),
            support if support == MessageSupport::PerSession.as_str() => self.of(Stream::Chat),
            _ if self.has_message_count => Availability::plain(State::Available),
            _ => Availability::plain(State::Unknown),
        }
    }
}

/// Finds the parts of a session; returns `None` if there is no such session.
pub async fn find(pool: &PgPool, session_id: i64) -> Result<Option<Parts>, ReadError> {
    let rows = sqlx::query!(
        r#"
        select s.source_id as "source_id!", s.started_at as "started_at!", s.message_support as "message_support!",
               s.message_count is not null as "has_message_count!",
               a.stream as "stream?", a.state as "state?", a.reason, a.next_try_at
          from analytics.sessions s
          left join analytics.session_artifacts a using (source_id, session_id)
         where s.session_id = $1
        "#,
        session_id
    )
    .fetch_all(pool)
    .await
    .map_err(reading("the parts of a session"))?;
    let mut parts: Option<Parts> = None;
    for row in rows {
        let found = parts.get_or_insert_with(|| Parts {
            source_id: row.source_id,
            session_id,
            started_at: row.started_at,
            message_support: row.message_support,
            has_message_count: row.has_message_count,
            artifacts: BTreeMap::new(),
        });
        if let Some((stream, state)) = row.stream.zip(row.state) {
            let availability = State::parse(&state);
            let known = Availability { availability, reason: row.reason, next_try_at: row.next_try_at };
            found.artifacts.insert(stream, known);
        }
    }
    Ok(parts)
}
