//! `GET /v1/sessions`: sessions by time, page by page.
//!
//! The catalog is read first: it checks the names of sources, states how fresh the answer is, and makes the
//! entity tag that saves the caller an answer it already has.

use axum::extract::OriginalUri;
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{DateTime, TimeDelta, Utc};
use serde::Deserialize;
use sqlx::PgPool;
use utoipa::IntoParams;

use crate::api::etag::EntityTag;
use crate::api::formats::cell::{Column, columns};
use crate::api::formats::list::{self, Pages};
use crate::api::formats::{Form, FormParameter, describe};
use crate::api::page::{KeyInRange, List, PageParameters, PageRequest};
use crate::api::parameters::filters::{FilterParameters, session_states};
use crate::api::parameters::time::{TimeParameters, When, between};
use crate::api::parameters::values::{self, switch};
use crate::api::parameters::{Asked, Faults, Said, parameter_groups};
use crate::api::problem::ApiError;
use crate::api::problem_responses::TableProblems;
use crate::api::state::{ApiState, ForCaller};
use crate::query::ReadError;
use crate::query::catalog::Catalog;
use crate::query::freshness::Freshness;
use crate::query::range::TimeRange;
use crate::query::sessions::{self, Session, SessionFilter, SessionKey, SessionOrder};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SessionChoice {
    /// Only sessions whose `session_state` is one of these.
    #[param(example = "live,open")]
    session_state: Option<String>,
    /// The providers' ids, verbatim.
    #[param(example = "chat-8f2")]
    provider_session_id: Option<String>,
    /// `true`: sessions with a transcript; `false`: sessions without one, for any reason.
    #[param(value_type = Option<bool>, example = true)]
    has_transcript: Option<String>,
    /// Start of the range, in the form of `from`.
    #[param(example = "2026-11-18")]
    started_from: Option<String>,
    /// End of the range, in the form of `to`.
    #[param(example = "2026-11-21")]
    started_to: Option<String>,
    /// Default: `-started_at`, newest first.
    #[param(example = "-started_at")]
    sort: Option<String>,
}

parameter_groups! {
    SessionParameters {
        filters: FilterParameters,
        choice: SessionChoice,
        time: TimeParameters,
        page: PageParameters,
        form: FormParameter,
    }
}

impl SessionParameters {
    fn started(&self, state: &ApiState, now: DateTime<Utc>, faults: &mut Faults) -> Option<TimeRange> {
        let When { range, zone } = self.time.read(state.default_zone, now, faults);
        let (from, to) = (self.choice.started_from.as_deref(), self.choice.started_to.as_deref());
        if from.is_none() && to.is_none() {
            return range;
        }
        if self.time.is_said() {
            let detail = "Give either `started_from` and `started_to`, or `range`, or `from` and `to`.";
            faults.note("started_from", "conflicting_parameters", detail);
            return None;
        }
        let said = |name, text: Option<&str>| text.map(|text| Said::by_parameter(name, text));
        let (from, to) = (said("started_from", from), said("started_to", to));
        between(from.as_ref(), to.as_ref(), zone, now, faults)
    }

    /// Returns the time parameters as given.
    fn when(&self) -> impl std::fmt::Debug {
        (&self.time, &self.choice.started_from, &self.choice.started_to)
    }

    fn filter(&self, catalog: &Catalog, faults: &mut Faults) -> SessionFilter {
        let sources = self.filters.sources(catalog, faults);
        let ids = || catalog.select(&sources).iter().map(|source| source.source_id).collect();
        SessionFilter {
            source_ids: (!sources.is_empty()).then(ids),
            channels: self.filters.channels(),
            outcomes: self.filters.outcomes(faults),
            session_states: session_states(self.choice.session_state.as_deref(), faults),
            session_kinds: self.filters.session_kinds(faults),
            provider_session_ids: values::list(self.choice.provider_session_id.as_deref()),
            has_transcript: self.has_transcript(faults),
            started: None,
        }
    }

    fn has_transcript(&self, faults: &mut Faults) -> Option<bool> {
        let text = self.choice.has_transcript.as_deref()?;
        Some(switch("has_transcript", Some(text), faults))
    }

    fn order(&self, faults: &mut Faults) -> SessionOrder {
        match self.choice.sort.as_deref() {
            None | Some("-started_at") => SessionOrder::NewestFirst,
            Some("started_at") => SessionOrder::OldestFirst,
            Some(other) => {
                faults.note_unknown("sort", "unknown_value", other, ["-started_at", "started_at"]);
                SessionOrder::NewestFirst
            }
        }
    }
}

