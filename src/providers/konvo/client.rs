//! The Konvo call for the list of AI sessions.
//!
//! Messages and state are always requested: without the flags the vendor leaves both out, and a missing status would
//! look like an unknown outcome. This module does not interpret sessions, and does not know the number of the first
//! page.

use crate::connector::error::PullError;
use crate::connector::http::ApiClient;
use crate::providers::konvo::wire;
use crate::providers::listing::{self, Listing};

/// A time range in the form of the query.
#[derive(Debug)]
pub(super) struct Range {
    /// `updated_at_min`.
    pub(super) from: String,
    /// `updated_at_max`; `None` leaves the list open to the present.
    pub(super) to: Option<String>,
}

/// Calls `GET /ai-sessions`: fetches a page of at most `limit` sessions; without a number, the first page.
pub(super) async fn list_sessions(
    api: &ApiClient,
    range: &Range,
    page: Option<u32>,
    limit: u32,
) -> Result<Listing, PullError> {
    let mut query = vec![
        ("limit", limit.to_string()),
        ("messages", "true".to_owned()),
        ("state", "true".to_owned()),
        ("updated_at_min", range.from.clone()),
    ];
    query.extend(range.to.clone().map(|to| ("updated_at_max", to)));
    query.extend(page.map(|page| ("page", page.to_string())));
    let answer = api.get("/ai-sessions", &query).await?;
    listing::read_or_mend(&answer, wire::sessions).ok_or_else(|| {
        listing::contract_error(api, &answer, "there is no list `result`, or the response states a failure")
    })
}
