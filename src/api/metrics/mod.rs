//! Figures: the questions about them differ in what they name, and are answered in one way.
//!
//! All parameters are read and all faults noted, then the catalog tells whether the caller has the answer
//! already, and only then is it worked out.

pub(crate) mod concurrency;
pub(crate) mod ledger;
pub(crate) mod minutes;
pub(crate) mod query;
pub(crate) mod registry;
pub(crate) mod resolution;

use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{DateTime, SubsecRound, Timelike, Utc};
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::IntoParams;

use crate::api::ApiState;
use crate::api::conditional::EntityTag;
use crate::api::formats::{Form, FormParameter, describe, figures, table};
use crate::api::parameters::filters::FilterParameters;
use crate::api::parameters::time::{TimeParameters, When};
use crate::api::parameters::{Faults, parameter_groups};
use crate::api::problem::ApiError;
use crate::query::bucket::{Granularity, MAX_BUCKETS, cut};
use crate::query::catalog::Catalog;
use crate::query::freshness::Freshness;
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::registry::{Metric, TRANSCRIPT_GRACE};
use crate::query::metrics::{MetricFilter, MetricQuery, answer};
use crate::query::range::TimeRange;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct GranularityParameter {
    /// How finely the range is cut: `none`, `hour`, `day`, `week` (ISO), `month`, `year` or `auto` (up to 200 buckets).
    #[param(example = "day")]
    granularity: Option<String>,
}

parameter_groups! {
    /// What every question about figures may say.
    MetricParameters { time: TimeParameters, cut: GranularityParameter, filters: FilterParameters, form: FormParameter }
}

/// What a question names by itself.
pub(crate) struct Named {
    pub(crate) metrics: Vec<&'static Metric>,
    pub(crate) dimensions: Vec<Dimension>,
    /// Where the question does not say.
    pub(crate) granularity: Granularity,
}

/// The range of a question that names none.
const DEFAULT_RANGE: &str = "last_7_days";

/// A question that was understood, before it is worked out.
struct Understood {
    catalog: Catalog,
    query: MetricQuery,
    freshness: Freshness,
    now: DateTime<Utc>,
}

/// Answers a question about figures.
pub(crate) async fn respond(
    state: &ApiState,
    headers: &HeaderMap,
    named: Named,
    given: &MetricParameters,
    mut faults: Faults,
) -> Result<Response, ApiError> {
    let form = given.form.read(headers, &mut faults);
    let Understood { catalog, query, freshness, now } = understand(state, named, given, faults, MAX_BUCKETS).await?;
    let form = form?;
    let tag = EntityTag::of(&catalog, &format!("{} {form:?}", normal_form(&query, now, &freshness)));
    if tag.is_held_by(headers) {
        return Ok(tag.not_modified());
    }
    let answer = answer(&state.pool, &catalog, &query, now, state.health.stale_after).await?;
    let response = if form == Form::Json {
        tag.answer(&answer)
    } else {
        let (head, rows) = figures::table(&answer, &query.metrics, &query.dimensions);
        tag.mark(table(form, head, &rows)?)
    };
    Ok(describe(response, &freshness, answer.warnings.iter().map(|warning| warning.code)))
}

/// Reads what every question may say; with all faults in one.
async fn understand(
    state: &ApiState,
    named: Named,
    given: &MetricParameters,
    mut faults: Faults,
    max_buckets: usize,
) -> Result<Understood, ApiError> {
    let now = state.clock.now();
    let When { range, zone } = given.time.read(state.default_zone, now, &mut faults);
    let default_range = || TimeRange::named(DEFAULT_RANGE, now, zone).filter(|_| !given.time.is_said());
    let range = range.or_else(default_range);
    let catalog = Catalog::load(&state.pool, range).await?;
    let filter = MetricFilter {
        sources: given.filters.sources(&catalog, &mut faults),
        channels: given.filters.channels(),
        outcomes: given.filters.outcomes(&mut faults),
        session_kinds: given.filters.session_kinds(&mut faults),
    };
    let granularity = given.cut.read(named.granularity, &mut faults);
    let cut = range.and_then(|range| pieces(range, zone, granularity, max_buckets, &mut faults));
    faults.refuse()?;
    let Some((range, (granularity, buckets))) = range.zip(cut) else {
        return Err(ApiError::Invalid(Vec::new())); // unreachable: each has noted a fault
    };
    let Named { metrics, dimensions, .. } = named;
    let query = MetricQuery { metrics, dimensions, range, buckets, granularity, zone, filter };
    let stale_after = state.health.stale_after;
    let freshness = Freshness::of(&catalog, &catalog.select(&query.filter.sources), now, stale_after);
    Ok(Understood { catalog, query, freshness, now })
}

