//! Lists: one form for all of them, and the link to the next page.
//!
//! A page says whether there is more and which cursor continues it; the `Link` header says the same to clients
//! that only follow links. There is no count of all items: it would cost more than the page.

use axum::http::{HeaderValue, Uri, header};
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;

use crate::query::freshness::Freshness;

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

/// The continuation of a list.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub(crate) struct Page {
    /// Whether there are more items.
    pub(crate) has_more: bool,
    /// The `cursor` of the next page; null: this is the last one.
    #[schema(example = "WzEyMzQ1LFsiMjAyNi0xMS0yMCJdXQ")]
    pub(crate) next: Option<String>,
}

impl Page {
    /// Cuts `items`, of which one more than `limit` was read, to the page; `cursor` encodes the position after an item.
    pub(crate) fn cut<T>(items: &mut Vec<T>, limit: i64, cursor: impl Fn(&T) -> String) -> Self {
        let limit = usize::try_from(limit).unwrap_or(0);
        let has_more = items.len() > limit;
        items.truncate(limit);
        Self { has_more, next: items.last().filter(|_| has_more).map(cursor) }
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
}
