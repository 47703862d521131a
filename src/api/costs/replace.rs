//! `PUT /v1/rate-cards`: replaces the current prices. The page's form calls the same function.
//!
//! Cards are replaced as a set: the same request twice leaves the same prices, and a caller need not know the
//! previous ones; one that does names their version, so that it overwrites no change of another. Previous cards are
//! kept with their time, and the journal of operations records who replaced them. A web page of another origin is
//! refused.

use axum::Json;
use axum::http::{HeaderMap, header};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::api::actions::request::ActionRequest;
use crate::api::costs::card_body::CardReader;
use crate::api::costs::cards::{RateCardBody, RateCardItem, seen};
use crate::api::parameters::{Asked, Faults, NoParameters};
use crate::api::problem::{ActionProblem, ApiError};
use crate::api::problem_responses::ReplacePricesProblems;
use crate::api::state::{ApiState, ForCaller};
use crate::model::rate_card::ACTUAL;
use crate::model::request_body::{RequestBody, request_body};
use crate::store;
use crate::store::operation::{Operation, Operator};
use crate::store::rate_cards::Replaced;

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

/// Replace the rate cards
///
/// Makes these cards the current ones for all sources and scenarios. Repeating the request changes nothing. Past
/// sessions are priced again: the card in force at the start of a session decides, see `valid_from` and `valid_to`.
/// Metered minutes without a price are `unpriced_minutes`.
#[utoipa::path(
    put, path = "/v1/rate-cards", tag = "costs",
    params(
        ("If-Match" = Option<String>, Header, description = "`ETag` of the list that the new set is made of.")
    ),
    request_body(content = RateCardSet, example = json!({"cards": [
        {"source": "rtk-prod", "unit": "minute", "unit_price": 0.002, "currency": "USD", "preset_pattern": "audio*"}
    ]})),
    responses(
        (status = 200, description = "The cards are current.", body = RateCardsReplaced, example = json!({
            "operation_id": 15, "added_count": 1, "ended_count": 0,
            "items": [{"rate_card_id": 3, "source": "rtk-prod", "scenario": "actual", "unit": "minute", "unit_price": 0.002,
                       "currency": "USD", "preset_pattern": "*", "rounding": "none", "step_minutes": null,
                       "valid_from": "2026-01-01T00:00:00Z", "valid_to": null, "recorded_at": "2026-11-20T10:40:00Z"}]
        })),
        ReplacePricesProblems
    )
)]
pub(crate) async fn replace_rate_cards(
    ForCaller(state): ForCaller,
    asked: Asked<NoParameters>,
    headers: HeaderMap,
    request: ActionRequest,
) -> Result<Json<RateCardsReplaced>, ApiError> {
    asked.faults.refuse()?;
    let replaced = replace(&state, &request.body, known(&headers).as_deref(), &request.operator()).await?;
    Ok(Json(RateCardsReplaced {
        operation_id: replaced.operation_id,
        added_count: replaced.added_count,
        ended_count: replaced.ended_count,
        items: seen(&state).await?.into_iter().map(RateCardItem::from).collect(),
    }))
}

/// Returns the versions that `If-Match` names; `None`: any. A weak tag names no version.
fn known(headers: &HeaderMap) -> Option<Vec<String>> {
    let lists = headers.get_all(header::IF_MATCH).iter().map(|list| list.to_str().unwrap_or_default());
    let tags: Vec<&str> = lists.flat_map(|list| list.split(',')).map(str::trim).collect();
    let version = |tag: &&str| tag.strip_prefix('"')?.strip_suffix('"').map(ToOwned::to_owned);
    (!tags.is_empty() && !tags.contains(&"*")).then(|| tags.iter().filter_map(version).collect())
}

/// Replaces the current cards by those of a body; where `known` names versions, only a set of one of these.
pub(crate) async fn replace(
    state: &ApiState,
    body: &Value,
    known: Option<&[String]>,
    operator: &Operator,
) -> Result<Replaced, ApiError> {
    let catalog = state.catalog(None).await?;
    let reader = CardReader { catalog: &catalog, zone: state.default_zone, scenario: ACTUAL, may_name_others: true };
    let mut told = Faults::default();
    let nothing = Map::new();
    let object = body.as_object().unwrap_or(&nothing);
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
    let target = format!("{} cards", cards.len());
    let operation = Operation {
        source_id: None,
        stream: None,
        kind: "rate_cards",
        target: Some(&target),
        operator,
        now: state.clock.now(),
    };
    let replaced = store::rate_cards::replace(&state.pool, &operation, &cards, known).await?;
    replaced.ok_or_else(|| ActionProblem::CardsChanged.into())
}
