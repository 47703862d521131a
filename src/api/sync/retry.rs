//! `POST /v1/sync/sources/{slug}/artifacts/retry`: retry session artifacts that were given up.
//!
//! It makes tasks due and calls no provider: the pollers do that within seconds. The command is journaled with
//! its caller.

use axum::Json;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::api::actions::request::{ActionRequest, body_fault};
use crate::api::parameters::path::PathName;
use crate::api::parameters::{Asked, Faults, NoParameters};
use crate::api::problem::{ApiError, Fault};
use crate::api::problem_responses::ControlProblems;
use crate::api::state::ForCaller;
use crate::api::sync::control::source_of;
use crate::model::artifact::{GIVEN_UP_STATES, RETRY_STATES};
use crate::model::id::SourceId;
use crate::model::request_body::{Given, RequestBody, request_body};
use crate::model::stream::Stream;
use crate::model::time;
use crate::store::artifact::owed::{self, RetryFilter};
use crate::store::operation::Operation;

request_body! {
    /// The artifacts to retry. Each field narrows the selection; an empty body selects all that were given up.
    pub(crate) struct ArtifactRetryRequest {
        /// Only in these states: `failed`, `expired`, `empty`, `incomplete`, `not_enabled`; one text or a list.
        /// Default: the first four.
        #[schema(required = false)]
        state: Vec<String>,
        /// Only of these streams; one text or a list. Default: all.
        #[schema(required = false)]
        stream: Vec<String>,
        /// Only of sessions that began at this instant or later, RFC 3339.
        #[schema(required = false)]
        from: Option<DateTime<Utc>>,
        /// Only of sessions that began before this instant, RFC 3339.
        #[schema(required = false)]
        to: Option<DateTime<Utc>>,
    }
}

/// The artifacts that are due now.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ArtifactsRetried {
    /// Number of the operation in `/v1/sync/operations`.
    operation_id: i64,
    /// Slug of the source.
    source: String,
    /// Tasks that are due now, over all streams.
    made_due: i64,
    /// Due tasks by stream.
    streams: Vec<RetriedStream>,
}

/// The due tasks of one stream.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct RetriedStream {
    /// Name of the stream.
    stream: &'static str,
    /// Tasks that are due now.
    made_due: i64,
}

/// Retry artifacts
///
/// Retries session artifacts that were given up: their tries are reset and they are due now. Stored content
/// stays available meanwhile. The command is journaled in `/v1/sync/operations`.
#[utoipa::path(
    post, path = "/v1/sync/sources/{slug}/artifacts/retry", tag = "sync",
    params(("slug" = String, Path, description = "Slug of the source.", example = "rtk-prod")),
    request_body(content = ArtifactRetryRequest, description = "All fields are optional; unknown ones are refused.", example = json!({
        "state": ["failed"], "stream": ["chat"], "from": "2026-11-01T00:00:00Z"
    })),
    responses(
        (status = 202, description = "The tasks are due.", body = ArtifactsRetried, example = json!({
            "operation_id": 16, "source": "rtk-prod", "made_due": 54, "streams": [{"stream": "chat", "made_due": 54}]
        })),
        ControlProblems
    )
)]
pub(crate) async fn retry_artifacts(
    ForCaller(state): ForCaller,
    PathName(slug): PathName,
    asked: Asked<NoParameters>,
    request: ActionRequest,
) -> Result<(StatusCode, Json<ArtifactsRetried>), ApiError> {
    asked.faults.refuse()?;
    let catalog = state.catalog(None).await?;
    let source = source_of(&catalog, &slug)?;
    let offered: Vec<&str> = source.session_streams.iter().map(String::as_str).collect();
    let wanted = Wanted::read(&request.body, &offered).map_err(ApiError::InvalidBody)?;
    let streams: Vec<Stream> = wanted.streams.iter().filter_map(|name| Stream::parse(name)).collect();
    let states: Vec<&str> = wanted.states.iter().map(String::as_str).collect();
    let source_id = SourceId(source.source_id);
    let filter = RetryFilter { source_id, streams: &streams, states: &states, from: wanted.from, to: wanted.to };
    let target = filter.in_words();
    let operator = request.operator();
    let operation = Operation {
        source_id: Some(source_id),
        stream: Some(&streams).filter(|streams| streams.len() == 1).map(|streams| streams[0]),
        kind: "retry",
        target: Some(&target),
        operator: &operator,
        now: state.clock.now(),
    };
    let (operation_id, made_due) = owed::retry(&state.pool, &operation, &filter).await?;
    let streams =
        made_due.iter().map(|(stream, made_due)| RetriedStream { stream: stream.as_str(), made_due: *made_due });
    let answer = ArtifactsRetried {
        operation_id,
        source: slug,
        made_due: made_due.iter().map(|(_, made_due)| made_due).sum(),
        streams: streams.collect(),
    };
    Ok((StatusCode::ACCEPTED, Json(answer)))
}

/// The content of the body.
struct Wanted {
    states: Vec<String>,
    streams: Vec<String>,
    from: Option<DateTime<Utc>>,
    to: Option<DateTime<Utc>>,
}

impl Wanted {
    fn read(body: &Value, offered: &[&str]) -> Result<Self, Vec<Fault>> {
        let mut faults = Faults::default();
        let nothing = Map::new();
        let object = match body {
            Value::Null => &nothing,
            Value::Object(object) => object,
            _ => return Err(vec![body_fault("", "wrong_type", "The body must be empty or an object.")]),
        };
        faults.note_unknown_fields(object, ArtifactRetryRequest::FIELDS);
        let request = ArtifactRetryRequest::of(object, "");
        let states = words(&request.state, &RETRY_STATES, &GIVEN_UP_STATES, &mut faults);
        let streams = words(&request.stream, offered, offered, &mut faults);
        let (from, to) = (instant(&request.from, &mut faults), instant(&request.to, &mut faults));
        if from.zip(to).is_some_and(|(from, to)| to <= from) {
            faults.note("to", "empty_range", "`to` must be after `from`.");
        }
        let faults = faults.in_body("");
        if faults.is_empty() { Ok(Self { states, streams, from, to }) } else { Err(faults) }
    }
}

/// Reads one word or a list of words, all of them among `allowed`.
fn words(given: &Given, allowed: &[&str], default: &[&str], faults: &mut Faults) -> Vec<String> {
    let name = given.name;
    let given = match given.not_null() {
        None => return default.iter().map(|word| (*word).to_owned()).collect(),
        Some(Value::Array(list)) if list.is_empty() => {
            faults.note(name, "empty_list", format!("Name at least one value of `{name}`, or omit it."));
            return Vec::new();
        }
        Some(Value::Array(list)) => list.iter().collect(),
        Some(one) => vec![one],
    };
    let mut words = Vec::new();
    for value in given {
        if let Some(word) = value.as_str().filter(|word| allowed.contains(word)) {
            words.push(word.to_owned());
        } else {
            let shown = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
            faults.note_unknown(name, "unknown_value", &shown, allowed.iter().copied());
        }
    }
    words
}

fn instant(given: &Given, faults: &mut Faults) -> Option<DateTime<Utc>> {
    let (name, value) = (given.name, given.not_null()?);
    let at = value.as_str().and_then(time::from_text);
    if at.is_none() {
        faults.note(name, "invalid_time", format!("`{name}` must be RFC 3339, between 2000 and 2100, as a text."));
    }
    at
}
