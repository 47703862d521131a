//! The marks in the cells of a table, placed for a file: names on the left, marks, and numbers on the right.

use crate::web::chart::{as_place, letters, pixels};
use crate::web::table::{Cell, Strip, Table};

/// Right end of the drawing, pixels.
const RIGHT: f64 = 912.0;
/// Left end of the marks: before it are the names.
const MARKS: f64 = 216.0;
/// Room for a column of numbers.
const COLUMN: f64 = 130.0;
/// Height of a row.
const ROW: f64 = 24.0;
/// Most letters of a name.
const LETTERS: usize = 28;

/// A text with its place.
pub(super) struct PlacedText {
    pub(super) x: String,
    pub(super) text: String,
}

/// A mark with its place.
pub(super) struct PlacedMark {
    pub(super) class: String,
    pub(super) x: String,
    pub(super) y: String,
    pub(super) width: String,
    pub(super) height: usize,
    pub(super) read: String,
}

/// A row of the table.
pub(super) struct PlacedRow {
    pub(super) y: f64,
    pub(super) name: String,
    pub(super) numbers: Vec<PlacedText>,
    /// What its marks say; empty: each says it itself.
    pub(super) sentence: String,
    pub(super) marks: Vec<PlacedMark>,
}

/// The rows of a table, below its head.
#[derive(Default)]
pub(super) struct Rows {
    pub(super) name: String,
    pub(super) heads: Vec<PlacedText>,
    pub(super) items: Vec<PlacedRow>,
    /// What the ends of the marks stand for, with the place of the second.
    pub(super) ends: Option<([String; 2], String)>,
    pub(super) height: f64,
}

impl Rows {
    pub(super) fn of(table: &Table) -> Self {
        let places: Vec<usize> =
            table.head.iter().enumerate().filter(|(_, cell)| cell.is_number).map(|(at, _)| at).collect();
        let right = RIGHT - as_place(places.len()) * COLUMN;
        let numbers = |cells: &[Cell]| {
            let ends = places.iter().enumerate().map(|(at, place)| (right + as_place(at + 1) * COLUMN, *place));
            let text = |(x, place): (f64, usize)| PlacedText { x: pixels(x), text: cell(cells, place) };
            ends.map(text).collect()
        };
        let row = |(at, cells): (usize, &Vec<Cell>)| {
            let strip = cells.iter().find_map(|cell| cell.strip.as_ref());
            PlacedRow {
                y: as_place(at + 1) * ROW,
                name: short(&cell(cells, 0)),
                numbers: numbers(cells),
                sentence: strip.map(|strip| strip.sentence.clone()).unwrap_or_default(),
                marks: strip.map(|strip| marks(strip, right)).unwrap_or_default(),
            }
        };
        let ends = table.ends.clone().map(|ends| (ends, pixels(right)));
        let rows = as_place(table.rows.len() + 1 + usize::from(ends.is_some()));
        Self {
            name: cell(&table.head, 0),
            heads: numbers(&table.head),
            items: table.rows.iter().enumerate().map(row).collect(),
            ends,
            height: rows * ROW,
        }
    }
}

fn cell(cells: &[Cell], place: usize) -> String {
    cells.get(place).map(|cell| cell.text.clone()).unwrap_or_default()
}

fn marks(strip: &Strip, right: f64) -> Vec<PlacedMark> {
    let share = |percent: &str| percent.parse::<f64>().unwrap_or_default() / 100.0 * (right - MARKS);
    let place = |mark: &crate::web::table::Mark| PlacedMark {
        class: mark.class.clone(),
        x: pixels(MARKS + share(&mark.x)),
        y: pixels((ROW - as_place(strip.height)) / 2.0 + as_place(mark.y)),
        width: pixels(share(&mark.width)),
        height: mark.height,
        read: mark.read.clone(),
    };
    strip.marks.iter().map(place).collect()
}

/// Returns a name that fits before the marks.
fn short(name: &str) -> String {
    if letters(name) <= LETTERS {
        return name.to_owned();
    }
    name.chars().take(LETTERS - 1).chain(['…']).collect()
}
