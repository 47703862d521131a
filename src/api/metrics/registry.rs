//! `GET /v1/metrics` and `/v1/metrics/{id}`: the metrics and their definitions.
//!
//! They are generated from the registry, so the text matches what the values follow. The providers of a metric
//! come from the configured sources.

use axum::http::HeaderMap;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::etag::EntityTag;
use crate::api::page::{List, Page};
use crate::api::parameters::path::PathName;
use crate::api::parameters::{Asked, NoParameters};
use crate::api::problem::ApiError;
use crate::api::problem_responses::{FindProblems, ReadProblems};
use crate::api::state::ForCaller;
use crate::query::catalog::{Catalog, SourceFilter};
use crate::query::freshness::Freshness;
use crate::query::metrics::as_of;
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::measure::Metric;
use crate::query::metrics::publish::dimensions;
use crate::query::metrics::registry::{metric, metrics};
use crate::query::metrics::requires::Applicability;
use crate::query::metrics::time_column::Attribution;

/// The definition of a metric.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct MetricDefinition {
    /// Id in requests and responses.
    id: &'static str,
    /// Version of the definition; grows when the meaning changes.
    definition_version: u16,
    /// Display name.
    label: &'static str,
    /// Unit of the values.
    unit: &'static str,
    /// Meaning of the metric.
    description: &'static str,
    /// Formula of the value.
    formula: String,
    /// The time that puts a row into a bucket: `started_at`, `completed_at`, `sent_at`, `joined_at`,
    /// `ended_at`, `first_visit_at`, `first_seen_at`, `changed_at`, `window_from`; `as_of`: the state at the
    /// end of the bucket, or now if that is earlier.
    anchor: &'static str,
    /// `sum`: values may be added. `ratio_of_sums`: add the parts, never the values. `state_as_of`: groups may
    /// be added, buckets not. `time_average`: groups may be added, buckets only weighted by their length.
    /// `maximum`, `percentile`, `distinct`: nothing may be added.
    additivity: &'static str,
    /// Type of the rows behind the metric.
    rows: &'static str,
    /// Reasons for a null value, besides data that is not complete yet.
    null_rule: String,
    /// Providers to which the metric applies, in words.
    applies_to: &'static str,
    /// Configured providers to which the metric applies.
    providers: Vec<String>,
    /// Dimensions by which the metric can be grouped.
    dimensions: Vec<&'static str>,
    /// Dimensions by which a session is in several groups: such groups must not be added.
    overlapping_dimensions: Vec<&'static str>,
    /// Buckets in which a session may count: `start`, `end`, `spread`.
    attributions: Vec<&'static str>,
    /// Whether the metric can be queried as it was known earlier (`as_known_at`).
    is_kept: bool,
}

impl MetricDefinition {
    fn of(metric: &Metric, catalog: &Catalog) -> Self {
        let told = catalog.sources.iter().filter(|s| metric.requires.of(s) == Applicability::Applicable);
        let mut providers: Vec<String> = told.map(|source| source.provider.clone()).collect();
        let overlapping = Dimension::ALL.into_iter().filter(|d| metric.can_be_grouped_by(*d) && metric.overlaps_in(*d));
        let attributions = Attribution::ALL.into_iter().filter(|wanted| metric.can_be_attributed(*wanted));
        providers.sort();
        providers.dedup();
        Self {
            id: metric.id,
            definition_version: metric.version,
            label: metric.label,
            unit: metric.unit,
            description: metric.description,
            formula: metric.whole_formula(),
            anchor: metric.time_column.as_str(),
            additivity: metric.additivity().as_str(),
            null_rule: metric.null_rule(),
            applies_to: metric.requires.as_str(),
            providers,
            rows: metric.grain.as_str(),
            dimensions: dimensions(metric),
            overlapping_dimensions: overlapping.map(Dimension::as_str).collect(),
            attributions: attributions.map(Attribution::as_str).collect(),
            is_kept: as_of::is_kept(metric),
        }
    }
}

/// List metrics
///
/// Every metric with its meaning, formula, time and null rule. `/v1/metrics/query` returns the values.
#[utoipa::path(
    get, path = "/v1/metrics", tag = "figures",
    responses(
        (status = 200, description = "All metrics; there is only one page.", body = List<MetricDefinition>, example = json!({
            "items": [{
                "id": "minutes_consumed", "definition_version": 1, "label": "Minutes consumed", "unit": "minutes",
                "description": "Minutes that the providers meter.", "formula": "sum(minutes_consumed), of sessions where is_counted; unknown: minutes_consumed is null", "anchor": "started_at",
                "additivity": "sum", "rows": "sessions",
                "null_rule": "Sessions without minutes are in unknown_count and not in the sum.",
                "applies_to": "providers that meter minutes", "providers": ["konpro", "realtimekit"],
                "dimensions": ["provider", "source", "channel", "outcome", "session_kind"],
                "overlapping_dimensions": [], "attributions": ["start", "end", "spread"], "is_kept": true
            }],
            "page": {"has_more": false, "next": null},
            "freshness": crate::api::freshness::example()
        })),
        (status = 304, description = "The response has not changed."),
        ReadProblems
    )
)]
pub(crate) async fn list_metrics(
    ForCaller(state): ForCaller,
    headers: HeaderMap,
    asked: Asked<NoParameters>,
) -> Result<Response, ApiError> {
    asked.faults.refuse()?;
    let catalog = state.catalog(None).await?;
    let sources = catalog.select(&SourceFilter::default());
    let list = List {
        items: metrics().map(|metric| MetricDefinition::of(metric, &catalog)).collect(),
        page: Page::default(),
        freshness: Freshness::of(&catalog, &sources, state.clock.now()),
    };
    // time alone may change the freshness
    Ok(EntityTag::respond(&headers, true, &list))
}

/// Metric definition
///
/// The definition of one metric, as `/v1/metrics` lists it.
#[utoipa::path(
    get, path = "/v1/metrics/{metric_id}", tag = "figures",
    params(("metric_id" = String, Path, description = "Id of the metric.", example = "resolution_rate")),
    responses(
        (status = 200, description = "The metric.", body = MetricDefinition, example = json!({
            "id": "resolution_rate", "definition_version": 1, "label": "Resolution rate", "unit": "ratio",
            "description": "Resolved sessions among those completed in the range with a known outcome, from 0 to 1.",
            "formula": "count(outcome = 'resolved') / count(outcome in ('resolved', 'unresolved'))",
            "anchor": "completed_at", "additivity": "ratio_of_sums", "rows": "sessions",
            "null_rule": "Only completed sessions with a known outcome count.",
            "applies_to": "providers that report whether a conversation was resolved", "providers": ["konvo"],
            "dimensions": ["provider", "source", "channel"], "overlapping_dimensions": [], "attributions": ["start"],
            "is_kept": true
        })),
        (status = 304, description = "The response has not changed."),
        FindProblems
    )
)]
pub(crate) async fn read_metric(
    ForCaller(state): ForCaller,
    PathName(metric_id): PathName,
    headers: HeaderMap,
    asked: Asked<NoParameters>,
) -> Result<Response, ApiError> {
    asked.faults.refuse()?;
    let Some(metric) = metric(&metric_id) else {
        return Err(ApiError::NotFound(format!("There is no metric {metric_id}; see /v1/metrics.")));
    };
    let catalog = state.catalog(None).await?;
    Ok(EntityTag::respond(&headers, true, &MetricDefinition::of(metric, &catalog)))
}
