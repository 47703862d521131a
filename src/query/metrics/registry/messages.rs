//! Metrics of messages, turns and response times.
//!
//! Metrics of messages count by the time of sending. Metrics of chats count by the start of the chat and use counters
//! that were written with its messages, so that they read no messages. No metric reads texts.

use crate::query::metrics::grain::Grain;
use crate::query::metrics::measure::{Additivity, Metric};
use crate::query::metrics::registry::volume::COUNT;
use crate::query::metrics::requires::Requires;
use crate::query::metrics::time_column::TimeColumn;

/// Base of metrics of messages, in the bucket in which they were sent.
const MESSAGE: Metric = Metric {
    time_column: TimeColumn::SentAt,
    requires: Requires::Messages,
    grain: Grain::Messages,
    is_unknown_by_start: true,
    is_unknown_sql: "s.message_support <> 'none' and s.message_count is null and s.chat_state is distinct from 'not_enabled'",
    amount_sql: None,
    ..COUNT
};

/// Base of metrics of words; media have none.
const WORDS: Metric = Metric {
    unit: "words",
    null_rule: "Messages without text have no words and do not count. Sessions that began in the range and whose messages were never fetched are in unknown_count.",
    requires: Requires::Chats,
    is_unknown_sql: "s.session_kind = 'chat' and s.message_count is null",
    ..MESSAGE
};

/// Base of ratios over chats, in the bucket in which they began.
const PER_CHAT: Metric = Metric {
    unit: "ratio",
    null_rule: "Chats whose messages were never fetched are in unknown_count and in neither part.",
    additivity: Additivity::RatioOfSums,
    requires: Requires::Chats,
    unknown_sql: "count(*) filter (where s.session_kind = 'chat' and s.message_count is null)",
    is_unknown_sql: "s.session_kind = 'chat' and s.message_count is null",
    amount_sql: None,
    ..COUNT
};

/// Base of metrics of the first response time.
const FIRST_RESPONSE: Metric = Metric {
    unit: "seconds",
    additivity: Additivity::Percentile,
    null_rule: "Chats without a message of the customer, or without a reply, are left out: unanswered_sessions counts the latter. Chats whose messages were never fetched are in unknown_count.",
    known_sql: "count(s.first_response_seconds)",
    ..PER_CHAT
};

