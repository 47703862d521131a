//! Metrics of money: the cost of sessions by the current rate cards.
//!
//! Only the view `analytics.session_costs` decides what is sold of a session, how it is rounded and which card prices
//! it; here it is added up. A session without a price is unknown and never free.

use crate::query::metrics::measure::{Additivity, Metric};
use crate::query::metrics::registry::volume::COUNT;
use crate::query::metrics::requires::Requires;
use crate::query::metrics::time_column::TimeColumn;

/// The unit of amounts of money; each answer states the currency.
pub const MONEY: &str = "money";

/// A sum of money, in the currency of the rate cards.
const COST: Metric = Metric {
    id: "estimated_cost",
    label: "Estimated cost",
    unit: MONEY,
    description: "Cost of the sessions that began in the range, by the rate cards in force when they began (scenario actual), in the one currency of these cards. If only a part of a session has a price, that part is added and the session is in unknown_count; unpriced_minutes gives the missing quantity.",
    formula: "sum(list_cost) of analytics.session_costs",
    null_rule: "Sessions with a part that no card prices, or of unknown quantity, are in unknown_count; if no session has a price, the value is null.",
    requires: Requires::Nothing,
    value_sql: "round(sum(c.cost), 12)",
    known_sql: "count(c.cost)",
    unknown_sql: "count(*) filter (where not c.is_priced)",
    is_unknown_sql: "not c.is_priced",
    amount_sql: None,
    can_overlap: false,
    ..COUNT
};

/// Metrics of money.
pub(super) static METRICS: [Metric; 5] = [
    COST,
    Metric {
        id: "unpriced_minutes",
        label: "Minutes without a price",
        unit: "minutes",
        description: "Metered minutes, of sessions that began in the range, that no rate card prices. They are missing from estimated_cost; a card with price 0 states that they cost nothing.",
        formula: "sum(consumed_quantity) of analytics.session_costs where pricing_unit = 'minute' and list_unit_price is null",
        null_rule: "Sessions without minutes, or whose unpriced minutes are partly unknown, are in unknown_count and not in the sum; if no session has any, the value is null.",
        requires: Requires::Minutes,
        value_sql: "round(sum(c.unpriced_minutes), 12)",
        known_sql: "count(c.unpriced_minutes)",
        unknown_sql: "count(*) - count(c.unpriced_minutes)",
        is_unknown_sql: "s.minutes_basis is not null and c.unpriced_minutes is null",
        ..COST
    },
    Metric {
        id: "rounded_billable_minutes",
        label: "Billable minutes, rounded",
        unit: "minutes",
        description: "Metered minutes of sessions that began in the range, rounded by the rate card in force; minutes that no card prices are not rounded.",
        formula: "sum(pricing_quantity) of analytics.session_costs where pricing_unit = 'minute'",
        null_rule: "Sessions whose minutes are unknown in whole or in part are in unknown_count and not in the sum; if no session has all its minutes known, the value is null.",
        requires: Requires::Minutes,
        value_sql: "round(sum(c.rounded_minutes), 12)",
        known_sql: "count(c.rounded_minutes)",
        unknown_sql: "count(*) - count(c.rounded_minutes)",
        is_unknown_sql: "s.minutes_basis is not null and c.rounded_minutes is null",
        ..COST
    },
    Metric {
        id: "cost_per_minute",
        label: "Cost per minute",
        unit: MONEY,
        description: "Cost of the sessions that began in the range, per minute that the provider meters. Only sessions with a price for everything and with known minutes count.",
        formula: "sum(list_cost) / sum(minutes_consumed)",
        null_rule: "Sessions without a price for everything or without minutes are in unknown_count and in neither part.",
        additivity: Additivity::RatioOfSums,
        requires: Requires::Minutes,
        value_sql: "round(sum(c.cost) filter (where c.is_priced and s.minutes_consumed is not null), 12)",
        known_sql: "round(sum(s.minutes_consumed) filter (where c.is_priced), 12)",
        unknown_sql: "count(*) filter (where not c.is_priced or s.minutes_consumed is null)",
        is_unknown_sql: "s.minutes_basis is not null and (not c.is_priced or s.minutes_consumed is null)",
        ..COST
    },
    Metric {
        id: "cost_per_resolution",
        label: "Cost per resolution",
        unit: MONEY,
        description: "Cost of all sessions completed in the range, resolved or not, per resolved session.",
        formula: "sum(list_cost) / count(outcome = 'resolved')",
        null_rule: "Sessions without a price for everything, or of unknown outcome, are in unknown_count and in neither part; without a resolved session, the value is null.",
        time_column: TimeColumn::CompletedAt,
        additivity: Additivity::RatioOfSums,
        requires: Requires::Outcomes,
        value_sql: "round(sum(c.cost) filter (where c.is_priced and s.outcome in ('resolved', 'unresolved')), 12)",
        known_sql: "count(*) filter (where c.is_priced and s.outcome = 'resolved')",
        unknown_sql: "count(*) filter (where not c.is_priced or s.outcome = 'unknown')",
        is_unknown_sql: "s.has_outcomes and (not c.is_priced or s.outcome = 'unknown')",
        ..COST
    },
];

/// Joins the cost of a session `s` as `c`, for queries about money. Minutes of which a part is unknown are unknown.
pub const COST_OF_SESSION: &str = " left join lateral (
    select sum(x.list_cost) as cost, coalesce(bool_and(x.list_cost is not null), false) as is_priced,
           case when s.minutes_consumed is not null
                     and not coalesce(bool_or(x.pricing_unit = 'minute' and x.list_unit_price is null
                                              and x.consumed_quantity is null), false)
                then coalesce(sum(x.consumed_quantity)
                                filter (where x.pricing_unit = 'minute' and x.list_unit_price is null), 0) end
             as unpriced_minutes,
           case when bool_and(x.pricing_quantity is not null) filter (where x.pricing_unit = 'minute')
                then sum(x.pricing_quantity) filter (where x.pricing_unit = 'minute') end as rounded_minutes
      from analytics.session_costs x where x.source_id = s.source_id and x.session_id = s.session_id) c on true";

/// Returns whether a metric is computed from the cost of sessions, which [`COST_OF_SESSION`] gives.
pub fn is_of_money(metric: &Metric) -> bool {
    METRICS.iter().any(|other| other.id == metric.id)
}
