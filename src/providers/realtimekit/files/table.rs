//! Tables of separated values. <https://www.rfc-editor.org/rfc/rfc4180>.
//!
//! A row with unbalanced quotes ends where the next whole row begins, and is a reject; the other rows are kept. A
//! file that ends within a row was truncated, and nothing of it is kept. This module knows no column except the one
//! with the time.

mod record;

use std::cell::Cell;

use crate::model::page::Reject;
use crate::providers::realtimekit::files::rows::{Fault, reject};
use crate::providers::realtimekit::files::table::record::{Record, Separation, Trouble};

/// Known separators; spreadsheets of many countries use the semicolon.
const SEPARATORS: [u8; 3] = *b",;\t";

/// With at least this many columns, text is not mistaken for a row; with fewer, the row's time must also be valid.
const TELLING_COLUMNS: usize = 4;

/// Reject reason of a row with balanced quotes.
const MISFIT: &str = "the number of fields differs from the number of columns";

/// Detail of a reject whose quote is closed within another row.
const SWALLOWED: &str = "a quoted field contains the next row";

/// A row of the file.
#[derive(Debug)]
pub(super) struct Row<'a> {
    /// Its fields, without quotes.
    pub(super) cells: Vec<String>,
    /// Its bytes, without the line end.
    pub(super) raw: &'a str,
}

/// Structure of a table.
#[derive(Debug)]
pub(super) struct Form {
    /// The columns.
    pub(super) names: Vec<String>,
    /// Whether the first row contains the column names.
    pub(super) has_header: bool,
    /// The column with the time.
    pub(super) time: Option<usize>,
}

/// A table's rows without its header, in the order of the file.
#[derive(Debug)]
pub(super) struct Table<'a> {
    /// Its structure.
    pub(super) form: Form,
    /// The rows; each has as many fields as there are columns, or more that are empty.
    pub(super) rows: Vec<Result<Row<'a>, Reject>>,
}

/// Returns a column's name without case, spaces and underscores.
pub(super) fn plain_name(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect()
}

/// Returns the plain names of a header.
pub(super) fn header(row: &Row<'_>) -> Vec<String> {
    row.cells.iter().map(|name| plain_name(name)).collect()
}

/// Reads the table, split by the first separator for which `recognize` accepts its whole rows. `Ok(None)`: by none.
pub(super) fn read<'a>(
    text: &'a str,
    recognize: impl Fn(&[Row<'a>]) -> Option<Form>,
    is_time: &dyn Fn(&str) -> bool,
) -> Result<Option<Table<'a>>, Fault> {
    for separator in SEPARATORS {
        let separation = Separation::of(text, separator);
        let form = recognize(&whole_rows(text, separation));
        if let Some(form) = form {
            let reader = Reader { text, separation, form: &form, is_time, counted: Cell::new((0, 1)) };
            let rows = reader.rows()?;
            return Ok(Some(Table { form, rows }));
        }
    }
    Ok(None)
}

/// Returns the rows that can be read without knowing the number of columns.
fn whole_rows(text: &str, separation: Separation) -> Vec<Row<'_>> {
    let (mut rows, mut at) = (Vec::new(), 0);
    while let Some(start) = record::next_line(text, at) {
        at = record::line_end(text, start);
        if let Ok(Record { cells, end }) = record::read(text, start, separation) {
            rows.push(Row { cells, raw: &text[start..end] });
            at = end;
        }
    }
    rows
}

struct Reader<'a, 'f> {
    text: &'a str,
    separation: Separation,
    form: &'f Form,
    is_time: &'f dyn Fn(&str) -> bool,
    /// The offset up to which lines are counted, and its line number.
    counted: Cell<(usize, usize)>,
}

