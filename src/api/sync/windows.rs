//! `POST /v1/sync/sources/{slug}/windows/accept` and `/reopen`: accept gaps with a note, or reopen them.
//!
//! A range that cannot be proven holds back `complete_through` for all later ranges. An operator who knows the
//! cause may accept it. It stays unproven, and each answer that touches it says so.

use axum::Json;
use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::api::actions::request::ActionRequest;
use crate::api::parameters::path::PathName;
use crate::api::parameters::time::instant;
use crate::api::parameters::{Asked, Faults, NoParameters, Said};
use crate::api::problem::{ActionProblem, ApiError};
use crate::api::problem_responses::WindowProblems;
use crate::api::state::{ApiState, ForCaller};
use crate::api::sync::control::source_of;
use crate::model::id::SourceId;
use crate::model::request_body::{Given, RequestBody, request_body};
use crate::model::stream::Stream;
use crate::model::time::Window;
use crate::store::accepted_gap::{self, Changed};
use crate::store::operation::{Operation, Operator};
use crate::store::window;

/// Longest note, characters.
const MAX_NOTE_CHARS: usize = 500;

request_body! {
    /// A range of a stream, and the reason to accept it.
    pub(crate) struct HoleBody {
        /// Name of the stream. Default: `sessions`.
        stream: Option<String>,
        /// First instant of the range: a date (in the service's zone) or RFC 3339.
        from: String,
        /// End of the range, exclusive.
        to: String,
        /// Reason for accepting it; ignored by reopen.
        note: Option<String>,
    }
}

/// The changed ranges.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HolesChanged {
    /// Number of the operation in `/v1/sync/operations`.
    operation_id: i64,
    /// Slug of the source.
    source: String,
    /// Name of the stream.
    stream: &'static str,
    /// The ranges that are accepted now, or open again.
    windows: Vec<HoleRange>,
    /// Time up to which the stream counts as complete now; null: nothing is proven yet.
    complete_through: Option<DateTime<Utc>>,
}

/// A range of time.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HoleRange {
    /// First instant.
    from: DateTime<Utc>,
    /// End, exclusive.
    to: DateTime<Utc>,
}

/// Accept gaps
///
/// Accepts the parts of a range that were read and could not be proven complete, with a note. `complete_through`
/// advances beyond them, polls do not read them again, and they do not make the stream failing. They stay unproven:
/// buckets that touch them have the status `accepted_gap`. A later proof of the range, such as by a backfill, voids the
/// acceptance. Only doubtful windows can be accepted, see `/v1/sync/windows?state=doubtful`.
#[utoipa::path(
    post, path = "/v1/sync/sources/{slug}/windows/accept", tag = "sync",
    params(("slug" = String, Path, description = "Slug of the source.", example = "rtk-prod")),
    request_body(content = HoleBody, example = json!({
        "from": "2026-10-31T10:00:00Z", "to": "2026-10-31T10:01:00Z", "note": "The provider counts a session that its support cannot find."
    })),
    responses(
        (status = 200, description = "They are accepted.", body = HolesChanged, example = json!({
            "operation_id": 16, "source": "rtk-prod", "stream": "sessions", "complete_through": "2026-11-20T10:39:58Z",
            "windows": [{"from": "2026-10-31T10:00:00Z", "to": "2026-10-31T10:01:00Z"}]
        })),
        WindowProblems
    )
)]
pub(crate) async fn accept_windows(
    ForCaller(state): ForCaller,
    PathName(slug): PathName,
    asked: Asked<NoParameters>,
    request: ActionRequest,
) -> Result<Json<HolesChanged>, ApiError> {
    asked.faults.refuse()?;
    let wish = Wish::read(&state, slug, &request, true).await?;
    let operation = wish.operation("accept_windows", &state);
    let changed = accepted_gap::accept(&state.pool, &operation, wish.stream, &wish.range, &wish.note).await?;
    wish.answer(&state, changed, "doubtful").await
}

/// Reopen gaps
///
/// Revokes the acceptance of every accepted range that touches the given one. The next poll reads it again, and
/// it holds back `complete_through` until it is proven.
#[utoipa::path(
    post, path = "/v1/sync/sources/{slug}/windows/reopen", tag = "sync",
    params(("slug" = String, Path, description = "Slug of the source.", example = "rtk-prod")),
    request_body(content = HoleBody, example = json!({"from": "2026-10-31T10:00:00Z", "to": "2026-10-31T10:01:00Z"})),
    responses(
        (status = 200, description = "They are open again.", body = HolesChanged, example = json!({
            "operation_id": 17, "source": "rtk-prod", "stream": "sessions", "complete_through": "2026-10-31T10:00:00Z",
            "windows": [{"from": "2026-10-31T10:00:00Z", "to": "2026-10-31T10:01:00Z"}]
        })),
        WindowProblems
    )
)]
pub(crate) async fn reopen_windows(
    ForCaller(state): ForCaller,
    PathName(slug): PathName,
    asked: Asked<NoParameters>,
    request: ActionRequest,
) -> Result<Json<HolesChanged>, ApiError> {
    asked.faults.refuse()?;
    let wish = Wish::read(&state, slug, &request, false).await?;
    let operation = wish.operation("reopen_windows", &state);
    let changed = accepted_gap::reopen(&state.pool, &operation, wish.stream, &wish.range).await?;
    wish.answer(&state, changed, "accepted").await
}

