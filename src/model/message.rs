//! Messages of a chat, the trail of skills it went through, and what is counted about them.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use crate::model::id::ProviderRecordId;

/// Who wrote a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SenderRole {
    /// The customer.
    User,
    /// The AI or whoever serves.
    Assistant,
    /// Somebody in a meeting, where nobody serves and nobody is served.
    Participant,
    /// An origin we do not know yet; the provider's word is kept beside it.
    Unknown,
}

impl SenderRole {
    /// The value in `core.messages.sender_role`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Participant => "participant",
            Self::Unknown => "unknown",
        }
    }
}

/// One message of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The provider's id; unique within its session.
    pub provider_message_id: ProviderRecordId,
    /// Place in the provider's order, from 0.
    pub position: i32,
    /// When it was sent; `None` where the provider gave no readable time.
    pub sent_at: Option<DateTime<Utc>>,
    /// Who wrote it.
    pub sender_role: SenderRole,
    /// The provider's own word for the sender.
    pub provider_origin: Option<String>,
    /// Presence of the sender in a meeting (peer id).
    pub provider_participant_id: Option<String>,
    /// The provider's word for what was sent, where it tells media from text.
    pub payload_type: Option<String>,
    /// The text; `None` for media.
    pub body: Option<String>,
}

/// One step of the way a chat took through the AI's skills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrailStep {
    /// The kind of step where it can be read, else `None`: its form is not documented.
    pub step_type: Option<String>,
    /// The step as sent, JSON text.
    pub step: String,
}

/// Counters of one session, worked out once, so that no question has to read messages for them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionStats {
    /// All messages.
    pub message_count: i32,
    /// The customer's; `None`, like the rest, where a conversation has no two sides.
    pub user_message_count: Option<i32>,
    /// The AI's or agent's.
    pub assistant_message_count: Option<i32>,
    /// Words the customer wrote.
    pub user_word_count: Option<i32>,
    /// Words the AI or agent wrote.
    pub assistant_word_count: Option<i32>,
    /// From the first user message to the first other message at or after it, seconds. `None` while
    /// one of the two is missing.
    pub first_response_seconds: Option<Decimal>,
}

/// Words of a text: runs between white space.
pub fn word_count(text: &str) -> i32 {
    i32::try_from(text.split_whitespace().count()).unwrap_or(i32::MAX)
}

impl SessionStats {
    /// Counts the messages of a meeting, where nobody serves and nobody is served.
    pub fn of_meeting(messages: &[Message]) -> Self {
        Self { message_count: i32::try_from(messages.len()).unwrap_or(i32::MAX), ..Self::default() }
    }

    /// Counts a session's messages.
    pub fn of(messages: &[Message]) -> Self {
        let count = |role| messages.iter().filter(|m| m.sender_role == role).count();
        let words = |role| {
            let of_role = messages.iter().filter(|m| m.sender_role == role);
            of_role.filter_map(|m| m.body.as_deref()).map(word_count).fold(0, i32::saturating_add)
        };
        let number = |n: usize| i32::try_from(n).unwrap_or(i32::MAX);
        Self {
            message_count: number(messages.len()),
            user_message_count: Some(number(count(SenderRole::User))),
            assistant_message_count: Some(number(count(SenderRole::Assistant))),
            user_word_count: Some(words(SenderRole::User)),
            assistant_word_count: Some(words(SenderRole::Assistant)),
            first_response_seconds: first_response_seconds(messages),
        }
    }
}

fn first_response_seconds(messages: &[Message]) -> Option<Decimal> {
    let at = |wanted: fn(SenderRole) -> bool, from: Option<DateTime<Utc>>| {
        let senders = messages.iter().filter(|m| wanted(m.sender_role));
        senders.filter_map(|m| m.sent_at).filter(|at| from.is_none_or(|from| *at >= from)).min()
    };
    let asked = at(|role| role == SenderRole::User, None)?;
    let answered = at(|role| role != SenderRole::User, Some(asked))?;
    Some(Decimal::new((answered - asked).num_milliseconds(), 3).normalize())
}
