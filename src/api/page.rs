//! Lists: one form for all of them, page by page.
//!
//! A page says whether there is more and which cursor continues it; the `Link` header says the same to clients
//! that only follow links. One item more than the page has is read, which shows whether there are more: a count of all
//! items would cost more than the page. This module does not know what the items are.

use axum::Json;
use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::parameters::Faults;
use crate::model::time;
use crate::query::cursor::{self, CursorError};
use crate::query::freshness::Freshness;
use crate::query::range::TimeRange;

/// Most items of a page; a larger limit is reduced to this.
const MAX_LIMIT: i64 = 1_000;
/// Default number of items of a page.
const DEFAULT_LIMIT: i64 = 100;

/// Parameters of every list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageParameters {
    /// Number of items, from 1; above 1000 means 1000. Default: 100.
    #[param(value_type = Option<i64>, minimum = 1, example = 100)]
    limit: Option<String>,
    /// Continuation: `page.next` of the previous page. All other parameters but `limit` must be the same.
    cursor: Option<String>,
}

impl PageParameters {
    /// Reads the number of items of a page.
    pub(crate) fn limit(&self, faults: &mut Faults) -> i64 {
        let Some(text) = &self.limit else { return DEFAULT_LIMIT };
        match text.parse::<i64>() {
            Ok(limit) if limit >= 1 => limit.min(MAX_LIMIT),
            _ => {
                faults.note("limit", "invalid_limit", format!("`{text}` is not a whole number from 1 to {MAX_LIMIT}."));
                DEFAULT_LIMIT
            }
        }
    }

    /// Returns whether a page was requested.
    pub(crate) fn is_said(&self) -> bool {
        self.limit.is_some() || self.cursor.is_some()
    }

    /// Reads the sort key after which the answer to `question` continues.
    fn after<K: DeserializeOwned>(&self, question: &str, faults: &mut Faults) -> Option<K> {
        match cursor::decode(question, self.cursor.as_deref()?) {
            Ok(key) => Some(key),
            Err(error) => {
                note_refusal(error, faults);
                None
            }
        }
    }
}

fn note_refusal(error: CursorError, faults: &mut Faults) {
    let code = match error {
        CursorError::Unreadable => "invalid_cursor",
        CursorError::OtherQuestion => "cursor_mismatch",
    };
    faults.note("cursor", code, format!("{error}."));
}

/// A request for a page of a list that is sorted by `K`.
#[derive(Debug)]
pub(crate) struct PageRequest<K> {
    /// The sort key after which the page begins; `None`: it is the first page.
    pub(crate) after: Option<K>,
    limit: i64,
    /// The request without its page; a cursor is bound to it.
    question: String,
}

impl<K: Clone + Serialize + DeserializeOwned> PageRequest<K> {
    /// Reads the parameters of a page of the answer to `question`.
    pub(crate) fn read(given: &PageParameters, question: String, faults: &mut Faults) -> Self {
        let limit = given.limit(faults);
        Self::of_limit(given, limit, question, faults)
    }

    /// Reads the cursor of a page of the answer to `question`, whose limit was read before.
    pub(crate) fn of_limit(given: &PageParameters, limit: i64, question: String, faults: &mut Faults) -> Self {
        Self { after: given.after(&question, faults), limit, question }
    }

    /// Refuses a cursor with an instant that no list can have written: the database would reject it.
    pub(crate) fn check_instant(&self, at: impl Fn(&K) -> DateTime<Utc>, faults: &mut Faults) {
        if self.after.as_ref().is_some_and(|after| time::sane(at(after)).is_none()) {
            note_refusal(CursorError::Unreadable, faults);
        }
    }

    /// Refuses a cursor that no list can have written.
    pub(crate) fn check(&self, is_possible: impl Fn(&K) -> bool, faults: &mut Faults) {
        if self.after.as_ref().is_some_and(|after| !is_possible(after)) {
            note_refusal(CursorError::Unreadable, faults);
        }
    }

    /// Returns the most items that the page has.
    pub(crate) fn limit(&self) -> i64 {
        self.limit
    }

    /// Returns the request without its page.
    pub(crate) fn question(&self) -> &str {
        &self.question
    }

    /// Returns the number of items to read.
    pub(crate) fn to_read(&self) -> i64 {
        self.limit + 1
    }

    /// Cuts the items that were read to the page; `key` returns the sort key of an item.
    pub(crate) fn cut<T>(&self, mut items: Vec<T>, key: impl Fn(&T) -> K) -> (Vec<T>, Page) {
        let limit = usize::try_from(self.limit).unwrap_or(0);
        let has_more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| has_more).map(|last| cursor::encode(&self.question, &key(last)));
        (items, Page { has_more, next })
    }
}

/// The sort key of a list over a range that moves on between pages, such as the last 48 hours.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct KeyInRange<K> {
    /// The range of the first page.
    range: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// The sort key.
    pub(crate) key: K,
}

impl<K> KeyInRange<K> {
    /// Returns the key of an item in the list over `range`.
    pub(crate) fn of(range: Option<TimeRange>, key: K) -> Self {
        Self { range: range.map(|range| (range.from, range.to)), key }
    }

    /// Returns the range of the first page.
    pub(crate) fn range(&self) -> Option<TimeRange> {
        self.range.map(|(from, to)| TimeRange { from, to })
    }
}

/// One page of a list.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct List<T> {
    /// Items of the page.
    pub(crate) items: Vec<T>,
    /// Continuation of the list.
    pub(crate) page: Page,
    /// Completeness of the data.
    pub(crate) freshness: Freshness,
}

impl<T: Serialize> List<T> {
    /// Returns it as a JSON response, with the link to the next page.
    pub(crate) fn answer(self, uri: &Uri) -> Response {
        let next = self.page.next.clone();
        link(next.as_deref(), uri, Json(self).into_response())
    }
}

/// The continuation of a list.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub(crate) struct Page {
    /// Whether there are more items.
    pub(crate) has_more: bool,
    /// The `cursor` of the next page; null: this is the last one.
    pub(crate) next: Option<String>,
}

impl Page {
    /// Returns a JSON response with the page, and the link to the next one.
    pub(crate) fn answer<T: Serialize>(self, uri: &Uri, body: impl FnOnce(Self) -> T) -> Response {
        let next = self.next.clone();
        link(next.as_deref(), uri, Json(body(self)).into_response())
    }
}

/// Adds the RFC 8288 link to the next page, if there is one: the same address with the next cursor.
pub(crate) fn link(next: Option<&str>, uri: &Uri, mut response: Response) -> Response {
    let Some(cursor) = next else { return response };
    let given = uri.query().unwrap_or_default().split('&');
    let kept = given.filter(|pair| !pair.is_empty() && !pair.starts_with("cursor="));
    let cursor = format!("cursor={cursor}");
    let query = kept.chain([cursor.as_str()]).collect::<Vec<_>>().join("&");
    if let Ok(link) = HeaderValue::from_str(&format!("<{}?{query}>; rel=\"next\"", uri.path())) {
        response.headers_mut().insert(header::LINK, link);
    }
    response
}
