//! `GET /v1/sources`: configured accounts, and the capabilities of their providers.
//!
//! The capabilities of a provider decide which metrics are not applicable, so callers can look them up. The
//! answer includes no credential, and no configuration besides name, schedule, history and human steps.

use axum::Json;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::page::{List, Page};
use crate::api::parameters::{Asked, NoParameters};
use crate::api::problem::ApiError;
use crate::api::problem_responses::ReadProblems;
use crate::api::state::ForCaller;
use crate::query::catalog::{Source, SourceFilter};
use crate::query::freshness::Freshness;
use crate::query::source_polling::{self, CallRate, Lateness, RingState};

/// A configured account.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SourceAnswer {
    /// Slug of the source.
    source: String,
    /// Kind of platform.
    provider: String,
    /// `participant_time` or `session_time`; null: the provider meters nothing, so its minutes are not applicable.
    minutes_basis: Option<String>,
    /// Whether the provider states if a conversation was resolved; false: resolution is not applicable.
    has_outcomes: bool,
    /// `inline`: messages come with the session; `per_session`: they are fetched after its end; `not_fetched`:
    /// the provider has messages, but they are not read and so unknown; `none`: not applicable.
    message_support: String,
    /// Start of the history: nothing older is requested.
    history_from: DateTime<Utc>,
    /// Polling schedule: six cron fields, UTC.
    schedule: String,
    /// Whether the source is still configured; false: its history stays.
    is_enabled: bool,
    /// Streams polled from the source.
    streams: Vec<String>,
    /// Streams fetched for each session.
    session_streams: Vec<String>,
    /// Steps of a chat that mean that a human took over, as configured; empty: `handoff_rate` and
    /// `containment_rate` are null.
    human_steps: Vec<String>,
    /// Calls a minute that its account may make now; null: no call was made yet.
    call_rate: Option<CallRate>,
    /// Delay of its records, and how far its polls reach back for that.
    lateness: Lateness,
    /// Parts of the past that are read again because its list is sorted by creation, most recent first; empty:
    /// its list includes changed sessions.
    rings: Vec<RingState>,
}

impl SourceAnswer {
    fn of(source: &Source, call_rate: Option<CallRate>, lateness: Lateness, rings: Vec<RingState>) -> Self {
        Self {
            source: source.source.clone(),
            provider: source.provider.clone(),
            minutes_basis: source.minutes_basis.clone(),
            has_outcomes: source.has_outcomes,
            message_support: source.message_support.clone(),
            history_from: source.history_from,
            schedule: source.schedule.clone(),
            is_enabled: source.is_enabled,
            streams: source.streams.iter().map(|stream| stream.stream.clone()).collect(),
            session_streams: source.session_streams.clone(),
            human_steps: source.human_steps.clone(),
            call_rate,
            lateness,
            rings,
        }
    }
}

/// List sources
///
/// Configured accounts, and formerly configured ones, by slug, each with the capabilities of its provider.
#[utoipa::path(
    get, path = "/v1/sources", tag = "data",
    responses(
        (status = 200, description = "All sources; there is only one page.", body = List<SourceAnswer>, example = json!({
            "items": [{
                "source": "rtk-prod", "provider": "realtimekit", "minutes_basis": "participant_time", "has_outcomes": false,
                "message_support": "per_session", "history_from": "2026-01-01T00:00:00Z", "schedule": "0 */5 * * * *",
                "is_enabled": true, "streams": ["sessions"],
                "session_streams": ["participants", "chat", "transcript", "summary", "quality"], "human_steps": [],
                "call_rate": {"requests_per_minute": 560.0, "decided_by": "provider", "stated_per_minute": 560.0},
                "lateness": {"overlap_seconds": 1800, "latest_arrival_seconds": 240, "found_later_count": 0,
                             "latest_change_seconds": 95},
                "rings": [
                    {"ring": "poll", "period_seconds": null, "covers_from": "2026-11-18T10:40:00Z",
                     "last_finished_at": "2026-11-20T10:40:01Z", "started_at": null},
                    {"ring": "hourly", "period_seconds": 3600, "covers_from": "2026-10-21T10:40:00Z",
                     "last_finished_at": "2026-11-20T10:00:04Z", "started_at": null}
                ]
            }],
            "page": {"has_more": false, "next": null},
            "freshness": crate::api::freshness::example()
        })),
        ReadProblems
    )
)]
pub(crate) async fn list_sources(
    ForCaller(state): ForCaller,
    asked: Asked<NoParameters>,
) -> Result<Json<List<SourceAnswer>>, ApiError> {
    asked.faults.refuse()?;
    let catalog = state.catalog(None).await?;
    let sources = catalog.select(&SourceFilter::default());
    let now = state.clock.now();
    let mut lateness = source_polling::lateness(&state.pool, now.date_naive()).await?;
    let mut rates = source_polling::call_rates(&state.pool, now).await?;
    let mut rings = source_polling::rings(&state.pool, now).await?;
    let mut answer = |source: &Source| {
        let id = source.source_id;
        let (lateness, rings) = (lateness.remove(&id).unwrap_or_default(), rings.remove(&id).unwrap_or_default());
        SourceAnswer::of(source, rates.remove(&id), lateness, rings)
    };
    Ok(Json(List {
        items: sources.iter().map(|source| answer(source)).collect(),
        page: Page::default(),
        freshness: Freshness::of(&catalog, &sources, now),
    }))
}
