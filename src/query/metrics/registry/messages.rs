//! Metrics of messages, turns and response times.
//!
//! Metrics of messages count by the time of sending. Metrics of chats count by the start of the chat and use counters
//! that were written with its messages, so that they read no messages. No metric reads texts.

use crate::query::metrics::column::prelude::*;
use crate::query::metrics::grain::Grain;
use crate::query::metrics::measure::{Known, Measure, Metric, Term};
use crate::query::metrics::registry::volume::{COUNT, IS_CHAT};
use crate::query::metrics::requires::Requires;
use crate::query::metrics::time_column::TimeColumn;

/// Base of metrics of messages, in the bucket in which they were sent.
const MESSAGE: Metric = Metric {
    version: 2,
    time_column: TimeColumn::SentAt,
    requires: Requires::Messages,
    grain: Grain::Messages,
    can_be_spread: false,
    ..COUNT
};

/// Base of metrics of words; media have none.
const WORDS: Metric = Metric {
    unit: "words",
    null_rule: "Messages without text have no words and do not count. Sessions that began in the range and whose messages were never fetched are in unknown_count.",
    requires: Requires::Chats,
    ..MESSAGE
};

/// Base of ratios over chats, in the bucket in which they began.
const PER_CHAT: Metric = Metric {
    unit: "ratio",
    null_rule: "Chats whose messages were never fetched are in unknown_count and in neither part.",
    requires: Requires::Chats,
    about: Some(IS_CHAT),
    known: Known::Has(MESSAGE_COUNT),
    can_be_spread: false,
    ..COUNT
};

/// Base of metrics of the first response time.
const FIRST_RESPONSE: Metric = Metric {
    version: 3,
    unit: "seconds",
    null_rule: "Chats without a message of the customer, or without a reply, are left out: unanswered_sessions counts the latter. Chats with a first reply at an unknown time, and chats whose messages were never fetched, are in unknown_count; so are those of which some messages lack a time, measured from the messages that have one.",
    about: Some(
        expr!(IS_CHAT " and (" MESSAGE_COUNT " is null or " FIRST_RESPONSE_SECONDS " is not null or " TURN_COUNT " > 0)"),
    ),
    known: Known::Has(FIRST_RESPONSE_SECONDS),
    is_partial: Some(expr!(UNTIMED_MESSAGE_COUNT " > 0")),
    ..PER_CHAT
};

const REPLY_TIME: Metric = Metric {
    version: 2,
    unit: "seconds",
    grain: Grain::Replies,
    null_rule: "Turns without a reply are left out. Replies at an unknown time, and chats whose messages were never fetched, are in unknown_count.",
    about: None,
    known: Known::Has(SECONDS),
    ..PER_CHAT
};

