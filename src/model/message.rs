//! Messages of a chat, its trail of skills, and their statistics.

use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;
use unicode_segmentation::UnicodeSegmentation as _;

use crate::model::id::ProviderRecordId;

/// The author of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SenderRole {
    /// The customer.
    User,
    /// The AI, or the agent who serves the customer.
    Assistant,
    /// A participant of a meeting, which has no serving and no served side.
    Participant,
    /// An origin we do not know yet; the provider's value is kept beside it.
    Unknown,
}

impl SenderRole {
    /// Returns the value in `core.messages.sender_role`.
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
    /// Time of sending; `None` where the provider gave no readable time.
    pub sent_at: Option<DateTime<Utc>>,
    /// Author.
    pub sender_role: SenderRole,
    /// The provider's own value for the sender.
    pub provider_origin: Option<String>,
    /// Presence of the sender in a meeting (peer id).
    pub provider_participant_id: Option<String>,
    /// The provider's type of the content, where it distinguishes media from text.
    pub payload_type: Option<String>,
    /// The text; `None` for media.
    pub body: Option<String>,
    /// Whether there is a text that cannot be read; its words are unknown.
    pub is_text_unknown: bool,
}

/// One step of a chat through the AI's skills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrailStep {
    /// Kind of step, where it can be read; its form is not documented.
    pub step_type: Option<String>,
    /// The step as sent, JSON text.
    pub step: String,
}

/// Statistics of one session, computed once, so that no query has to read messages for them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SessionStats {
    /// Number of all messages.
    pub message_count: i32,
    /// Those of them without a readable time.
    pub untimed_message_count: i32,
    /// The customer's messages; `None`, like the rest, where a conversation has no two sides.
    pub user_message_count: Option<i32>,
    /// The AI's or agent's messages.
    pub assistant_message_count: Option<i32>,
    /// Words the customer wrote; `None` also where a text of theirs cannot be read.
    pub user_word_count: Option<i32>,
    /// Words the AI or agent wrote, likewise.
    pub assistant_word_count: Option<i32>,
    /// From the first user message to the first other message at or after it, seconds. `None` while one of the
    /// two is missing.
    pub first_response_seconds: Option<Decimal>,
    /// Turns, replies and gaps; `None` where a conversation has no two sides.
    pub flow: Option<Flow>,
}

/// The flow of a conversation with two sides, its messages sorted by time of sending. Everyone but the customer
/// is the other side.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flow {
    /// Changes from the customer to the other side.
    pub turn_count: i32,
    /// Whether the customer wrote last.
    pub is_unanswered: bool,
    /// Author of the last message.
    pub last_sender_role: Option<SenderRole>,
    /// Time of the last message that has one.
    pub last_message_at: Option<DateTime<Utc>>,
    /// Gaps between messages that have a time, each at most [`Flow::LONGEST_GAP`], seconds. `None` where there are
    /// several messages, and no two have a time.
    pub active_seconds: Option<Decimal>,
    /// For each turn with times: from its first message to the reply, seconds.
    pub reply_seconds: Vec<Decimal>,
}

impl Flow {
    /// A longer silence does not count as time of the conversation.
    pub const LONGEST_GAP: TimeDelta = TimeDelta::minutes(5);

    /// Computes the flow of `messages`.
    pub fn of(messages: &[Message]) -> Self {
        let mut ordered: Vec<&Message> = messages.iter().collect();
        ordered.sort_by_key(|message| (message.sent_at.is_none(), message.sent_at, message.position));
        let mut flow = Self::default();
        // the turn that waits for a reply, with its start where that is known
        let mut waiting: Option<Option<DateTime<Utc>>> = None;
        for message in &ordered {
            if message.sender_role == SenderRole::User {
                waiting.get_or_insert(message.sent_at);
            } else if let Some(asked_at) = waiting.take() {
                flow.turn_count = flow.turn_count.saturating_add(1);
                let times = asked_at.zip(message.sent_at);
                flow.reply_seconds.extend(times.map(|(asked_at, at)| seconds(at - asked_at)));
            }
        }
        flow.is_unanswered = waiting.is_some() && flow.turn_count == 0;
        flow.last_sender_role = ordered.last().map(|message| message.sender_role);
        let times: Vec<DateTime<Utc>> = ordered.iter().filter_map(|message| message.sent_at).collect();
        flow.last_message_at = times.last().copied();
        let gaps = times.windows(2).map(|pair| (pair[1] - pair[0]).min(Self::LONGEST_GAP));
        let has_gap = times.len() > 1 || ordered.len() < 2;
        flow.active_seconds = has_gap.then(|| seconds(gaps.fold(TimeDelta::zero(), |sum, gap| sum + gap)));
        flow
    }
}

fn seconds(length: TimeDelta) -> Decimal {
    Decimal::new(length.num_milliseconds(), 3).normalize()
}

/// Counts words by Unicode segmentation (UAX 29): punctuation and emoji are none, and in scripts without spaces
/// between words each ideograph or cluster of letters is one.
pub fn word_count(text: &str) -> i32 {
    i32::try_from(text.unicode_words().count()).unwrap_or(i32::MAX)
}

impl SessionStats {
    /// Counts the messages of a meeting, which has no serving and no served side.
    pub fn of_meeting(messages: &[Message]) -> Self {
        Self { message_count: number(messages.len()), untimed_message_count: untimed(messages), ..Self::default() }
    }

