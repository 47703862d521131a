//! Deletion marks of sessions, derived from a page.
//!
//! A session that the page names exists, even if the record is unchanged, older than the stored one, or unreadable. A
//! session that was requested and not found counts as missing, and the second time as deleted. Both are recorded as
//! changes of the session. An unchanged row is written only if its mark changes.

use std::collections::HashMap;

use sqlx::PgConnection;

use crate::model::id::ProviderRecordId;
use crate::model::page::Page;
use crate::store::page::prepared::{Prepared, SaveContext};
use crate::store::page::seen::Known;
use crate::store::{StoreError, absence, change, newer_wins};

/// Returns the sessions named by this page that were missing before.
pub(super) async fn named_again(
    tx: &mut PgConnection,
    context: &SaveContext<'_>,
    page: &Page,
    records: &[Prepared<'_>],
    known: &HashMap<String, Known>,
) -> Result<Vec<String>, StoreError> {
    let is_back = |known: &Known| match known.last_missed_at {
        Some(missed_at) => !newer_wins::is_before(context.fetched_at, missed_at, context.now),
        None => known.is_deleted && !context.guard.is_replay(),
    };
    let named = records.iter().map(Prepared::id).filter(|id| known.get(*id).is_some_and(is_back));
    let mut back: Vec<String> = named.map(str::to_owned).collect();
    // an unreadable record exists all the same
    let rejected = page.rejects.iter().filter_map(|reject| reject.provider_record_id.as_ref());
    let rejected: Vec<&str> = rejected.map(ProviderRecordId::as_str).collect();
    back.extend(absence::missed(tx, context.guard.stream_key(), &rejected, context.fetched_at).await?);
    back.sort_unstable();
    back.dedup();
    Ok(back)
}

/// Clears the deletion mark of sessions that are back; an old record that is read again restores none.
pub(super) async fn settle(
    tx: &mut PgConnection,
    context: &SaveContext<'_>,
    records: &[Prepared<'_>],
    back: &[String],
) -> Result<(), StoreError> {
    let stream_key = context.guard.stream_key();
    let back: Vec<&str> = back.iter().map(String::as_str).collect();
    absence::forget(tx, stream_key, &back).await?;
    absence::mark(tx, stream_key, &back, false, context.now).await?;
    if context.guard.is_replay() {
        let ids: Vec<&str> = records.iter().map(Prepared::id).collect();
        absence::keep_deleted(tx, stream_key, &ids).await?;
    }
    Ok(())
}

/// Records that the provider did not have the missing sessions of this page; returns those that are treated as deleted
/// now.
pub(super) async fn miss(
    tx: &mut PgConnection,
    context: &SaveContext<'_>,
    page: &Page,
) -> Result<Vec<String>, StoreError> {
    let stream_key = context.guard.stream_key();
    let gone =
        absence::sight(tx, stream_key, (&page.missing, page.deleted_after), (context.run_id, context.now)).await?;
    let ids: Vec<&str> = gone.iter().map(String::as_str).collect();
    let before = change::before(tx, stream_key, &ids).await?;
    absence::mark(tx, stream_key, &ids, true, context.now).await?;
    change::record(tx, stream_key, &before, context.stamp()).await?;
    Ok(gone)
}
