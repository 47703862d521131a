//! `GET /v1/sessions`: sessions by time, page by page.
//!
//! The catalog is read first: it checks the names of sources, states how fresh the answer is, and makes the
//! entity tag that saves the caller an answer it already has.

use axum::extract::OriginalUri;
use axum::http::HeaderMap;
use axum::response::Response;
use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::Deserialize;
use sqlx::PgPool;
use utoipa::IntoParams;

use crate::api::access::guard::Content;
use crate::api::etag::EntityTag;
use crate::api::formats::list::{self, Pages};
use crate::api::formats::{Form, FormParameter, describe};
use crate::api::metrics::question::conditions;
use crate::api::metrics::question::parameters::FieldParameters;
use crate::api::page::{KeyInRange, List, PageParameters, PageRequest};
use crate::api::parameters::time::{TimeParameters, When, between};
use crate::api::parameters::values::{self, switch};
use crate::api::parameters::{Asked, Faults, Said, parameter_groups};
use crate::api::problem::ApiError;
use crate::api::problem_responses::TableProblems;
use crate::api::sessions::columns::session_columns;
use crate::api::sessions::titles::TitlesParameter;
use crate::api::state::{ApiState, ForCaller};
use crate::query::ReadError;
use crate::query::catalog::Catalog;
use crate::query::freshness::Freshness;
use crate::query::range::TimeRange;
use crate::query::sessions::list::{SessionFilter, SessionKey, SessionOrder, SessionPart, SortField, SortValue};
use crate::query::sessions::{self, Session};

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct SessionChoice {
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
    /// `started_at`, `ended_at`, `minutes_consumed` or `message_count`; with `-` before it the greatest first. Sessions
    /// without the field come last. Default: `-started_at`.
    #[param(example = "-minutes_consumed")]
    sort: Option<String>,
}

/// Conditions on what a session has several of; one of the values is enough.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PartParameters {
    /// Permissions of a participant, comma-separated.
    preset_name: Option<String>,
    /// Countries of a participant, ISO 3166 alpha-2, comma-separated.
    country_code: Option<String>,
    /// Operating systems of a participant, comma-separated.
    device_os: Option<String>,
    /// Kinds of network of a participant, comma-separated.
    network_type: Option<String>,
    /// Kinds of step of a chat, comma-separated.
    trail_step: Option<String>,
    /// Pseudonyms of a speaker, comma-separated.
    speaker_id: Option<String>,
}

impl PartParameters {
    pub(crate) fn read(&self) -> Vec<(SessionPart, Vec<String>)> {
        let parts = [
            (SessionPart::PresetName, &self.preset_name),
            (SessionPart::CountryCode, &self.country_code),
            (SessionPart::DeviceOs, &self.device_os),
            (SessionPart::NetworkType, &self.network_type),
            (SessionPart::TrailStep, &self.trail_step),
            (SessionPart::SpeakerId, &self.speaker_id),
        ];
        let parts = parts.into_iter().map(|(part, text)| (part, values::list(text.as_deref())));
        parts.filter(|(_, values)| !values.is_empty()).collect()
    }
}

parameter_groups! {
    SessionParameters {
        fields: FieldParameters,
        parts: PartParameters,
        titles: TitlesParameter,
        choice: SessionChoice,
        time: TimeParameters,
        page: PageParameters,
        form: FormParameter,
    }
}

impl SessionParameters {
    fn started(&self, When { range, zone }: When, now: DateTime<Utc>, faults: &mut Faults) -> Option<TimeRange> {
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
        let conditions = conditions::read(&self.fields.said(), catalog, faults);
        let sources = &conditions.sources;
        let ids = || catalog.select(sources).iter().map(|source| source.source_id).collect();
        SessionFilter {
            source_ids: (!sources.is_empty()).then(ids),
            conditions: conditions.clone(),
            parts: self.parts.read(),
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
        let text = self.choice.sort.as_deref().unwrap_or("-started_at");
        let (is_descending, name) = text.strip_prefix('-').map_or((false, text), |name| (true, name));
        let by = SortField::ALL.into_iter().find(|field| field.as_str() == name);
        if by.is_none() {
            faults.note_unknown("sort", "unknown_value", text, SessionOrder::WORDS);
        }
        SessionOrder { by: by.unwrap_or(SortField::StartedAt), is_descending }
    }
}

/// List sessions
///
/// By start, newest first unless `sort` is given. The filters are those of metric queries, and of what a session has
/// several of. Breakout rooms are listed and marked `is_part_of_session`; sessions that a provider no longer lists are
/// left out.
#[utoipa::path(
    get, path = "/v1/sessions", tag = "sessions", params(FieldParameters, PartParameters, SessionChoice, TitlesParameter, TimeParameters, PageParameters, FormParameter),
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
    let form = given.form.read(&headers, &mut faults);
    let listing = Listing::understand(&state, &given, faults).await?;
    let (form, with_titles) = (form?, listing.whole.with_titles);
    let tag = listing.tag(form);
    if tag.is_held_by(&headers) {
        return Ok(tag.not_modified());
    }
    let columns = session_columns(listing.zone);
    let response = if form != Form::Json && !given.page.is_said() {
        describe(list::whole(form, columns, listing.whole, state.on_replica).await?, &listing.freshness, [])
    } else {
        list::page(form, &columns, &listing.page().await?, &uri)?
    };
    Ok(if with_titles { Content::mark(tag.mark(response)) } else { tag.mark(response) })
}

