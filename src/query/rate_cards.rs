//! Current rate cards, and the cost of sessions by other cards.
//!
//! Only the view `analytics.session_costs` decides what is sold of a session. It can take other cards from a setting
//! of the transaction, so that a what-if uses the same SQL as the actual cost.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use sqlx::PgPool;

use crate::model::rate_card::RateCard;
use crate::query::range::TimeRange;
use crate::query::snapshot::Snapshot;
use crate::query::{ReadError, reading};

/// A current card.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingCard {
    /// Number of the card.
    pub rate_card_id: i64,
    /// Slug of its source.
    pub source: String,
    /// Time at which it was entered.
    pub recorded_at: DateTime<Utc>,
    /// The card.
    pub card: RateCard,
}

/// Returns all current cards, by source, scenario, unit, pattern and time.
pub async fn list(pool: &PgPool) -> Result<Vec<StandingCard>, ReadError> {
    let rows = sqlx::query!(
        r#"select c.rate_card_id as "rate_card_id!", c.source as "source!", c.source_id as "source_id!",
                  c.scenario as "scenario!", c.unit as "unit!", c.unit_price as "unit_price!",
                  c.currency as "currency!", c.preset_pattern as "preset_pattern!", c.rounding as "rounding!",
                  c.step_minutes, c.valid_from as "valid_from!", c.valid_to, c.recorded_at as "recorded_at!"
             from analytics.rate_cards c
            order by c.source, c.scenario, c.unit, c.preset_pattern, c.valid_from"#
    )
    .fetch_all(pool)
    .await
    .map_err(reading("the rate cards"))?;
    let standing = rows.into_iter().map(|row| StandingCard {
        rate_card_id: row.rate_card_id,
        source: row.source,
        recorded_at: row.recorded_at,
        card: RateCard {
            source_id: row.source_id,
            scenario: row.scenario,
            unit: row.unit,
            unit_price: row.unit_price,
            currency: row.currency,
            preset_pattern: row.preset_pattern,
            rounding: row.rounding,
            step_minutes: row.step_minutes,
            valid_from: row.valid_from,
            valid_to: row.valid_to,
        },
    });
    Ok(standing.collect())
}

/// Cost of sessions, and the number of sessions without a known quantity.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Costs {
    /// By source, unit, preset and price.
    pub lines: Vec<CostLine>,
    /// Sessions with an unknown quantity in any line.
    pub unknown_count: i64,
}

/// Quantity sold at one price, over many sessions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CostLine {
    /// Slug of the source.
    pub source: String,
    /// `minute`, `session` or `resolution`.
    pub pricing_unit: String,
    /// Preset of the participants; `None`: not sold by preset.
    pub preset_name: Option<String>,
    /// Unit price; `None`: no card prices it.
    pub list_unit_price: Option<Decimal>,
    /// Quantity used, over sessions with a known quantity; `None`: there are none.
    pub consumed_quantity: Option<Decimal>,
    /// Quantity sold, after rounding; `None`: unknown.
    pub pricing_quantity: Option<Decimal>,
    /// Cost; `None`: no price, or unknown.
    pub list_cost: Option<Decimal>,
    /// Number of sessions whose quantity is unknown.
    pub unknown_count: i64,
}

/// Returns the cost by `cards` of the sessions of these sources that began in `range`.
pub async fn costs(
    pool: &PgPool,
    source_ids: &[i32],
    range: TimeRange,
    cards: &[RateCard],
) -> Result<Costs, ReadError> {
    let failed = || reading("costs");
    let cards = (0_i64..).zip(cards).map(|(place, card)| {
        let mut card = serde_json::json!(card);
        card["place"] = (place + 1).into();
        card
    });
    // An empty list of cards is set as a list too: an empty setting would mean the current cards.
    let cards = serde_json::Value::Array(cards.collect()).to_string();
    let mut tx = pool.begin().await.map_err(failed())?;
    sqlx::query!("select set_config('tributary.rate_cards', $1, true)", cards)
        .fetch_one(&mut *tx)
        .await
        .map_err(failed())?;
    // The total is a separate grouping set: a session has several lines, and counts once. Citus takes grouping sets of
    // rows that were read before.
    let groups = sqlx::query!(
        r#"with c as materialized (
               select c.source, c.pricing_unit, c.preset_name, c.list_unit_price, c.consumed_quantity,
                      c.pricing_quantity, c.list_cost, c.session_id
                 from analytics.session_costs c
                where c.source_id = any($1) and c.started_at >= $2 and c.started_at < $3
                  and c.is_counted)
           select grouping(c.source) = 1 as "is_whole!", c.source, c.pricing_unit, c.preset_name, c.list_unit_price,
                  round(sum(c.consumed_quantity), 12) as consumed_quantity,
                  round(sum(c.pricing_quantity), 12) as pricing_quantity,
                  round(sum(c.list_cost), 12) as list_cost,
                  count(distinct c.session_id) filter (where c.consumed_quantity is null) as "unknown_count!"
             from c
            group by grouping sets ((), (c.source, c.pricing_unit, c.preset_name, c.list_unit_price))
            order by c.source, c.pricing_unit, c.preset_name, c.list_unit_price"#,
        source_ids,
        range.from,
        range.to,
    )
    .fetch_all(&mut *tx)
    .await
    .map_err(failed())?;
    tx.rollback().await.map_err(failed())?;
    let mut costs = Costs::default();
    for group in groups {
        if group.is_whole {
            costs.unknown_count = group.unknown_count;
        } else if let (Some(source), Some(pricing_unit)) = (group.source, group.pricing_unit) {
            costs.lines.push(CostLine {
                source,
                pricing_unit,
                preset_name: group.preset_name,
                list_unit_price: group.list_unit_price,
                consumed_quantity: group.consumed_quantity,
                pricing_quantity: group.pricing_quantity,
                list_cost: group.list_cost,
                unknown_count: group.unknown_count,
            });
        }
    }
    Ok(costs)
}

/// Returns the currency of the actual cards of these sources; `None`: there are none.
pub async fn currency(snapshot: &Snapshot, source_ids: &[i32]) -> Result<Option<String>, ReadError> {
    let currency = sqlx::query_scalar!(
        "select min(c.currency) as currency from analytics.rate_cards c
          where c.scenario = 'actual' and c.source_id = any($1)",
        source_ids,
    );
    let mut transaction = snapshot.transaction().await;
    currency.fetch_one(&mut **transaction).await.map_err(reading("the currency of the rate cards"))
}
