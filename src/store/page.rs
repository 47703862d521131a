//! Saving a page: one transaction, all or nothing.

mod insert;
pub(super) mod prepared;
mod rows;
pub(super) mod seen;

use std::collections::{BTreeMap, HashMap};

use sqlx::{PgConnection, PgPool};

use crate::failpoint;
use crate::model::page::{Page, Record, Reject};
use crate::model::session::possible_change;
use crate::store::data_version::Changed;
use crate::store::erasure::redact::redact;
use crate::store::newer_wins::{self, OLDEST_PAGE, Sorted};
use crate::store::page::prepared::Prepared;
use crate::store::page::rows::Way;
use crate::store::page::seen::Known;
use crate::store::run::{self, Progress};
use crate::store::window::{self, Finding};
use crate::store::write_guard::WriteGuard;
use crate::store::{StoreError, bulk, change, data_version, deletion, drift, lateness, reject, replay, source};

pub use self::prepared::SaveContext;

/// Saves a page and, with the last page of a window, the finding about the window. Returns the progress of the run.
///
/// If another writer has meanwhile stored a session assumed to be new, the page is saved once more. If the database
/// refuses a value, records are written one by one, and the refused ones become rejects: one bad record never costs
/// another.
pub async fn save(
    pool: &PgPool,
    context: &SaveContext<'_>,
    page: &Page,
    finding: Option<&Finding>,
) -> Result<Progress, StoreError> {
    let age = context.now - context.fetched_at;
    if age > OLDEST_PAGE && !context.guard.is_replay() {
        return Err(StoreError::Outdated { age_minutes: age.num_minutes() });
    }
    let records = prepare(page, context);
    // a replay reads records whose sessions are usually stored
    let way = if context.guard.is_replay() { Way::MayBeStored } else { Way::New };
    let mut saved = try_save(pool, context, page, &records, finding, way).await;
    if saved.as_ref().is_err_and(StoreError::is_taken) {
        saved = try_save(pool, context, page, &records, finding, Way::MayBeStored).await;
    }
    if saved.as_ref().is_err_and(StoreError::is_data) {
        saved = try_save(pool, context, page, &records, finding, Way::OneByOne).await;
    }
    saved
}

/// Sorts records by id, so that two writers cannot deadlock, with each id once: of repeats the one the provider
/// changed last, else the last one sent.
fn prepare<'a>(page: &'a Page, context: &SaveContext<'_>) -> Vec<Prepared<'a>> {
    let mut latest: BTreeMap<&str, &Record> = BTreeMap::new();
    for record in &page.records {
        let slot = latest.entry(record.session.provider_session_id.as_str()).or_insert(record);
        let change = |of: &Record| possible_change(of.session.provider_updated_at, Some(context.fetched_at));
        if change(record) >= change(slot) {
            *slot = record;
        }
    }
    latest.into_values().map(|record| Prepared::new(record, context)).collect()
}

