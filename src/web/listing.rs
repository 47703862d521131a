//! A list of the API as a table at an address of its own, page by page: the JSON is one click further.

use askama::Template;
use axum::response::Response;

use crate::api::page::List;
use crate::api::problem::ApiError;
use crate::web::layout::Section;
use crate::web::panel::{Links, Panel, State};
use crate::web::reading::{Reading, Trouble};
use crate::web::table::{Cell, Table};
use crate::web::visit::Visit;

/// Items of one page.
pub(crate) const PAGE: &str = "limit=50";

/// What a list shows.
pub(crate) struct Shown<'a, T> {
    /// Id of its panel.
    pub(crate) id: &'static str,
    /// Title.
    pub(crate) title: String,
    /// What there may be none of.
    pub(crate) what: &'static str,
    /// Where its reader may go on.
    pub(crate) ways: Vec<Cell>,
    /// Path and query of its answer in the API.
    pub(crate) json: String,
    /// Names of the columns.
    pub(crate) head: Vec<Cell>,
    /// Writes an item.
    pub(crate) row: &'a dyn Fn(&T) -> Vec<Cell>,
}

#[derive(Template)]
#[template(path = "listing.html")]
struct Listing {
    ways: Vec<Cell>,
    panel: Panel,
    /// Address of the first page; `None`: it is shown.
    first: Option<String>,
    /// Address of the next page.
    next: Option<String>,
}

/// Answers with a page of a list.
pub(crate) fn respond<T>(
    visit: &Visit,
    section: Section,
    reading: &Reading,
    shown: Shown<'_, T>,
    read: Result<List<T>, Trouble>,
) -> Result<Response, ApiError> {
    let here = |cursor: Option<&str>| visit.selection.with("cursor", cursor).link_here(&visit.path);
    let first = visit.selection.get("cursor").map(|_| here(None));
    let next = read.as_ref().ok().and_then(|list| Some(here(Some(list.page.next.as_deref()?))));
    let state = match read {
        Err(trouble) => State::Trouble(trouble),
        Ok(list) if list.items.is_empty() => State::EmptyAndComplete(format!("No {}.", shown.what)),
        Ok(list) => {
            State::Table(Table { head: shown.head, rows: list.items.iter().map(shown.row).collect(), ends: None })
        }
    };
    let links = Some(Links { json: Some(shown.json), ..Links::default() });
    let panel = Panel { links, is_wide: true, ..Panel::new(shown.id, shown.title.clone(), state) }.with_files(visit);
    if let Some(file) = visit.file(reading, [&panel]) {
        return file;
    }
    visit.respond_as(section, Some(shown.title), reading, &Listing { ways: shown.ways, panel, first, next })
}
