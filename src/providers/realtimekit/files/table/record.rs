//! One record of a table: its fields and its end. Strict about quotes; a quote within a field that does not begin
//! with one is text.

/// A record with balanced quotes.
#[derive(Debug)]
pub(super) struct Record {
    /// The fields, without quotes.
    pub(super) cells: Vec<String>,
    /// Its end, before the line end.
    pub(super) end: usize,
}

/// The kind of unbalanced quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Trouble {
    /// Text follows the closing quote.
    #[error("a quote is closed before its field ends")]
    ClosedEarly,
    /// The closing quote is missing.
    #[error("a quote is never closed")]
    NeverClosed,
}

/// Reads the record that begins at `start`.
pub(super) fn read(text: &str, start: usize, separator: u8) -> Result<Record, Trouble> {
    let bytes = text.as_bytes();
    let ends = |byte: u8| byte == separator || matches!(byte, b'\n' | b'\r');
    let (mut cells, mut at) = (Vec::new(), start);
    loop {
        let (cell, end) = if bytes.get(at) == Some(&b'"') {
            quoted(text, at + 1)?
        } else {
            let length = bytes[at..].iter().position(|byte| ends(*byte)).unwrap_or(bytes.len() - at);
            (text[at..at + length].to_owned(), at + length)
        };
        cells.push(cell);
        match bytes.get(end) {
            Some(byte) if *byte == separator => at = end + 1,
            Some(b'\n' | b'\r') | None => return Ok(Record { cells, end }),
            Some(_) => return Err(Trouble::ClosedEarly),
        }
    }
}

/// Returns the text between an opening quote and its closing one, and the end of the field.
fn quoted(text: &str, start: usize) -> Result<(String, usize), Trouble> {
    let (mut cell, mut at) = (String::new(), start);
    loop {
        let length = text[at..].find('"').ok_or(Trouble::NeverClosed)?;
        cell.push_str(&text[at..at + length]);
        at += length + 1;
        if text.as_bytes().get(at) != Some(&b'"') {
            return Ok((cell, at));
        }
        cell.push('"');
        at += 1;
    }
}

/// Returns the start of the next line that is not empty, at or after `at`.
pub(super) fn next_line(text: &str, at: usize) -> Option<usize> {
    let skipped = text.as_bytes()[at..].iter().position(|byte| !matches!(byte, b'\n' | b'\r'))?;
    Some(at + skipped)
}

/// Returns the end of the line that begins at `start`.
pub(super) fn line_end(text: &str, start: usize) -> usize {
    text[start..].find(['\n', '\r']).map_or(text.len(), |length| start + length)
}

/// Returns the starts of the lines after the one at `start`.
pub(super) fn lines_after(text: &str, start: usize) -> impl Iterator<Item = usize> + Clone + '_ {
    let next = move |line: &usize| next_line(text, line_end(text, *line));
    std::iter::successors(next(&start), next)
}