/// Metrics of messages, turns and response times.
pub(super) static METRICS: [Metric; 13] = [
    Metric {
        id: "messages",
        label: "Messages",
        unit: "messages",
        description: "Messages of both sides sent in the range; sender_role separates the sides.",
        formula: "count(*) of analytics.messages",
        null_rule: "Null if the provider has messages that are not fetched. Sessions that began in the range and whose messages were never fetched are in unknown_count; a meeting for which the provider made no chat adds nothing.",
        ..MESSAGE
    },
    Metric {
        id: "messages_per_session",
        label: "Messages per session",
        unit: "ratio",
        description: "Messages per session that began in the range, regardless of when they were sent.",
        formula: "sum(message_count) / count(message_count)",
        null_rule: "Sessions whose messages were never fetched are in unknown_count and in neither part.",
        requires: Requires::Messages,
        measure: Measure::Ratio(Term::Sum(MESSAGE_COUNT), Term::Rows),
        about: Some(expr!("(" MESSAGE_COUNT " is not null or " CHAT_STATE " is distinct from 'not_enabled')")),
        ..PER_CHAT
    },
    Metric {
        id: "assistant_user_message_ratio",
        label: "Assistant messages per customer message",
        description: "Messages of the assistant per message of the customer, in chats that began in the range.",
        formula: "sum(assistant_message_count) / sum(user_message_count)",
        measure: Measure::Ratio(Term::Sum(ASSISTANT_MESSAGE_COUNT), Term::Sum(USER_MESSAGE_COUNT)),
        ..PER_CHAT
    },
    Metric {
        id: "turns_per_session",
        label: "Turns per session",
        unit: "turns",
        description: "Changes from the customer to the other side, per chat that began in the range.",
        formula: "sum(turn_count) / count(turn_count)",
        measure: Measure::Ratio(Term::Sum(TURN_COUNT), Term::Rows),
        known: Known::Has(TURN_COUNT),
        ..PER_CHAT
    },
    Metric {
        id: "first_response_p50_seconds",
        label: "First reply (AI or human), median",
        description: "In half of the chats that began in the range, the first message of the customer received a reply within this time. A reply of the assistant counts.",
        formula: "percentile_cont(0.5) of first_response_seconds",
        measure: Measure::Percentile("0.5", FIRST_RESPONSE_SECONDS),
        ..FIRST_RESPONSE
    },
    Metric {
        id: "first_response_p90_seconds",
        label: "First reply (AI or human), 90th percentile",
        description: "In nine of ten chats that began in the range, the first message of the customer received a reply within this time.",
        formula: "percentile_cont(0.9) of first_response_seconds",
        measure: Measure::Percentile("0.9", FIRST_RESPONSE_SECONDS),
        ..FIRST_RESPONSE
    },
    Metric {
        id: "first_response_avg_seconds",
        label: "First reply (AI or human), mean",
        description: "Mean time from the first message of the customer to the first reply, in chats that began in the range.",
        formula: "sum(first_response_seconds) / count(first_response_seconds)",
        measure: Measure::Ratio(Term::Sum(FIRST_RESPONSE_SECONDS), Term::Rows),
        ..FIRST_RESPONSE
    },
    Metric {
        id: "unanswered_sessions",
        label: "Unanswered sessions",
        unit: "sessions",
        description: "Chats that began in the range, at least 10 minutes ago, in which the customer wrote and received no reply.",
        formula: "count(is_unanswered and started_at < now - 10 minutes)",
        null_rule: "Chats whose messages were never fetched are in unknown_count.",
        measure: Measure::Total(Term::RowsIf(
            expr!(IS_UNANSWERED " and " STARTED_AT " < " NOW " - interval '10 minutes'"),
        )),
        ..PER_CHAT
    },
    Metric {
        id: "reply_time_p50_seconds",
        label: "Reply time, median",
        description: "Half of the turns of customers, in chats that began in the range, received a reply within this time from the first message of the turn.",
        formula: "percentile_cont(0.5) of unnest(reply_seconds)",
        measure: Measure::Percentile("0.5", SECONDS),
        ..REPLY_TIME
    },
    Metric {
        id: "reply_time_p90_seconds",
        label: "Reply time, 90th percentile",
        description: "Nine of ten turns of customers, in chats that began in the range, received a reply within this time.",
        formula: "percentile_cont(0.9) of unnest(reply_seconds)",
        measure: Measure::Percentile("0.9", SECONDS),
        ..REPLY_TIME
    },
    Metric {
        id: "words_per_message",
        label: "Words per message",
        description: "Words per message that was sent in the range and has text.",
        formula: "sum(word_count) / count(word_count) of analytics.messages",
        requires: Requires::Messages,
        measure: Measure::Ratio(Term::Sum(WORD_COUNT), Term::Rows),
        about: Some(expr!(WORD_COUNT " is not null")),
        ..WORDS
    },
    Metric {
        id: "user_words",
        label: "Words of customers",
        description: "Words that customers wrote in chats, in messages sent in the range.",
        formula: "sum(word_count) of analytics.messages, sender_role user",
        measure: Measure::Total(Term::Sum(expr!("case when " SENDER_ROLE " = 'user' then " WORD_COUNT " else 0 end"))),
        ..WORDS
    },
    Metric {
        id: "assistant_words",
        label: "Words of the assistant",
        description: "Words that the AI or agent wrote in chats, in messages sent in the range.",
        formula: "sum(word_count) of analytics.messages, sender_role assistant",
        measure: Measure::Total(Term::Sum(
            expr!("case when " SENDER_ROLE " = 'assistant' then " WORD_COUNT " else 0 end"),
        )),
        ..WORDS
    },
];
