//! Messages of chats, and their statistics.
//!
//! The received messages replace the stored ones: messages no longer listed are deleted, and only changes are
//! written.

use std::collections::{BTreeMap, HashSet};

use sqlx::PgConnection;

use crate::model::id::SourceId;
use crate::model::message::{Message, SessionStats, word_count};
use crate::store::bulk::batches;
use crate::store::{StoreError, copy, session_stats};

/// Messages written by one statement.
const BATCH_ROWS: usize = 4_000;

/// From this number on, new messages are written by `copy`, which takes two round trips and is cheaper for the
/// server.
const WORTH_COPYING: usize = 100;

/// Writes the messages of sessions that were stored for the first time in this transaction. `search_language` is the
/// text-search configuration of the source.
pub(super) async fn insert(
    tx: &mut PgConnection,
    source_id: SourceId,
    search_language: Option<&str>,
    carried: &[(i64, &[Message])],
) -> Result<(), StoreError> {
    let messages = in_order(carried);
    if messages.len() < WORTH_COPYING {
        return write(tx, source_id, &messages).await;
    }
    copy(tx, source_id, search_language, &messages).await.map_err(StoreError::doing("writing messages"))
}

async fn copy(
    tx: &mut PgConnection,
    source_id: SourceId,
    search_language: Option<&str>,
    messages: &[(i64, &Message)],
) -> Result<(), sqlx::Error> {
    let statement = "copy core.messages (source_id, session_id, provider_message_id, position, sent_at, sender_role,
                                        provider_origin, body, char_count, word_count, provider_participant_id,
                                        payload_type, search_language) from stdin (format binary)";
    let mut rows = copy::Rows::begin(tx, statement).await?;
    for (id, message) in messages {
        rows.add(|row| {
            row.value(source_id.0)?.value(*id)?.value(message.provider_message_id.as_str())?;
            row.value(message.position)?.value(message.sent_at)?.value(message.sender_role.as_str())?;
            row.value(message.provider_origin.as_deref())?.value(message.body.as_deref())?;
            row.value(char_count(message))?.value(message.body.as_deref().map(word_count))?;
            row.value(message.provider_participant_id.as_deref())?.value(message.payload_type.as_deref())?;
            row.value(search_language)?;
            Ok(())
        })
        .await?;
    }
    rows.end().await.map(drop)
}

/// Returns the messages of all sessions, by key. Of a repeated id within a session the last one counts.
fn in_order<'a>(carried: &[(i64, &'a [Message])]) -> Vec<(i64, &'a Message)> {
    let mut messages: BTreeMap<(i64, &str), &Message> = BTreeMap::new();
    for (id, list) in carried {
        messages.extend(list.iter().map(|message| ((*id, message.provider_message_id.as_str()), message)));
    }
    messages.into_iter().map(|((id, _), message)| (id, message)).collect()
}

fn char_count(message: &Message) -> Option<i32> {
    message.body.as_ref().map(|body| i32::try_from(body.chars().count()).unwrap_or(i32::MAX))
}

async fn write(tx: &mut PgConnection, source_id: SourceId, messages: &[(i64, &Message)]) -> Result<(), StoreError> {
    let bytes = |(_, message): &(i64, &Message)| message.body.as_ref().map_or(0, String::len);
    for batch in batches(messages, BATCH_ROWS, bytes) {
        upsert(tx, source_id, batch).await?;
    }
    Ok(())
}

/// Replaces the messages of each session in `carried` with the received ones, unless there are none. `updated` are the
/// sessions that were stored before; `count` computes a session's statistics.
pub(super) async fn replace(
    tx: &mut PgConnection,
    source_id: SourceId,
    carried: &[(i64, &[Message])],
    updated: &[i64],
    count: fn(&[Message]) -> SessionStats,
) -> Result<(), StoreError> {
    let kept = having_messages(tx, source_id, carried).await?;
    let carried: Vec<(i64, &[Message])> = carried.iter().filter(|(id, _)| !kept.contains(id)).copied().collect();
    if carried.is_empty() {
        return Ok(());
    }
    let messages = in_order(&carried);
    let stale: Vec<i64> = carried.iter().map(|(id, _)| *id).filter(|id| updated.contains(id)).collect();
    delete_missing(tx, source_id, &stale, &messages).await?;
    write(tx, source_id, &messages).await?;
    session_stats::write(tx, source_id, &carried, count).await
}

/// Returns the sessions that came without a message and have stored ones, which they keep: an empty list may be an
/// answer without its messages.
async fn having_messages(
    tx: &mut PgConnection,
    source_id: SourceId,
    carried: &[(i64, &[Message])],
) -> Result<HashSet<i64>, StoreError> {
    let empty: Vec<i64> = carried.iter().filter(|(_, list)| list.is_empty()).map(|(id, _)| *id).collect();
    if empty.is_empty() {
        return Ok(HashSet::new());
    }
    let having = sqlx::query_scalar!(
        "select distinct session_id from core.messages where source_id = $1 and session_id = any($2)",
        source_id.0,
        &empty,
    )
    .fetch_all(tx)
    .await
    .map_err(StoreError::doing("looking for stored messages"))?;
    Ok(having.into_iter().collect())
}

