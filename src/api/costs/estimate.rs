//! `POST /v1/costs/estimate`: what sessions would have cost by other prices, beside what they cost.
//!
//! The same SQL computes both sums over the same sessions; only the cards differ. So a scenario with the
//! current prices costs exactly what is paid. Nothing is written.

use std::collections::BTreeSet;

use axum::Json;
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::api::costs::card_body::{CardReader, text};
use crate::api::costs::cards;
use crate::api::costs::cards::RateCardBody;
use crate::api::json_body::JsonBody;
use crate::api::parameters::time::TimeParameters;
use crate::api::parameters::{Asked, Faults, NoParameters};
use crate::api::problem::{ApiError, Fault};
use crate::api::problem_responses::PriceProblems;
use crate::api::state::{ApiState, ForCaller};
use crate::model::rate_card::{ACTUAL, RateCard};
use crate::model::request_body::{Given, RequestBody, request_body};
use crate::query::calendar::in_zone;
use crate::query::catalog::{Catalog, Source};
use crate::query::freshness::Freshness;
use crate::query::number::{Number, Unrounded};
use crate::query::range::TimeRange;
use crate::query::rate_cards::{self, CostLine};

request_body! {
    /// A what-if scenario.
    pub(crate) struct EstimateRequest {
        /// First instant: a date (in `zone`) or RFC 3339. Not together with `range`.
        #[schema(required = false)]
        from: String,
        /// End of the range, exclusive.
        #[schema(required = false)]
        to: String,
        /// A named range, as in `/v1/metrics/query`. One of `range` and `from` is required.
        #[schema(required = false)]
        range: String,
        /// IANA name of the time zone of the local days.
        #[schema(required = false)]
        zone: String,
        /// Slugs of sources. Default: all.
        #[schema(required = false)]
        sources: Vec<String>,
        /// Name of the scenario; without `cards`, the name of a stored scenario.
        #[schema(required = false)]
        scenario: String,
        /// Prices of the scenario, all of this `scenario`; no other card counts. Default: the stored cards of
        /// `scenario`.
        #[schema(required = false)]
        cards: Vec<RateCardBody>,
    }
}

/// Cost of sessions in a scenario, beside their cost by the current cards.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CostEstimate {
    /// Name of the scenario.
    pub(crate) scenario: String,
    /// Currency of the scenario, ISO 4217; null: it has no cards.
    pub(crate) currency: Option<String>,
    /// Cost in the scenario, as far as it is known; null: no cost is known.
    pub(crate) scenario_cost: Option<Number>,
    /// Currency of the current cards; null: there are none.
    pub(crate) current_currency: Option<String>,
    /// Cost by the current cards, as far as it is known; null: no cost is known.
    pub(crate) current_cost: Option<Number>,
    /// `scenario_cost` minus `current_cost`; null: one is missing, or the currencies differ.
    pub(crate) difference: Option<Number>,
    /// Parts of the scenario's cost: they add up to `scenario_cost`.
    pub(crate) by_preset: Vec<EstimateLine>,
    /// Minutes that no card of the scenario prices; null: there are some, of unknown number.
    pub(crate) unpriced_minutes: Option<Number>,
    /// Minutes that no current card prices; null: there are some, of unknown number.
    pub(crate) current_unpriced_minutes: Option<Number>,
    /// Sessions whose use is not known, or not completely.
    pub(crate) unknown_count: i64,
    /// The query as interpreted.
    pub(crate) query: EstimateEcho,
    /// Completeness of the data.
    pub(crate) freshness: Freshness,
}

/// The consumption that is sold at one price.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EstimateLine {
    /// Slug of the source.
    pub(crate) source: String,
    /// `minute`, `session` or `resolution`.
    pub(crate) unit: String,
    /// Preset of the participants; null: not sold by preset, or unknown.
    pub(crate) preset_name: Option<String>,
    /// Consumption, as far as it is known; null: known of no session.
    pub(crate) consumed_quantity: Option<Number>,
    /// Consumption after rounding; null: unknown.
    pub(crate) pricing_quantity: Option<Number>,
    /// Price of one unit; null: no card prices it.
    pub(crate) unit_price: Option<Unrounded>,
    /// Cost; null: no card prices it, or the quantity is unknown.
    pub(crate) cost: Option<Number>,
    /// Sessions of unknown quantity, which the other fields leave out.
    pub(crate) unknown_count: i64,
}

