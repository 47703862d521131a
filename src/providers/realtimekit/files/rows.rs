//! Rows of a file, and the faults of rows and of whole files.

use serde_json::value::RawValue;

use crate::connector::record::{elements, members};
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

/// Returns the list that a JSON file is, or holds as its only list.
pub(super) fn json_list(text: &str) -> Result<Vec<&RawValue>, Fault> {
    if let Some(list) = elements(text) {
        return Ok(list);
    }
    let object = members(text).ok_or(Fault::Broken("it does not end as JSON does"))?;
    let is_failure = object.get("success").is_some_and(|success| success.get() == "false");
    if is_failure || object.contains_key("error") || object.contains_key("errors") {
        return Err(Fault::ErrorPage);
    }
    let mut lists = object.values().filter_map(|member| elements(member.get()));
    match (lists.next(), lists.next()) {
        (Some(list), None) => Ok(list),
        _ => Err(Fault::UnknownForm("an object that does not contain one list")),
    }
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