/// Deletes the messages that the provider no longer lists in a session that it listed with messages.
async fn delete_missing(
    tx: &mut PgConnection,
    source_id: SourceId,
    sessions: &[i64],
    listed: &[(i64, &Message)],
) -> Result<(), StoreError> {
    if sessions.is_empty() {
        return Ok(());
    }
    let failed = StoreError::doing("comparing messages");
    let stored = sqlx::query!(
        "select session_id, provider_message_id from core.messages where source_id = $1 and session_id = any($2)",
        source_id.0,
        sessions,
    )
    .fetch_all(&mut *tx)
    .await
    .map_err(&failed)?;
    let listed: HashSet<(i64, &str)> =
        listed.iter().map(|(id, message)| (*id, message.provider_message_id.as_str())).collect();
    let missing: HashSet<(i64, String)> = stored
        .into_iter()
        .filter(|row| !listed.contains(&(row.session_id, row.provider_message_id.as_str())))
        .map(|row| (row.session_id, row.provider_message_id))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let (ids, message_ids): (Vec<i64>, Vec<String>) = missing.into_iter().unzip();
    sqlx::query!(
        "delete from core.messages m using unnest($2::bigint[], $3::text[]) gone(session_id, provider_message_id)
          where m.source_id = $1 and m.session_id = gone.session_id
            and m.provider_message_id = gone.provider_message_id",
        source_id.0,
        &ids,
        &message_ids,
    )
    .execute(tx)
    .await
    .map_err(&failed)?;
    Ok(())
}

async fn upsert(tx: &mut PgConnection, source_id: SourceId, messages: &[(i64, &Message)]) -> Result<(), StoreError> {
    let column = |of: fn(&Message) -> Option<i32>| messages.iter().map(|(_, m)| of(m)).collect::<Vec<_>>();
    let ids: Vec<i64> = messages.iter().map(|(id, _)| *id).collect();
    let message_ids: Vec<&str> = messages.iter().map(|(_, m)| m.provider_message_id.as_str()).collect();
    let positions: Vec<i32> = messages.iter().map(|(_, m)| m.position).collect();
    let sent: Vec<_> = messages.iter().map(|(_, m)| m.sent_at).collect();
    let roles: Vec<&str> = messages.iter().map(|(_, m)| m.sender_role.as_str()).collect();
    let origins: Vec<Option<&str>> = messages.iter().map(|(_, m)| m.provider_origin.as_deref()).collect();
    let bodies: Vec<Option<&str>> = messages.iter().map(|(_, m)| m.body.as_deref()).collect();
    let participants: Vec<Option<&str>> = messages.iter().map(|(_, m)| m.provider_participant_id.as_deref()).collect();
    let payload_types: Vec<Option<&str>> = messages.iter().map(|(_, m)| m.payload_type.as_deref()).collect();
    let chars = column(char_count);
    let words = column(|m| m.body.as_deref().map(word_count));
    sqlx::query!(
        "insert into core.messages as t (source_id, session_id, provider_message_id, position, sent_at, sender_role,
                                         provider_origin, body, char_count, word_count, provider_participant_id, payload_type,
                                         search_language)
         select $1, m.*, (select s.search_language from core.sources s where s.source_id = $1)
           from unnest($2::bigint[], $3::text[], $4::int[], $5::timestamptz[], $6::text[], $7::text[],
                                    $8::text[], $9::int[], $10::int[], $11::text[], $12::text[]) m
         on conflict (source_id, session_id, provider_message_id) do update
            set position = excluded.position, sent_at = excluded.sent_at, sender_role = excluded.sender_role,
                provider_origin = excluded.provider_origin, body = excluded.body,
                char_count = excluded.char_count, word_count = excluded.word_count,
                provider_participant_id = excluded.provider_participant_id, payload_type = excluded.payload_type,
                search_language = excluded.search_language
          where (t.position, t.sent_at, t.sender_role, t.provider_origin, t.body, t.provider_participant_id, t.payload_type)
                is distinct from
                (excluded.position, excluded.sent_at, excluded.sender_role, excluded.provider_origin, excluded.body,
                 excluded.provider_participant_id, excluded.payload_type)",
        source_id.0,
        &ids,
        &message_ids as &[&str],
        &positions,
        &sent as &[Option<chrono::DateTime<chrono::Utc>>],
        &roles as &[&str],
        &origins as &[Option<&str>],
        &bodies as &[Option<&str>],
        &chars as &[Option<i32>],
        &words as &[Option<i32>],
        &participants as &[Option<&str>],
        &payload_types as &[Option<&str>],
    )
    .execute(tx)
    .await
    .map_err(StoreError::doing("writing messages"))?;
    Ok(())
}
