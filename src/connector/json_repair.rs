//! Repair of nearly valid JSON.
//!
//! One raw line break in a customer's text, or one `NaN` of a Python service, makes a whole page unreadable for a
//! strict parser, and with it every other record, on every poll. This module rewrites such a page so that only the
//! broken value is affected: a bare word becomes text, a control character or a stray backslash in a text gets its
//! escape, a comma after the last member or element is dropped, and an element of a list that is still invalid becomes
//! text as a whole. Input that is still open at its end, or has something after its end, is not repaired, because the
//! answer may be truncated.
//! It runs only where strict parsing failed. It knows no provider and no meaning of the values.

use std::fmt::Write;

use serde::de::IgnoredAny;

/// Deeper answers are not repaired: each level costs the length of its lists once more. The strict parser reads no more
/// levels either.
const MAX_DEPTH: usize = 127;

/// Returns `text` with its invalid values repaired; `None` where there are none, or where repair is impossible.
pub fn repaired(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len() + 64);
    // for each open list its current element; `None` for each open object
    let mut open: Vec<Option<Element>> = Vec::new();
    let mut has_begun = false;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if open.is_empty() && !is_blank(first) && std::mem::replace(&mut has_begun, true) {
            return None;
        }
        let element = open.last().copied().flatten();
        match (first, element) {
            (',' | ']', Some(element)) => {
                let raw = &text[element.in_text..text.len() - rest.len()];
                end_element(element, raw, &mut out, first == ']');
            }
            (']', None) => return None,
            ('}', _) if open.last() != Some(&None) => return None,
            ('}', _) => end_object(&mut out),
            _ => {}
        }
        rest = match first {
            '"' => string(rest, &mut out)?,
            '{' | '}' | '[' | ']' | ':' | ',' => verbatim(rest, 1, &mut out),
            blank if is_blank(blank) => verbatim(rest, 1, &mut out),
            _ => word(rest, &mut out),
        };
        match first {
            '{' if open.len() < MAX_DEPTH => open.push(None),
            '[' if open.len() < MAX_DEPTH => open.push(Some(begin(text, rest, &out))),
            '{' | '[' => return None,
            '}' | ']' => drop(open.pop()),
            ',' if element.is_some() => drop(open.last_mut().map(|last| *last = Some(begin(text, rest, &out)))),
            _ => {}
        }
    }
    (open.is_empty() && out != text).then_some(out)
}

/// The beginning of an element of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Element {
    in_text: usize,
    in_out: usize,
}

fn begin(text: &str, rest: &str, out: &str) -> Element {
    Element { in_text: text.len() - rest.len(), in_out: out.len() }
}

/// Ends an element of a list: invalid JSON becomes a text, and a trailing comma is dropped. The text is `raw`, as
/// it was received, since escapes of repaired parts within would double with each level.
fn end_element(begun: Element, raw: &str, out: &mut String, is_last: bool) {
    let element = out[begun.in_out..].trim_matches(is_blank);
    if element.is_empty() {
        if !is_last {
            out.push_str("null");
        } else if out[..begun.in_out].ends_with(',') {
            out.truncate(begun.in_out - 1);
        }
    } else if serde_json::from_str::<IgnoredAny>(element).is_err() {
        out.truncate(begun.in_out);
        quoted(raw.trim_matches(is_blank), out);
    }
}

/// Drops a trailing comma after the last member of an object. Several commas stay, as broken as they are.
fn end_object(out: &mut String) {
    let Some(members) = out.trim_end_matches(is_blank).strip_suffix(',') else { return };
    if !members.trim_end_matches(is_blank).ends_with(['{', ',', ':', '[']) {
        out.truncate(members.len());
    }
}

/// Whether JSON allows the character between values.
fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

/// Writes `text` as a JSON string.
fn quoted(text: &str, out: &mut String) {
    out.push('"');
    for c in text.chars() {
        if c == '"' {
            out.push('\\');
        }
        plain(c, out);
    }
    out.push('"');
}

fn verbatim<'a>(rest: &'a str, bytes: usize, out: &mut String) -> &'a str {
    out.push_str(&rest[..bytes]);
    &rest[bytes..]
}

