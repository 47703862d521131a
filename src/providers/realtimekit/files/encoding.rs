//! From the bytes of a file to its text.
//!
//! Files are UTF-8, or UTF-16 with a byte order mark or with the NUL bytes of its Latin letters. Other bytes are no
//! text: compressed files, documents, texts of old encodings. They are refused, since they may be text next time.

use crate::connector::record::DriftItems;
use crate::providers::realtimekit::files::rows::Fault;

/// First bytes of files that are no text: gzip, Zstandard, ZIP, PDF, RTF, PNG, JPEG.
const MAGIC: [&[u8]; 8] =
    [b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"PK\x03\x04", b"PK\x05\x06", b"%PDF-", b"{\\rtf", b"\x89PNG", b"\xff\xd8\xff"];

/// Returns the text without a byte order mark. Invalid characters are replaced and counted, and so is NUL in files with
/// rows; those that fill up the end are dropped.
pub(super) fn text(bytes: &[u8], has_rows: bool, drift: &DriftItems) -> Result<String, Fault> {
    if MAGIC.iter().any(|magic| bytes.starts_with(magic)) {
        return Err(Fault::UnknownForm("it is not text"));
    }
    let (text, is_replaced) = match bytes {
        [0xff, 0xfe, rest @ ..] => wide_text(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide_text(rest, u16::from_be_bytes),
        _ if has_nul_in_each(bytes, 1) => wide_text(bytes, u16::from_le_bytes),
        _ if has_nul_in_each(bytes, 0) => wide_text(bytes, u16::from_be_bytes),
        _ => {
            let text = String::from_utf8_lossy(bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes));
            let is_replaced = matches!(text, std::borrow::Cow::Owned(_));
            (text.into_owned(), is_replaced)
        }
    };
    // what an old program fills a file up with
    let text = text.trim_end_matches(['\0', '\u{1a}']);
    let has_nul = text.contains('\0');
    let bad_count = text.chars().filter(|c| *c == '\u{fffd}' || is_binary(*c)).count();
    // another form of a file with rows shows by itself
    if bad_count * 4 > text.chars().count() || !has_rows && text.contains(is_binary) {
        return Err(Fault::UnknownForm("it is not text"));
    }
    if has_nul || is_replaced {
        drift.count("replaced_text", "", "");
    }
    Ok(if has_nul { text.replace('\0', "\u{fffd}") } else { text.to_owned() })
}

/// Whether no text contains the character.
fn is_binary(c: char) -> bool {
    c.is_ascii_control() && !c.is_ascii_whitespace() && c != '\u{b}'
}

/// Whether many pairs of bytes have a NUL at place `at`, and few have one at the other: UTF-16 without a mark.
fn has_nul_in_each(bytes: &[u8], at: usize) -> bool {
    let (pairs, _) = bytes.as_chunks::<2>();
    let count = |at: usize| pairs.iter().filter(|pair| pair[at] == 0).count();
    count(at) > 1 && count(at) * 10 >= pairs.len() && count(1 - at) * 4 <= count(at)
}

/// Returns UTF-16 as text, and whether something in it was replaced: a half character at the end is, too.
fn wide_text(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> (String, bool) {
    let (pairs, half) = bytes.as_chunks();
    let read = char::decode_utf16(pairs.iter().copied().map(unit));
    let text: Result<String, _> = read.clone().collect();
    let is_whole = half.is_empty() && text.is_ok();
    let text = text.unwrap_or_else(|_| read.map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect());
    (if half.is_empty() { text } else { text + "\u{fffd}" }, !is_whole)
}
