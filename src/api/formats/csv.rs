//! CSV after RFC 4180: commas, quotes where they are needed, CRLF, a header line.
//!
//! A null is an empty cell, an empty text is `""`. A text that a spreadsheet would read as a formula gets an apostrophe
//! before it, so that opening the file does not run what a customer wrote. Numbers are written unchanged.

use crate::api::formats::cell::{Cell, Head};
use crate::query::number::{Number, Unrounded};

/// Form of all instants: UTC, six digits after the point. Tools take the form of the first one for all, and cannot read
/// offsets that change within a column.
const INSTANT: &str = "%Y-%m-%dT%H:%M:%S%.6fZ";

/// Writes the header line.
pub(super) fn head(head: &Head) -> Vec<u8> {
    line(head.iter().map(|(name, _)| quoted(name)))
}

/// Writes the lines of rows.
pub(super) fn rows(rows: &[Vec<Cell>]) -> Vec<u8> {
    rows.iter().flat_map(|row| line(row.iter().map(text))).collect()
}

fn line(cells: impl Iterator<Item = String>) -> Vec<u8> {
    let mut line = cells.collect::<Vec<_>>().join(",").into_bytes();
    line.extend(b"\r\n");
    line
}

fn text(cell: &Cell) -> String {
    match cell {
        Cell::Null => String::new(),
        Cell::Text(text) => quoted(&defused(text)),
        Cell::Integer(number) => number.to_string(),
        Cell::Decimal(decimal) => Number(*decimal).to_string(),
        Cell::Unrounded(decimal) => Unrounded(*decimal).to_string(),
        Cell::Boolean(is) => is.to_string(),
        Cell::Instant(at) => at.to_utc().format(INSTANT).to_string(),
        Cell::Date(date) => date.to_string(),
    }
}

fn defused(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']);
    if is_formula { format!("'{text}") } else { text.to_owned() }
}

fn quoted(text: &str) -> String {
    if text.is_empty() || text.contains([',', '"', '\r', '\n']) || text.starts_with(' ') || text.ends_with(' ') {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(text: &str) -> String {
        super::text(&Cell::Text(text.to_owned()))
    }

    #[test]
    fn texts_are_quoted_and_formulas_defused() {
        assert_eq!(cell("plain"), "plain");
        assert_eq!(cell(""), "\"\"");
        assert_eq!(cell("a \"b\", c"), "\"a \"\"b\"\", c\"");
        assert_eq!(cell("two\r\nlines"), "\"two\r\nlines\"");
        assert_eq!(cell("=cmd|' /C calc'!A0"), "'=cmd|' /C calc'!A0");
        assert_eq!(cell("+49 30 1234"), "'+49 30 1234");
        assert_eq!(cell("@a,b"), "\"'@a,b\"");
        assert_eq!(super::text(&Cell::Null), "");
        assert_eq!(super::text(&Cell::Decimal("-1.50".parse().unwrap())), "-1.5");
    }
}
