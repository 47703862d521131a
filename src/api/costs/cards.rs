//! `GET /v1/rate-cards`, `PUT /v1/rate-cards`: the current prices.
//!
//! Cards are replaced as a set: the same request twice leaves the same prices, and a caller need not know the
//! previous ones. Previous cards are kept with their time, and the journal of operations records who replaced
//! them. A web page of another origin is refused.

use axum::Json;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::Map;
use utoipa::ToSchema;

use crate::api::actions::request::ActionRequest;
use crate::api::costs::card_body::CardReader;
use crate::api::page::{List, Page};
use crate::api::parameters::{Asked, Faults, NoParameters};
use crate::api::problem::ApiError;
use crate::api::problem_responses::{PriceProblems, ReadProblems};
use crate::api::state::{ApiState, ForCaller};
use crate::model::rate_card::ACTUAL;
use crate::model::request_body::{RequestBody, request_body};
use crate::query::catalog::SourceFilter;
use crate::query::freshness::Freshness;
use crate::query::number::Unrounded;
use crate::query::rate_cards::{self, StandingCard};
use crate::store;
use crate::store::operation::Operation;

/// A current price.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RateCardItem {
    /// Number of the card.
    rate_card_id: i64,
    #[serde(flatten)]
    card: RateCardBody,
    /// Time at which the card was entered.
    recorded_at: DateTime<Utc>,
}

/// The price of something at a source.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RateCardBody {
    /// Slug of the source.
    source: String,
    /// `actual` (the prices paid; the default), or the name of a what-if scenario.
    #[schema(required = false)]
    scenario: String,
    /// `minute`, `session` or `resolution`.
    unit: String,
    /// Price of one unit, exact; a request may also give it as a text.
    unit_price: Unrounded,
    /// ISO 4217; the same for all cards of a scenario.
    currency: String,
    /// Pattern of participant presets, `*` for any text; the longest matching pattern wins. Default: `*`.
    #[schema(required = false)]
    preset_pattern: String,
    /// `none` (the default), `ceil_per_connection` (each presence rounded up to a minute), `ceil_per_session`
    /// or `step`.
    #[schema(required = false)]
    rounding: String,
    /// Minutes per sold step; with `step` only.
    #[schema(required = false)]
    step_minutes: Option<i32>,
    /// Earliest start of a session that the card prices; a date or RFC 3339. Default: no lower bound.
    #[schema(required = false)]
    valid_from: DateTime<Utc>,
    /// End of the validity, exclusive, by a session's start; null: until further notice.
    #[schema(required = false)]
    valid_to: Option<DateTime<Utc>>,
}

request_body! {
    /// The complete set of prices.
    pub(crate) struct RateCardSet {
        /// The cards; current cards that are not among them end.
        cards: Vec<RateCardBody>,
    }
}

/// The result of replacing the set.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RateCardsReplaced {
    /// Number of the operation in `/v1/sync/operations`.
    operation_id: i64,
    /// Cards that became valid.
    added_count: usize,
    /// Cards that ended.
    ended_count: usize,
    /// The current cards.
    items: Vec<RateCardItem>,
}

impl From<StandingCard> for RateCardItem {
    fn from(standing: StandingCard) -> Self {
        let (rate_card_id, recorded_at) = (standing.rate_card_id, standing.recorded_at);
        Self { rate_card_id, card: standing.into(), recorded_at }
    }
}

impl From<StandingCard> for RateCardBody {
    fn from(StandingCard { source, card, .. }: StandingCard) -> Self {
        Self {
            source,
            scenario: card.scenario,
            unit: card.unit,
            unit_price: Unrounded(card.unit_price),
            currency: card.currency,
            preset_pattern: card.preset_pattern,
            rounding: card.rounding,
            step_minutes: card.step_minutes,
            valid_from: card.valid_from,
            valid_to: card.valid_to,
        }
    }
}

/// Returns the current cards of the sources that the caller may see.
pub(crate) async fn seen(state: &ApiState) -> Result<Vec<StandingCard>, ApiError> {
    let mut cards = rate_cards::list(&state.pool).await?;
    cards.retain(|card| state.caller.sources.allows(&card.source));
    Ok(cards)
}

async fn standing(state: &ApiState) -> Result<Vec<RateCardItem>, ApiError> {
    Ok(seen(state).await?.into_iter().map(RateCardItem::from).collect())
}