/// A checked command.
struct Wish {
    source: String,
    source_id: SourceId,
    stream: Stream,
    range: Window,
    note: String,
    operator: Operator,
}

impl Wish {
    async fn read(state: &ApiState, slug: String, request: &ActionRequest, has_note: bool) -> Result<Self, ApiError> {
        let catalog = state.catalog(None).await?;
        let source = source_of(&catalog, &slug)?;
        let nothing = Map::new();
        let object = request.body.as_object().unwrap_or(&nothing);
        let body = HoleBody::of(object, "");
        // the note is the last field
        let allowed = if has_note { HoleBody::FIELDS } else { &HoleBody::FIELDS[..3] };
        let mut told = Faults::default();
        told.note_unknown_fields(object, allowed);
        let stream = stream(&body.stream, &mut told);
        let [from, to] = [&body.from, &body.to].map(|given| {
            let said = Said::by_parameter(given.name, text(given, &mut told)?);
            instant(&said, state.default_zone, &mut told)
        });
        if from.zip(to).is_some_and(|(from, to)| from >= to) {
            told.note("to", "empty_range", "`from` must be before `to`; the range is half-open.");
        }
        let note = if has_note { note(&body.note, &mut told) } else { Some(String::new()) };
        let (Some(stream), Some(from), Some(to), Some(note)) = (stream, from, to, note) else {
            return Err(ApiError::InvalidBody(told.in_body("")));
        };
        let faults = told.in_body("");
        if !faults.is_empty() {
            return Err(ApiError::InvalidBody(faults));
        }
        Ok(Self {
            source: slug,
            source_id: SourceId(source.source_id),
            stream,
            range: Window { from, to },
            note,
            operator: request.operator(),
        })
    }

    fn operation<'a>(&'a self, kind: &'a str, state: &ApiState) -> Operation<'a> {
        Operation {
            source_id: Some(self.source_id),
            stream: Some(self.stream),
            kind,
            target: None,
            operator: &self.operator,
            now: state.clock.now(),
        }
    }

    async fn answer(
        self,
        state: &ApiState,
        changed: Option<Changed>,
        looked_for: &'static str,
    ) -> Result<Json<HolesChanged>, ApiError> {
        let Some(Changed { operation_id, windows }) = changed else {
            return Err(ActionProblem::NoWindow { source: self.source, state: looked_for }.into());
        };
        let complete_through = window::complete_through(&state.pool, self.source_id, self.stream).await?;
        let windows = windows.into_iter().map(|Window { from, to }| HoleRange { from, to }).collect();
        let stream = self.stream.as_str();
        Ok(Json(HolesChanged { operation_id, source: self.source, stream, windows, complete_through }))
    }
}

fn stream(given: &Given, told: &mut Faults) -> Option<Stream> {
    let names = Stream::LISTING.map(Stream::as_str);
    let Some(value) = &given.value else { return Stream::LISTING.first().copied() };
    let name = value.as_str().unwrap_or_default();
    let found = Stream::parse(name).filter(|stream| Stream::LISTING.contains(stream));
    if found.is_none() {
        told.note_unknown(given.name, "unknown_value", name, names);
    }
    found
}

fn text<'a>(given: &'a Given, told: &mut Faults) -> Option<&'a str> {
    let (name, text) = (given.name, given.value.as_ref().and_then(Value::as_str));
    if text.is_none() {
        told.note(name, "missing_field", format!("`{name}` must be a text: a date or an RFC 3339 instant."));
    }
    text
}

fn note(given: &Given, told: &mut Faults) -> Option<String> {
    let is_usable =
        |note: &&str| !note.is_empty() && note.chars().count() <= MAX_NOTE_CHARS && !note.chars().any(char::is_control);
    let note = given.value.as_ref().and_then(Value::as_str).map(str::trim).filter(is_usable);
    if note.is_none() {
        let detail =
            format!("`note` must state why the range is accepted: 1 to {MAX_NOTE_CHARS} printable characters.");
        told.note(given.name, "missing_field", detail);
    }
    note.map(ToOwned::to_owned)
}
