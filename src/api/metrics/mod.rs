//! Metric queries: endpoints differ in what they name, and all are answered in one way.
//!
//! A query is read with all its faults noted ([`question`]). Then the catalog shows whether the data is fresh
//! enough and whether the caller already holds the answer. Only then is the answer computed.

pub mod alert_query;
pub(crate) mod batch;
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

use std::collections::{BTreeMap, BTreeSet};

use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{DateTime, SubsecRound, TimeDelta, Timelike, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::api::access::guard::Content;
use crate::api::etag::EntityTag;
use crate::api::formats::{Form, FormParameter, describe, figures, table, with_currency};
use crate::api::metrics::question::parameters::{MetricParameters, texts};
use crate::api::metrics::question::raw_query::RawQuery;
use crate::api::metrics::question::{Shape, Understood, understand};
use crate::api::parameters::Faults;
use crate::api::problem::ApiError;
use crate::api::state::ApiState;
use crate::model::api_key::Scope;
use crate::query::bucket::{Granularity, MAX_BUCKETS};
use crate::query::catalog::Source;
use crate::query::freshness::{Freshness, RangeProof};
use crate::query::metrics::answer;
use crate::query::metrics::answer::{Answer, Warning};
use crate::query::metrics::dimension::Dimension;
use crate::query::metrics::query::{MetricQuery, OrderBy};
use crate::query::metrics::registry::TRANSCRIPT_GRACE;
use crate::query::metrics::series::answer::SeriesAnswer;
use crate::query::metrics::series::series;
use crate::query::metrics::time_column::Attribution;
use crate::query::range::TimeRange;
use crate::query::snapshot::Snapshot;
use crate::query::{ReadError, titles};

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
    check_form(raw_query, form.as_ref().ok(), &mut faults);
    let understood = understand(state, raw_query, granularity, MAX_BUCKETS, faults).await?;
    let (form, question) = (form?, Question::of(state, understood)?);
    let tag = question.tag(&format!("{form:?}"));
    if tag.is_held_by(headers) {
        return Ok(tag.not_modified());
    }
    let compute = async {
        let answer = question.answer(&Snapshot::take(&state.pool).await?).await?;
        let (warnings, currency) = (codes(&answer), answer.currency.clone());
        let response = if form == Form::Json {
            tag.answer(question.shaped(answer))
        } else {
            let (head, rows) = figures::table(&answer, &question.understood.query);
            tag.mark(table(form, head, &rows)?)
        };
        let response = with_currency(response, currency.as_deref());
        Ok(describe(response, &question.freshness, warnings))
    };
    if question.shows_titles {
        return compute.await.map(Content::mark);
    }
    state.memory.answer(&tag, headers, compute).await
}

/// Refuses a shape that a table does not have.
pub(crate) fn check_form(raw_query: &RawQuery, form: Option<&Form>, faults: &mut Faults) {
    if let Some(said) = raw_query.shape.as_ref().filter(|_| form.is_some_and(|form| *form != Form::Json)) {
        faults.note(&said.at, "conflicting_parameters", "A table has rows only: omit `shape`, or request JSON.");
    }
}

/// Returns the codes of the warnings of an answer.
pub(crate) fn codes(answer: &Answer) -> Vec<&'static str> {
    answer.warnings.iter().map(|warning| warning.code).collect()
}

/// A checked query of a caller, before it is computed.
pub(crate) struct Question {
    pub(crate) understood: Understood,
    pub(crate) freshness: Freshness,
    /// Whether the answer shows titles, which only callers with a scope may see.
    pub(crate) shows_titles: bool,
    is_brief: bool,
}

/// The JSON of an answer.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = QueryAnswer)]
pub(crate) enum Shaped {
    /// One row for each bucket and group.
    Rows(Box<Answer>),
    /// With `shape=series`.
    Series(Box<SeriesAnswer>),
}