/// The query as interpreted.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EstimateEcho {
    /// First instant of the range.
    from: String,
    /// End of the range, exclusive.
    to: String,
    /// IANA zone.
    zone: &'static str,
    /// Slugs of the sources.
    sources: Vec<String>,
}

/// Estimate costs
///
/// Compares the cost of the sessions that began in a range by other rate cards with their cost by the current ones.
/// Reads only. Minutes that no card prices are reported separately and never count as free.
#[utoipa::path(
    post, path = "/v1/costs/estimate", tag = "costs",
    request_body(content = EstimateRequest, example = json!({
        "range": "previous_month", "zone": "Europe/Berlin", "sources": ["rtk-prod"], "scenario": "audio only for guests",
        "cards": [{"source": "rtk-prod", "unit": "minute", "unit_price": 0.002, "currency": "USD"},
                  {"source": "rtk-prod", "unit": "minute", "unit_price": 0.0005, "currency": "USD", "preset_pattern": "guest*"}]
    })),
    responses(
        (status = 200, description = "Both costs, and the difference.", body = CostEstimate, example = json!({
            "scenario": "audio only for guests", "currency": "USD", "scenario_cost": 96.15, "current_currency": "USD",
            "current_cost": 182.4, "difference": -86.25,
            "by_preset": [{"source": "rtk-prod", "unit": "minute", "preset_name": "guest", "consumed_quantity": 57500,
                           "pricing_quantity": 57500, "unit_price": 0.0005, "cost": 28.75, "unknown_count": 0}],
            "unpriced_minutes": 0, "current_unpriced_minutes": 0, "unknown_count": 0,
            "query": {"from": "2026-10-01T00:00:00+02:00", "to": "2026-11-01T00:00:00+01:00", "zone": "Europe/Berlin", "sources": ["rtk-prod"]},
            "freshness": crate::api::freshness::example()
        })),
        PriceProblems
    )
)]
pub(crate) async fn estimate_costs(
    ForCaller(state): ForCaller,
    asked: Asked<NoParameters>,
    JsonBody(body): JsonBody,
) -> Result<Json<CostEstimate>, ApiError> {
    asked.faults.refuse()?;
    estimate(&state, &body).await.map(Json)
}

/// Estimates the costs that a body asks for.
pub(crate) async fn estimate(state: &ApiState, body: &Value) -> Result<CostEstimate, ApiError> {
    let catalog = state.catalog(Some(TimeRange::everything())).await?;
    let standing: Vec<RateCard> = cards::seen(state).await?.into_iter().map(|one| one.card).collect();
    let question = Question::read(state, &catalog, &standing, body).map_err(ApiError::InvalidBody)?;
    let ids: Vec<i32> = question.sources.iter().map(|source| source.source_id).collect();
    let actual: Vec<RateCard> = standing.into_iter().filter(|card| card.scenario == ACTUAL).collect();
    let current = rate_cards::costs(&state.pool, &ids, question.range, &actual).await?;
    let scenario = rate_cards::costs(&state.pool, &ids, question.range, &question.cards).await?;
    let currency = |cards: &[RateCard]| cards.first().map(|card| card.currency.clone());
    let (current_currency, scenario_currency) = (currency(&actual), currency(&question.cards));
    let (current_sum, scenario_sum) = (sum(&current.lines), sum(&scenario.lines));
    let both = scenario_sum.zip(current_sum).filter(|_| current_currency == scenario_currency);
    Ok(CostEstimate {
        scenario: question.scenario,
        currency: scenario_currency,
        scenario_cost: scenario_sum.map(Number),
        current_currency,
        current_cost: current_sum.map(Number),
        difference: both.map(|(one, other)| Number(one - other)),
        unpriced_minutes: unpriced(&scenario.lines),
        current_unpriced_minutes: unpriced(&current.lines),
        unknown_count: scenario.unknown_count,
        by_preset: scenario.lines.into_iter().map(EstimateLine::from).collect(),
        query: EstimateEcho {
            from: in_zone(question.zone, question.range.from),
            to: in_zone(question.zone, question.range.to),
            zone: question.zone.name(),
            sources: question.sources.iter().map(|source| source.source.clone()).collect(),
        },
        freshness: Freshness::over(&catalog, &question.sources, Some(question.range), state.clock.now()),
    })
}

