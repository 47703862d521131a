//! Values that many parameters share: lists, words of closed lists, limits, switches.
//!
//! A comma list means "any of these". Words of a closed list are checked, so that a mistyped filter is a fault
//! and not an empty answer.

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa::IntoParams;

use crate::api::parameters::Faults;
use crate::model::time;
use crate::query::cursor::{self, CursorError};

/// Most items of a page; more are not given, whatever is asked.
pub(crate) const MAX_LIMIT: i64 = 1_000;
/// Items of a page if nothing is said.
const DEFAULT_LIMIT: i64 = 100;

/// Parameters of every list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageParameters {
    /// Items of a page, from 1; above 1000 means 1000. Default: 100.
    #[param(value_type = Option<i64>, minimum = 1, example = 100)]
    limit: Option<String>,
    /// Where to go on: `page.next` of the page before. All other parameters but `limit` must be the same.
    cursor: Option<String>,
}

impl PageParameters {
    /// Items of a page.
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

    /// Whether a page was asked for.
    pub(crate) fn is_said(&self) -> bool {
        self.limit.is_some() || self.cursor.is_some()
    }

    /// The sort key after which to go on in the answer to `question`.
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

/// Refuses the instant of a cursor that no list can have written: the database would not take it.
pub(crate) fn check_instant(at: Option<DateTime<Utc>>, faults: &mut Faults) {
    if at.is_some_and(|at| time::sane(at).is_none()) {
        faults.note("cursor", "invalid_cursor", "This is not a cursor of this list; take it from page.next as it is.");
    }
}

/// The values of a comma list, each once, in their order.
pub(crate) fn list(text: Option<&str>) -> Vec<String> {
    let mut values = Vec::new();
    for value in text.into_iter().flat_map(|text| text.split(',')).map(str::trim).filter(|value| !value.is_empty()) {
        if !values.iter().any(|other| other == value) {
            values.push(value.to_owned());
        }
    }
    values
}

/// The values of a comma list of words from a closed list; others are faults.
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

/// A switch; off if nothing is said.
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