impl Question {
    /// Prepares a query; refuses data older than it requires.
    pub(crate) fn of(state: &ApiState, understood: Understood) -> Result<Self, ApiError> {
        let (freshness, is_brief) = freshness(&understood)?;
        let has_meetings = understood.query.dimensions.contains(&Dimension::MeetingId);
        let may_read = state.caller.has_any(&[Scope::ContentRead]);
        let shows_titles = understood.arrangement.titles && has_meetings && may_read;
        Ok(Self { understood, freshness, shows_titles, is_brief: is_brief || shows_titles })
    }

    /// Returns the entity tag of the answer in a form.
    pub(crate) fn tag(&self, form: &str) -> EntityTag {
        let Understood { query, catalog, now, arrangement, .. } = &self.understood;
        let question = format!(
            "{} {:?} {} {} {form}",
            normal_form(query, *now, &self.freshness),
            arrangement.shape,
            arrangement.titles,
            self.shows_titles
        );
        EntityTag::of(catalog, &question).brief_if(self.is_brief)
    }

    /// Computes the answer.
    pub(crate) async fn answer(&self, snapshot: &Snapshot) -> Result<Answer, ReadError> {
        let Understood { query, catalog, now, arrangement, .. } = &self.understood;
        let mut answer = answer(snapshot, catalog, query, *now).await?;
        if self.shows_titles {
            let meeting = Dimension::MeetingId.as_str();
            let rows = answer.rows.iter().filter(|row| !row.is_other);
            let ids: BTreeSet<&String> = rows.filter_map(|row| row.dimensions.get(meeting)?.as_ref()).collect();
            let ids: Vec<String> = ids.into_iter().cloned().collect();
            let sources: Vec<i32> = query.sources(catalog).iter().map(|source| source.source_id).collect();
            // a metric may go by another time than the beginning of its session
            let earlier = query.comparison.as_ref().map_or(query.range.from, |earlier| earlier.range.from);
            let range = TimeRange { from: earlier.min(query.range.from) - TimeDelta::days(7), to: query.range.to };
            let titles = titles::of_meetings(snapshot, &sources, &ids, range).await?;
            answer.titles = Some(BTreeMap::from([(meeting, titles)]));
        } else if arrangement.titles && query.dimensions.contains(&Dimension::MeetingId) {
            answer.warnings.push(Warning {
                code: "titles_not_readable",
                metrics: query.metrics.iter().map(|metric| metric.id).collect(),
                detail: "Titles of meetings need a key with `content:read`; the ids stand for them.".to_owned(),
                bases: Vec::new(),
            });
        }
        Ok(answer)
    }

    /// Returns the answer in the requested shape.
    pub(crate) fn shaped(&self, answer: Answer) -> Shaped {
        match self.understood.arrangement.shape {
            Shape::Rows => Shaped::Rows(Box::new(answer)),
            Shape::Series => Shaped::Series(Box::new(series(&self.understood.query, answer))),
        }
    }
}

/// Returns how far the data behind an answer is complete, and whether time alone may change that before the minute is
/// over; refuses data older than the query requires.
fn freshness(understood: &Understood) -> Result<(Freshness, bool), ApiError> {
    let Understood { query, catalog, require_fresh, now, .. } = understood;
    let sources = query.telling(&query.sources(catalog));
    if let Some(limit) = require_fresh {
        if let Some(at) = catalog.replica_as_of.filter(|at| *now - *at > *limit) {
            return Err(ApiError::NotFresh(format!("the read replica has come up to {}", at.to_rfc3339())));
        }
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
    let top = query.top.map(|top| (top.dimension, top.by.id, top.count, top.includes_missing));
    let order = query.order.map(|order| match order.by {
        OrderBy::Metric(metric) => (order.is_descending, metric.id),
        OrderBy::Dimension(dimension) => (order.is_descending, dimension.as_str()),
    });
    let compared = query.comparison.as_ref().map(|comparison| (comparison.wanted, comparison.range));
    format!(
        "{metrics:?} {:?} {:?} {:?} {:?} {:?} {:?} {:?} {top:?} {compared:?} {minute:?} {second:?} {order:?} {:?} {:?} {:?}",
        query.dimensions,
        query.range,
        query.zone,
        query.granularity,
        query.filter,
        query.attribution,
        query.totals_by,
        query.limit,
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
