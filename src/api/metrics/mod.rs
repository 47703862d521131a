//! Metric queries: endpoints differ in what they name, and all are answered in one way.
//!
//! A query is read with all its faults noted ([`question`]). Then the catalog shows whether the data is fresh
//! enough and whether the caller already holds the answer. Only then is the answer computed.

pub(crate) mod concurrency;
pub(crate) mod explain;
pub(crate) mod figure;
pub(crate) mod ledger;
pub(crate) mod minutes;
pub(crate) mod query;
pub(crate) mod question;
pub(crate) mod registry;
pub(crate) mod resolution;
pub(crate) mod rows;

use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{DateTime, SubsecRound, TimeDelta, Timelike, Utc};
use serde_json::{Value, json};

use crate::api::etag::EntityTag;
use crate::api::formats::{Form, FormParameter, describe, figures, table, with_currency};
use crate::api::metrics::question::parameters::{MetricParameters, texts};
use crate::api::metrics::question::raw_query::RawQuery;
use crate::api::metrics::question::{Understood, understand};
use crate::api::parameters::Faults;
use crate::api::problem::ApiError;
use crate::api::state::ApiState;
use crate::query::bucket::{Granularity, MAX_BUCKETS};
use crate::query::catalog::Source;
use crate::query::freshness::{Freshness, RangeProof};
use crate::query::metrics::answer;
use crate::query::metrics::query::MetricQuery;
use crate::query::metrics::registry::TRANSCRIPT_GRACE;
use crate::query::metrics::time_column::Attribution;
use crate::query::range::TimeRange;
use crate::query::snapshot::Snapshot;

/// Answers a shortcut: a query that names metrics and groups by provider, and by day unless `granularity` is given.
pub(crate) async fn respond_by_provider(
    state: &ApiState,
    headers: &HeaderMap,
    metrics: &str,
    given: &MetricParameters,
    faults: Faults,
) -> Result<Response, ApiError> {
    let (metrics, dimensions) = (texts("metrics", Some(metrics)), texts("dimensions", Some("provider")));
    let raw_query = RawQuery { metrics, dimensions, ..given.raw_query() };
    respond(state, headers, &raw_query, Granularity::Day, &given.form, faults).await
}

/// Answers a metric query; `granularity` is the default of a query that names none.
pub(crate) async fn respond(
    state: &ApiState,
    headers: &HeaderMap,
    raw_query: &RawQuery,
    granularity: Granularity,
    form: &FormParameter,
    mut faults: Faults,
) -> Result<Response, ApiError> {
    let form = form.read(headers, &mut faults);
    let understood = understand(state, raw_query, granularity, MAX_BUCKETS, faults).await?;
    let form = form?;
    let (freshness, is_brief) = freshness(&understood)?;
    let Understood { query, catalog, now, .. } = understood;
    let tag = EntityTag::of(&catalog, &format!("{} {form:?}", normal_form(&query, now, &freshness))).brief_if(is_brief);
    if tag.is_held_by(headers) {
        return Ok(tag.not_modified());
    }
    let compute = async {
        let snapshot = Snapshot::take(&state.pool).await?;
        let answer = answer(&snapshot, &catalog, &query, now).await?;
        let response = if form == Form::Json {
            tag.answer(&answer)
        } else {
            let (head, rows) = figures::table(&answer, &query);
            tag.mark(table(form, head, &rows)?)
        };
        let response = with_currency(response, answer.currency.as_deref());
        Ok(describe(response, &freshness, answer.warnings.iter().map(|warning| warning.code)))
    };
    state.memory.answer(&tag, headers, compute).await
}

/// Returns how far the data behind an answer is complete, and whether time alone may change that before the minute is
/// over; refuses data older than the query requires.
fn freshness(understood: &Understood) -> Result<(Freshness, bool), ApiError> {
    let Understood { query, catalog, require_fresh, now } = understood;
    let sources = query.telling(&query.sources(catalog));
    if let Some(limit) = require_fresh {
        refuse_if_behind(&sources, query.range, *now, *limit)?;
    }
    let at = |at| Freshness::over(catalog, &sources, Some(query.range), at);
    let (freshness, in_a_minute) = (at(*now), at(*now + TimeDelta::minutes(1)));
    let is_brief = require_fresh.is_some()
        || freshness != in_a_minute
        || query.metrics.iter().any(|metric| !metric.is_of_sessions());
    Ok((freshness, is_brief))
}

/// Refuses to answer where a stream that feeds the answer is behind by more than the query allows, over the
/// range of the query; names all such streams.
fn refuse_if_behind(
    sources: &[&Source],
    range: TimeRange,
    now: DateTime<Utc>,
    limit: TimeDelta,
) -> Result<(), ApiError> {
    let mut behind = Vec::new();
    for source in sources.iter().filter(|source| source.is_enabled) {
        if source.streams.is_empty() {
            behind.push(format!("{} has never been polled", source.source));
        }
        for stream in &source.streams {
            let name = format!("{}/{}", source.source, stream.stream);
            let proof = RangeProof::of(source, stream, range);
            let is_within = match proof {
                Some(proof) => proof.is_within(range, now, limit),
                None => stream.complete_through.is_some(),
            };
            match proof.and_then(|proof| proof.complete_through).or(stream.complete_through) {
                _ if is_within => {}
                Some(at) => behind.push(format!("{name} is complete only up to {}", at.to_rfc3339())),
                None => behind.push(format!("{name} has no proven range yet")),
            }
        }
    }
    if behind.is_empty() { Ok(()) } else { Err(ApiError::NotFresh(behind.join("; "))) }
}

/// Returns all that an answer depends on besides the catalog. The current minute counts only for metrics that change
/// with it, and where the range reaches it or the time that transcripts may take; the second counts for metrics of rows
/// that no version of the data covers, such as runs.
fn normal_form(query: &MetricQuery, now: DateTime<Utc>, freshness: &Freshness) -> String {
    let is_recent = query.range.to > now - TRANSCRIPT_GRACE
        // running sessions are spread until now
        || query.attribution == Attribution::Spread
        || query.metrics.iter().any(|metric| metric.depends_on_now());
    let minute = is_recent.then(|| now.trunc_subsecs(0).with_second(0));
    let second = query.metrics.iter().any(|metric| !metric.is_of_sessions()).then(|| now.trunc_subsecs(0));
    let metrics: Vec<(&str, u16)> = query.metrics.iter().map(|metric| (metric.id, metric.version)).collect();
    let top = query.top.map(|top| (top.dimension, top.by.id, top.count));
    let compared = query.comparison.as_ref().map(|comparison| (comparison.wanted, comparison.range));
    format!(
        "{metrics:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {top:?} {compared:?} {minute:?} {second:?} {:?} {:?}",
        query.dimensions,
        query.range,
        query.zone,
        query.granularity,
        query.filter,
        query.attribution,
        query.totals_by,
        freshness.state,
        query.as_known_at
    )
}

/// Returns an answer for the API's description.
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
        "rows_link": "/v1/metrics/rows?zone=Europe/Berlin{&metrics,from,to,group}",
        "freshness": crate::api::freshness::example(),
        "definitions": {"minutes_consumed": 1, "resolution_rate": 1},
        "query": {"metrics": ["minutes_consumed", "resolution_rate"], "dimensions": ["provider"],
                  "from": "2026-11-18T00:00:00+01:00", "to": "2026-11-19T00:00:00+01:00", "zone": "Europe/Berlin",
                  "granularity": "day", "attribution": "start"}
    })
}