    /// Counts a session's messages.
    pub fn of(messages: &[Message]) -> Self {
        let count = |role| messages.iter().filter(|m| m.sender_role == role).count();
        let words = |role| {
            let of_role = || messages.iter().filter(|m| m.sender_role == role);
            let words = || of_role().filter_map(|m| m.body.as_deref()).map(word_count).fold(0, i32::saturating_add);
            (!of_role().any(|m| m.is_text_unknown)).then(words)
        };
        Self {
            message_count: number(messages.len()),
            untimed_message_count: untimed(messages),
            user_message_count: Some(number(count(SenderRole::User))),
            assistant_message_count: Some(number(count(SenderRole::Assistant))),
            user_word_count: words(SenderRole::User),
            assistant_word_count: words(SenderRole::Assistant),
            first_response_seconds: first_response_seconds(messages),
            flow: Some(Flow::of(messages)),
        }
    }
}

fn number(count: usize) -> i32 {
    i32::try_from(count).unwrap_or(i32::MAX)
}

fn untimed(messages: &[Message]) -> i32 {
    number(messages.iter().filter(|message| message.sent_at.is_none()).count())
}

fn first_response_seconds(messages: &[Message]) -> Option<Decimal> {
    let at = |wanted: fn(SenderRole) -> bool, from: Option<DateTime<Utc>>| {
        let senders = messages.iter().filter(|m| wanted(m.sender_role));
        senders.filter_map(|m| m.sent_at).filter(|at| from.is_none_or(|from| *at >= from)).min()
    };
    let asked = at(|role| role == SenderRole::User, None)?;
    let answered = at(|role| role != SenderRole::User, Some(asked))?;
    Some(seconds(answered - asked))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(role: SenderRole, second: Option<i64>, position: i32) -> Message {
        Message {
            provider_message_id: ProviderRecordId::parse(&format!("m{position}")).expect("an id"),
            position,
            sent_at: second.and_then(|second| DateTime::from_timestamp(1_780_000_000 + second, 0)),
            sender_role: role,
            provider_origin: None,
            provider_participant_id: None,
            payload_type: None,
            body: None,
            is_text_unknown: false,
        }
    }

    #[test]
    fn words_of_a_text_that_cannot_be_read_are_unknown() {
        use SenderRole::{Assistant, User};
        let text = |role, body: &str| Message { body: Some(body.to_owned()), ..said(role, Some(0), 0) };
        let unread = Message { is_text_unknown: true, ..said(User, Some(1), 1) };
        // media have no words
        let stats = SessionStats::of(&[text(User, "two words"), said(User, Some(2), 2), text(Assistant, "one")]);
        assert_eq!((stats.user_word_count, stats.assistant_word_count), (Some(2), Some(1)));
        let stats = SessionStats::of(&[text(User, "two words"), unread, text(Assistant, "one")]);
        assert_eq!((stats.user_word_count, stats.assistant_word_count), (None, Some(1)));
        assert_eq!((stats.message_count, stats.user_message_count), (3, Some(2)));
    }

    #[test]
    fn turns_replies_and_gaps() {
        use SenderRole::{Assistant, Unknown, User};
        // a greeting; two messages of one turn, replied to after 30 s; a turn after an hour, replied to by an
        // unknown sender
        let messages = [
            said(Unknown, Some(3_640), 5),
            said(Assistant, Some(0), 0),
            said(User, Some(10), 1),
            said(User, Some(20), 2),
            said(Assistant, Some(40), 3),
            said(User, Some(3_630), 4),
        ];
        let flow = Flow::of(&messages);
        assert_eq!(flow.turn_count, 2);
        assert_eq!(flow.reply_seconds, [Decimal::from(30), Decimal::from(10)]);
        // 10 + 10 + 20 + at most 300 + 10
        assert_eq!(flow.active_seconds, Some(Decimal::from(350)));
        assert_eq!((flow.is_unanswered, flow.last_sender_role), (false, Some(Unknown)));
        assert_eq!(flow.last_message_at.map(|at| at.timestamp()), Some(1_780_003_640));
    }

    #[test]
    fn who_is_not_answered_and_what_has_no_time() {
        use SenderRole::{Assistant, User};
        let greeted = Flow::of(&[said(Assistant, Some(0), 0), said(User, Some(5), 1)]);
        assert!(greeted.is_unanswered && greeted.reply_seconds.is_empty());
        // without times the provider's order counts, and the length is unknown
        let timeless = Flow::of(&[said(Assistant, None, 1), said(User, None, 0)]);
        assert_eq!((timeless.turn_count, timeless.is_unanswered), (1, false));
        assert!(timeless.reply_seconds.is_empty());
        assert_eq!(timeless.active_seconds, None);
        let half = SessionStats::of(&[said(User, Some(0), 0), said(Assistant, None, 1), said(User, Some(9), 2)]);
        assert_eq!((half.untimed_message_count, half.flow.unwrap().active_seconds), (1, Some(Decimal::from(9))));
        assert_eq!(SessionStats::of_meeting(&[said(User, None, 0)]).untimed_message_count, 1);
        // a single message has no gap, whether or not its time is known
        for second in [Some(0), None] {
            assert_eq!(Flow::of(&[said(User, second, 0)]).active_seconds, Some(Decimal::ZERO));
        }
        assert_eq!(Flow::of(&[]), Flow { active_seconds: Some(Decimal::ZERO), ..Flow::default() });
    }
}
