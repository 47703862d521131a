//! Panels as files: their marks as SVG, their values as CSV.
//!
//! A file holds what its panel shows, since it is made of the same panel. The address of a file is that of its section
//! with the name of the panel: `?file=people.svg`. Panels of metrics have their files at `/charts` and in the API,
//! which read one query instead of a section.

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};

use crate::api::problem::ApiError;
use crate::web::chart::file::{Plot, draw};
use crate::web::panel::{Links, Panel, State};
use crate::web::reading::{Reading, Trouble};
use crate::web::table::Table;
use crate::web::visit::Visit;

/// Form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// The marks.
    Svg,
    /// The values.
    Csv,
}

impl FileKind {
    fn extension(self) -> &'static str {
        match self {
            Self::Svg => "svg",
            Self::Csv => "csv",
        }
    }
}

impl Panel {
    /// Returns its marks as a file, which states what the panel states.
    pub(crate) fn svg(&self) -> Result<String, ApiError> {
        let (plot, said) = match &self.state {
            State::Figure(picture) => (Plot::of(picture), &self.caption),
            State::Table(table) if table.marks().is_some() => (Plot::Rows(table), &self.caption),
            State::EmptyAndComplete(sentence) | State::EmptyButUnknown(sentence) => (Plot::Nothing, sentence),
            State::Table(_) | State::Trouble(_) => return Err(self.lacks(FileKind::Svg)),
        };
        let stale = self.stale.iter().map(|sentence| format!("Stale. {sentence}"));
        let notes: Vec<String> = stale.chain(self.notes.iter().cloned()).collect();
        let drawn = draw(&self.title, said, plot, &notes);
        drawn.map_err(|error| ApiError::Panicked(format!("a chart cannot be written: {error}")))
    }

    fn csv(&self) -> Result<String, ApiError> {
        self.values().ok_or_else(|| self.lacks(FileKind::Csv))?.csv()
    }

    /// Returns its values: those of its marks, or the table that it shows.
    fn values(&self) -> Option<&Table> {
        self.table.as_ref().or(match &self.state {
            State::Table(table) => Some(table),
            _ => None,
        })
    }

    fn lacks(&self, kind: FileKind) -> ApiError {
        let name = format!("{}.{}", self.id, kind.extension());
        ApiError::NotFound(match &self.state {
            State::Trouble(Trouble::Forbidden { scopes }) => format!("{name} needs a key with the scope {scopes}."),
            _ => format!("The panel “{}” has no file {name} for this state of the page.", self.title),
        })
    }

    /// Adds links to its files.
    pub(crate) fn with_files(self, visit: &Visit) -> Self {
        let link = |kind| Some(visit.file_link(&self.id, kind));
        let links = match &self.state {
            State::Table(table) => {
                let svg = table.marks().and_then(|_| link(FileKind::Svg));
                Links { csv: link(FileKind::Csv), svg, ..self.links.unwrap_or_default() }
            }
            _ => return self,
        };
        Self { links: Some(links), ..self }
    }
}

impl Visit {
    /// Returns the address of a file of a panel.
    pub(crate) fn file_link(&self, id: &str, kind: FileKind) -> String {
        self.selection.with("file", Some(&format!("{id}.{}", kind.extension()))).link_here(&self.path)
    }

    /// Returns the file that the address asks for; `None`: it asks for the page.
    pub(crate) fn file<'p>(
        &self,
        reading: &Reading,
        panels: impl IntoIterator<Item = &'p Panel>,
    ) -> Option<Result<Response, ApiError>> {
        let name = self.selection.get("file")?;
        let wanted = name.rsplit_once('.').and_then(|(id, extension)| {
            let kind = [FileKind::Svg, FileKind::Csv].into_iter().find(|kind| kind.extension() == extension)?;
            Some((kind, panels.into_iter().find(|panel| panel.id == id)?))
        });
        let Some((kind, panel)) = wanted else {
            return Some(Err(ApiError::NotFound(format!("There is no file {name} on this page."))));
        };
        let text = match kind {
            FileKind::Svg => panel.svg(),
            FileKind::Csv => panel.csv(),
        };
        let path = self.path.trim_matches('/').replace('/', "-");
        Some(text.and_then(|text| {
            reading.refuse_lost()?;
            Ok(self.send_file(reading, kind, &format!("{path}-{}", panel.id), text))
        }))
    }

    /// Answers with a file.
    pub(crate) fn send_file(&self, reading: &Reading, kind: FileKind, name: &str, text: String) -> Response {
        let (media_type, disposition) = match kind {
            FileKind::Svg => ("image/svg+xml", "inline"),
            FileKind::Csv => ("text/csv; charset=utf-8; header=present", "attachment"),
        };
        self.send(reading, text, |text| {
            let mut response = ([(header::CONTENT_TYPE, HeaderValue::from_static(media_type))], text).into_response();
            let named = format!("{disposition}; filename=\"tributary-{name}.{}\"", kind.extension());
            if let Ok(named) = HeaderValue::from_str(&named) {
                response.headers_mut().insert(header::CONTENT_DISPOSITION, named);
            }
            response
        })
    }
}
