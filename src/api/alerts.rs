//! `GET /v1/alerts`: the configured alerts, whether they are firing, and their incidents.

use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::etag::EntityTag;
use crate::api::metrics::alert_query::is_visible;
use crate::api::parameters::{Asked, NoParameters};
use crate::api::problem::ApiError;
use crate::api::problem_responses::ReadProblems;
use crate::api::state::ForCaller;
use crate::config::AlertConfig;
use crate::model::alert::AlertLimit;
use crate::query::alerts::{self, AlertIncident, AlertState};
use crate::query::catalog::SourceFilter;
use crate::query::freshness::Freshness;
use crate::query::number::Number;

/// The configured alerts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct AlertList {
    /// The alerts that the caller may see, as configured.
    items: Vec<Alert>,
    /// Completeness of the data.
    freshness: Freshness,
}

/// An alert.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Alert {
    /// Name.
    name: String,
    /// The query string of `/v1/metrics/query`.
    query: String,
    /// A greater value crosses it; null: another limit.
    above: Option<Number>,
    /// A lower value crosses it; null: another limit.
    below: Option<Number>,
    /// The budget of a month; null: another limit.
    monthly_budget: Option<Number>,
    /// Levels of the budget, percent; empty: there is no budget.
    levels_percent: Vec<u32>,
    /// Whether an incident is open.
    is_firing: bool,
    /// When it was last evaluated; null: not yet.
    evaluated_at: Option<DateTime<Utc>>,
    /// The last bucket that was compared; null: none yet.
    last: Option<ComparedBucket>,
    /// The next bucket, where it could not be compared; null: the next one has not ended.
    not_evaluated: Option<HeldBucket>,
    /// Its newest incidents, newest first, 20 at most.
    incidents: Vec<AlertIncident>,
}

/// A bucket that was compared.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ComparedBucket {
    /// Begin of the bucket.
    bucket_start: DateTime<Utc>,
    /// End of the bucket, exclusive.
    bucket_end: DateTime<Utc>,
    /// The value; null: there was nothing to measure.
    value: Option<Number>,
}

/// A bucket that could not be compared.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HeldBucket {
    /// Begin of the bucket; null: the query failed.
    bucket_start: Option<DateTime<Utc>>,
    /// Status of the bucket (see `/v1/metrics/query`), `unknown_rows`, the reason of a missing value, or the code of a
    /// problem.
    reason: String,
}

impl Alert {
    fn of(config: &AlertConfig, state: AlertState) -> Self {
        let number = |value: &Decimal| Some(Number(*value));
        let (above, below, monthly_budget, levels_percent) = match &config.limit {
            AlertLimit::Threshold { is_above: true, limit, .. } => (number(limit), None, None, Vec::new()),
            AlertLimit::Threshold { limit, .. } => (None, number(limit), None, Vec::new()),
            AlertLimit::MonthlyBudget { budget, levels } => {
                (None, None, number(budget), levels.iter().copied().collect())
            }
        };
        let last =
            state.bucket.map(|(bucket_start, bucket_end, value)| ComparedBucket { bucket_start, bucket_end, value });
        Self {
            name: config.name.clone(),
            query: config.query.clone(),
            above,
            below,
            monthly_budget,
            levels_percent,
            is_firing: state.incidents.iter().any(|incident| incident.resolved_at.is_none()),
            evaluated_at: state.evaluated_at,
            last,
            not_evaluated: state.held.map(|(bucket_start, reason)| HeldBucket { bucket_start, reason }),
            incidents: state.incidents,
        }
    }
}

/// List alerts
///
/// The alerts of the configuration (`[[alerts]]`): metric queries compared with a limit, over complete buckets alone. A
/// key limited to sources sees the alerts whose query is limited to these.
#[utoipa::path(
    get, path = "/v1/alerts", tag = "health",
    responses(
        (status = 200, description = "The alerts.", body = AlertList, example = json!({
            "items": [{
                "name": "minutes-of-november", "query": "metrics=minutes_consumed&source=rtk-prod", "above": null, "below": null,
                "monthly_budget": 100_000, "levels_percent": [80, 100], "is_firing": true, "evaluated_at": "2026-11-20T10:42:07Z",
                "last": {"bucket_start": "2026-11-01T00:00:00Z", "bucket_end": "2026-12-01T00:00:00Z", "value": 81200.5},
                "not_evaluated": {"bucket_start": "2026-11-01T00:00:00Z", "reason": "in_progress"},
                "incidents": []
            }],
            "freshness": crate::api::freshness::example()
        })),
        (status = 304, description = "The response has not changed."),
        ReadProblems
    )
)]
pub(crate) async fn list_alerts(
    ForCaller(state): ForCaller,
    headers: HeaderMap,
    asked: Asked<NoParameters>,
) -> Result<Response, ApiError> {
    asked.faults.refuse()?;
    let configured = state.alerts.all();
    let mut visible = Vec::new();
    for alert in configured.iter() {
        if is_visible(&alert.query, &state.caller.sources).await {
            visible.push(alert);
        }
    }
    let names: Vec<&str> = visible.iter().map(|alert| alert.name.as_str()).collect();
    let states = alerts::states(&state.pool, &names).await?;
    let catalog = state.catalog(None).await?;
    let freshness = Freshness::of(&catalog, &catalog.select(&SourceFilter::default()), state.clock.now());
    let items = visible.into_iter().zip(states).map(|(config, state)| Alert::of(config, state)).collect();
    Ok(EntityTag::respond(&headers, true, &AlertList { items, freshness }))
}