impl From<CostLine> for EstimateLine {
    fn from(line: CostLine) -> Self {
        Self {
            source: line.source,
            unit: line.pricing_unit,
            preset_name: line.preset_name,
            consumed_quantity: line.consumed_quantity.map(Number),
            pricing_quantity: line.pricing_quantity.map(Number),
            unit_price: line.list_unit_price.map(Unrounded),
            cost: line.list_cost.map(Number),
            unknown_count: line.unknown_count,
        }
    }
}

/// Adds up the costs. `None`: no cost is known.
fn sum(lines: &[CostLine]) -> Option<Decimal> {
    lines.iter().filter_map(|line| line.list_cost).reduce(Decimal::saturating_add)
}

/// Adds up the minutes that no card prices. `None`: there are some, of unknown number.
fn unpriced(lines: &[CostLine]) -> Option<Number> {
    let of_minutes = || lines.iter().filter(|line| line.pricing_unit == "minute" && line.list_unit_price.is_none());
    if of_minutes().next().is_none() {
        return Some(Number(Decimal::ZERO));
    }
    of_minutes().filter_map(|line| line.consumed_quantity).reduce(Decimal::saturating_add).map(Number)
}

/// A checked request.
struct Question<'a> {
    range: TimeRange,
    zone: chrono_tz::Tz,
    sources: Vec<&'a Source>,
    scenario: String,
    cards: Vec<RateCard>,
}

impl<'a> Question<'a> {
    fn read(state: &ApiState, catalog: &'a Catalog, standing: &[RateCard], body: &Value) -> Result<Self, Vec<Fault>> {
        let nothing = Map::new();
        let object = body.as_object().unwrap_or(&nothing);
        let mut told = Faults::default();
        told.note_unknown_fields(object, EstimateRequest::FIELDS);
        let request = EstimateRequest::of(object, "");
        let when = time(&request, &mut told).read(state.default_zone, state.clock.now(), &mut told);
        if when.range.is_none() && [&request.from, &request.to, &request.range].iter().all(|end| end.value.is_none()) {
            told.note("range", "missing_field", "Give a `range` such as \"previous_month\", or `from` and `to`.");
        }
        let sources = sources(catalog, &request.sources, &mut told);
        let named = request.scenario.value.as_ref();
        let scenario = text("scenario", named, Some("what-if"), &mut told).unwrap_or_default();
        let mut faults = Vec::new();
        let cards = if let Some(list) = &request.cards.value {
            CardReader { catalog, zone: when.zone, scenario: &scenario, may_name_others: false }.read(list, &mut faults)
        } else {
            let stored: BTreeSet<&str> = standing.iter().map(|card| card.scenario.as_str()).collect();
            match request.scenario.not_null() {
                _ if stored.contains(scenario.as_str()) => {}
                Some(_) => told.note_unknown("scenario", "no_cards", &scenario, stored),
                None => told.note("cards", "missing_field", "Give `cards`, or the `scenario` of stored ones."),
            }
            standing.iter().filter(|card| card.scenario == scenario).cloned().collect()
        };
        faults.splice(0..0, told.in_body(""));
        match when.range {
            Some(range) if faults.is_empty() => Ok(Self { range, zone: when.zone, sources, scenario, cards }),
            _ => Err(faults),
        }
    }
}

/// Reads the fields about time; texts follow the rules of the query parameters.
fn time(request: &EstimateRequest, told: &mut Faults) -> TimeParameters {
    let mut texts = Map::new();
    for given in [&request.from, &request.to, &request.range, &request.zone] {
        match given.not_null() {
            None => {}
            Some(Value::String(text)) => _ = texts.insert(given.name.to_owned(), json!(text)),
            Some(_) => told.note(given.name, "wrong_type", format!("`{}` must be a text.", given.name)),
        }
    }
    serde_json::from_value(Value::Object(texts)).unwrap_or_default()
}

fn sources<'a>(catalog: &'a Catalog, given: &Given, told: &mut Faults) -> Vec<&'a Source> {
    let Some(list) = given.not_null() else {
        return catalog.sources.iter().collect();
    };
    let Some(list) = list.as_array() else {
        told.note(given.name, "wrong_type", "`sources` must be a list of slugs.");
        return Vec::new();
    };
    let slugs = || catalog.sources.iter().map(|source| source.source.as_str());
    for slug in list.iter().map(|slug| slug.as_str().map_or_else(|| slug.to_string(), ToOwned::to_owned)) {
        if slugs().all(|known| known != slug) {
            told.note_unknown(given.name, "unknown_value", &slug, slugs());
        }
    }
    catalog.sources.iter().filter(|source| list.iter().any(|slug| slug == source.source.as_str())).collect()
}
