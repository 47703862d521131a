//! One record of a table: its fields, and where it ends. Strict about quotes; a quote within a field that does not
//! begin with one is text.

/// A record whose quotes fit.
#[derive(Debug)]
pub(super) struct Record {
    /// The fields, without quotes.
    pub(super) cells: Vec<String>,
    /// Where it ends, before the end of its line.
    pub(super) end: usize,
}

/// Why quotes do not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum Trouble {
    /// Text follows the closing quote.
    #[error("a quote is closed before its field ends")]
    ClosedEarly,
    /// The closing quote is missing.
    #[error("a quote is never closed")]
    NeverClosed,
}

/// The record that begins at `start`.
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

/// The text from behind an opening quote to its closing one, and where the field ends.
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

/// Where the next line that is not empty begins, at `at` or behind it.
pub(super) fn next_line(text: &str, at: usize) -> Option<usize> {
    let skipped = text.as_bytes()[at..].iter().position(|byte| !matches!(byte, b'\n' | b'\r'))?;
    Some(at + skipped)
}

/// Where the line that begins at `start` ends.
pub(super) fn line_end(text: &str, start: usize) -> usize {
    text[start..].find(['\n', '\r']).map_or(text.len(), |length| start + length)
}

/// Where the lines behind the one at `start` begin.
pub(super) fn lines_after(text: &str, start: usize) -> impl Iterator<Item = usize> + Clone + '_ {
    let next = move |line: &usize| next_line(text, line_end(text, *line));
    std::iter::successors(next(&start), next)
}
