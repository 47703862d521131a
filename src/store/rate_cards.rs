//! Rate cards are replaced as a set: cards missing from the new set end, cards already in it stay.
//!
//! Rows are never changed or deleted otherwise, so that the basis of a cost remains visible for any time. The command
//! is recorded in the same transaction, and the data version is incremented, since metric values depend on prices.

use sqlx::PgPool;

use crate::model::rate_card::{RateCard, set_version};
use crate::store::StoreError;
use crate::store::operation::{self, Operation};

/// Result of replacing the set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replaced {
    /// Its number in the journal of operations.
    pub operation_id: i64,
    /// Cards that became valid.
    pub added_count: usize,
    /// Cards that ended.
    pub ended_count: usize,
}

/// Makes `cards` the valid ones, of all sources and scenarios. `None`: the version of the current cards is not among
/// those that the caller knows, so nothing was changed.
pub async fn replace(
    pool: &PgPool,
    wish: &Operation<'_>,
    cards: &[RateCard],
    known: Option<&[String]>,
) -> Result<Option<Replaced>, StoreError> {
    let failed = StoreError::doing("replacing the rate cards");
    let wanted = serde_json::json!(cards);
    let mut tx = pool.begin().await.map_err(&failed)?;
    // two concurrent sets would leave a mixture
    sqlx::query!("lock table core.rate_cards in share row exclusive mode").execute(&mut *tx).await.map_err(&failed)?;
    let current = sqlx::query_scalar!("select rate_card_id from core.rate_cards where replaced_at is null");
    let current = current.fetch_all(&mut *tx).await.map_err(&failed)?;
    if known.is_some_and(|known| !known.contains(&set_version(current))) {
        return Ok(None);
    }
    let ended = sqlx::query_scalar!(
        "update core.rate_cards c set replaced_at = $2
          where c.replaced_at is null and not exists (
                select from jsonb_to_recordset($1)
                    as w (source_id int, scenario text, unit text, unit_price numeric, currency text,
                          preset_pattern text, rounding text, step_minutes int, valid_from timestamptz,
                          valid_to timestamptz)
                 where (w.source_id, w.scenario, w.unit, w.unit_price, w.currency, w.preset_pattern, w.rounding)
                     = (c.source_id, c.scenario, c.unit, c.unit_price, c.currency, c.preset_pattern, c.rounding)
                   and (w.step_minutes, w.valid_from, w.valid_to)
                       is not distinct from (c.step_minutes, c.valid_from::timestamptz, c.valid_to::timestamptz))
         returning c.source_id",
        wanted,
        wish.now,
    )
    .fetch_all(&mut *tx)
    .await
    .map_err(&failed)?;
    // cards that are still valid are in the new set, and no two of it price the same
    let added = sqlx::query_scalar!(
        "with wanted as materialized (
             select * from jsonb_to_recordset($1)
                as w (source_id int, scenario text, unit text, unit_price numeric, currency text, preset_pattern text,
                      rounding text, step_minutes int, valid_from timestamptz, valid_to timestamptz))
         insert into core.rate_cards (source_id, scenario, unit, unit_price, currency, preset_pattern, rounding,
                                      step_minutes, valid_from, valid_to, recorded_at)
         select w.*, $2
           from wanted w
          where (w.source_id, w.scenario, w.unit, w.preset_pattern, w.valid_from) not in (
                select c.source_id, c.scenario, c.unit, c.preset_pattern, c.valid_from::timestamptz
                  from core.rate_cards c where c.replaced_at is null)
         returning source_id",
        wanted,
        wish.now,
    )
    .fetch_all(&mut *tx)
    .await
    .map_err(&failed)?;
    let changed: Vec<i32> = ended.iter().chain(&added).copied().collect();
    sqlx::query!(
        "insert into ingest.data_versions as v (source_id, stream, version)
         select distinct changed, 'rate_cards', 1 from unnest($1::int[]) changed order by 1
             on conflict (source_id, stream) do update set version = v.version + 1",
        &changed,
    )
    .execute(&mut *tx)
    .await
    .map_err(&failed)?;
    let operation_id = operation::record(&mut tx, wish).await?;
    tx.commit().await.map_err(&failed)?;
    Ok(Some(Replaced { operation_id, added_count: added.len(), ended_count: ended.len() }))
}
