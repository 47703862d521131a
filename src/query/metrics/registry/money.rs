//! Metrics of money: the cost of sessions by the current rate cards.
//!
//! Only the view `analytics.session_costs` decides what is sold of a session, how it is rounded and which card prices
//! it; here it is added up. A session without a price is unknown and never free.

use crate::query::metrics::column::prelude::*;
use crate::query::metrics::measure::{Known, Measure, Metric, Term};
use crate::query::metrics::registry::volume::COUNT;
use crate::query::metrics::requires::Requires;
use crate::query::metrics::time_column::TimeColumn;

/// The unit of amounts of money; each answer states the currency.
pub const MONEY: &str = "money";

/// A sum of money, in the currency of the rate cards.
const ESTIMATE: Metric = Metric {
    id: "estimated_cost",
    label: "Estimated cost",
    unit: MONEY,
    description: "Cost of the sessions that began in the range, by the rate cards in force when they began (scenario actual), in the one currency of these cards. If only a part of a session has a price, that part is added and the session is in unknown_count; unpriced_minutes gives the missing quantity.",
    formula: "sum(list_cost) of analytics.session_costs",
    null_rule: "Sessions with a part that no card prices, or of unknown quantity, are in unknown_count; if no session has a price, the value is null.",
    requires: Requires::Nothing,
    can_overlap: false,
    measure: Measure::Total(Term::Decimals(COST)),
    known: Known::Has(COST),
    is_partial: Some(expr!("not " IS_PRICED)),
    can_be_spread: false,
    ..COUNT
};

/// Metrics of money.
pub(super) static METRICS: [Metric; 5] = [
    ESTIMATE,
    Metric {
        id: "unpriced_minutes",
        label: "Minutes without a price",
        unit: "minutes",
        description: "Metered minutes, of sessions that began in the range, that no rate card prices. They are missing from estimated_cost; a card with price 0 states that they cost nothing.",
        formula: "sum(consumed_quantity) of analytics.session_costs where pricing_unit = 'minute' and list_unit_price is null",
        null_rule: "Sessions without minutes, or whose unpriced minutes are partly unknown, are in unknown_count and not in the sum; if no session has any, the value is null.",
        requires: Requires::Minutes,
        measure: Measure::Total(Term::Decimals(UNPRICED_MINUTES)),
        known: Known::Has(UNPRICED_MINUTES),
        is_partial: None,
        ..ESTIMATE
    },
    Metric {
        id: "rounded_billable_minutes",
        label: "Billable minutes, rounded",
        unit: "minutes",
        description: "Metered minutes of sessions that began in the range, rounded by the rate card in force; minutes that no card prices are not rounded.",
        formula: "sum(pricing_quantity) of analytics.session_costs where pricing_unit = 'minute'",
        null_rule: "Sessions whose minutes are unknown in whole or in part are in unknown_count and not in the sum; if no session has all its minutes known, the value is null.",
        requires: Requires::Minutes,
        measure: Measure::Total(Term::Decimals(ROUNDED_MINUTES)),
        known: Known::Has(ROUNDED_MINUTES),
        is_partial: None,
        ..ESTIMATE
    },
    Metric {
        id: "cost_per_minute",
        label: "Cost per minute",
        unit: MONEY,
        description: "Cost of the sessions that began in the range, per minute that the provider meters. Only sessions with a price for everything and with known minutes count.",
        formula: "sum(list_cost) / sum(minutes_consumed)",
        null_rule: "Sessions without a price for everything or without minutes are in unknown_count and in neither part.",
        requires: Requires::Minutes,
        measure: Measure::Ratio(Term::Decimals(COST), Term::Decimals(MINUTES_CONSUMED)),
        known: Known::If(expr!(IS_PRICED " and " MINUTES_CONSUMED " is not null")),
        is_partial: None,
        ..ESTIMATE
    },
    Metric {
        id: "cost_per_resolution",
        version: 2,
        label: "Cost per resolution",
        unit: MONEY,
        description: "Cost of all sessions completed in the range, resolved or not, per resolved session.",
        formula: "sum(list_cost) / count(outcome = 'resolved')",
        null_rule: "Sessions without a price for everything, or of unknown outcome, are in unknown_count and in neither part; without a resolved session, the value is null.",
        time_column: TimeColumn::CompletedAt,
        requires: Requires::Outcomes,
        measure: Measure::Ratio(Term::Decimals(COST), Term::RowsIf(expr!(IS_PRICED " and " OUTCOME " = 'resolved'"))),
        about: Some(expr!(OUTCOME " in ('resolved', 'unresolved', 'unknown')")),
        known: Known::If(expr!(IS_PRICED " and " OUTCOME " in ('resolved', 'unresolved')")),
        is_partial: None,
        ..ESTIMATE
    },
];
