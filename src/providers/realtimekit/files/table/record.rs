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

/// The way in which fields are separated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Separation {
    /// The separator.
    pub(super) separator: u8,
    /// Whether blanks follow it, which are no part of a field.
    pub(super) is_spaced: bool,
}

impl Separation {
    /// Returns the separation by `separator`. The first line, which is the header, shows whether blanks follow it.
    pub(super) fn of(text: &str, separator: u8) -> Self {
        let start = next_line(text, 0).unwrap_or(text.len());
        let mut fields = text[start..line_end(text, start)].split(char::from(separator)).skip(1).peekable();
        Self { separator, is_spaced: fields.peek().is_some() && fields.all(|field| field.starts_with(' ')) }
    }
}

/// Reads the record that begins at `start`.
pub(super) fn read(text: &str, start: usize, separation: Separation) -> Result<Record, Trouble> {
    let (bytes, separator) = (text.as_bytes(), separation.separator);
    let ends = |byte: u8| byte == separator || matches!(byte, b'\n' | b'\r');
    let (mut cells, mut at) = (Vec::new(), start);
    loop {
        if separation.is_spaced {
            at += bytes[at..].iter().take_while(|byte| **byte == b' ').count();
        }
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
