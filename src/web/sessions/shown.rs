//! What the list and the search have in common: the question to the API, and what is shown of its answer.

use axum::http::Uri;
use chrono::{DateTime, Utc};

use crate::api::formats::cell::Cell as Exact;
use crate::api::problem::ApiError;
use crate::query::search::ExcerptPiece;
use crate::web::figure::grouped;
use crate::web::panel::{Panel, State};
use crate::web::reading::Trouble;
use crate::web::selection::escape;
use crate::web::table::{Cell, Table};
use crate::web::visit::Visit;

/// Sessions or texts on one page.
pub(super) const PAGE: &str = "limit=50";

/// What the page lists.
pub(super) enum Shown {
    Sessions(Table),
    Texts(Vec<FoundItem>),
    Empty { sentence: String, is_known: bool },
    Trouble(Trouble),
}

/// A text that was found.
pub(super) struct FoundItem {
    pub(super) at: String,
    pub(super) instant: DateTime<Utc>,
    pub(super) address: String,
    /// Kind of the text, its source, and the person.
    pub(super) about: Vec<String>,
    pub(super) excerpt: Vec<ExcerptPiece>,
}

/// What was read: the items and the cursor of the next page, and the address of the answer.
pub(super) struct Read {
    pub(super) shown: Result<(Shown, Option<String>), Trouble>,
    pub(super) json: String,
    /// Address of the answer as CSV.
    pub(super) csv: String,
}

impl Shown {
    /// Adds that so many transcripts are not there yet, where nothing was found.
    pub(super) fn lacking(self, transcripts: i64) -> Self {
        match self {
            Self::Empty { sentence, .. } if transcripts > 0 => {
                let (many, be) = if transcripts == 1 { ("", "is") } else { ("s", "are") };
                let count = grouped(transcripts.into(), 0);
                let sentence = format!("{sentence} {count} transcript{many} {be} not there yet.");
                Self::Empty { sentence, is_known: false }
            }
            other => other,
        }
    }

    /// Returns the texts as a panel, for a file of them.
    pub(super) fn texts(&self) -> Option<Panel> {
        let Self::Texts(items) = self else { return None };
        let row = |item: &FoundItem| {
            let text = item.excerpt.iter().map(|piece| piece.text.as_str()).collect::<String>();
            let about = (0..3).map(|at| Cell::text(item.about.get(at).cloned().unwrap_or_default()));
            let at = Cell::text(&item.at).exactly(Exact::Instant(item.instant.fixed_offset()));
            std::iter::once(at).chain(about).chain([Cell::text(text)]).collect()
        };
        let head = ["Time", "Kind", "Source", "Person", "Excerpt"].map(Cell::text).into();
        let table = Table { head, rows: items.iter().map(row).collect(), ends: None };
        Some(Panel::new("list", "Texts", State::Table(table)))
    }
}

/// Returns a value of a closed list as words.
pub(super) fn words(value: &str) -> String {
    value.strip_prefix('-').map_or_else(|| value.replace('_', " "), |name| format!("{}, greatest first", words(name)))
}

/// Returns the query string of the API for this page: range, zone and filters, and the parameters `named`.
pub(super) fn question(visit: &Visit, named: &[&str], fixed: &str) -> String {
    let given = named.iter().filter_map(|name| Some((name, visit.selection.get(name)?)));
    let question = given.fold(fixed.to_owned(), |asked, (name, value)| format!("{asked}&{name}={}", escape(value)));
    visit.selection.question(&question)
}

/// Returns the address of an answer of the API.
pub(super) fn address(path: &str, question: &str) -> Result<Uri, ApiError> {
    format!("{path}?{question}").parse().map_err(|_| ApiError::NoSuchPath)
}
