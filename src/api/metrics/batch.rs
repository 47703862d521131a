//! `POST /v1/metrics/batch`: several metric queries in one call, answered from one snapshot.
//!
//! A query with faults is answered by its problem and costs the others nothing. All queries see the same time and the
//! same data, so that the panels of a dashboard agree with each other. On a read replica, a query that fails fails them
//! all: the primary then answers all of them.

use std::sync::Arc;

use axum::extract::Extension;
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::api::access::guard::{Content, QUERY};
use crate::api::etag::EntityTag;
use crate::api::json_body::JsonBody;
use crate::api::metrics::question::schema::MetricQuestion;
use crate::api::metrics::question::{body, understand};
use crate::api::metrics::{Question, Shaped, example};
use crate::api::parameters::{Asked, FaultLocation, Faults, NoParameters};
use crate::api::problem::{AccessProblem, ApiError, Problem};
use crate::api::problem_responses::AskProblems;
use crate::api::request_id::RequestId;
use crate::api::state::{ApiState, ForCaller, SharedCatalogs};
use crate::clock::FixedClock;
use crate::query::bucket::{Granularity, MAX_BUCKETS};
use crate::query::snapshot::Snapshot;

/// Most queries of a call.
const MAX_QUERIES: usize = 20;
/// Longest `id` of a query, characters.
const MAX_ID_CHARS: usize = 100;

/// Several metric queries.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is only documented")]
pub(crate) struct MetricBatch {
    /// The queries, 1 to 20.
    queries: Vec<BatchQuery>,
}

/// A metric query of several.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is only documented")]
pub(crate) struct BatchQuery {
    /// A name of the query, which its result repeats; at most 100 characters.
    id: Option<String>,
    #[serde(flatten)]
    question: MetricQuestion,
}

/// The results of several metric queries.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchAnswer {
    /// One for each query, in their order.
    results: Vec<BatchResult>,
}

/// The result of one query of several: an answer, or a problem.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct BatchResult {
    /// The `id` of the query.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// The status that the query alone would have: 200, or that of the problem.
    status: u16,
    /// The answer, as of `/v1/metrics/query`.
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<Shaped>,
    /// The reason why there is no answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    problem: Option<Problem>,
}

/// A query of the body, prepared or refused.
struct Part {
    id: Option<String>,
    question: Result<Question, ApiError>,
}

/// Query metrics (batch)
///
/// Up to 20 queries, each as in the body of `/v1/metrics/query`, answered in their order from one snapshot of the data
/// and as of one instant. A query that cannot be answered has a `problem` in place of its `answer`; the status of the
/// response is 200 nonetheless. Each query costs as much of the budget as one that is sent alone.
#[utoipa::path(
    post, path = "/v1/metrics/batch", tag = "figures",
    request_body(content = MetricBatch, example = json!({"queries": [
        {"id": "today", "metrics": ["sessions"], "time": {"range": "today"}, "compare": {"to": "previous_period", "elapsed": "same"}},
        {"id": "minutes", "metrics": ["minutes_consumed"], "dimensions": ["provider"], "shape": "series",
         "time": {"range": "last_7_days", "granularity": "day"}}
    ]})),
    responses(
        (status = 200, description = "One result for each query.", body = BatchAnswer,
         example = json!({"results": [{"id": "minutes", "status": 200, "answer": example()}]})),
        (status = 304, description = "The response has not changed."),
        AskProblems
    )
)]
pub(crate) async fn ask_batch(
    ForCaller(state): ForCaller,
    Extension(RequestId(request_id)): Extension<RequestId>,
    headers: HeaderMap,
    Asked { mut faults, .. }: Asked<NoParameters>,
    JsonBody(body): JsonBody,
) -> Result<Response, ApiError> {
    let queries = queries(&body, &mut faults);
    faults.refuse()?;
    let now = state.clock.now();
    charge(&state, queries.len(), now)?;
    let shared_catalogs = Some(SharedCatalogs::default());
    let state = ApiState { clock: Arc::new(FixedClock(now)), shared_catalogs, ..state };
    let mut parts = Vec::with_capacity(queries.len());
    for (place, query) in queries.iter().enumerate() {
        match prepared(&state, query, &format!("/queries/{place}")).await {
            Part { question: Err(error), .. } if state.counts_not(&error) => return Err(error),
            part => parts.push(part),
        }
    }
    let tag = tag(&parts);
    if let Some(tag) = tag.as_ref().filter(|tag| tag.is_held_by(&headers)) {
        return Ok(tag.not_modified());
    }
    let shows_titles = parts.iter().any(|part| part.question.as_ref().is_ok_and(|question| question.shows_titles));
    let compute = async {
        let results = answered(&state, parts, &request_id).await?;
        Ok(axum::response::IntoResponse::into_response(axum::Json(BatchAnswer { results })))
    };
    match tag {
        Some(tag) if shows_titles => Ok(Content::mark(tag.mark(compute.await?))),
        // a problem may pass, and has the id of its request
        None if shows_titles => Ok(Content::mark(compute.await?)),
        None => compute.await,
        Some(tag) => {
            let compute = Box::pin(async { compute.await.map(|response| tag.mark(response)) });
            state.memory.answer(&tag, &headers, compute).await
        }
    }
}