async fn try_save(
    pool: &PgPool,
    context: &SaveContext<'_>,
    page: &Page,
    records: &[Prepared<'_>],
    finding: Option<&Finding>,
    way: Way,
) -> Result<Progress, StoreError> {
    let SaveContext { guard, run_id, now, .. } = *context;
    let stream_key = guard.stream_key();
    let failed = StoreError::doing("saving a page");
    failpoint::reach("page.before_write");
    let begun = if context.guard.is_replay() { bulk::begin_durable(pool).await } else { bulk::begin(pool).await };
    let mut tx = begun.map_err(&failed)?;
    let seen = seen::read(&mut tx, guard, records).await?;
    let stored = (!seen.erased.is_empty()).then(|| Prepared::without_erased(records, &seen.erased));
    let records = stored.as_deref().unwrap_or(records);
    // the holder of the lease needs no further lock
    if finding.is_some() && !matches!(guard, WriteGuard::Lease(_)) {
        window::take_turn(&mut tx, stream_key).await?;
    }
    let known = &seen.known;
    let sorted = sort(&mut tx, context, records, known).await?;
    let back = deletion::named_again(&mut tx, context, page, records, known).await?;
    let changing = sorted.fresh.iter().map(|record| record.id()).filter(|id| known.contains_key(*id));
    let changing: Vec<&str> = changing.chain(back.iter().map(String::as_str)).collect();
    let before = change::before(&mut tx, stream_key, &changing).await?;
    let rows::Written { records: written, refused, people } =
        rows::write_all(&mut tx, context, sorted.fresh, &seen, way).await?;
    rows::keep_bytes(&mut tx, context, &sorted.older, &seen).await?;
    deletion::settle(&mut tx, context, records, &back).await?;
    change::record(&mut tx, stream_key, &before, context.stamp()).await?;
    let rejects: Vec<Reject> = page.rejects.iter().cloned().chain(refused).collect();
    reject::insert(&mut tx, stream_key, None, &rejects, run_id, now).await?;
    // an older version that can be read does not resolve the reject of a newer one
    if seen.has_rejects && !context.guard.is_replay() {
        let refused: Vec<&str> =
            rejects.iter().filter_map(|reject| Some(reject.provider_record_id.as_ref()?.as_str())).collect();
        let readable = records.iter().map(Prepared::id).filter(|id| !refused.contains(id)).collect();
        reject::resolve(&mut tx, stream_key, readable, now).await?;
    }
    leave_out_erased(&mut tx, context, &seen, records, &rejects).await?;
    if !written.is_empty() {
        drift::count(&mut tx, stream_key, &page.drift, now).await?;
    }
    source::learn(&mut tx, stream_key.source_id, &page.facts, now).await?;
    let inserted: Vec<_> = written.iter().filter(|record| !known.contains_key(record.id())).collect();
    // the first load of a range measures only its last page, where an earlier run may have read it
    if seen.is_proven && !context.guard.is_replay() && (!known.is_empty() || finding.is_some()) {
        let created: Vec<_> = inserted.iter().map(|record| record.record.session.created_at).collect();
        lateness::measure(&mut tx, stream_key, &created, now).await?;
    }
    let count = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let progress = Progress {
        record_count: count(page.len()),
        inserted_count: count(inserted.len()),
        updated_count: count(written.len() - inserted.len()),
        unchanged_count: count(sorted.unchanged.len() + sorted.older.len()),
        rejected_count: count(rejects.len()),
    };
    if let Some(tally) = context.tally {
        run::note(&mut tx, run_id, &tally.with(&progress), now).await?;
    }
    let gone = deletion::miss(&mut tx, context, page).await?;
    let marked = back.iter().chain(&gone).map(String::as_str);
    let ids: Vec<&str> = written.iter().map(|record| record.id()).chain(marked).collect();
    let changed = (!ids.is_empty()).then(|| Changed { ids, people, ..Changed::nothing() });
    match (finding, &changed) {
        (Some(finding), changed) => {
            window::record(&mut tx, stream_key, finding, (run_id, now), changed.as_ref()).await?;
        }
        (None, Some(changed)) => data_version::raise(&mut tx, stream_key, changed).await?,
        (None, None) => {}
    }
    failpoint::reach("page.before_commit");
    tx.commit().await.map_err(&failed)?;
    failpoint::reach("page.after_commit");
    context.fields.count(written.iter().map(|record| &record.record.session.fields));
    Ok(progress)
}

/// Sorts records by what to do with them. A replay also writes unchanged ones of which rows were lost.
async fn sort<'a, 'r>(
    tx: &mut PgConnection,
    context: &SaveContext<'_>,
    records: &'a [Prepared<'r>],
    known: &HashMap<String, Known>,
) -> Result<Sorted<'a, 'r>, StoreError> {
    let mut sorted = newer_wins::sort(records, known, context.fetched_at, context.now);
    if context.guard.is_replay() {
        let source_id = context.guard.stream_key().source_id;
        let lost = replay::having_lost_rows(tx, source_id, &sorted.unchanged, known).await?;
        let is_whole = |record: &&Prepared<'_>| !lost.contains(record.id());
        let (unchanged, again): (_, Vec<_>) = sorted.unchanged.into_iter().partition(is_whole);
        sorted.unchanged = unchanged;
        sorted.fresh.extend(again);
    }
    Ok(sorted)
}

/// Removes what a page must not store of erased people, and of sessions whose content is erased.
async fn leave_out_erased(
    tx: &mut PgConnection,
    context: &SaveContext<'_>,
    seen: &seen::Seen,
    records: &[Prepared<'_>],
    rejects: &[Reject],
) -> Result<(), StoreError> {
    if !seen.erased.is_any {
        return Ok(());
    }
    let named = rejects.iter().filter_map(|reject| Some(reject.provider_record_id.as_ref()?.as_str()));
    let ids: Vec<&str> = records.iter().map(Prepared::id).chain(named).collect();
    redact(tx, context.pseudonyms(), context.guard.stream_key().source_id, &ids, context.now).await.map(drop)
}
