//! Statistics of a session's messages, written with them.
//!
//! They are computed once, so that no query reads messages for them. Unchanged statistics are not written again.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use sqlx::PgConnection;

use crate::model::id::SourceId;
use crate::model::message::{Flow, Message, SessionStats};
use crate::store::StoreError;

/// Statistics of sessions, as the columns of one statement.
#[derive(Debug)]
pub(super) struct Columns<'a> {
    pub(super) ids: Vec<i64>,
    stats: &'a [SessionStats],
}

impl<'a> Columns<'a> {
    /// Creates the columns from `stats` of the sessions `ids`.
    pub(super) fn new(ids: Vec<i64>, stats: &'a [SessionStats]) -> Self {
        Self { ids, stats }
    }

    pub(super) fn any<T>(&self, of: fn(&SessionStats) -> T) -> Vec<T> {
        self.stats.iter().map(of).collect()
    }

    pub(super) fn flow<T>(&self, of: fn(&Flow) -> T) -> Vec<Option<T>> {
        self.stats.iter().map(|stats| stats.flow.as_ref().map(of)).collect()
    }

    pub(super) fn last_roles(&self) -> Vec<Option<&'static str>> {
        let role = |stats: &SessionStats| Some(stats.flow.as_ref()?.last_sender_role?.as_str());
        self.stats.iter().map(role).collect()
    }

    pub(super) fn active_seconds(&self) -> Vec<Option<Decimal>> {
        self.stats.iter().map(|stats| stats.flow.as_ref()?.active_seconds).collect()
    }

    pub(super) fn last_times(&self) -> Vec<Option<DateTime<Utc>>> {
        self.stats.iter().map(|stats| stats.flow.as_ref()?.last_message_at).collect()
    }
}

/// Writes the statistics of each session in `carried`, as computed by `count`.
pub(super) async fn write(
    tx: &mut PgConnection,
    source_id: SourceId,
    carried: &[(i64, &[Message])],
    count: fn(&[Message]) -> SessionStats,
) -> Result<(), StoreError> {
    let stats: Vec<SessionStats> = carried.iter().map(|(_, messages)| count(messages)).collect();
    let of = Columns::new(carried.iter().map(|(id, _)| *id).collect(), &stats);
    sqlx::query!(
        "insert into core.session_stats as t (source_id, session_id, message_count, user_message_count,
                assistant_message_count, user_word_count, assistant_word_count, first_response_seconds,
                turn_count, is_unanswered, last_sender_role, last_message_at, active_seconds, reply_seconds,
                untimed_message_count)
         select $1, s.session_id, s.message_count, s.user_count, s.assistant_count, s.user_words, s.assistant_words,
                s.first_response, s.turns, s.is_unanswered, s.last_role, s.last_at, s.active, s.replies::numeric[], s.untimed
           from unnest($2::bigint[], $3::int[], $4::int[], $5::int[], $6::int[], $7::int[], $8::numeric[],
                       $9::int[], $10::bool[], $11::text[], $12::timestamptz[], $13::numeric[], $14::text[], $15::int[])
                s (session_id, message_count, user_count, assistant_count, user_words, assistant_words, first_response,
                   turns, is_unanswered, last_role, last_at, active, replies, untimed)
         on conflict (source_id, session_id) do update
            set message_count = excluded.message_count, user_message_count = excluded.user_message_count,
                assistant_message_count = excluded.assistant_message_count,
                user_word_count = excluded.user_word_count,
                assistant_word_count = excluded.assistant_word_count,
                first_response_seconds = excluded.first_response_seconds,
                turn_count = excluded.turn_count, is_unanswered = excluded.is_unanswered,
                last_sender_role = excluded.last_sender_role, last_message_at = excluded.last_message_at,
                active_seconds = excluded.active_seconds, reply_seconds = excluded.reply_seconds,
                untimed_message_count = excluded.untimed_message_count
          where (t.message_count, t.user_message_count, t.assistant_message_count, t.user_word_count,
                 t.assistant_word_count, t.first_response_seconds, t.turn_count, t.is_unanswered, t.last_sender_role,
                 t.last_message_at, t.active_seconds, t.reply_seconds, t.untimed_message_count)
                is distinct from
                (excluded.message_count, excluded.user_message_count, excluded.assistant_message_count,
                 excluded.user_word_count, excluded.assistant_word_count, excluded.first_response_seconds,
                 excluded.turn_count, excluded.is_unanswered, excluded.last_sender_role, excluded.last_message_at,
                 excluded.active_seconds, excluded.reply_seconds, excluded.untimed_message_count)",
        source_id.0,
        &of.ids,
        &of.any(|s| s.message_count),
        &of.any(|s| s.user_message_count) as &[Option<i32>],
        &of.any(|s| s.assistant_message_count) as &[Option<i32>],
        &of.any(|s| s.user_word_count) as &[Option<i32>],
        &of.any(|s| s.assistant_word_count) as &[Option<i32>],
        &of.any(|s| s.first_response_seconds) as &[Option<Decimal>],
        &of.flow(|flow| flow.turn_count) as &[Option<i32>],
        &of.flow(|flow| flow.is_unanswered) as &[Option<bool>],
        &of.last_roles() as &[Option<&str>],
        &of.last_times() as &[Option<DateTime<Utc>>],
        &of.active_seconds() as &[Option<Decimal>],
        &of.flow(replies) as &[Option<String>],
        &of.any(|s| s.untimed_message_count),
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("writing counters"))?;
    Ok(())
}

/// Formats a list of numbers as an array literal: lists of different lengths do not fit a two-dimensional array.
pub(super) fn replies(flow: &Flow) -> String {
    let numbers: Vec<String> = flow.reply_seconds.iter().map(ToString::to_string).collect();
    format!("{{{}}}", numbers.join(","))
}
