//! `GET /v1/rate-cards`, `PUT /v1/rate-cards`: the prices that stand.
//!
//! Replaced as a set, so that the same request twice leaves the same prices and nobody has to know what stood before.
//! What stood is kept with its time, and who replaced it is in the journal of operations. A web page of another origin
//! may not ask.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::ApiState;
use crate::api::actions::request::ActionRequest;
use crate::api::costs::card_body::{CardReader, DEFAULT_SCENARIO};
use crate::api::documented::{PriceProblems, ReadProblems};
use crate::api::page::{List, Page};
use crate::api::parameters::{Asked, Faults, NoParameters};
use crate::api::problem::ApiError;
use crate::query::catalog::{Catalog, SourceFilter};
use crate::query::freshness::Freshness;
use crate::query::rate_cards::{self, StandingCard};
use crate::store;
use crate::store::operation::{Operation, Operator};

/// A price that stands.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RateCardItem {
    /// Our number.
    #[schema(example = 3)]
    rate_card_id: i64,
    #[serde(flatten)]
    card: RateCardBody,
    /// When it was entered.
    recorded_at: DateTime<Utc>,
}

/// The price of something at a source.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RateCardBody {
    /// Slug of the source.
    #[schema(example = "rtk-prod")]
    source: String,
    /// `actual` (what is paid; the default), or the name of a what-if.
    #[schema(required = false, example = "actual")]
    scenario: String,
    /// `minute`, `session` or `resolution`.
    #[schema(example = "minute")]
    unit: String,
    /// Price of one: a decimal as text.
    #[schema(example = "0.002")]
    unit_price: String,
    /// ISO 4217; the same for all cards of a scenario.
    #[schema(example = "USD")]
    currency: String,
    /// Presets of participants it is for, `*` for any text; the longest that fits wins. Default: `*`.
    #[schema(required = false, example = "*")]
    preset_pattern: String,
    /// `none` (the default), `ceil_per_connection` (each presence to the next minute), `ceil_per_session` or `step`.
    #[schema(required = false, example = "none")]
    rounding: String,
    /// Minutes sold at a time; with `step` only.
    #[schema(required = false)]
    step_minutes: Option<i32>,
    /// First start of a session it prices; a date or RFC 3339. Default: since ever.
    #[schema(required = false, example = "2026-01-01T00:00:00Z")]
    valid_from: DateTime<Utc>,
    /// First start after those; null: until further notice.
    #[schema(required = false)]
    valid_to: Option<DateTime<Utc>>,
}

/// All prices there are to be.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is only documented; the body is read field by field")]
pub(crate) struct RateCardSet {
    /// The cards; those that stand and are not among them end.
    cards: Vec<RateCardBody>,
}

/// What became of a new set.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RateCardsReplaced {
    /// Its number in `/v1/sync/operations`.
    #[schema(example = 15)]
    operation_id: i64,
    /// Cards that began to stand.
    #[schema(example = 1)]
    added_count: usize,
    /// Cards that ended.
    #[schema(example = 0)]
    ended_count: usize,
    /// The cards that stand now.
    items: Vec<RateCardItem>,
}

impl From<StandingCard> for RateCardItem {
    fn from(standing: StandingCard) -> Self {
        let StandingCard { rate_card_id, source, recorded_at, card } = standing;
        let card = RateCardBody {
            source,
            scenario: card.scenario,
            unit: card.unit,
            unit_price: card.unit_price.normalize().to_string(),
            currency: card.currency,
            preset_pattern: card.preset_pattern,
            rounding: card.rounding,
            step_minutes: card.step_minutes,
            valid_from: card.valid_from,
            valid_to: card.valid_to,
        };
        Self { rate_card_id, card, recorded_at }
    }
}

async fn standing(state: &ApiState) -> Result<Vec<RateCardItem>, ApiError> {
    Ok(rate_cards::list(&state.pool).await?.into_iter().map(RateCardItem::from).collect())
}

