//! `GET /v1/metrics/query`: any metrics by any dimensions.
//!
//! The only question that names its metrics; the short cuts beside it name them in advance. How a figure comes
//! about is not decided here.

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::ApiState;
use crate::api::documented::TableProblems;
use crate::api::formats::FormParameter;
use crate::api::metrics::{GranularityParameter, MetricParameters, Named, example, respond};
use crate::api::parameters::filters::FilterParameters;
use crate::api::parameters::time::TimeParameters;
use crate::api::parameters::values::list;
use crate::api::parameters::{Asked, Faults, parameter_groups};
use crate::api::problem::ApiError;
use crate::query::bucket::Granularity;
use crate::query::metrics::answer::Answer;
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::registry::{Metric, metric, metrics};
use crate::query::metrics::{MAX_DIMENSIONS, MAX_METRICS};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct MetricChoice {
    /// What to measure, comma list, at most 10. See `/v1/metrics`.
    #[param(required = true, example = "minutes_consumed,resolution_rate")]
    metrics: Option<String>,
    /// What to group by: `provider`, `source`, `channel`, `outcome`, `unexplained_class`, `transcript_state`; metrics of
    /// presences also by `preset_name`, those of words also by `speaker_id`; avatar sessions started through this service by `launch_quality`,
    /// `launch_voice`, `launch_stt_provider`, `launch_idle_timeout_seconds` and `launch_duration_limit_seconds`; comma list. Default: nothing.
    #[param(example = "provider")]
    dimensions: Option<String>,
}

parameter_groups! {
    QueryParameters { choice: MetricChoice, common: MetricParameters }
}

impl MetricChoice {
    fn metrics(&self, faults: &mut Faults) -> Vec<&'static Metric> {
        let ids = list(self.metrics.as_deref());
        if ids.is_empty() {
            faults.note("metrics", "missing_parameter", "Say what to measure; see /v1/metrics.");
        }
        if ids.len() > MAX_METRICS {
            faults.note(
                "metrics",
                "too_many_metrics",
                format!("At most {MAX_METRICS} metrics can be asked for at once."),
            );
        }
        let found = ids.iter().map(|id| (id, metric(id)));
        found
            .filter_map(|(id, metric)| {
                if metric.is_none() {
                    faults.note_unknown("metrics", "unknown_metric", id, metrics().map(|metric| metric.id));
                }
                metric
            })
            .collect()
    }

    fn dimensions(&self, faults: &mut Faults) -> Vec<Dimension> {
        let names = list(self.dimensions.as_deref());
        if names.len() > MAX_DIMENSIONS {
            let detail = format!("Figures can be grouped by at most {MAX_DIMENSIONS} dimensions.");
            faults.note("dimensions", "too_many_dimensions", detail);
        }
        let found = names.iter().map(|name| (name, Dimension::parse(name)));
        found
            .filter_map(|(name, dimension)| {
                if dimension.is_none() {
                    let allowed = Dimension::ALL.map(Dimension::as_str);
                    faults.note_unknown("dimensions", "unknown_dimension", name, allowed);
                }
                dimension
            })
            .collect()
    }
}

/// Refuses a metric whose rows would fall into several groups, and names the way out.
pub(super) fn check_groups(metrics_asked: &[&'static Metric], dimensions: &[Dimension], faults: &mut Faults) {
    for dimension in dimensions {
        for metric in metrics_asked.iter().filter(|metric| !metric.can_be_grouped_by(*dimension)) {
            let possible: Vec<&str> =
                metrics().filter(|metric| metric.can_be_grouped_by(*dimension)).map(|metric| metric.id).collect();
            let (id, name) = (metric.id, dimension.as_str());
            let detail = format!(
                "`{id}` cannot be grouped by `{name}`: a session has several, and would be counted in each. Ask for it without `{name}`, or for {}.",
                possible.join(", ")
            );
            faults.note("dimensions", "overlapping_dimension", detail);
        }
    }
}

/// Figures
///
/// Any metrics, by any dimensions, in a range of time and the buckets it is cut into. With `provider` or `source` among
/// the dimensions every configured one stands in the answer; every bucket of the range stands there for every group.
/// Totals cover the whole range. A metric can only be grouped by what each of its rows has one value of (see
/// `/v1/metrics`). Without a range: the last 7 days. `If-None-Match` with the `ETag` of an earlier answer
/// costs one small look-up.
#[utoipa::path(
    get, path = "/v1/metrics/query", tag = "figures",
    params(MetricChoice, TimeParameters, GranularityParameter, FilterParameters, FormParameter),
    responses(
        (status = 200, description = "The figures. As a table: a row for each bucket and group; beside each figure its `_unknown_count` and `_reason`.", content(
            (Answer = "application/json", example = json!(example())),
            (String = "text/csv", example = "bucket_start,bucket_end,bucket_status,provider,minutes_consumed,minutes_consumed_unknown_count,minutes_consumed_reason\r\n2026-11-18T00:00:00+01:00,2026-11-19T00:00:00+01:00,complete,realtimekit,841,,\r\n"),
            (String = "application/x-ndjson"), (String = "application/vnd.apache.parquet"),
        )),
        (status = 304, description = "The answer has not changed."),
        TableProblems
    )
)]
pub(crate) async fn query_metrics(
    State(state): State<ApiState>,
    headers: HeaderMap,
    Asked { given, mut faults }: Asked<QueryParameters>,
) -> Result<Response, ApiError> {
    let (metrics, dimensions) = (given.choice.metrics(&mut faults), given.choice.dimensions(&mut faults));
    check_groups(&metrics, &dimensions, &mut faults);
    let named = Named { metrics, dimensions, granularity: Granularity::None };
    respond(&state, &headers, named, &given.common, faults).await
}
