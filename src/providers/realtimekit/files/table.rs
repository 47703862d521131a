//! Tables of separated values.
//!
//! The csv crate takes the rest of a file into one field, without an error, where a quote is not closed.
//! So the quotes are checked before it reads, and the end after. Knows no column.

use crate::providers::realtimekit::files::Fault;

/// Separators in use; spreadsheets of many countries write the second.
const SEPARATORS: [u8; 3] = *b",;\t";

/// A row as it stands in the file.
#[derive(Debug)]
pub(super) struct Row<'a> {
    /// Its fields, without quotes.
    pub(super) cells: Vec<String>,
    /// Its bytes, without the line's end.
    pub(super) raw: &'a str,
}

/// A column's name without case, spaces and underscores.
pub(super) fn plain_name(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// The plain names of a header.
pub(super) fn header(row: &Row<'_>) -> Vec<String> {
    row.cells.iter().map(|name| plain_name(name)).collect()
}

/// The rows, split by the first separator for which they are such a table, and what `recognize` made of
/// them. `Ok(None)`: by none.
pub(super) fn rows<'a, T>(
    text: &'a str,
    recognize: impl Fn(&[Row<'a>]) -> Option<T>,
) -> Result<Option<(Vec<Row<'a>>, T)>, Fault> {
    for separator in SEPARATORS {
        let rows = split(text, separator)?;
        if let Some(form) = recognize(&rows) {
            return quote_fault(text, separator).map_or(Ok(Some((rows, form))), Err);
        }
    }
    Ok(None)
}

/// Whether the last row was cut off: nothing ends its line, and it has fewer fields than it should.
pub(super) fn is_cut(text: &str, rows: &[Row<'_>], columns: usize) -> bool {
    !text.ends_with(['\n', '\r']) && rows.last().is_some_and(|row| row.cells.len() < columns)
}

fn split(text: &str, separator: u8) -> Result<Vec<Row<'_>>, Fault> {
    let mut builder = csv::ReaderBuilder::new();
    let mut reader = builder.has_headers(false).flexible(true).delimiter(separator).from_reader(text.as_bytes());
    let (mut record, mut rows) = (csv::StringRecord::new(), Vec::new());
    let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX);
    loop {
        let from = place(reader.position().byte());
        let has_row = reader.read_record(&mut record).map_err(|_| Fault::Broken("it cannot be split into rows"))?;
        if !has_row {
            return Ok(rows);
        }
        let raw = text.get(from..place(reader.position().byte())).unwrap_or_default();
        rows.push(Row { cells: record.iter().map(str::to_owned).collect(), raw: raw.trim_matches(['\r', '\n']) });
    }
}

/// Why the quotes do not fit: one is never closed, or closes before its field ends. Text between the
/// two would be read as fields, or fields as text.
fn quote_fault(text: &str, separator: u8) -> Option<Fault> {
    #[derive(Clone, Copy, PartialEq)]
    enum Place {
        Start,
        Plain,
        Quoted,
        AfterQuote,
    }
    let mut place = Place::Start;
    for byte in text.bytes() {
        let is_end = byte == separator || byte == b'\n' || byte == b'\r';
        place = match (place, byte) {
            (Place::Quoted, b'"') => Place::AfterQuote,
            (Place::Start | Place::AfterQuote, b'"') | (Place::Quoted, _) => Place::Quoted,
            _ if is_end => Place::Start,
            (Place::AfterQuote, _) => return Some(Fault::Broken("a quote is closed before its field ends")),
            (Place::Start | Place::Plain, _) => Place::Plain,
        };
    }
    (place == Place::Quoted).then_some(Fault::Broken("a quote is never closed"))
}
