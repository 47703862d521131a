//! What is counted about a session's messages, written with them.
//!
//! Worked out once, so that no question has to read messages for it. Unchanged counters are not written again.

use sqlx::PgConnection;

use crate::model::id::SourceId;
use crate::model::message::{Flow, Message, SenderRole, SessionStats};
use crate::store::StoreError;

/// Writes the counters of each session in `carried`, as `count` makes them.
pub(super) async fn write(
    tx: &mut PgConnection,
    source_id: SourceId,
    carried: &[(i64, &[Message])],
    count: fn(&[Message]) -> SessionStats,
) -> Result<(), StoreError> {
    let ids: Vec<i64> = carried.iter().map(|(id, _)| *id).collect();
    let stats: Vec<SessionStats> = carried.iter().map(|(_, messages)| count(messages)).collect();
    let all: Vec<i32> = stats.iter().map(|stats| stats.message_count).collect();
    let column = |of: fn(&SessionStats) -> Option<i32>| stats.iter().map(of).collect::<Vec<_>>();
    let responses: Vec<_> = stats.iter().map(|stats| stats.first_response_seconds).collect();
    let flows: Vec<Option<&Flow>> = stats.iter().map(|stats| stats.flow.as_ref()).collect();
    let last_roles = flows.iter().map(|flow| flow.and_then(|flow| flow.last_sender_role).map(SenderRole::as_str));
    sqlx::query!(
        "insert into core.session_stats as t (source_id, session_id, message_count, user_message_count,
                assistant_message_count, user_word_count, assistant_word_count, first_response_seconds,
                turn_count, is_unanswered, last_sender_role, last_message_at, active_seconds, reply_seconds)
         select $1, s.session_id, s.message_count, s.user_count, s.assistant_count, s.user_words, s.assistant_words,
                s.first_response, s.turns, s.is_unanswered, s.last_role, s.last_at, s.active, s.replies::numeric[]
           from unnest($2::bigint[], $3::int[], $4::int[], $5::int[], $6::int[], $7::int[], $8::numeric[],
                       $9::int[], $10::bool[], $11::text[], $12::timestamptz[], $13::numeric[], $14::text[])
                s (session_id, message_count, user_count, assistant_count, user_words, assistant_words, first_response,
                   turns, is_unanswered, last_role, last_at, active, replies)
         on conflict (source_id, session_id) do update
            set message_count = excluded.message_count, user_message_count = excluded.user_message_count,
                assistant_message_count = excluded.assistant_message_count,
                user_word_count = excluded.user_word_count,
                assistant_word_count = excluded.assistant_word_count,
                first_response_seconds = excluded.first_response_seconds,
                turn_count = excluded.turn_count, is_unanswered = excluded.is_unanswered,
                last_sender_role = excluded.last_sender_role, last_message_at = excluded.last_message_at,
                active_seconds = excluded.active_seconds, reply_seconds = excluded.reply_seconds
          where (t.message_count, t.user_message_count, t.assistant_message_count, t.user_word_count,
                 t.assistant_word_count, t.first_response_seconds, t.turn_count, t.is_unanswered, t.last_sender_role,
                 t.last_message_at, t.active_seconds, t.reply_seconds)
                is distinct from
                (excluded.message_count, excluded.user_message_count, excluded.assistant_message_count,
                 excluded.user_word_count, excluded.assistant_word_count, excluded.first_response_seconds,
                 excluded.turn_count, excluded.is_unanswered, excluded.last_sender_role, excluded.last_message_at,
                 excluded.active_seconds, excluded.reply_seconds)",
        source_id.0,
        &ids,
        &all,
        &column(|s| s.user_message_count) as &[Option<i32>],
        &column(|s| s.assistant_message_count) as &[Option<i32>],
        &column(|s| s.user_word_count) as &[Option<i32>],
        &column(|s| s.assistant_word_count) as &[Option<i32>],
        &responses as &[Option<rust_decimal::Decimal>],
        &column(|s| s.flow.as_ref().map(|flow| flow.turn_count)) as &[Option<i32>],
        &flows.iter().map(|flow| flow.map(|flow| flow.is_unanswered)).collect::<Vec<_>>() as &[Option<bool>],
        &last_roles.collect::<Vec<_>>() as &[Option<&str>],
        &flows.iter().map(|flow| flow.and_then(|flow| flow.last_message_at)).collect::<Vec<_>>()
            as &[Option<chrono::DateTime<chrono::Utc>>],
        &flows.iter().map(|flow| flow.map(|flow| flow.active_seconds)).collect::<Vec<_>>()
            as &[Option<rust_decimal::Decimal>],
        &flows.iter().map(|flow| flow.map(replies)).collect::<Vec<_>>() as &[Option<String>],
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("writing counters"))?;
    Ok(())
}

/// A list of numbers as the database writes it: lists of different lengths make no rectangle.
fn replies(flow: &Flow) -> String {
    let numbers: Vec<String> = flow.reply_seconds.iter().map(ToString::to_string).collect();
    format!("{{{}}}", numbers.join(","))
}
