//! `POST /v1/sync/sources/{slug}/pause`, `/resume` and `/runs`: pause streams, resume them, or run them now.
//!
//! The commands apply to lists and to per-session streams. Each is journaled with its caller. A pause ends a
//! run under way before its next page is saved; saved pages stay. A web page of another origin is refused.

use axum::Json;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::actions::request::ActionRequest;
use crate::api::parameters::Asked;
use crate::api::parameters::nearest;
use crate::api::parameters::path::PathName;
use crate::api::parameters::values::words;
use crate::api::problem::{ActionProblem, ApiError};
use crate::api::problem_responses::ControlProblems;
use crate::api::state::{ApiState, ForCaller};
use crate::model::id::SourceId;
use crate::model::stream::Stream;
use crate::query::catalog::{Catalog, Source};
use crate::store::control::{self, Control, Told};
use crate::store::operation::{Operation, Operator};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ControlParameters {
    /// Only this stream, `sessions` for the list itself. Default: all streams of the source; for runs, its lists.
    #[param(example = "transcript")]
    stream: Option<String>,
}

/// The result of a command.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Controlled {
    /// Number of the operation in `/v1/sync/operations`.
    operation_id: i64,
    /// Slug of the source.
    source: String,
    /// The affected streams, in their current state.
    streams: Vec<ControlledStream>,
    /// Address at which to follow the effect.
    see: String,
}

/// The state of one stream.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ControlledStream {
    /// Name of the stream.
    stream: String,
    /// Start of the pause; null: the stream is polled.
    paused_at: Option<DateTime<Utc>>,
    /// Operator who paused it.
    paused_by: Option<String>,
    /// Time at which a run was requested that has not begun.
    due_at: Option<DateTime<Utc>>,
}

impl From<Control> for ControlledStream {
    fn from(Control { stream, paused_at, paused_by, due_at }: Control) -> Self {
        Self { stream, paused_at, paused_by, due_at }
    }
}

/// Pause polling
///
/// Pauses a source, or one stream of it, until it is resumed. A run under way ends `cancelled` before its next
/// page is saved; saved pages stay, and nothing is deleted. The pause time of a stream that is already paused does
/// not change. The body is empty or `{}`.
#[utoipa::path(
    post, path = "/v1/sync/sources/{slug}/pause", tag = "sync",
    params(("slug" = String, Path, description = "Slug of the source.", example = "rtk-prod"), ControlParameters),
    responses(
        (status = 200, description = "It is paused.", body = Controlled, example = json!({
            "operation_id": 12, "source": "rtk-prod", "see": "/v1/health/pollers",
            "streams": [{"stream": "transcript", "paused_at": "2026-11-20T10:40:00Z", "paused_by": "127.0.0.1:50214", "due_at": null}]
        })),
        ControlProblems
    )
)]
pub(crate) async fn pause_source(
    ForCaller(state): ForCaller,
    PathName(slug): PathName,
    asked: Asked<ControlParameters>,
    request: ActionRequest,
) -> Result<Json<Controlled>, ApiError> {
    let wish = Wish::read(&state, &slug, asked, &request).await?;
    let told = control::pause(&state.pool, &wish.operation("pause", &state), &wish.streams).await?;
    Ok(Json(wish.answer(told, "/v1/health/pollers".to_owned())))
}

/// Resume polling
///
/// Resumes paused streams; they are due at once. The body is empty or `{}`.
#[utoipa::path(
    post, path = "/v1/sync/sources/{slug}/resume", tag = "sync",
    params(("slug" = String, Path, description = "Slug of the source.", example = "rtk-prod"), ControlParameters),
    responses(
        (status = 200, description = "It is resumed.", body = Controlled, example = json!({
            "operation_id": 13, "source": "rtk-prod", "see": "/v1/health/pollers",
            "streams": [{"stream": "transcript", "paused_at": null, "paused_by": null, "due_at": "2026-11-20T10:41:00Z"}]
        })),
        ControlProblems
    )
)]
pub(crate) async fn resume_source(
    ForCaller(state): ForCaller,
    PathName(slug): PathName,
    asked: Asked<ControlParameters>,
    request: ActionRequest,
) -> Result<Json<Controlled>, ApiError> {
    let wish = Wish::read(&state, &slug, asked, &request).await?;
    let told = control::resume(&state.pool, &wish.operation("resume", &state), &wish.streams).await?;
    Ok(Json(wish.answer(told, "/v1/health/pollers".to_owned())))
}

