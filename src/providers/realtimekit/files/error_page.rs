//! Messages of gateways and object stores about a failure, sent in place of a file with a status of success.

/// Beginnings of HTML and XML, in lower case.
const MARKUP: [&str; 7] = ["<!doctype", "<html", "<head", "<body", "<?xml", "<error", "<code>"];
/// How far markup is searched in free text.
const BEGINNING_CHARS: usize = 256;

/// Beginnings of a gateway's line of text, in lower case.
const LINES: [&str; 3] = ["upstream connect error", "no healthy upstream", "upstream request timeout"];
/// Names of statuses, which may follow their number.
const STATUSES: [&str; 12] = [
    "bad gateway",
    "service unavailable",
    "service temporarily unavailable",
    "gateway timeout",
    "gateway time-out",
    "internal server error",
    "not found",
    "page not found",
    "access denied",
    "forbidden",
    "too many requests",
    "error code",
];
/// Longest line of a gateway.
const LONGEST_LINE_CHARS: usize = 200;

/// Whether a file begins as HTML or XML, or is a gateway's line of text. No expected file begins like that.
pub(super) fn is_error_page(text: &str) -> bool {
    let start: String = text.trim().chars().take(LONGEST_LINE_CHARS + 1).collect::<String>().to_ascii_lowercase();
    let is_line = start.chars().count() <= LONGEST_LINE_CHARS && !start.contains(['\n', '\r']);
    begins(&start, &MARKUP) || start.starts_with("<!--") || is_line && (is_status(&start) || begins(&start, &LINES))
}

fn begins(text: &str, signs: &[&str]) -> bool {
    signs.iter().any(|sign| text.starts_with(sign))
}

/// Whether a line is nothing but the name and number of a status: `502 Bad Gateway`, `error code: 522`.
fn is_status(line: &str) -> bool {
    let line = line.trim_start_matches("http/1.1").trim_start_matches("http");
    let name = line.trim_matches(|c: char| !c.is_ascii_alphabetic());
    let name = name.strip_prefix("error").filter(|rest| rest.contains(|c: char| c.is_ascii_digit())).unwrap_or(name);
    STATUSES.contains(&name.trim_matches(|c: char| !c.is_ascii_alphabetic()))
}

/// Whether a free text begins with a tag, or has markup of a page near its beginning. A quoted tag is a word.
pub(super) fn has_markup(text: &str) -> bool {
    let start: String = text.chars().take(BEGINNING_CHARS).collect::<String>().to_ascii_lowercase();
    let is_tag = |at: usize| !start[..at].ends_with(['`', '"', '\'', '(']);
    let begins_with_tag =
        start.trim_start().strip_prefix('<').is_some_and(|rest| rest.starts_with(char::is_alphabetic));
    begins_with_tag || MARKUP.iter().any(|sign| start.match_indices(sign).any(|(at, _)| is_tag(at)))
}
