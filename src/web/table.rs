//! Tables as readers see them, and the same as CSV. A cell may hold marks: a bar, or a strip of time.

use crate::api::formats::cell::{Cell as Exact, Kind};
use crate::api::formats::{Form, TableWriter};
use crate::api::problem::ApiError;
use crate::web::figure::grouped;

/// A rectangle in a cell: x and width in percent of the cell, y and height in pixels.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Mark {
    /// Class in the stylesheet.
    pub(crate) class: String,
    pub(crate) x: String,
    pub(crate) width: String,
    pub(crate) y: usize,
    pub(crate) height: usize,
    /// Its values in words; empty: the sentence of the strip says all.
    pub(crate) read: String,
}

/// The marks of a cell.
#[derive(Debug, Clone, Default)]
pub(crate) struct Strip {
    /// What they say; empty: the other cells of the row say it.
    pub(crate) sentence: String,
    /// Height, CSS pixels.
    pub(crate) height: usize,
    pub(crate) marks: Vec<Mark>,
}

/// A cell of a table.
#[derive(Debug, Clone, Default)]
pub(crate) struct Cell {
    /// Text.
    pub(crate) text: String,
    /// The text in its whole length, where that is longer.
    pub(crate) full: Option<String>,
    /// Whether it is a number, which stands on the right.
    pub(crate) is_number: bool,
    /// Whether a reader must look at it.
    pub(crate) is_failing: bool,
    /// Address of a link.
    pub(crate) link: Option<String>,
    /// The value without the form of a text, for CSV.
    pub(crate) exact: Option<Exact>,
    /// Marks instead of the text.
    pub(crate) strip: Option<Strip>,
}

impl Cell {
    /// A text.
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// A number.
    pub(crate) fn number(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_number: true, ..Self::default() }
    }

    /// A whole number.
    pub(crate) fn count(count: i64) -> Self {
        Self::number(grouped(count.into(), 0)).exactly(Exact::Integer(count))
    }

    /// A link.
    pub(crate) fn link(text: impl Into<String>, address: String) -> Self {
        Self { text: text.into(), link: Some(address), ..Self::default() }
    }

    /// Marks.
    pub(crate) fn strip(strip: Strip) -> Self {
        Self { strip: Some(strip), ..Self::default() }
    }

    /// Adds the value without the form of a text.
    pub(crate) fn exactly(self, exact: Exact) -> Self {
        Self { exact: Some(exact), ..self }
    }
}

/// The values of a figure. The first cell of each row names it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    /// Names of the columns.
    pub(crate) head: Vec<Cell>,
    /// Rows.
    pub(crate) rows: Vec<Vec<Cell>>,
    /// What the ends of its strips stand for.
    pub(crate) ends: Option<[String; 2]>,
}

impl Table {
    /// Returns the place of the column that holds marks.
    pub(crate) fn marks(&self) -> Option<usize> {
        self.rows.iter().find_map(|row| row.iter().position(|cell| cell.strip.is_some()))
    }

    /// Writes it as CSV, without its marks.
    pub(crate) fn csv(&self) -> Result<String, ApiError> {
        let marks = self.marks();
        let kept = |cells: &[Cell]| -> Vec<Cell> {
            let kept = cells.iter().enumerate().filter(|(at, _)| Some(*at) != marks);
            kept.map(|(_, cell)| cell.clone()).collect()
        };
        let head = kept(&self.head).into_iter().map(|cell| (cell.text, Kind::Text)).collect();
        let exact = |cell: Cell| cell.exact.unwrap_or(Exact::Text(cell.full.unwrap_or(cell.text)));
        let rows: Vec<Vec<Exact>> = self.rows.iter().map(|row| kept(row).into_iter().map(exact).collect()).collect();
        let (mut writer, mut bytes) = TableWriter::begin(Form::Csv, head)?;
        bytes.extend(writer.add(&rows)?);
        bytes.extend(writer.end()?);
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }
}