/// Run now
///
/// Requests a poll of a source's lists now, independent of the schedule; the first poller that sees it runs it. With
/// `stream` it is the per-session stream: all of its tasks that wait for their next try become due. The run
/// begins within seconds, unless another is under way (it follows then) or the provider's rate limit defers it.
/// The body is empty or `{}`.
#[utoipa::path(
    post, path = "/v1/sync/sources/{slug}/runs", tag = "sync",
    params(("slug" = String, Path, description = "Slug of the source.", example = "rtk-prod"), ControlParameters),
    responses(
        (status = 202, description = "A run is due.", body = Controlled, example = json!({
            "operation_id": 14, "source": "rtk-prod", "see": "/v1/sync/runs?source=rtk-prod&stream=sessions",
            "streams": [{"stream": "sessions", "paused_at": null, "paused_by": null, "due_at": "2026-11-20T10:42:00Z"}]
        })),
        ControlProblems
    )
)]
pub(crate) async fn start_runs(
    ForCaller(state): ForCaller,
    PathName(slug): PathName,
    asked: Asked<ControlParameters>,
    request: ActionRequest,
) -> Result<(StatusCode, Json<Controlled>), ApiError> {
    let mut wish = Wish::read(&state, &slug, asked, &request).await?;
    if !wish.is_polled {
        return Err(ActionProblem::NotPolled { source: wish.source }.into());
    }
    if wish.only.is_none() {
        wish.streams.retain(|stream| Stream::LISTING.contains(stream));
    }
    let told = control::run_now(&state.pool, &wish.operation("run", &state), &wish.streams).await?;
    let streams: Vec<&str> = wish.streams.iter().map(|stream| stream.as_str()).collect();
    let streams = streams.join(",");
    let told = told.ok_or_else(|| ActionProblem::Paused { source: wish.source.clone(), streams: streams.clone() })?;
    let see = format!("/v1/sync/runs?source={}&stream={streams}", wish.source);
    Ok((StatusCode::ACCEPTED, Json(wish.answer(told, see))))
}

/// A checked command.
struct Wish {
    source: String,
    source_id: SourceId,
    /// Whether the source is configured.
    is_polled: bool,
    /// The stream that was named.
    only: Option<Stream>,
    streams: Vec<Stream>,
    operator: Operator,
}

impl Wish {
    async fn read(
        state: &ApiState,
        slug: &str,
        Asked { given, mut faults }: Asked<ControlParameters>,
        request: &ActionRequest,
    ) -> Result<Self, ApiError> {
        let catalog = state.catalog(None).await?;
        let source = source_of(&catalog, slug)?;
        let offered: Vec<Stream> = offered(source).collect();
        let names: Vec<&str> = offered.iter().map(|stream| stream.as_str()).collect();
        let named = words("stream", given.stream.as_deref(), &names, &mut faults);
        if named.len() > 1 {
            faults.note("stream", "one_value", "Name one stream, or omit it for all streams.");
        }
        faults.refuse()?;
        request.refuse_content()?;
        let only = named.first().and_then(|name| Stream::parse(name));
        Ok(Self {
            source: source.source.clone(),
            source_id: SourceId(source.source_id),
            is_polled: source.is_enabled,
            only,
            streams: only.map_or(offered, |stream| vec![stream]),
            operator: request.operator(),
        })
    }

    fn operation<'a>(&'a self, kind: &'a str, state: &ApiState) -> Operation<'a> {
        Operation {
            source_id: Some(self.source_id),
            stream: self.only,
            kind,
            target: None,
            operator: &self.operator,
            now: state.clock.now(),
        }
    }

    fn answer(self, told: Told, see: String) -> Controlled {
        let streams = told.streams.into_iter().map(ControlledStream::from).collect();
        Controlled { operation_id: told.operation_id, source: self.source, streams, see }
    }
}

/// Returns the streams of a source: its lists, then its per-session streams.
fn offered(source: &Source) -> impl Iterator<Item = Stream> {
    let per_session = source.session_streams.iter().filter_map(|name| Stream::parse(name));
    Stream::LISTING.into_iter().chain(per_session)
}

/// Returns the source with that slug.
pub(super) fn source_of<'a>(catalog: &'a Catalog, slug: &str) -> Result<&'a Source, ApiError> {
    catalog.sources.iter().find(|source| source.source == slug).ok_or_else(|| no_source(slug, catalog))
}

/// Returns the error for an unknown slug.
pub(crate) fn no_source(slug: &str, catalog: &Catalog) -> ApiError {
    let known: Vec<String> = catalog.sources.iter().map(|source| source.source.clone()).collect();
    let near = nearest(slug, &known);
    let remedy = match near.first() {
        Some(near) => format!("Did you mean `{near}`?"),
        None => "See /v1/sources for the existing ones.".to_owned(),
    };
    ApiError::NotFound(format!("There is no source with this slug. {remedy}"))
}