const REPLY_TIME: Metric = Metric {
    unit: "seconds",
    additivity: Additivity::Percentile,
    grain: Grain::Replies,
    null_rule: "Turns without a reply or without times are left out. Chats whose messages were never fetched are in unknown_count.",
    known_sql: "count(r.seconds)",
    unknown_sql: "0::bigint",
    is_unknown_by_start: true,
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
        null_rule: "Null if the provider has messages that are not fetched. Sessions that began in the range and whose messages were never fetched are in unknown_count; a meeting for which the provider made no chat adds nothing. A message without a time from the provider is in no range.",
        ..MESSAGE
    },
    Metric {
        id: "messages_per_session",
        label: "Messages per session",
        unit: "ratio",
        description: "Messages per session that began in the range, regardless of when they were sent.",
        formula: "sum(message_count) / count(message_count)",
        null_rule: "Sessions whose messages were never fetched are in unknown_count and in neither part.",
        additivity: Additivity::RatioOfSums,
        requires: Requires::Messages,
        value_sql: "sum(s.message_count)::numeric",
        known_sql: "count(s.message_count)",
        unknown_sql: "count(*) filter (where s.message_count is null and s.chat_state is distinct from 'not_enabled')",
        is_unknown_sql: "s.message_support <> 'none' and s.message_count is null and s.chat_state is distinct from 'not_enabled'",
        ..PER_CHAT
    },
    Metric {
        id: "assistant_user_message_ratio",
        label: "Assistant messages per customer message",
        description: "Messages of the assistant per message of the customer, in chats that began in the range.",
        formula: "sum(assistant_message_count) / sum(user_message_count)",
        value_sql: "sum(s.assistant_message_count)::numeric",
        known_sql: "coalesce(sum(s.user_message_count), 0)",
        ..PER_CHAT
    },
    Metric {
        id: "turns_per_session",
        label: "Turns per session",
        unit: "turns",
        description: "Changes from the customer to the other side, per chat that began in the range.",
        formula: "sum(turn_count) / count(turn_count)",
        value_sql: "sum(s.turn_count)::numeric",
        known_sql: "count(s.turn_count)",
        ..PER_CHAT
    },
    Metric {
        id: "first_response_p50_seconds",
        label: "First reply (AI or human), median",
        description: "In half of the chats that began in the range, the first message of the customer received a reply within this time. A reply of the assistant counts.",
        formula: "percentile_cont(0.5) of first_response_seconds",
        value_sql: "round((percentile_cont(0.5) within group (order by s.first_response_seconds))::numeric, 6)",
        ..FIRST_RESPONSE
    },
    Metric {
        id: "first_response_p90_seconds",
        label: "First reply (AI or human), 90th percentile",
        description: "In nine of ten chats that began in the range, the first message of the customer received a reply within this time.",
        formula: "percentile_cont(0.9) of first_response_seconds",
        value_sql: "round((percentile_cont(0.9) within group (order by s.first_response_seconds))::numeric, 6)",
        ..FIRST_RESPONSE
    },
    Metric {
        id: "first_response_avg_seconds",
        label: "First reply (AI or human), mean",
        description: "Mean time from the first message of the customer to the first reply, in chats that began in the range.",
        formula: "sum(first_response_seconds) / count(first_response_seconds)",
        additivity: Additivity::RatioOfSums,
        value_sql: "sum(s.first_response_seconds)",
        ..FIRST_RESPONSE
    },
    Metric {
        id: "unanswered_sessions",
        label: "Unanswered sessions",
        unit: "sessions",
        description: "Chats that began in the range, at least 10 minutes ago, in which the customer wrote and received no reply.",
        formula: "count(is_unanswered and started_at < now - 10 minutes)",
        null_rule: "Chats whose messages were never fetched are in unknown_count.",
        additivity: Additivity::Sum,
        value_sql: "(count(*) filter (where s.is_unanswered and s.started_at < t.now - interval '10 minutes'))::numeric",
        known_sql: "count(s.message_count)",
        ..PER_CHAT
    },
    Metric {
        id: "reply_time_p50_seconds",
        label: "Reply time, median",
        description: "Half of the turns of customers, in chats that began in the range, received a reply within this time from the first message of the turn.",
        formula: "percentile_cont(0.5) of unnest(reply_seconds)",
        value_sql: "round((percentile_cont(0.5) within group (order by r.seconds))::numeric, 6)",
        ..REPLY_TIME
    },
    Metric {
        id: "reply_time_p90_seconds",
        label: "Reply time, 90th percentile",
        description: "Nine of ten turns of customers, in chats that began in the range, received a reply within this time.",
        formula: "percentile_cont(0.9) of unnest(reply_seconds)",
        value_sql: "round((percentile_cont(0.9) within group (order by r.seconds))::numeric, 6)",
        ..REPLY_TIME
    },
    Metric {
        id: "words_per_message",
        label: "Words per message",
        description: "Words per message that was sent in the range and has text.",
        formula: "sum(word_count) / count(word_count) of analytics.messages",
        additivity: Additivity::RatioOfSums,
        requires: Requires::Messages,
        value_sql: "sum(m.word_count)::numeric",
        known_sql: "count(m.word_count)",
        is_unknown_sql: MESSAGE.is_unknown_sql,
        ..WORDS
    },
    Metric {
        id: "user_words",
        label: "Words of customers",
        description: "Words that customers wrote in chats, in messages sent in the range.",
        formula: "sum(word_count) of analytics.messages, sender_role user",
        value_sql: "coalesce(sum(m.word_count) filter (where m.sender_role = 'user'), 0)::numeric",
        ..WORDS
    },
    Metric {
        id: "assistant_words",
        label: "Words of the assistant",
        description: "Words that the AI or agent wrote in chats, in messages sent in the range.",
        formula: "sum(word_count) of analytics.messages, sender_role assistant",
        value_sql: "coalesce(sum(m.word_count) filter (where m.sender_role = 'assistant'), 0)::numeric",
        ..WORDS
    },
];
