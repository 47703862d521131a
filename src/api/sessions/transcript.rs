//! `GET /v1/sessions/{session_id}/transcript`: the utterances of a session and their speakers, in order.
//!
//! The answer is JSON, page by page, or the whole as subtitles or plain text, by the `Accept` header. Names and
//! texts are personal data. A text cannot state why it is empty, so the text forms return a problem where there
//! is no transcript.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::content_negotiation::{JSON, chosen};
use crate::api::page::{Page, PageParameters, PageRequest};
use crate::api::problem::ApiError;
use crate::api::problem_responses::FindTableProblems;
use crate::api::sessions::cues;
use crate::api::sessions::part::PartRequest;
use crate::api::state::ApiState;
use crate::model::stream::Stream;
use crate::query::availability::{Availability, Parts};
use crate::query::freshness::Freshness;
use crate::query::transcripts::{self, Speaker, TranscriptFacts, TranscriptSegment};

const VTT: &str = "text/vtt";
const TEXT: &str = "text/plain";

/// A page of a transcript.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TranscriptPage {
    /// Utterances, in order.
    items: Vec<TranscriptSegment>,
    /// Availability of the transcript.
    #[serde(flatten)]
    known: Availability,
    /// The transcript as a whole; null: none is stored.
    transcript: Option<TranscriptFacts>,
    /// Speakers and their shares, over the whole transcript.
    speakers: Vec<Speaker>,
    /// Continuation of the list.
    page: Page,
    /// Completeness of the data.
    freshness: Freshness,
}

/// Transcript of a session
///
/// JSON, or with `Accept: text/vtt` subtitles, or with `Accept: text/plain` a line for each utterance. The text
/// forms are complete and take no `limit` or `cursor`. Names and texts are personal data. `speakers` states
/// each speaker's words and share of the talk. `availability` explains an empty list, as for participants; the
/// text forms are a 404 with the reason if there is no transcript.
#[utoipa::path(
    get, path = "/v1/sessions/{session_id}/transcript", tag = "sessions",
    params(("session_id" = i64, Path, description = "Number of the session.", example = 42), PageParameters),
    responses(
        (status = 200, description = "A page of the transcript, or all of it as text.", content(
            (TranscriptPage = "application/json", example = json!({
                "items": [{"position": 0, "started_at": "2026-11-20T09:01:20Z", "offset_seconds": 8, "end_offset_seconds": 9.5,
                           "participant_id": 7, "speaker_id": "p_3f9a", "speaker": "Ada", "body": "Good morning.", "word_count": 2}],
                "availability": "available", "reason": null, "next_try_at": null,
                "transcript": {"format": "json", "language_code": "en-US", "segment_count": 1, "word_count": 2,
                               "fetched_at": "2026-11-20T09:45:00Z"},
                "speakers": [{"speaker_id": "p_3f9a", "label": "Ada", "words": 2, "talk_share": 1}],
                "page": {"has_more": false, "next": null},
                "freshness": crate::api::freshness::example()
            })),
            (String = "text/vtt", example = "WEBVTT\n\n00:00:08.000 --> 00:00:09.500\n<v Ada>Good morning.\n"),
            (String = "text/plain", example = "[00:00:08] Ada: Good morning.\n"),
        )),
        FindTableProblems
    )
)]
pub(crate) async fn read_transcript(mut request: PartRequest, headers: HeaderMap) -> Result<Response, ApiError> {
    let page = request.page("transcript");
    let form = chosen(&headers, &[JSON, VTT, TEXT]);
    if form.as_ref().is_ok_and(|form| *form != JSON) && request.given.is_said() {
        request.faults.note(
            "limit",
            "conflicting_parameters",
            "The text forms contain the whole transcript: omit `limit` and `cursor`.",
        );
    }
    std::mem::take(&mut request.faults).refuse()?;
    let form = form?;
    let (parts, freshness) = request.parts().await?;
    let mut response = if form == JSON {
        json(&request, &page, &parts, freshness).await?
    } else {
        whole(&request.state, &parts, form).await?
    };
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("accept"));
    Ok(response)
}

async fn json(
    request: &PartRequest,
    page: &PageRequest<i32>,
    parts: &Parts,
    freshness: Freshness,
) -> Result<Response, ApiError> {
    let pool = &request.state.pool;
    let items = transcripts::segments(pool, parts, page.after, Some(page.to_read())).await?;
    let (items, page) = page.cut(items, |last| last.position);
    let transcript = transcripts::find(pool, parts).await?;
    let speakers = transcripts::speakers(pool, parts).await?;
    let known = parts.of(Stream::Transcript);
    Ok(page.answer(&request.uri, |page| TranscriptPage { items, known, transcript, speakers, page, freshness }))
}

async fn whole(state: &ApiState, parts: &Parts, form: &'static str) -> Result<Response, ApiError> {
    if transcripts::find(&state.pool, parts).await?.is_none() {
        return Err(ApiError::NotFound(cues::why_there_is_none(parts.session_id, &parts.of(Stream::Transcript))));
    }
    let segments = transcripts::segments(&state.pool, parts, None, None).await?;
    let (text, media_type) = if form == VTT {
        (cues::subtitles(&segments), "text/vtt; charset=utf-8")
    } else {
        (cues::lines(&segments), "text/plain; charset=utf-8")
    };
    Ok(([(header::CONTENT_TYPE, media_type)], text).into_response())
}