/// Rate cards
///
/// The prices that stand, of all sources and scenarios. Metrics of money use those of scenario `actual`.
#[utoipa::path(
    get, path = "/v1/rate-cards", tag = "costs",
    responses(
        (status = 200, description = "All cards that stand, on one page.", body = List<RateCardItem>, example = json!({
            "items": [{"rate_card_id": 3, "source": "rtk-prod", "scenario": "actual", "unit": "minute", "unit_price": "0.002",
                       "currency": "USD", "preset_pattern": "*", "rounding": "none", "step_minutes": null,
                       "valid_from": "2026-01-01T00:00:00Z", "valid_to": null, "recorded_at": "2026-11-20T10:40:00Z"}],
            "page": {"has_more": false, "next": null},
            "freshness": {"state": "fresh", "complete_through": "2026-11-20T10:42:07Z", "data_version": "d48213", "streams": []}
        })),
        ReadProblems
    )
)]
pub(crate) async fn list_rate_cards(
    State(state): State<ApiState>,
    asked: Asked<NoParameters>,
) -> Result<Json<List<RateCardItem>>, ApiError> {
    asked.faults.refuse()?;
    let catalog = Catalog::load(&state.pool, None).await?;
    let sources = catalog.select(&SourceFilter::default());
    let freshness = Freshness::of(&catalog, &sources, state.clock.now(), state.health.stale_after);
    Ok(Json(List { items: standing(&state).await?, page: Page::default(), freshness }))
}

/// Replace the rate cards
///
/// Makes these cards the ones that stand, of all sources and scenarios; those that are not among them end, those that
/// stand already stay. The same request twice changes nothing the second time. Sessions of the past are priced anew:
/// the card in force when a session began decides, so give cards their time with `valid_from` and `valid_to`. Metered
/// minutes that no card prices are told apart (`unpriced_minutes`): where a source sells by the session alone, give its
/// minutes a card of price 0.
#[utoipa::path(
    put, path = "/v1/rate-cards", tag = "costs",
    request_body(content = RateCardSet, example = json!({"cards": [
        {"source": "rtk-prod", "unit": "minute", "unit_price": "0.002", "currency": "USD", "valid_from": "2026-01-01"},
        {"source": "rtk-prod", "unit": "minute", "unit_price": "0.0005", "currency": "USD", "valid_from": "2026-01-01", "preset_pattern": "audio*"}
    ]})),
    responses(
        (status = 200, description = "They stand.", body = RateCardsReplaced, example = json!({
            "operation_id": 15, "added_count": 1, "ended_count": 0,
            "items": [{"rate_card_id": 3, "source": "rtk-prod", "scenario": "actual", "unit": "minute", "unit_price": "0.002",
                       "currency": "USD", "preset_pattern": "*", "rounding": "none", "step_minutes": null,
                       "valid_from": "2026-01-01T00:00:00Z", "valid_to": null, "recorded_at": "2026-11-20T10:40:00Z"}]
        })),
        PriceProblems
    )
)]
pub(crate) async fn replace_rate_cards(
    State(state): State<ApiState>,
    asked: Asked<NoParameters>,
    request: ActionRequest,
) -> Result<Json<RateCardsReplaced>, ApiError> {
    asked.faults.refuse()?;
    let catalog = Catalog::load(&state.pool, None).await?;
    let reader =
        CardReader { catalog: &catalog, zone: state.default_zone, scenario: DEFAULT_SCENARIO, may_name_others: true };
    let mut told = Faults::default();
    let fields = request.body.as_object();
    for name in fields.into_iter().flat_map(serde_json::Map::keys).filter(|name| *name != "cards") {
        told.note_unknown(name, "unknown_field", name, ["cards"]);
    }
    let list = fields.and_then(|fields| fields.get("cards"));
    if list.is_none() {
        told.note("cards", "missing_field", "The body must be an object with `cards`; an empty list ends all of them.");
    }
    let mut faults = told.in_body("");
    let cards = list.map(|list| reader.read(list, &mut faults)).unwrap_or_default();
    if !faults.is_empty() {
        return Err(ApiError::InvalidBody(faults));
    }
    let operator =
        Operator { requested_by: request.requested_by.clone(), request_id: Some(request.request_id.clone()) };
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
