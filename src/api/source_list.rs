//! Lists whose items belong to sources: runs, windows, rejected records, commands and the like.
//!
//! All are filtered by `source`, continue by cursor, and state the freshness of the sources that were named. An
//! endpoint adds its own filters and its query.

use std::fmt::Debug;

use axum::extract::{FromRequestParts, OriginalUri};
use axum::http::Uri;
use axum::http::request::Parts;
use axum::response::Response;
use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};

use crate::api::page::{List, PageParameters, PageRequest};
use crate::api::parameters::values::words;
use crate::api::parameters::{Asked, Faults};
use crate::api::problem::ApiError;
use crate::api::state::{ApiState, ForCaller};
use crate::query::catalog::{Catalog, SourceFilter};
use crate::query::freshness::Freshness;

/// A request for a page of a list; `F` are the filters of its endpoint.
#[derive(Debug)]
pub(crate) struct ListRequest<F> {
    /// Texts of the filters.
    pub(crate) given: F,
    /// Faults found so far.
    pub(crate) faults: Faults,
    /// The list.
    pub(crate) list: SourceList,
}

/// The list of a request.
#[derive(Debug)]
pub(crate) struct SourceList {
    /// State of the API.
    pub(crate) state: ApiState,
    /// Time of the request.
    pub(crate) now: DateTime<Utc>,
    catalog: Catalog,
    page: PageParameters,
    uri: Uri,
}

/// The parameters of an endpoint, and those of every list.
#[derive(Debug, Deserialize)]
struct Paged<F> {
    #[serde(flatten)]
    given: F,
    #[serde(flatten)]
    page: PageParameters,
}

impl<F: IntoParams> IntoParams for Paged<F> {
    fn into_params(within: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        [F::into_params(&within), PageParameters::into_params(&within)].concat()
    }
}

impl<F: IntoParams + DeserializeOwned + Send> FromRequestParts<ApiState> for ListRequest<F> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, ApiError> {
        let Ok(OriginalUri(uri)) = OriginalUri::from_request_parts(parts, state).await;
        let Ok(ForCaller(state)) = ForCaller::from_request_parts(parts, state).await;
        Self::of(state, uri).await
    }
}

impl<F: IntoParams + DeserializeOwned> ListRequest<F> {
    /// Reads a request for the caller of `state`.
    pub(crate) async fn of(state: ApiState, uri: Uri) -> Result<Self, ApiError> {
        let Asked { given: Paged { given, page }, faults } = Asked::of(&uri)?;
        let catalog = state.catalog(None).await?;
        let list = SourceList { now: state.clock.now(), state, catalog, page, uri };
        Ok(Self { given, faults, list })
    }

    /// Returns the address of the request.
    pub(crate) fn uri(&self) -> Uri {
        self.list.uri.clone()
    }
}

impl SourceList {
    /// Reads slugs of sources; none means all that the caller may see, which are none only for all sources.
    pub(crate) fn sources(&self, text: Option<&str>, faults: &mut Faults) -> Vec<String> {
        let slugs: Vec<&str> = self.catalog.sources.iter().map(|source| source.source.as_str()).collect();
        self.catalog.access.filter(words("source", text, &slugs, faults))
    }

    /// Reads which page is requested of the list `name`, filtered by `filter`.
    pub(crate) fn page<K>(&self, name: &str, filter: &impl Debug, faults: &mut Faults) -> PageRequest<K>
    where
        K: Clone + Serialize + DeserializeOwned,
    {
        PageRequest::read(&self.page, format!("{name} {filter:?}"), faults)
    }

    /// Answers with the items that were read for `page`, and with the freshness of these sources; none means all.
    pub(crate) fn answer<T, K>(
        &self,
        page: &PageRequest<K>,
        items: Vec<T>,
        key: impl Fn(&T) -> K,
        sources: Vec<String>,
    ) -> Response
    where
        T: Serialize,
        K: Clone + Serialize + DeserializeOwned,
    {
        self.list(page, items, key, sources).answer(&self.uri)
    }

    /// Returns the items that were read for `page` as a list.
    pub(crate) fn list<T, K>(
        &self,
        page: &PageRequest<K>,
        items: Vec<T>,
        key: impl Fn(&T) -> K,
        sources: Vec<String>,
    ) -> List<T>
    where
        K: Clone + Serialize + DeserializeOwned,
    {
        let (items, page) = page.cut(items, key);
        let sources = self.catalog.select(&SourceFilter { sources, providers: Vec::new() });
        let freshness = Freshness::of(&self.catalog, &sources, self.now);
        List { items, page, freshness }
    }
}
