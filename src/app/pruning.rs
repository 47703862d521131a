//! Retention: `tributary prune`, and once a day beside the pollers.
//!
//! [`crate::store::prune`] decides what may be deleted, the configuration how old it must be. Several instances
//! may prune at once.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::clock::Clock;
use crate::config::DatabaseConfig;
use crate::db::Purpose;
use crate::store::StoreError;
use crate::store::erasure::People;
use crate::store::prune::{Cutoffs, Pruned, prune};

/// Interval between prunings.
const EVERY: Duration = Duration::from_hours(24);
/// The first pruning is at a random time within this after the start, so that instances do not begin together.
const FIRST_WITHIN: Duration = Duration::from_hours(1);

/// Hashes of webhooks are kept for longer than an event may be old (`api/hooks.rs`).
const WEBHOOK_RETENTION_DAYS: u32 = 30;

fn cutoffs(config: &DatabaseConfig, now: DateTime<Utc>) -> Cutoffs {
    let before = |days: u32| now - TimeDelta::days(i64::from(days));
    Cutoffs {
        raw_before: config.raw_retention_days.map(before),
        journals_before: before(config.journal_retention_days),
        webhooks_before: before(WEBHOOK_RETENTION_DAYS),
        audit_before: before(config.audit_retention_days),
    }
}

/// Deletes expired data now.
pub async fn prune_once(app: &App, stop: CancellationToken) -> anyhow::Result<Pruned> {
    let pool = app.pool_unless_stopped(Purpose::Poll, &stop).await?;
    app.migrate(&pool).await?;
    let people = People { person_key: app.person_key(&pool).await?, pool };
    // a service may run with an older configuration, or none: this one counts
    let sources = app.config.sources.iter().map(|source| (source.slug.to_string(), source.content_retention_days));
    let (slugs, days): (Vec<String>, Vec<Option<i32>>) = sources.unzip();
    people.set_limits(&slugs, &days).await?;
    let pruned = once(&people, &app.config.database, app.clock.as_ref(), &stop).await?;
    people.pool.close().await;
    Ok(pruned)
}

/// Returns what was deleted, in words.
pub fn in_words(pruned: &Pruned) -> String {
    let Pruned { raw_records, runs, actions, comparisons, reconciliations, audit_entries, erased_sessions, .. } =
        pruned;
    format!(
        "removed {raw_records} superseded raw records, {runs} runs, {actions} calls, {comparisons} comparisons, \
         {reconciliations} plans of reconciliations, {audit_entries} entries of the audit log; erased the content of \
         {erased_sessions} sessions\n"
    )
}

/// Deletes expired data once a day, until stopped.
pub(super) fn daily(app: &App, people: People, stop: CancellationToken) -> impl Future<Output = ()> + use<> {
    let clock = Arc::clone(&app.clock);
    let config = app.config.database.clone();
    let mut wait = FIRST_WITHIN.mul_f64(app.dice.unit());
    async move {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(wait) => {}
            }
            wait = EVERY;
            report(once(&people, &config, clock.as_ref(), &stop).await);
        }
    }
}

async fn once(
    people: &People,
    config: &DatabaseConfig,
    clock: &dyn Clock,
    stop: &CancellationToken,
) -> Result<Pruned, StoreError> {
    let pruned = prune(&people.pool, &cutoffs(config, clock.now()), || stop.is_cancelled()).await?;
    let erased_sessions = people.expire(clock.now(), || stop.is_cancelled()).await?;
    Ok(Pruned { erased_sessions, ..pruned })
}

fn report(pruned: Result<Pruned, StoreError>) {
    match pruned {
        Ok(pruned) => {
            tracing::info!(
                raw_records = pruned.raw_records,
                runs = pruned.runs,
                actions = pruned.actions,
                comparisons = pruned.comparisons,
                reconciliations = pruned.reconciliations,
                audit_entries = pruned.audit_entries,
                incidents = pruned.incidents,
                webhooks = pruned.webhooks,
                erased_sessions = pruned.erased_sessions,
                "deleted expired rows"
            );
        }
        Err(error) => {
            tracing::warn!(cause = error.cause(), "expired rows could not be deleted and stay until tomorrow");
        }
    }
}
