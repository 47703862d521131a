//! Call budgets: rows from which all instances take their calls.
//!
//! Each request is one short statement in a transaction of its own, so that no caller waits for the transaction of a
//! page. The arithmetic is in database functions; tokens use the database's clock, limits stated by a provider the
//! caller's.

use chrono::{DateTime, Utc};
use sqlx::PgPool;

use crate::model::id::SourceId;
use crate::store::StoreError;

/// A configured budget.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BudgetRegistration {
    /// Host and account; never a credential, nor anything derived from one.
    pub key: String,
    /// Calls a minute.
    pub requests_per_minute: u32,
    /// Whether this is a ceiling even where the provider allows more; otherwise it applies where the provider states
    /// no policy.
    pub is_set_by_hand: bool,
    /// Our share of the provider's stated quotas, in thousandths.
    pub share_permille: u32,
    /// The sources whose calls it counts.
    pub sources: Vec<SourceId>,
}

/// Answer to a request for calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reservation {
    /// The calls may be made now.
    Granted {
        /// Number of the first call taken; the others follow it.
        number: i64,
        /// Calls taken: between one and the requested number.
        count: i64,
    },
    /// No token is available.
    Wait {
        /// Time to wait, microseconds.
        wait_us: i64,
        /// Time between two calls at the steady rate, microseconds.
        spacing_us: i64,
    },
    /// The provider allows no call before this instant.
    Blocked(DateTime<Utc>),
}

/// Limits that a provider stated for one of its quotas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatedQuota<'a> {
    /// Its name.
    pub name: &'a str,
    /// Calls in a window.
    pub quota: Option<i64>,
    /// Length of a window.
    pub window_seconds: Option<i64>,
    /// Calls left in this window.
    pub remaining: Option<i64>,
    /// Start of the next window.
    pub resets_at: Option<DateTime<Utc>>,
}

/// Registers a budget and the sources that use it. A block and unfinished windows stay in force. Other statements of
/// the provider are deleted, so that a quota it no longer has does not bind for ever.
pub async fn register(pool: &PgPool, budget: &BudgetRegistration, now: DateTime<Utc>) -> Result<(), StoreError> {
    let failed = StoreError::doing("registering a call budget");
    let mut tx = pool.begin().await.map_err(&failed)?;
    let ids: Vec<i32> = budget.sources.iter().map(|id| id.0).collect();
    sqlx::query!(
        "insert into ingest.call_budgets as b (budget_key, requests_per_minute, share_permille, is_set_by_hand, burst,
                                               spacing_us)
         values ($1, $2, $3, $4, 1, 60000000)
         on conflict (budget_key) do update
            set requests_per_minute = excluded.requests_per_minute, share_permille = excluded.share_permille,
                is_set_by_hand = excluded.is_set_by_hand
          where (b.requests_per_minute, b.share_permille, b.is_set_by_hand)
                is distinct from (excluded.requests_per_minute, excluded.share_permille, excluded.is_set_by_hand)",
        budget.key,
        i32::try_from(budget.requests_per_minute).unwrap_or(i32::MAX),
        i32::try_from(budget.share_permille).unwrap_or(1_000),
        budget.is_set_by_hand,
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    // a renamed source keeps the instant before which its provider allows no call
    sqlx::query!(
        "update ingest.call_budgets b set blocked_until = old.blocked_until
           from (select max(o.blocked_until::timestamptz) as blocked_until
                   from core.sources s join ingest.call_budgets o on o.budget_key = s.budget_key
                  where s.source_id = any($2) and s.budget_key <> $1) old
          where b.budget_key = $1 and old.blocked_until > $3
            and (b.blocked_until is null or b.blocked_until < old.blocked_until)",
        budget.key,
        &ids,
        now,
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    sqlx::query!(
        "delete from ingest.call_quotas where budget_key = $1 and (resets_at is null or resets_at <= $2)",
        budget.key,
        now,
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    sqlx::query!("select ingest.set_pace($1)", budget.key).fetch_one(&mut *tx).await.map_err(&failed)?;
    sqlx::query!(
        "update core.sources set budget_key = $1 where source_id = any($2) and budget_key is distinct from $1",
        budget.key,
        &ids,
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    tx.commit().await.map_err(&failed)
}

/// Takes up to `wanted` calls of `key`, or returns why not; `None` where there is no such budget.
pub async fn reserve(
    pool: &PgPool,
    key: &str,
    priority: &'static str,
    wanted: i64,
    now: DateTime<Utc>,
) -> Result<Option<Reservation>, StoreError> {
    let row = sqlx::query!(
        "select call_number, taken, wait_us, step_us, stated_until from ingest.reserve_call($1, $2, $3, $4)",
        key,
        priority,
        now,
        wanted,
    )
    .fetch_optional(pool)
    .await
    .map_err(StoreError::doing("reserving a call"))?;
    Ok(row.map(|row| match (row.call_number, row.stated_until) {
        (Some(number), _) => Reservation::Granted { number, count: row.taken.unwrap_or(1) },
        (None, Some(until)) => Reservation::Blocked(until),
        (None, None) => {
            Reservation::Wait { wait_us: row.wait_us.unwrap_or_default(), spacing_us: row.step_us.unwrap_or_default() }
        }
    }))
}

/// Stores what the answer to call `number` stated.
pub async fn observe(
    pool: &PgPool,
    key: &str,
    number: i64,
    now: DateTime<Utc>,
    blocked_until: Option<DateTime<Utc>>,
    quotas: &[StatedQuota<'_>],
) -> Result<(), StoreError> {
    let names: Vec<String> = quotas.iter().map(|said| said.name.to_owned()).collect();
    let calls: Vec<Option<i64>> = quotas.iter().map(|said| said.quota).collect();
    let windows: Vec<Option<i64>> = quotas.iter().map(|said| said.window_seconds).collect();
    let remainings: Vec<Option<i64>> = quotas.iter().map(|said| said.remaining).collect();
    let resets: Vec<Option<DateTime<Utc>>> = quotas.iter().map(|said| said.resets_at).collect();
    sqlx::query!(
        "select ingest.observe_call($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        key,
        number,
        now,
        blocked_until,
        &names,
        &calls as &[Option<i64>],
        &windows as &[Option<i64>],
        &remainings as &[Option<i64>],
        &resets as &[Option<DateTime<Utc>>],
    )
    .fetch_one(pool)
    .await
    .map_err(StoreError::doing("storing a provider's limits"))?;
    Ok(())
}