/// List sessions
///
/// By start, newest first unless `sort` is given. Breakout rooms are listed and marked `is_part_of_session`;
/// sessions that a provider no longer lists are left out. `If-None-Match` with the `ETag` of an earlier response
/// costs one small look-up. As a table, without `limit` and `cursor`, the response contains the whole list; with
/// one of them, a page of it.
#[utoipa::path(
    get, path = "/v1/sessions", tag = "sessions", params(FilterParameters, SessionChoice, TimeParameters, PageParameters, FormParameter),
    responses(
        (status = 200, description = "A page of sessions. The Link header names the next page.", content((List<Session> = "application/json", example = json!({
            "items": [{"session_id": 42, "source": "konvo-eu", "provider": "konvo", "provider_session_id": "chat-8f2",
                       "session_kind": "chat", "session_state": "ended", "outcome": "unresolved", "channel": "whatsapp",
                       "created_at": "2026-11-20T09:01:12Z", "started_at": "2026-11-20T09:01:12Z", "duration_seconds": 412,
                       "is_part_of_session": false, "is_provisional": false, "first_seen_at": "2026-11-20T09:05:03Z",
                       "last_changed_at": "2026-11-20T09:10:02Z", "is_deleted_at_provider": false}],
            "page": {"has_more": true, "next": "WzEyMzQ1LFsiMjAyNi0xMS0yMCJdXQ"},
            "freshness": crate::api::freshness::example()
        })), (String = "text/csv"), (String = "application/x-ndjson"), (String = "application/vnd.apache.parquet"))),
        (status = 304, description = "The response has not changed."),
        TableProblems
    )
)]
pub(crate) async fn list_sessions(
    ForCaller(state): ForCaller,
    OriginalUri(uri): OriginalUri,
    headers: HeaderMap,
    Asked { given, mut faults }: Asked<SessionParameters>,
) -> Result<Response, ApiError> {
    let now = state.clock.now();
    let started = given.started(&state, now, &mut faults);
    let catalog = state.catalog(started).await?;
    let filter = given.filter(&catalog, &mut faults);
    let (order, limit) = (given.order(&mut faults), given.page.limit(&mut faults));
    let form = given.form.read(&headers, &mut faults);
    // bound to the time parameters as given, not to their instants: `last_48_hours` moves on between pages, and
    // the cursor carries the range of the first page
    let question = format!("sessions {:?} {filter:?} {order:?}", given.when());
    let page = PageRequest::<KeyInRange<SessionKey>>::of_limit(&given.page, limit, question, &mut faults);
    page.check_instant(|after| after.key.0, &mut faults);
    faults.refuse()?;
    let form = form?;
    let started = page.after.as_ref().map_or(started, KeyInRange::range);
    let filter = SessionFilter { started, ..filter };
    let sources =
        catalog.sources.iter().filter(|s| filter.source_ids.as_ref().is_none_or(|ids| ids.contains(&s.source_id)));
    let sources: Vec<_> = sources.collect();
    let at = |at| Freshness::over(&catalog, &sources, started, at);
    let freshness = at(now);
    let is_brief = freshness != at(now + TimeDelta::minutes(1));
    let after = page.after.as_ref().map(|after| after.key);
    let tag = EntityTag::of(
        &catalog,
        &format!("{} {started:?} {limit} {after:?} {:?} {form:?}", page.question(), freshness.state),
    )
    .brief_if(is_brief);
    if tag.is_held_by(&headers) {
        return Ok(tag.not_modified());
    }
    let whole = WholeList { pool: state.pool, filter, order };
    if form != Form::Json && !given.page.is_said() {
        return Ok(describe(tag.mark(list::whole(form, session_columns(), whole).await?), &freshness, []));
    }
    let items = whole.read(after, page.to_read()).await?;
    let (items, page) = page.cut(items, |last| KeyInRange::of(started, WholeList::key(last)));
    Ok(tag.mark(list::page(form, &session_columns(), &List { items, page, freshness }, &uri)?))
}

/// All sessions that pass a filter.
struct WholeList {
    pool: PgPool,
    filter: SessionFilter,
    order: SessionOrder,
}

impl Pages for WholeList {
    type Item = Session;
    type Key = SessionKey;

    fn key(item: &Session) -> SessionKey {
        (item.started_at, item.session_id)
    }

    async fn read(&self, after: Option<SessionKey>, limit: i64) -> Result<Vec<Session>, ReadError> {
        sessions::list(&self.pool, &self.filter, self.order, after, limit).await
    }
}

/// Returns the columns of a session, as in JSON.
fn session_columns() -> Vec<Column<Session>> {
    columns!(Session {
        session_id,
        source,
        provider,
        provider_session_id,
        session_kind,
        session_state,
        provider_status,
        outcome,
        is_flagged_unresolved,
        channel,
        person_id,
        parent_session_id,
        is_part_of_session,
        group_key,
        created_at,
        started_at,
        ended_at,
        ended_at_source,
        completed_at,
        last_activity_at,
        duration_seconds,
        minutes_consumed,
        minutes_basis,
        elapsed_minutes,
        is_provisional,
        max_concurrent_participants,
        total_participants,
        message_count,
        user_message_count,
        assistant_message_count,
        user_word_count,
        assistant_word_count,
        first_response_seconds,
        participant_count,
        person_count,
        participant_minutes,
        peak_participants,
        unexplained_minutes,
        unexplained_minutes_class,
        transcript_state,
        transcript_word_count,
        summary_state,
        chat_state,
        quality_report_count,
        provider_updated_at,
        first_seen_at,
        last_changed_at,
        is_deleted_at_provider,
    })
}