impl GranularityParameter {
    /// What was said; `None` means `auto`.
    fn read(&self, default: Granularity, faults: &mut Faults) -> Option<Granularity> {
        match self.granularity.as_deref() {
            None => Some(default),
            Some("auto") => None,
            Some(text) => {
                let granularity = Granularity::parse(text);
                if granularity.is_none() {
                    let allowed = Granularity::ALL.map(Granularity::as_str).into_iter().chain(["auto"]);
                    faults.note_unknown("granularity", "unknown_value", text, allowed);
                }
                granularity
            }
        }
    }
}

/// Cuts the range, or proposes a cut that is allowed.
fn pieces(
    range: TimeRange,
    zone: chrono_tz::Tz,
    granularity: Option<Granularity>,
    max: usize,
    faults: &mut Faults,
) -> Option<(Granularity, Vec<TimeRange>)> {
    let granularity = granularity.unwrap_or_else(|| Granularity::auto(range, zone));
    let buckets = cut(range, zone, granularity, max);
    if buckets.is_none() {
        let next = Granularity::finest_allowed(range, zone).as_str();
        let detail = format!("The range has more than {max} buckets; ask for granularity={next} or less.");
        faults.note("granularity", "too_many_buckets", detail);
    }
    Some((granularity, buckets?))
}

/// All that an answer depends on besides the catalog. The present counts only where the range reaches it, or the time
/// that transcripts may take.
fn normal_form(query: &MetricQuery, now: DateTime<Utc>, freshness: &Freshness) -> String {
    let minute = (query.range.to > now - TRANSCRIPT_GRACE).then(|| now.trunc_subsecs(0).with_second(0));
    let metrics: Vec<&str> = query.metrics.iter().map(|metric| metric.id).collect();
    format!(
        "{metrics:?} {:?} {:?} {:?} {:?} {:?} {minute:?} {:?}",
        query.dimensions, query.range, query.zone, query.granularity, query.filter, freshness.state
    )
}

/// An answer for the API's description.
fn example() -> Value {
    json!({
        "rows": [
            {"dimensions": {"provider": "realtimekit"},
             "bucket": {"start": "2026-11-18T00:00:00+01:00", "end": "2026-11-19T00:00:00+01:00", "status": "complete"},
             "values": {"minutes_consumed": {"value": 841}, "resolution_rate": {"value": null, "reason": "not_applicable"}}},
            {"dimensions": {"provider": "konvo"},
             "bucket": {"start": "2026-11-18T00:00:00+01:00", "end": "2026-11-19T00:00:00+01:00", "status": "complete"},
             "values": {"minutes_consumed": {"value": null, "reason": "not_applicable"},
                        "resolution_rate": {"value": 0.75, "numerator": 83, "denominator": 111, "unknown_count": 2}}}
        ],
        "totals": {"minutes_consumed": {"value": 841},
                   "resolution_rate": {"value": 0.75, "numerator": 83, "denominator": 111, "unknown_count": 2}},
        "coverage": {"eligible": 512, "not_applicable": 0, "unknown": 2},
        "bases": ["participant_time"],
        "warnings": [],
        "freshness": {"state": "fresh", "complete_through": "2026-11-20T10:42:07Z", "data_version": "d48213", "streams": []},
        "query": {"metrics": ["minutes_consumed", "resolution_rate"], "dimensions": ["provider"],
                  "from": "2026-11-18T00:00:00+01:00", "to": "2026-11-19T00:00:00+01:00", "zone": "Europe/Berlin", "granularity": "day"}
    })
}