impl<'a> Reader<'a, '_> {
    fn rows(&self) -> Result<Vec<Result<Row<'a>, Reject>>, Fault> {
        let (mut rows, mut at) = (Vec::new(), 0);
        while let Some(start) = record::next_line(self.text, at) {
            match record::read(self.text, start, self.separation) {
                // spreadsheets end a table with rows of separators
                Ok(Record { cells, end }) if self.fits(&cells) && cells.iter().all(|cell| cell.trim().is_empty()) => {
                    at = end;
                }
                Ok(Record { cells, end }) if self.fits(&cells) => {
                    if let Some(next) = self.swallowed_row(start, end) {
                        let begins = record::lines_after(self.text, start).take_while(|line| *line < next);
                        self.refuse(start, begins, next, &mut rows);
                        at = next;
                        continue;
                    }
                    rows.push(Ok(Row { cells, raw: &self.text[start..end] }));
                    at = end;
                }
                Ok(Record { cells, end }) => {
                    if end == self.text.len() && cells.len() < self.form.names.len() {
                        return Err(Fault::Broken("its last row is cut off"));
                    }
                    // a misplaced quote may have swallowed whole rows
                    let lines = record::lines_after(self.text, start).take_while(|line| *line < end);
                    let next = lines.clone().find(|line| self.is_whole_row(*line));
                    at = next.unwrap_or(end);
                    let begins = lines.take_while(|line| next.is_some_and(|next| *line < next));
                    self.refuse(start, begins, at, &mut rows);
                }
                Err(_) => {
                    let lines = record::lines_after(self.text, start);
                    let next = lines.clone().find(|line| self.is_whole_row(*line));
                    at = next.unwrap_or(self.text.len());
                    let begins = lines.take_while(|line| *line < at);
                    let last = self.refuse(start, begins, at, &mut rows);
                    if next.is_none() {
                        self.check_end(last)?;
                    }
                }
            }
        }
        if let Some(header) = rows.iter().position(Result::is_ok).filter(|_| self.form.has_header) {
            rows.remove(header).ok();
            // joined files repeat it; a single field may be a text
            let is_repeated = |row: &Row<'_>| row.cells.len() > 1 && self::header(row) == self.form.names;
            rows.retain(|row| !row.as_ref().is_ok_and(is_repeated));
        }
        Ok(rows)
    }

    /// Checks that the file does not end within its last row, which begins at `start` and is a reject.
    fn check_end(&self, start: usize) -> Result<(), Fault> {
        let ends_line = self.text.ends_with(['\n', '\r']);
        match record::read(self.text, start, self.separation) {
            Err(Trouble::NeverClosed) if !(ends_line && self.ends_with(false)) => {
                Err(Fault::Broken("a quote is never closed"))
            }
            Ok(Record { cells, .. }) if ends_line || cells.len() >= self.form.names.len() => Ok(()),
            Err(_) if ends_line || self.ends_with(true) => Ok(()),
            _ => Err(Fault::Broken("its last row is cut off")),
        }
    }

    /// Turns the text from `start` to `end` into rejects, and returns where the last one begins. A line in it that
    /// has all fields by its separators alone is a row of its own.
    fn refuse(
        &self,
        start: usize,
        lines: impl Iterator<Item = usize>,
        end: usize,
        rows: &mut Vec<Result<Row<'a>, Reject>>,
    ) -> usize {
        let mut begin = start;
        for next in lines.filter(|line| self.looks_like_row(*line)).chain([end]) {
            let (counted, number) = self.counted.get();
            let number = number + self.text[counted..begin].matches('\n').count();
            self.counted.set((begin, number));
            let (code, detail) = match record::read(self.text, begin, self.separation) {
                Ok(Record { cells, .. }) if self.fits(&cells) => ("broken_quotes", SWALLOWED.to_owned()),
                Ok(_) => ("column_count", MISFIT.to_owned()),
                Err(trouble) => ("broken_quotes", trouble.to_string()),
            };
            let raw = self.text[begin..next].trim_end_matches(['\r', '\n']);
            rows.push(Err(reject(raw, code, "", &format!("line {number}: {detail}"))));
            if next < end {
                begin = next;
            }
        }
        begin
    }

    fn fits(&self, cells: &[String]) -> bool {
        let columns = self.form.names.len();
        cells.len() >= columns && cells[columns..].iter().all(|cell| cell.trim().is_empty())
    }

    fn is_whole_row(&self, start: usize) -> bool {
        let Ok(Record { cells, .. }) = record::read(self.text, start, self.separation) else { return false };
        self.fits(&cells) && self.is_telling(&cells.iter().map(String::as_str).collect::<Vec<_>>())
    }

    fn looks_like_row(&self, start: usize) -> bool {
        let cells = self.loose_cells(start);
        cells.len() >= self.form.names.len() && self.is_telling(&cells)
    }

    /// Whether fields in the right number are a row and not part of a text.
    fn is_telling(&self, cells: &[&str]) -> bool {
        let Some(time) = self.form.time.filter(|_| self.form.names.len() < TELLING_COLUMNS) else { return true };
        // separators within texts shift the fields after them
        let cell = if time + 1 == self.form.names.len() { cells.last() } else { cells.get(time) };
        cell.is_some_and(|cell| (self.is_time)(cell.trim_matches(['"', ' '])))
    }

    /// Returns the first line of a row with balanced quotes that is a row of its own, where a stray quote joined the
    /// two: both have all fields by their separators alone, and their times can be read. Lines of a text do not.
    fn swallowed_row(&self, start: usize, end: usize) -> Option<usize> {
        self.form.time?;
        let mut lines = record::lines_after(self.text, start).take_while(|line| *line < end);
        lines.find(|line| {
            self.has_time(self.text[*line..record::line_end(self.text, *line)].trim_end())
                && self.has_time(self.text[start..*line].trim_end())
        })
    }

    /// Whether a text has all fields by its separators alone, with a readable time in its place.
    fn has_time(&self, text: &str) -> bool {
        let columns = self.form.names.len();
        let cells = || text.split(char::from(self.separation.separator));
        let Some(time) = self.form.time.filter(|_| cells().nth(columns - 1).is_some()) else { return false };
        let cell = if time + 1 == columns { cells().next_back() } else { cells().nth(time) };
        cell.is_some_and(|cell| (self.is_time)(cell.trim_matches(['"', ' '])))
    }

    /// Whether the last line has all fields by its separators alone and ends with the time, or with a quote if
    /// `or_quote` is set.
    fn ends_with(&self, or_quote: bool) -> bool {
        let text = self.text.trim_end_matches(['\r', '\n']);
        let cells = self.loose_cells(text.rfind(['\r', '\n']).map_or(0, |at| at + 1));
        let has_time_last = self.form.time.is_some_and(|time| time + 1 == self.form.names.len());
        let is_time = |cell: &&str| has_time_last && (self.is_time)(cell.trim_matches(['"', ' ']));
        cells.len() >= self.form.names.len() && (or_quote && text.ends_with('"') || cells.last().is_some_and(is_time))
    }

    /// Returns the fields of the line that begins at `start`, split at each separator.
    fn loose_cells(&self, start: usize) -> Vec<&'a str> {
        self.text[start..record::line_end(self.text, start)].split(char::from(self.separation.separator)).collect()
    }
}
