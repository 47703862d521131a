//! What a page says about who is deleted at the provider.
//!
//! Whoever it names is there: unchanged, older than what is stored, or not to be read. Whoever it was asked for and does
//! not have is missed, and by the second time deleted. Both are changes of the session and written down as such. An
//! unchanged row is not touched unless this is what changes.

use std::collections::HashMap;

use sqlx::PgConnection;

use crate::model::id::ProviderRecordId;
use crate::model::page::Page;
use crate::store::page::seen::Known;
use crate::store::page::{Prepared, SaveContext};
use crate::store::{StoreError, absence, change, order};

/// Sessions named by this page that the provider did not have before.
pub(super) async fn named_again(
    tx: &mut PgConnection,
    context: &SaveContext<'_>,
    page: &Page,
    records: &[Prepared<'_>],
    known: &HashMap<String, Known>,
) -> Result<Vec<String>, StoreError> {
    let is_back = |known: &Known| match known.last_missed_at {
        Some(missed_at) => !order::is_before(context.fetched_at, missed_at, context.now),
        None => known.is_deleted && !context.is_replay(),
    };
    let named = records.iter().map(Prepared::id).filter(|id| known.get(*id).is_some_and(is_back));
    let mut back: Vec<String> = named.map(str::to_owned).collect();
    // a record that cannot be read is there all the same
    let rejected = page.rejects.iter().filter_map(|reject| reject.provider_record_id.as_ref());
    let rejected: Vec<&str> = rejected.map(ProviderRecordId::as_str).collect();
    back.extend(absence::missed(tx, context.hold.place(), &rejected, context.fetched_at).await?);
    back.sort_unstable();
    back.dedup();
    Ok(back)
}

/// Who is back is no longer deleted; an old record that is read again brings nobody back.
pub(super) async fn settle(
    tx: &mut PgConnection,
    context: &SaveContext<'_>,
    records: &[Prepared<'_>],
    back: &[String],
) -> Result<(), StoreError> {
    let place = context.hold.place();
    let back: Vec<&str> = back.iter().map(String::as_str).collect();
    absence::forget(tx, place, &back).await?;
    absence::mark(tx, place, &back, false, context.now).await?;
    if context.is_replay() {
        let ids: Vec<&str> = records.iter().map(Prepared::id).collect();
        absence::keep_deleted(tx, place, &ids).await?;
    }
    Ok(())
}

/// Writes down that the provider did not have the sessions `missing`; whether some are taken for deleted now.
pub(super) async fn miss(
    tx: &mut PgConnection,
    context: &SaveContext<'_>,
    missing: &[ProviderRecordId],
) -> Result<bool, StoreError> {
    let place = context.hold.place();
    let gone = absence::sight(tx, place, missing, context.run_id, context.now).await?;
    let gone: Vec<&str> = gone.iter().map(String::as_str).collect();
    let before = change::before(tx, place, &gone).await?;
    absence::mark(tx, place, &gone, true, context.now).await?;
    change::record(tx, place, &before, context.stamp()).await?;
    Ok(!gone.is_empty())
}
