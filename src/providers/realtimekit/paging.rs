//! Paging through RealtimeKit's lists, whose first page number is not documented.
//!
//! The page base found in one list holds for the other too, and is learnt once for a source. This module knows
//! neither what is listed nor its caller.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

use crate::connector::error::{PullError, PullErrorKind};
use crate::connector::http::ApiClient;
use crate::model::page::{Cursor, Room};
use crate::providers::listing::{self, Onward};
use crate::providers::realtimekit::client::{self, List};
use crate::providers::realtimekit::wire::ListAnswer;

/// Paging parameters.
#[derive(Debug)]
pub(super) struct Paging {
    /// Rows requested per page.
    pub(super) page_size: u32,
    /// The number of the first page, once known.
    pub(super) base: OnceLock<u32>,
}

/// A page of a list, and its continuation.
#[derive(Debug)]
pub(super) struct Step {
    /// The received answer.
    pub(super) answer: ListAnswer,
    /// Continuation of the list.
    pub(super) onward: Onward,
    /// Number of requested rows.
    pub(super) page_size: u64,
    /// The page base, where this page was the first to show it.
    pub(super) learnt_base: Option<u32>,
}

/// Position of a page in the list.
#[derive(Debug, Serialize, Deserialize)]
struct ListPosition {
    page_no: u32,
    /// Rows of the previous pages.
    seen: u64,
}

impl Paging {
    /// Fetches the page at `cursor`.
    pub(super) async fn fetch(&self, api: &ApiClient, list: &List, cursor: Option<&Cursor>) -> Result<Step, PullError> {
        let Some(position) = listing::read_position::<ListPosition>(cursor)? else {
            return self.first_page(api, list).await;
        };
        let mut answer = self.page(api, list, position.page_no).await?;
        answer.listing = answer.listing.into_page_of_list(false)?;
        Ok(self.step(answer, &position, None))
    }

    async fn page(&self, api: &ApiClient, list: &List, page_no: u32) -> Result<ListAnswer, PullError> {
        client::page(api, list, page_no, self.page_size).await
    }

    /// Fetches the first page, by either number. It requests page 1; where its row numbers begin above 1, or where it
    /// is refused and page 0 is not, page 0 is the first. Where it shows no row number (none given, or an empty page
    /// although the provider counts records), it also requests page 0 and compares the two.
    async fn first_page(&self, api: &ApiClient, list: &List) -> Result<Step, PullError> {
        let known = self.base.get().copied();
        let page_no = known.unwrap_or(1);
        let mut answer = match self.page(api, list, page_no).await {
            // with base 0 a list of one page has no page 1; if it exists a moment later, the refusal was temporary
            Err(error) if known.is_none() && error.refuses_page() && !list.is_of_one_session() => {
                let Ok(answer) = self.page(api, list, 0).await else { return Err(error) };
                let is_refused_again = self.page(api, list, 1).await.is_err_and(|again| again.refuses_page());
                if answer.listing.rows() == 0 || !is_refused_again {
                    return Err(error);
                }
                return self.begin(answer, known, Some(0));
            }
            answer => answer?,
        };
        let (rows, total) = (answer.listing.rows(), answer.listing.total);
        let (base, answer) = match answer.start_offset {
            _ if page_no == 0 => (known, answer),
            Some(first) if first > 1 => {
                answer.listing.room = Room::default();
                (Some(0), self.page(api, list, 0).await?)
            }
            Some(_) if rows > 0 => (Some(1), answer),
            _ if known.is_some() || total == Some(0) => (known, answer),
            _ => self.compare_with_page_0(api, list, answer).await?,
        };
        self.begin(answer, known, base)
    }

    /// Begins the list with `answer`; `known` is the known base, `base` the one that the answer shows.
    fn begin(&self, mut answer: ListAnswer, known: Option<u32>, base: Option<u32>) -> Result<Step, PullError> {
        answer.listing = answer.listing.into_page_of_list(true)?;
        let learnt_base = base.filter(|_| base != known);
        if let Some(base) = learnt_base {
            // A concurrent walk may have learnt the same.
            let _ = self.base.set(base);
        }
        Ok(self.step(answer, &ListPosition { page_no: base.or(known).unwrap_or(1), seen: 0 }, learnt_base))
    }

    /// Compares with page 0, which is the first page if it holds other records than page 1. If it is refused, empty
    /// or the same, page 1 is. The base is `None` where both are empty, or the same in a list that may have no second
    /// page: a page beyond the end may repeat the last one.
    async fn compare_with_page_0(
        &self,
        api: &ApiClient,
        list: &List,
        mut page_1: ListAnswer,
    ) -> Result<(Option<u32>, ListAnswer), PullError> {
        page_1.listing.room = Room::default();
        let page_0 = match self.page(api, list, 0).await {
            Err(error) if matches!(error.kind, PullErrorKind::Config | PullErrorKind::NotFound) => {
                return Ok((Some(1), page_1));
            }
            page_0 => page_0?,
        };
        let (rows_0, rows_1) = (page_0.listing.rows(), page_1.listing.rows());
        if rows_0 == 0 {
            return Ok(((rows_1 > 0).then_some(1), page_1));
        }
        let ids = page_1.listing.ids("id");
        if page_0.listing.ids("id") != ids {
            return Ok((Some(0), page_0));
        }
        let has_second_page = if let Some(total) = page_1.listing.total {
            total > rows_1
        } else {
            let page_2 = self.page(api, list, 2).await;
            page_2.is_ok_and(|page_2| page_2.listing.rows() > 0 && page_2.listing.ids("id") != ids)
        };
        Ok((has_second_page.then_some(1), page_1))
    }

    /// Returns the page and its continuation. The provider's row number gives the progress, since it may have reduced
    /// the page size.
    fn step(&self, answer: ListAnswer, position: &ListPosition, learnt_base: Option<u32>) -> Step {
        let rows = answer.listing.rows();
        let seen = answer.end_offset.unwrap_or(position.seen + rows);
        let next = ListPosition { page_no: position.page_no.saturating_add(1), seen };
        let onward = listing::onward(rows, seen, answer.listing.total, &next);
        Step { answer, onward, page_size: u64::from(self.page_size), learnt_base }
    }
}
