//! `POST /v1/sync/sources/{slug}/pause`, `/resume` and `/runs`: let streams rest, go on, or run now.
//!
//! The same for lists and for what is fetched session by session. Each is journaled with who asked. A pause ends a run
//! under way before its next page is saved; what was saved stays. A web page of another origin may not ask.

use axum::Json;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::ApiState;
use crate::api::actions::request::ActionRequest;
use crate::api::documented::ControlProblems;
use crate::api::parameters::Asked;
use crate::api::parameters::nearest::nearest;
use crate::api::parameters::values::words;
use crate::api::problem::{ActionProblem, ApiError};
use crate::model::id::SourceId;
use crate::model::stream::Stream;
use crate::query::catalog::{Catalog, Source};
use crate::store::control::{self, Control, Told};
use crate::store::operation::{Operation, Operator};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct ControlParameters {
    /// Only this stream, `sessions` for the list itself. Default: all of the source; for runs, its lists.
    #[param(example = "transcript")]
    stream: Option<String>,
}

/// What became of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Controlled {
    /// Its number in `/v1/sync/operations`.
    #[schema(example = 12)]
    operation_id: i64,
    /// Slug of the source.
    #[schema(example = "rtk-prod")]
    source: String,
    /// The streams it is about, as they stand now.
    streams: Vec<ControlledStream>,
    /// Where to see what comes of it.
    #[schema(example = "/v1/sync/runs?source=rtk-prod&stream=sessions")]
    see: String,
}

/// What is said about one stream.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ControlledStream {
    /// Its name.
    #[schema(example = "sessions")]
    stream: String,
    /// Since when it is paused; null: it is polled.
    paused_at: Option<DateTime<Utc>>,
    /// By whom.
    paused_by: Option<String>,
    /// When a run was asked for that has not begun.
    due_at: Option<DateTime<Utc>>,
}

impl From<Control> for ControlledStream {
    fn from(Control { stream, paused_at, paused_by, due_at }: Control) -> Self {
        Self { stream, paused_at, paused_by, due_at }
    }
}

/// Pause polling
///
/// Lets a source, or one stream of it, rest until it is resumed. A run under way ends `cancelled` before its next page
/// is saved; what was saved stays, and nothing is deleted. What is paused already stays paused since then. The body is
/// empty or `{}`.
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
    State(state): State<ApiState>,
    slug: Result<Path<String>, PathRejection>,
    asked: Asked<ControlParameters>,
    request: ActionRequest,
) -> Result<Json<Controlled>, ApiError> {
    let wish = Wish::read(&state, slug, asked, &request).await?;
    let told = control::pause(&state.pool, &wish.operation("pause", &state), &wish.streams).await?;
    Ok(Json(wish.answer(told, "/v1/health/pollers".to_owned())))
}

/// Resume polling
///
/// Lets what is paused go on; it is due at once. The body is empty or `{}`.
#[utoipa::path(
    post, path = "/v1/sync/sources/{slug}/resume", tag = "sync",
    params(("slug" = String, Path, description = "Slug of the source.", example = "rtk-prod"), ControlParameters),
    responses(
        (status = 200, description = "It goes on.", body = Controlled, example = json!({
            "operation_id": 13, "source": "rtk-prod", "see": "/v1/health/pollers",
            "streams": [{"stream": "transcript", "paused_at": null, "paused_by": null, "due_at": "2026-11-20T10:41:00Z"}]
        })),
        ControlProblems
    )
)]
pub(crate) async fn resume_source(
    State(state): State<ApiState>,
    slug: Result<Path<String>, PathRejection>,
    asked: Asked<ControlParameters>,
    request: ActionRequest,
) -> Result<Json<Controlled>, ApiError> {
    let wish = Wish::read(&state, slug, asked, &request).await?;
    let told = control::resume(&state.pool, &wish.operation("resume", &state), &wish.streams).await?;
    Ok(Json(wish.answer(told, "/v1/health/pollers".to_owned())))
}

/// Run now
///
/// Has the lists of a source polled now, whatever the schedule, by whichever poller comes first; or, with `stream`, what
/// is fetched session by session: then everything of it that waits for its next try is due. It begins within seconds,
/// unless a run is under way (it follows then) or the provider wants patience. The body is empty or `{}`.
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
    State(state): State<ApiState>,
    slug: Result<Path<String>, PathRejection>,
    asked: Asked<ControlParameters>,
    request: ActionRequest,
) -> Result<(StatusCode, Json<Controlled>), ApiError> {
    let mut wish = Wish::read(&state, slug, asked, &request).await?;
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

/// What is asked for, checked.
struct Wish {
    source: String,
    source_id: SourceId,
    /// The source is configured.
    is_polled: bool,
    /// The stream that was named.
    only: Option<Stream>,
    streams: Vec<Stream>,
    operator: Operator,
}

impl Wish {
    async fn read(
        state: &ApiState,
        slug: Result<Path<String>, PathRejection>,
        Asked { given, mut faults }: Asked<ControlParameters>,
        request: &ActionRequest,
    ) -> Result<Self, ApiError> {
        let slug = slug.map(|Path(slug)| slug).unwrap_or_default();
        let catalog = Catalog::load(&state.pool, None).await?;
        let found = catalog.sources.iter().find(|source| source.source == slug);
        let source = found.ok_or_else(|| no_source(&slug, &catalog))?;
        let offered: Vec<Stream> = offered(source).collect();
        let names: Vec<&str> = offered.iter().map(|stream| stream.as_str()).collect();
        let named = words("stream", given.stream.as_deref(), &names, &mut faults);
        if named.len() > 1 {
            faults.note("stream", "one_value", "Name one stream, or none for all.");
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
            operator: Operator {
                requested_by: request.requested_by.clone(),
                request_id: Some(request.request_id.clone()),
            },
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

/// The streams of a source: its lists, then what is fetched for each session.
fn offered(source: &Source) -> impl Iterator<Item = Stream> {
    let per_session = source.session_streams.iter().filter_map(|name| Stream::parse(name));
    Stream::LISTING.into_iter().chain(per_session)
}

/// There is no source of this slug.
pub(super) fn no_source(slug: &str, catalog: &Catalog) -> ApiError {
    let known: Vec<String> = catalog.sources.iter().map(|source| source.source.clone()).collect();
    let near = nearest(slug, &known);
    let remedy = match near.first() {
        Some(near) => format!("Did you mean `{near}`?"),
        None => "See /v1/sources for those there are.".to_owned(),
    };
    ApiError::NotFound(format!("There is no source of this slug. {remedy}"))
}
