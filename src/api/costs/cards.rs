//! `GET /v1/rate-cards`: the current prices.
//!
//! The `ETag` names the set of cards and not the whole answer, which also states how fresh the data is. So the answer
//! is not kept in memory.

use axum::http::header;
use axum::response::IntoResponse;
use axum::{Extension, Json};
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::etag::Brief;
use crate::api::page::{List, Page};
use crate::api::parameters::{Asked, NoParameters};
use crate::api::problem::ApiError;
use crate::api::problem_responses::ReadProblems;
use crate::api::state::{ApiState, ForCaller};
use crate::model::rate_card::set_version;
use crate::query::catalog::SourceFilter;
use crate::query::freshness::Freshness;
use crate::query::number::Unrounded;
use crate::query::rate_cards::{self, StandingCard};

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

/// Returns the version of a set of current cards.
pub(crate) fn version(cards: &[StandingCard]) -> String {
    set_version(cards.iter().map(|card| card.rate_card_id))
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
) -> Result<impl IntoResponse, ApiError> {
    asked.faults.refuse()?;
    let catalog = state.catalog(None).await?;
    let sources = catalog.select(&SourceFilter::default());
    let freshness = Freshness::of(&catalog, &sources, state.clock.now());
    let cards = seen(&state).await?;
    let tag = [(header::ETAG, format!("\"{}\"", version(&cards)))];
    let items: Vec<RateCardItem> = cards.into_iter().map(RateCardItem::from).collect();
    Ok((tag, Extension(Brief), Json(List { items, page: Page::default(), freshness })))
}
