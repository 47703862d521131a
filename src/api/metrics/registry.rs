//! `GET /v1/metrics`: what can be measured, and what each figure means.
//!
//! Made from the registry line by line; nothing is said here that the figures do not follow. Which providers can
//! tell a metric is read from the sources that are configured.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::ApiState;
use crate::api::documented::ReadProblems;
use crate::api::page::{List, Page};
use crate::api::parameters::{Asked, NoParameters};
use crate::api::problem::ApiError;
use crate::query::catalog::{Catalog, SourceFilter};
use crate::query::freshness::Freshness;
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::hindsight;
use crate::query::metrics::registry::{Applicability, Metric, metrics};

/// What a metric means.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MetricDefinition {
    /// Its name in questions and answers.
    #[schema(example = "resolution_rate")]
    id: &'static str,
    /// Its name for people.
    label: &'static str,
    /// What is counted.
    unit: &'static str,
    /// What it means.
    description: &'static str,
    /// How it is worked out.
    formula: &'static str,
    /// The time that puts a row into a bucket: `started_at`, `completed_at`, `sent_at`, `joined_at` or `ended_at`.
    anchor: &'static str,
    /// `sum`: figures may be added. `ratio_of_sums`: add the parts, never the figures. `maximum`: nothing may be added.
    additivity: &'static str,
    /// When a figure is null, beyond data that is not complete yet.
    null_rule: &'static str,
    /// What a provider must have for it to mean anything.
    applies_to: &'static str,
    /// Providers here for which it can be told.
    providers: Vec<String>,
    /// What it can be grouped by.
    dimensions: Vec<&'static str>,
    /// Whether it can be asked for as it was known earlier (`as_known_at`).
    is_kept: bool,
}

impl MetricDefinition {
    fn of(metric: &Metric, catalog: &Catalog) -> Self {
        let told = catalog.sources.iter().filter(|s| metric.needs.of(s) == Applicability::Applicable);
        let mut providers: Vec<String> = told.map(|source| source.provider.clone()).collect();
        let grouped_by = Dimension::ALL.into_iter().filter(|dimension| metric.can_be_grouped_by(*dimension));
        providers.sort();
        providers.dedup();
        Self {
            id: metric.id,
            label: metric.label,
            unit: metric.unit,
            description: metric.description,
            formula: metric.formula,
            anchor: metric.anchor.as_str(),
            additivity: metric.additivity.as_str(),
            null_rule: metric.null_rule,
            applies_to: metric.needs.as_str(),
            providers,
            dimensions: grouped_by.map(Dimension::as_str).collect(),
            is_kept: hindsight::is_kept(metric),
        }
    }
}

/// What can be measured
///
/// Every metric with its meaning, formula, time, and when it is null. The figures come from `/v1/metrics/query`.
#[utoipa::path(
    get, path = "/v1/metrics", tag = "figures",
    responses(
        (status = 200, description = "All metrics; there is only one page.", body = List<MetricDefinition>, example = json!({
            "items": [{
                "id": "minutes_consumed", "label": "Minutes consumed", "unit": "minutes", "description": "What the providers meter.",
                "formula": "sum(minutes_consumed)", "anchor": "started_at", "additivity": "sum",
                "null_rule": "Sessions without minutes are in unknown_count and not in the sum.",
                "applies_to": "providers that meter minutes", "providers": ["konpro", "realtimekit"],
                "dimensions": ["provider", "source", "channel", "outcome", "unexplained_class", "transcript_state"],
                "is_kept": true
            }],
            "page": {"has_more": false, "next": null},
            "freshness": {"state": "fresh", "complete_through": "2026-11-20T10:42:07Z", "data_version": "d48213", "streams": []}
        })),
        ReadProblems
    )
)]
pub(crate) async fn list_metrics(
    State(state): State<ApiState>,
    asked: Asked<NoParameters>,
) -> Result<Json<List<MetricDefinition>>, ApiError> {
    asked.faults.refuse()?;
    let catalog = Catalog::load(&state.pool, None).await?;
    let sources = catalog.select(&SourceFilter::default());
    Ok(Json(List {
        items: metrics().map(|metric| MetricDefinition::of(metric, &catalog)).collect(),
        page: Page::default(),
        freshness: Freshness::of(&catalog, &sources, state.clock.now(), state.health.stale_after),
    }))
}
