//! Inserts of sessions that are stored for the first time, and of their dependent rows.
//!
//! The session numbers are assigned in advance, so that dependent rows need no further round trip. These are plain
//! inserts: if a key is stored after all, by another writer or with a session that was removed since, the server
//! refuses the page, and it is saved once more with upserts.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use sqlx::PgConnection;

use crate::model::message::{Message, SessionStats};
use crate::model::session::{EndSource, MAPPING_VERSION};
use crate::store::page::prepared::{Prepared, SaveContext};
use crate::store::raw::RawRecord;
use crate::store::{StoreError, bulk, person, raw, session, session_stats, trail};

/// Writes the sessions `rows`, none of which was stored at the lookup, with people, bytes, statistics and steps.
/// Returns the stored people whose first visit is another one now.
pub(super) async fn sessions(
    tx: &mut PgConnection,
    context: &SaveContext<'_>,
    rows: &[(i64, &Prepared<'_>)],
    bodies: &[RawRecord<'_>],
    visits: &person::Visits<'_>,
) -> Result<Vec<String>, StoreError> {
    let stream_key = context.guard.stream_key();
    let bodies = unless_many(tx, context, bodies).await?;
    let (ids, stats): (Vec<i64>, Vec<SessionStats>) =
        carried(rows).iter().map(|(id, messages)| (*id, SessionStats::of(messages))).unzip();
    let columns = session_stats::Columns::new(ids, &stats);
    let steps = trail::Columns::of(&trail::carried(rows));
    let (numbers, records): (Vec<i64>, Vec<&Prepared<'_>>) = rows.iter().copied().unzip();
    let of = session::Columns { records: &records };
    sqlx::query_file_scalar!(
        "src/store/page/insert.sql",
        stream_key.source_id.0,
        context.now,
        &visits.keys().copied().collect::<Vec<_>>() as &[&str],
        &visits.values().map(|visit| visit.kind).collect::<Vec<_>>() as &[&str],
        &visits.values().map(|visit| visit.first_at).collect::<Vec<_>>(),
        stream_key.stream.as_str(),
        context.fetched_at,
        context.run_id,
        &bodies.iter().map(|record| &*record.id).collect::<Vec<_>>() as &[&str],
        &bodies.iter().map(|record| &record.hash[..]).collect::<Vec<_>>() as &[&[u8]],
        &bodies.iter().map(|record| record.body).collect::<Vec<_>>() as &[&[u8]],
        &bodies.iter().map(|record| record.is_partial).collect::<Vec<_>>(),
        &columns.ids,
        &columns.any(|s| s.message_count),
        &columns.any(|s| s.user_message_count) as &[Option<i32>],
        &columns.any(|s| s.assistant_message_count) as &[Option<i32>],
        &columns.any(|s| s.user_word_count) as &[Option<i32>],
        &columns.any(|s| s.assistant_word_count) as &[Option<i32>],
        &columns.any(|s| s.first_response_seconds) as &[Option<Decimal>],
        &columns.flow(|flow| flow.turn_count) as &[Option<i32>],
        &columns.flow(|flow| flow.is_unanswered) as &[Option<bool>],
        &columns.last_roles() as &[Option<&str>],
        &columns.last_times() as &[Option<DateTime<Utc>>],
        &columns.active_seconds() as &[Option<Decimal>],
        &columns.flow(session_stats::replies) as &[Option<String>],
        &steps.ids,
        &steps.numbers,
        &steps.kinds as &[Option<&str>],
        &steps.steps as &[&str],
        i16::from(MAPPING_VERSION),
        &numbers,
        &of.text(|s| s.provider_session_id.as_str()) as &[&str],
        &of.text(|s| s.kind.as_str()) as &[&str],
        &of.optional(|s| s.provider_status.as_deref()) as &[Option<&str>],
        &of.text(|s| s.state.as_str()) as &[&str],
        &of.text(|s| s.outcome.as_str()) as &[&str],
        &of.any(|s| s.is_flagged_unresolved) as &[Option<bool>],
        &of.optional(|s| s.channel.as_deref()) as &[Option<&str>],
        &records.iter().map(|r| r.person_id.as_deref()).collect::<Vec<_>>() as &[Option<&str>],
        &of.optional(|s| s.parent_provider_session_id.as_deref()) as &[Option<&str>],
        &of.optional(|s| s.group_key.as_deref()) as &[Option<&str>],
        &of.any(|s| s.created_at),
        &of.any(|s| s.started_at),
        &of.any(|s| s.ended_at) as &[Option<DateTime<Utc>>],
        &of.optional(|s| s.ended_at_source.map(EndSource::as_str)) as &[Option<&str>],
        &of.any(|s| s.completed_at) as &[Option<DateTime<Utc>>],
        &of.any(|s| s.last_activity_at) as &[Option<DateTime<Utc>>],
        &of.any(|s| s.duration_seconds) as &[Option<Decimal>],
        &of.any(|s| s.provider_minutes) as &[Option<Decimal>],
        &of.any(|s| s.max_concurrent_participants) as &[Option<i32>],
        &of.any(|s| s.provider_updated_at) as &[Option<DateTime<Utc>>],
        &records.iter().map(|r| &r.row_hash[..]).collect::<Vec<_>>() as &[&[u8]],
        &records.iter().map(|r| &r.raw_hash[..]).collect::<Vec<_>>() as &[&[u8]],
        &columns.any(|s| s.untimed_message_count),
    )
    .fetch_all(tx)
    .await
    .map_err(StoreError::doing("writing new sessions"))
}

/// Returns the bytes if they fit into the statement of their sessions; many or large ones are written separately.
async fn unless_many<'a>(
    tx: &mut PgConnection,
    context: &SaveContext<'_>,
    bodies: &'a [RawRecord<'a>],
) -> Result<&'a [RawRecord<'a>], StoreError> {
    if bulk::is_one(bodies, |record| record.body.len()) {
        return Ok(bodies);
    }
    raw::insert(tx, context.guard.stream_key().source_id, context.origin(), bodies).await?;
    Ok(&[])
}

/// Returns the messages of sessions whose records contain them.
pub(super) fn carried<'a>(rows: &[(i64, &Prepared<'a>)]) -> Vec<(i64, &'a [Message])> {
    rows.iter().filter_map(|(id, record)| Some((*id, record.record.session.messages.as_deref()?))).collect()
}