/// Returns the queries of a body.
fn queries<'b>(body: &'b Value, faults: &mut Faults) -> Vec<&'b Value> {
    let pointer = |text: &str| FaultLocation::Pointer(text.to_owned());
    if let Some(object) = body.as_object() {
        body::note_unknown_fields(object.keys(), "", &["queries"], faults);
    }
    let Some(queries) = body.get("queries").and_then(Value::as_array) else {
        faults.note(pointer("/queries"), "missing_field", "The body must be an object whose `queries` is a list.");
        return Vec::new();
    };
    if queries.is_empty() || queries.len() > MAX_QUERIES {
        let detail = format!("A call can have 1 to {MAX_QUERIES} queries, not {}.", queries.len());
        faults.note(pointer("/queries"), "invalid_count", detail);
    }
    queries.iter().collect()
}

/// Takes the cost of all queries but the first, which the rule of the route has taken.
fn charge(state: &ApiState, count: usize, now: DateTime<Utc>) -> Result<(), ApiError> {
    let others = u32::try_from(count.saturating_sub(1)).unwrap_or(u32::MAX);
    if let Some(key_id) = state.caller.key_id.as_ref().filter(|_| others > 0) {
        state.access_policy.budgets.take(key_id, others.saturating_mul(QUERY), now).map_err(AccessProblem::from)?;
    }
    Ok(())
}

async fn prepared(state: &ApiState, query: &Value, pointer: &str) -> Part {
    let mut faults = Faults::default();
    let mut fields: Map<String, Value> = query.as_object().cloned().unwrap_or_default();
    let id = match fields.remove("id") {
        None => None,
        Some(Value::String(id)) if id.chars().count() <= MAX_ID_CHARS => Some(id),
        Some(_) => {
            let at = FaultLocation::Pointer(format!("{pointer}/id"));
            faults.note(at, "wrong_type", format!("`id` must be a text of at most {MAX_ID_CHARS} characters."));
            None
        }
    };
    let body = if query.is_object() { Value::Object(fields) } else { query.clone() };
    let raw_query = body::read(&body, pointer, &mut faults);
    let understood = understand(state, &raw_query, Granularity::None, MAX_BUCKETS, faults).await;
    Part { id, question: understood.and_then(|understood| Question::of(state, understood)) }
}

/// Returns the tag of an answer whose queries are all prepared.
fn tag(parts: &[Part]) -> Option<EntityTag> {
    let questions: Option<Vec<(&Part, &Question)>> =
        parts.iter().map(|part| part.question.as_ref().ok().map(|question| (part, question))).collect();
    let questions = questions?;
    let (_, first) = questions.first()?;
    let tags = questions.iter().map(|(part, question)| (&part.id, question.tag("batch")));
    let (names, is_brief) = tags.fold((String::from("batch"), false), |(names, is_brief), (id, tag)| {
        (format!("{names} {id:?} {}", tag.as_str()), is_brief || tag.is_brief())
    });
    Some(EntityTag::of(&first.understood.catalog, &names).brief_if(is_brief))
}

/// Computes all answers from one snapshot. A statement that fails costs only its own query.
async fn answered(state: &ApiState, parts: Vec<Part>, request_id: &str) -> Result<Vec<BatchResult>, ApiError> {
    let snapshot = Snapshot::take(&state.pool).await?;
    let mut results = Vec::with_capacity(parts.len());
    for Part { id, question } in parts {
        let answer = match question {
            Err(error) => Err(error),
            Ok(question) => {
                snapshot.mark().await?;
                match question.answer(&snapshot).await {
                    Ok(answer) => Ok(question.shaped(answer)),
                    Err(error) => {
                        snapshot.return_to_mark().await?;
                        Err(error.into())
                    }
                }
            }
        };
        results.push(match answer {
            Err(error) if state.counts_not(&error) => return Err(error),
            Ok(answer) => BatchResult { id, status: 200, answer: Some(answer), problem: None },
            Err(error) => {
                let problem = error.of_part(request_id);
                BatchResult { id, status: problem.status, answer: None, problem: Some(problem) }
            }
        });
    }
    Ok(results)
}
