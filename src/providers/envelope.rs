//! What an envelope says besides its list: that the call failed in spite of its status, or that the list goes on.
//!
//! Providers and the gateways before them spell this in many ways. Names are compared without regard to case and
//! underscores. An empty list beside an error proves nothing. This module knows no provider's own fields.

use crate::connector::record::{Members, members};

/// Names of what is false where the call failed.
const SUCCESS: [&str; 3] = ["success", "ok", "succeeded"];
/// Names of an error.
const ERROR: [&str; 6] = ["error", "errors", "errormessage", "errorcode", "exception", "fault"];
/// Words of a status of a failed call.
const FAILED: [&str; 4] = ["error", "failed", "failure", "fail"];
/// Names of what is true where the list goes on.
const MORE: [&str; 5] = ["hasmore", "hasnext", "hasnextpage", "ismore", "morepages"];
/// Names of the part of an envelope that is about pages.
const PAGING: [&str; 5] = ["meta", "paging", "pagination", "pageinfo", "page"];

/// Returns whether an envelope states a failure. A status without a list or a record beside it is that of a record.
pub(super) fn states_failure(envelope: &Members<'_>) -> bool {
    let is_around = ["data", "result"].iter().any(|name| envelope.contains_key(*name));
    envelope.iter().any(|(name, value)| {
        let (name, value) = (plain(name), scalar(value.get()));
        let value = value.as_str();
        match name.as_str() {
            name if SUCCESS.contains(&name) => matches!(value, "false" | "0" | "no"),
            name if ERROR.contains(&name) => !is_nothing(value),
            "partial" => value == "true",
            "status" => is_around && (FAILED.contains(&value) || is_failed_status(value)),
            "statuscode" | "httpstatus" => is_around && is_failed_status(value),
            _ => false,
        }
    })
}

/// Returns whether an envelope says that its list goes on.
pub(super) fn says_more(envelope: &Members<'_>) -> bool {
    envelope.iter().any(|(name, value)| match plain(name).as_str() {
        name if MORE.contains(&name) => scalar(value.get()) == "true",
        name if PAGING.contains(&name) => members(value.get()).is_some_and(|inner| says_more(&inner)),
        _ => false,
    })
}

/// Returns a name in lower case, without what separates its words.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// Returns a value without blanks and quotes, in lower case.
fn scalar(value: &str) -> String {
    value.chars().filter(|c| !c.is_whitespace() && *c != '"').flat_map(char::to_lowercase).collect()
}

/// Returns whether a value states no error: nothing, zero, or an object of nothing else.
fn is_nothing(value: &str) -> bool {
    let inner = value.trim_start_matches(['{', '[']).trim_end_matches(['}', ']']);
    let has_no_value = |member: &str| {
        let value = member.split_once(':').map_or(member, |(_, value)| value);
        matches!(value, "" | "null" | "false" | "0" | "none" | "ok")
    };
    inner.split(',').all(has_no_value)
}

fn is_failed_status(value: &str) -> bool {
    value.parse::<u32>().is_ok_and(|status| (400..600).contains(&status))
}