/// List rate cards
///
/// The current prices of all sources and scenarios. Metrics of money use those of scenario `actual`.
#[utoipa::path(
    get, path = "/v1/rate-cards", tag = "costs",
    responses(
        (status = 200, description = "All current cards, on one page.", body = List<RateCardItem>, example = json!({
            "items": [{"rate_card_id": 3, "source": "rtk-prod", "scenario": "actual", "unit": "minute", "unit_price": 0.002,
                       "currency": "USD", "preset_pattern": "*", "rounding": "none", "step_minutes": null,
                       "valid_from": "2026-01-01T00:00:00Z", "valid_to": null, "recorded_at": "2026-11-20T10:40:00Z"}],
            "page": {"has_more": false, "next": null},
            "freshness": crate::api::freshness::example()
        })),
        ReadProblems
    )
)]
pub(crate) async fn list_rate_cards(
    ForCaller(state): ForCaller,
    asked: Asked<NoParameters>,
) -> Result<Json<List<RateCardItem>>, ApiError> {
    asked.faults.refuse()?;
    let catalog = state.catalog(None).await?;
    let sources = catalog.select(&SourceFilter::default());
    let freshness = Freshness::of(&catalog, &sources, state.clock.now());
    Ok(Json(List { items: standing(&state).await?, page: Page::default(), freshness }))
}

/// Replace the rate cards
///
/// Makes these cards the current ones for all sources and scenarios; current cards that are not among them end,
/// those that are among them stay. Repeating the request changes nothing. Past sessions are priced again: the
/// card in force at the start of a session decides, so give cards their validity with `valid_from` and
/// `valid_to`. Metered minutes that no card prices are reported separately (`unpriced_minutes`): where a source
/// sells by the session alone, give its minutes a card of price 0.
#[utoipa::path(
    put, path = "/v1/rate-cards", tag = "costs",
    request_body(content = RateCardSet, example = json!({"cards": [
        {"source": "rtk-prod", "unit": "minute", "unit_price": 0.002, "currency": "USD", "valid_from": "2026-01-01T00:00:00Z"},
        {"source": "rtk-prod", "unit": "minute", "unit_price": 0.0005, "currency": "USD", "valid_from": "2026-01-01T00:00:00Z", "preset_pattern": "audio*"}
    ]})),
    responses(
        (status = 200, description = "The cards are current.", body = RateCardsReplaced, example = json!({
            "operation_id": 15, "added_count": 1, "ended_count": 0,
            "items": [{"rate_card_id": 3, "source": "rtk-prod", "scenario": "actual", "unit": "minute", "unit_price": 0.002,
                       "currency": "USD", "preset_pattern": "*", "rounding": "none", "step_minutes": null,
                       "valid_from": "2026-01-01T00:00:00Z", "valid_to": null, "recorded_at": "2026-11-20T10:40:00Z"}]
        })),
        PriceProblems
    )
)]
pub(crate) async fn replace_rate_cards(
    ForCaller(state): ForCaller,
    asked: Asked<NoParameters>,
    request: ActionRequest,
) -> Result<Json<RateCardsReplaced>, ApiError> {
    asked.faults.refuse()?;
    let catalog = state.catalog(None).await?;
    let reader = CardReader { catalog: &catalog, zone: state.default_zone, scenario: ACTUAL, may_name_others: true };
    let mut told = Faults::default();
    let nothing = Map::new();
    let object = request.body.as_object().unwrap_or(&nothing);
    told.note_unknown_fields(object, RateCardSet::FIELDS);
    let RateCardSet { cards: list } = RateCardSet::of(object, "");
    if list.value.is_none() {
        told.note(list.name, "missing_field", "The body must be an object with `cards`; an empty list ends all cards.");
    }
    let mut faults = told.in_body("");
    let cards = list.value.map(|list| reader.read(&list, &mut faults)).unwrap_or_default();
    if !faults.is_empty() {
        return Err(ApiError::InvalidBody(faults));
    }
    let operator = request.operator();
    let target = format!("{} cards", cards.len());
    let wish = Operation {
        source_id: None,
        stream: None,
        kind: "rate_cards",
        target: Some(&target),
        operator: &operator,
        now: state.clock.now(),
    };
    let replaced = store::rate_cards::replace(&state.pool, &wish, &cards).await?;
    Ok(Json(RateCardsReplaced {
        operation_id: replaced.operation_id,
        added_count: replaced.added_count,
        ended_count: replaced.ended_count,
        items: standing(&state).await?,
    }))
}