/// A request for a list that was understood.
pub(crate) struct Listing {
    whole: WholeList,
    request: PageRequest<KeyInRange<SessionKey>>,
    started: Option<TimeRange>,
    zone: Tz,
    catalog: Catalog,
    freshness: Freshness,
    /// Whether the freshness changes within a minute.
    is_brief: bool,
}

impl Listing {
    /// Understands the parameters; reads the catalog.
    pub(crate) async fn understand(
        state: &ApiState,
        given: &SessionParameters,
        mut faults: Faults,
    ) -> Result<Self, ApiError> {
        let now = state.clock.now();
        let when = given.time.read(state.default_zone, now, &mut faults);
        let started = given.started(when, now, &mut faults);
        let catalog = state.catalog(started).await?;
        let filter = given.filter(&catalog, &mut faults);
        let (order, limit) = (given.order(&mut faults), given.page.limit(&mut faults));
        // bound to the time parameters as given, not to their instants: `last_48_hours` moves on between pages, and
        // the cursor carries the range of the first page
        let question = format!("sessions {:?} {filter:?} {order:?}", given.when());
        let request = PageRequest::<KeyInRange<SessionKey>>::of_limit(&given.page, limit, question, &mut faults);
        request.check(|after| order.can_have(&after.key), &mut faults);
        request.check_instant(
            |after| match &after.key.value {
                Some(SortValue::Instant(at)) => *at,
                _ => now,
            },
            &mut faults,
        );
        let with_titles = given.titles.read(&state.caller, &mut faults);
        faults.refuse()?;
        let started = request.after.as_ref().map_or(started, KeyInRange::range);
        let filter = SessionFilter { started, ..filter };
        let sources =
            catalog.sources.iter().filter(|s| filter.source_ids.as_ref().is_none_or(|ids| ids.contains(&s.source_id)));
        let sources: Vec<_> = sources.collect();
        let at = |at| Freshness::over(&catalog, &sources, started, at);
        let freshness = at(now);
        let is_brief = freshness != at(now + TimeDelta::minutes(1));
        let whole = WholeList { pool: state.pool.clone(), filter, order, with_titles };
        Ok(Self { whole, request, started, zone: when.zone, catalog, freshness, is_brief })
    }

    fn tag(&self, form: Form) -> EntityTag {
        let Self { request, started, freshness, .. } = self;
        let (limit, with_titles) = (request.limit(), self.whole.with_titles);
        let after = request.after.as_ref().map(|after| &after.key);
        EntityTag::of(
            &self.catalog,
            &format!(
                "{} {started:?} {limit} {after:?} {:?} {form:?} {with_titles}",
                request.question(),
                freshness.state
            ),
        )
        .brief_if(self.is_brief || with_titles)
    }

    /// Reads the requested page.
    pub(crate) async fn page(&self) -> Result<List<Session>, ApiError> {
        let after = self.request.after.as_ref().map(|after| after.key.clone());
        let items = self.whole.read(after, self.request.to_read()).await?;
        let (items, page) = self.request.cut(items, |last| KeyInRange::of(self.started, self.whole.order.key(last)));
        Ok(List { items, page, freshness: self.freshness.clone() })
    }
}

/// All sessions that pass a filter.
struct WholeList {
    pool: PgPool,
    filter: SessionFilter,
    order: SessionOrder,
    with_titles: bool,
}

impl Pages for WholeList {
    type Item = Session;
    type Key = SessionKey;

    fn pool(&mut self) -> &mut PgPool {
        &mut self.pool
    }

    fn key(&self, item: &Session) -> SessionKey {
        self.order.key(item)
    }

    async fn read(&self, after: Option<SessionKey>, limit: i64) -> Result<Vec<Session>, ReadError> {
        sessions::list::list(&self.pool, &self.filter, self.order, after, limit, self.with_titles).await
    }
}
