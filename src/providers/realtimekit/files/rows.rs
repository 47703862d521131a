//! Rows of a file, and the faults of rows and of whole files.

use serde_json::value::RawValue;

use crate::connector::record::{DriftItems, Fields, Members, elements, members};
use crate::model::page::Reject;

/// The reason why a file cannot be used at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    /// The file ends too early, or its parts contradict each other.
    #[error("the file is incomplete: {0}")]
    Broken(&'static str),
    /// The file is a server's message about a failure.
    #[error("the host sent an error page instead of the file")]
    ErrorPage,
    /// The file has none of the known formats.
    #[error("the file has no known format: {0}")]
    UnknownForm(&'static str),
}

/// Rows of a file, and those that could not be read.
#[derive(Debug)]
pub(super) struct Rows<T> {
    /// The readable rows.
    pub(super) good: Vec<T>,
    /// The others.
    pub(super) rejects: Vec<Reject>,
}

/// Names of a list of records, where an object holds several lists.
const LIST_NAMES: [&str; 9] =
    ["messages", "chat", "chats", "transcript", "transcripts", "segments", "utterances", "data", "items"];
/// Members that state an error.
const ERRORS: [&str; 2] = ["error", "errors"];
/// Objects within each other that are searched for the list.
const DEPTH: u32 = 3;

/// Returns the records of a JSON file: those of the list that it is or holds, or its lines, or the file itself where it
/// has the field `key` of a record. A line that is no JSON is returned too.
pub(super) fn json_list<'a>(text: &'a str, key: &str) -> Result<Vec<&'a str>, Fault> {
    let list = if let Some(list) = elements(text) {
        list
    } else if let Some(object) = members(text) {
        if states_error(&object, text) {
            return Err(Fault::ErrorPage);
        }
        if object.get(key).is_some_and(|value| !value.get().starts_with('[')) {
            return Ok(vec![text.trim()]);
        }
        list_within(&object, DEPTH)?.ok_or(Fault::UnknownForm("an object that does not contain one list"))?
    } else {
        return json_lines(text).ok_or(Fault::Broken("it does not end as JSON does"));
    };
    Ok(list.into_iter().map(RawValue::get).collect())
}

/// Returns the lines of a file of one object a line; `None`: it has another form, or ends within a line.
fn json_lines(text: &str) -> Option<Vec<&str>> {
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let is_object = |line: &&str| members(line).is_some();
    let is_whole = text.ends_with('\n') || lines.last().is_some_and(is_object);
    (is_whole && lines.len() > 1 && lines.first().is_some_and(is_object)).then_some(lines)
}

/// Returns the only list in an object, or else in the objects within it. An empty list of errors is none.
fn list_within<'a>(object: &Members<'a>, depth: u32) -> Result<Option<Vec<&'a RawValue>>, Fault> {
    let others = || object.iter().filter(|(name, _)| !ERRORS.contains(&name.as_str()));
    let mut lists: Vec<_> = others().filter_map(|(name, value)| Some((name, elements(value.get())?))).collect();
    if lists.len() > 1 {
        lists.retain(|(name, _)| LIST_NAMES.contains(&name.as_str()));
        if lists.len() != 1 {
            return Err(Fault::UnknownForm("an object that contains several lists"));
        }
    }
    if let Some((_, list)) = lists.pop() {
        return Ok(Some(list));
    }
    let mut found = None;
    for inner in others().filter_map(|(_, value)| members(value.get())).filter(|_| depth > 1) {
        let list = list_within(&inner, depth - 1)?;
        if list.is_some() && found.is_some() {
            return Err(Fault::UnknownForm("an object that contains several lists"));
        }
        found = found.or(list);
    }
    Ok(found)
}

/// Whether an object states a failure. An error that is null, false, zero or empty states none.
pub(super) fn states_error(object: &Members<'_>, text: &str) -> bool {
    let is_stated = |value: &RawValue| {
        let value: String = value.get().chars().filter(|c| !c.is_whitespace()).take(6).collect();
        !matches!(value.as_str(), "null" | "false" | "0" | "\"\"" | "[]" | "{}")
    };
    let ignored = DriftItems::default();
    let is_success = Fields::of(object.clone(), text, &ignored).flag("success");
    is_success == Some(false) || ERRORS.iter().any(|name| object.get(*name).is_some_and(|value| is_stated(value)))
}

/// Creates the reject of an unreadable row.
pub(super) fn reject(raw: &str, reason_code: &'static str, json_pointer: &str, detail: &str) -> Reject {
    Reject {
        raw: raw.as_bytes().to_vec(),
        provider_record_id: None,
        reason_code,
        json_pointer: json_pointer.to_owned(),
        detail: detail.to_owned(),
        is_partial: false,
    }
}
