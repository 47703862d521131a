//! Values that many parameters share: lists, words of closed lists, limits, switches.
//!
//! A comma-separated list means "any of these". Words of a closed list are checked, so that a mistyped filter
//! is a fault and not an empty answer.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use crate::api::parameters::Faults;
use crate::model::time;
use crate::query::cursor::{self, CursorError};

/// Most items of a page; a larger limit is reduced to this.
pub(crate) const MAX_LIMIT: i64 = 1_000;
/// Default number of items of a page.
const DEFAULT_LIMIT: i64 = 100;

/// Parameters of every list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageParameters {
    /// Number of items, from 1; above 1000 means 1000. Default: 100.
    #[param(value_type = Option<i64>, minimum = 1, example = 100)]
    limit: Option<String>,
    /// Continuation: `page.next` of the previous page. All other parameters but `limit` must be the same.
    cursor: Option<String>,
}

impl PageParameters {
    /// Reads the number of items of a page.
    pub(crate) fn limit(&self, faults: &mut Faults) -> i64 {
        let Some(text) = &self.limit else { return DEFAULT_LIMIT };
        match text.parse::<i64>() {
            Ok(limit) if limit >= 1 => limit.min(MAX_LIMIT),
            _ => {
                faults.note("limit", "invalid_limit", format!("`{text}` is not a whole number from 1 to {MAX_LIMIT}."));
                DEFAULT_LIMIT
            }
        }
    }

    /// Returns whether a page was requested.
    pub(crate) fn is_said(&self) -> bool {
        self.limit.is_some() || self.cursor.is_some()
    }

    /// Returns the sort key after which the answer to `question` continues.
    pub(crate) fn after<K: DeserializeOwned>(&self, question: &str, faults: &mut Faults) -> Option<K> {
        match cursor::decode(question, self.cursor.as_deref()?) {
            Ok(key) => Some(key),
            Err(error) => {
                let code = match error {
                    CursorError::Unreadable => "invalid_cursor",
                    CursorError::OtherQuestion => "cursor_mismatch",
                };
                faults.note("cursor", code, format!("{error}."));
                None
            }
        }
    }
}

/// Refuses the instant of a cursor that no list can have written: the database would reject it.
pub(crate) fn check_instant(at: Option<DateTime<Utc>>, faults: &mut Faults) {
    if at.is_some_and(|at| time::sane(at).is_none()) {
        faults.note("cursor", "invalid_cursor", "This is not a cursor of this list; use page.next unchanged.");
    }
}

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