/// Copies a word outside of strings: a number, `true`, `false` or `null`; anything else becomes a string.
fn word<'a>(rest: &'a str, out: &mut String) -> &'a str {
    let ends = |c: char| matches!(c, ',' | ':' | '{' | '}' | '[' | ']' | '"') || is_blank(c);
    let length = rest.find(ends).unwrap_or(rest.len());
    let word = &rest[..length];
    if serde_json::from_str::<IgnoredAny>(word).is_ok() {
        out.push_str(word);
    } else {
        quoted(word, out);
    }
    &rest[length..]
}

/// Copies a string from its first quote to its last; `None` where the closing quote is missing.
fn string<'a>(rest: &'a str, out: &mut String) -> Option<&'a str> {
    out.push('"');
    let mut rest = &rest[1..];
    loop {
        let c = rest.chars().next()?;
        match c {
            '"' => return Some(verbatim(rest, 1, out)),
            '\\' => {
                let length = escape_length(rest);
                if length == 0 {
                    out.push('\\');
                    rest = verbatim(rest, 1, out);
                } else {
                    rest = verbatim(rest, length, out);
                }
            }
            c => {
                plain(c, out);
                rest = &rest[c.len_utf8()..];
            }
        }
    }
}

/// Returns the length of the escape that `rest` begins with; 0 where it is none.
fn escape_length(rest: &str) -> usize {
    match rest.as_bytes().get(1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 2,
        Some(b'u') if rest.as_bytes().get(2..6).is_some_and(|hex| hex.iter().all(u8::is_ascii_hexdigit)) => 6,
        _ => 0,
    }
}

/// Writes a character of a string; escapes control characters and backslashes.
fn plain(c: char, out: &mut String) {
    match c {
        '\\' => out.push_str("\\\\"),
        c if c < ' ' => {
            // writing to a string cannot fail
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        }
        c => out.push(c),
    }
}

#[cfg(test)]
mod tests {
    use super::repaired;

    #[test]
    fn only_what_is_broken_changes() {
        for (broken, whole) in [
            (r#"{"a":NaN,"b":[-Infinity, 1]}"#, r#"{"a":"NaN","b":["-Infinity", 1]}"#),
            ("{\"a\":\"x\ty\"}", r#"{"a":"x\u0009y"}"#),
            (r#"{"a":"\x \u12 \" \\ \ud800"}"#, r#"{"a":"\\x \\u12 \" \\ \ud800"}"#),
            (r#"{"a":[{"b":1},{"b":2,,},{"b" 3}, 4]}"#, r#"{"a":[{"b":1},"{\"b\":2,,}","{\"b\" 3}", 4]}"#),
            (r#"{"a":[{"b":[1], },{"b":2,}],"total":3,}"#, r#"{"a":[{"b":[1]},{"b":2}],"total":3}"#),
            (r#"[{,},{"a":,},{"a","b",}, 1]"#, r#"["{,}","{\"a\":,}","{\"a\",\"b\",}", 1]"#),
            (r#"{"a":NaN,,}"#, r#"{"a":"NaN",,}"#),
            (r#"[{"a":[1,,x y],,}, 2,]"#, r#"["{\"a\":[1,,x y],,}", 2]"#),
            (r#"[{"a":[1,,x y],}, 2,]"#, r#"[{"a":[1,null,"x y"]}, 2]"#),
            ("[0x1F,+1,.5,01,1e400,-0]", r#"["0x1F","+1",".5","01",1e400,-0]"#),
            ("[\u{c}1,\u{a0}2, NaN]", "[\"\\u000c1\",\"\u{a0}2\", \"NaN\"]"),
        ] {
            assert_eq!(repaired(broken).as_deref(), Some(whole));
        }
    }

    #[test]
    fn broken_lists_in_broken_lists_grow_by_their_escapes_once() {
        let (open, close) = ("[{".repeat(60), "}]".repeat(60));
        // the outermost element as it was received, in quotes
        assert_eq!(repaired(&format!("{open}x{close}")), Some(format!("[\"{}x{}\"]", &open[1..], &close[..119])));
    }

    #[test]
    fn what_is_whole_or_cut_is_left_alone() {
        for text in [
            "",
            "{}",
            "{\"a\":\"\\u00e9 é\",\"b\":[null,true,1.5e-7]}",
            "{\"a\":\"cut",
            "{\"a\":NaN,\"b\":\"",
            "[NaN",
            "}{",
            "]",
            "[}",
            "[NaN] x",
            "[NaN][1]",
            "NaN,1",
            "{\"a\":1,,}",
            "{,}",
            "{\"a\":1,",
        ] {
            assert_eq!(repaired(text), None, "{text}");
        }
    }
}
