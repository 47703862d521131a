//! `GET /v1/search`: words and phrases in messages, transcripts, summaries and titles.
//!
//! Texts are personal data, so the route needs the scope for content, and its answers are not kept.

use axum::extract::OriginalUri;
use axum::response::Response;
use chrono::TimeDelta;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::metrics::question::conditions;
use crate::api::metrics::question::parameters::FieldParameters;
use crate::api::page::{KeyInRange, List, PageParameters, PageRequest};
use crate::api::parameters::time::TimeParameters;
use crate::api::parameters::values::words;
use crate::api::parameters::{Asked, Faults, parameter_groups};
use crate::api::problem::ApiError;
use crate::api::problem_responses::FindProblems;
use crate::api::sessions::list::PartParameters;
use crate::api::state::{ApiState, ForCaller};
use crate::query::catalog::Source;
use crate::query::freshness::Freshness;
use crate::query::range::TimeRange;
use crate::query::search::{self, Hit, HitKey, HitKind, SearchFilter, Term};
use crate::query::sessions::list::SessionFilter;

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SearchChoice {
    /// Words and `"phrases"`, all of which a text must have; with `-` before it, one that it must not have.
    #[param(value_type = String, required = true, max_length = 200, example = "refund -invoice")]
    q: Option<String>,
    /// Kinds of text. Default: all.
    #[param(example = "message,transcript")]
    kind: Option<String>,
}

parameter_groups! {
    SearchParameters {
        choice: SearchChoice,
        fields: FieldParameters,
        parts: PartParameters,
        time: TimeParameters,
        page: PageParameters,
    }
}

impl SearchChoice {
    fn terms(&self, faults: &mut Faults) -> Vec<Term> {
        let Some(text) = &self.q else {
            faults.note("q", "missing_parameter", "`q` is missing; give the words to find.");
            return Vec::new();
        };
        search::parse(text).unwrap_or_else(|fault| {
            faults.note("q", "invalid_search", fault.to_string());
            Vec::new()
        })
    }

    fn kinds(&self, faults: &mut Faults) -> Vec<HitKind> {
        let named = words("kind", self.kind.as_deref(), &HitKind::ALL.map(HitKind::as_str), faults);
        let is_named = |kind: &HitKind| named.is_empty() || named.iter().any(|name| name == kind.as_str());
        HitKind::ALL.into_iter().filter(is_named).collect()
    }
}

/// Search texts
///
/// Words and phrases in messages, transcripts, summaries and titles of meetings, newest first. A range is about the
/// time of the text; a summary, a title and a text without a time have that of the start of their session.
#[utoipa::path(
    get, path = "/v1/search", tag = "sessions", params(SearchChoice, FieldParameters, PartParameters, TimeParameters, PageParameters),
    responses(
        (status = 200, description = "A page of texts. The Link header names the next page.", body = List<Hit>, example = json!({
            "items": [{
                "kind": "message", "session_id": 42, "source": "konvo-eu", "provider": "konvo", "session_kind": "chat",
                "provider_session_id": "chat-8f2", "at": "2026-11-20T09:01:12Z", "offset_seconds": 0, "position": 0,
                "provider_message_id": "m-1", "sender_role": "user", "participant_id": null,
                "speaker_id": "5b0c7f5f2c1f4b0e", "speaker": null,
                "excerpt": [{"text": "Where is my ", "is_match": false}, {"text": "refund", "is_match": true},
                            {"text": "?", "is_match": false}],
                "page_link": "/sessions/42?at=2026-11-20T09:01:12Z#at",
                "api_link": "/v1/sessions/42/messages?cursor=WzEyMzQ1LFstMSwiIl1d"
            }],
            "page": {"has_more": false, "next": null},
            "freshness": crate::api::freshness::example()
        })),
        FindProblems
    )
)]
pub(crate) async fn search_texts(
    ForCaller(state): ForCaller,
    OriginalUri(uri): OriginalUri,
    asked: Asked<SearchParameters>,
) -> Result<Response, ApiError> {
    let List { items, page, freshness } = answer(&state, asked).await?;
    Ok(page.answer(&uri, |page| List { items, page, freshness }))
}

/// Answers a search.
pub(crate) async fn answer(
    state: &ApiState,
    Asked { given, mut faults }: Asked<SearchParameters>,
) -> Result<List<Hit>, ApiError> {
    let now = state.clock.now();
    let when = given.time.read(state.default_zone, now, &mut faults);
    let catalog = state.catalog(when.range).await?;
    let conditions = conditions::read(&given.fields.said(), &catalog, &mut faults);
    let sources: Vec<&Source> = catalog.select(&conditions.sources);
    let (terms, kinds) = (given.choice.terms(&mut faults), given.choice.kinds(&mut faults));
    let sessions = SessionFilter { conditions, parts: given.parts.read(), ..SessionFilter::default() };
    let question = format!("search {terms:?} {kinds:?} {sessions:?} {:?}", given.time);
    let page = PageRequest::<KeyInRange<HitKey>>::read(&given.page, question, &mut faults);
    page.check_instant(|after| after.key.at, &mut faults);
    faults.refuse()?;
    let range = page.after.as_ref().map_or(when.range, KeyInRange::range).unwrap_or_else(TimeRange::everything);
    let range = TimeRange { to: range.to.min(now + TimeDelta::days(1)), ..range };
    let filter =
        SearchFilter { source_ids: sources.iter().map(|source| source.source_id).collect(), kinds, sessions, range };
    let after = page.after.as_ref().map(|after| &after.key);
    let Some(hits) = search::find(&state.pool, &filter, &terms, after, page.to_read()).await? else {
        let mut faults = Faults::default();
        let detail = "The languages of the sources leave out all words of `q`; give a rarer word.";
        faults.note("q", "no_searched_word", detail);
        return Err(faults.into_error());
    };
    let (items, page) = page.cut(hits, |last| KeyInRange::of(Some(range), last.key()));
    let freshness = Freshness::over(&catalog, &sources, when.range, now);
    Ok(List { items, page, freshness })
}
