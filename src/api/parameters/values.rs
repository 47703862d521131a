//! Values that many parameters share: lists, words of closed lists, switches.
//!
//! A comma-separated list means "any of these". Words of a closed list are checked, so that a mistyped filter
//! is a fault and not an empty answer.

use crate::api::parameters::{Faults, Said};

/// Returns the values of a comma-separated list, without duplicates, in their order.
pub(crate) fn list(text: Option<&str>) -> Vec<String> {
    let mut values = Vec::new();
    for value in text.into_iter().flat_map(|text| text.split(',')).map(str::trim).filter(|value| !value.is_empty()) {
        if !values.iter().any(|other| other == value) {
            values.push(value.to_owned());
        }
    }
    values
}

/// Returns the values of a comma-separated list of words from a closed list; others are faults.
pub(crate) fn words(parameter: &str, text: Option<&str>, allowed: &[&str], faults: &mut Faults) -> Vec<String> {
    let mut values = list(text);
    values.retain(|value| {
        let is_known = allowed.contains(&value.as_str());
        if !is_known {
            faults.note_unknown(parameter, "unknown_value", value, allowed.iter().copied());
        }
        is_known
    });
    values
}

/// Reads a switch; off by default.
pub(crate) fn switch(parameter: &str, text: Option<&str>, faults: &mut Faults) -> bool {
    match text {
        None | Some("false") => false,
        Some("true") => true,
        Some(other) => {
            faults.note_unknown(parameter, "unknown_value", other, ["true", "false"]);
            false
        }
    }
}

/// Reads a switch at its location.
pub(crate) fn flag(said: &Said, faults: &mut Faults) -> bool {
    if !["true", "false"].contains(&said.text.as_str()) {
        faults.note_unknown(&said.at, "unknown_value", &said.text, ["true", "false"]);
    }
    said.text == "true"
}
