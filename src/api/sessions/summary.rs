//! `GET /v1/sessions/{session_id}/summary`: the provider's summary of a session.
//!
//! The text is personal data. Where there is none, the answer states why.

use axum::Json;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::parameters::path::SessionId;
use crate::api::parameters::{Asked, NoParameters};
use crate::api::problem::ApiError;
use crate::api::problem_responses::FindProblems;
use crate::api::sessions::part::parts_of;
use crate::api::state::ForCaller;
use crate::model::stream::Stream;
use crate::query::availability::Availability;
use crate::query::freshness::Freshness;
use crate::query::summaries::{self, Summary};

/// A summary, or the reason why there is none.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct SummaryAnswer {
    /// The summary; null: see `availability`.
    summary: Option<Summary>,
    /// Availability of the summary.
    #[serde(flatten)]
    known: Availability,
    /// Completeness of the data.
    freshness: Freshness,
}

/// Summary of a session
///
/// The summary as the provider wrote it; the text is personal data. If `summary` is null, `availability` states
/// the reason, `reason` the result of the last try, and `next_try_at` the time of the next one.
#[utoipa::path(
    get, path = "/v1/sessions/{session_id}/summary", tag = "sessions",
    params(("session_id" = i64, Path, description = "Number of the session.", example = 42)),
    responses(
        (status = 200, description = "The summary, or the reason why there is none.", body = SummaryAnswer, example = json!({
            "summary": {"format": "markdown", "body": "# Standup", "word_count": 1, "fetched_at": "2026-11-20T09:45:00Z"},
            "availability": "available", "reason": null, "next_try_at": null,
            "freshness": crate::api::freshness::example()
        })),
        FindProblems
    )
)]
pub(crate) async fn read_summary(
    ForCaller(state): ForCaller,
    SessionId(session_id): SessionId,
    asked: Asked<NoParameters>,
) -> Result<Json<SummaryAnswer>, ApiError> {
    asked.faults.refuse()?;
    let (parts, freshness) = parts_of(&state, session_id).await?;
    let summary = summaries::find(&state.pool, &parts).await?;
    Ok(Json(SummaryAnswer { summary, known: parts.of(Stream::Summary), freshness }))
}
