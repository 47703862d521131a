//! What an envelope says besides its list: that the call failed in spite of its status, how many records there are, or
//! that the list goes on.
//!
//! Providers and the gateways before them spell this in many ways. Names are compared without regard to case and
//! underscores. An empty list beside an error proves nothing. This module knows no provider's own fields.

use crate::connector::record::{Members, members};
use crate::model::page::More;

/// Names of what is false where the call failed.
const SUCCESS: [&str; 3] = ["success", "ok", "succeeded"];
/// Names of an error.
const ERROR: [&str; 6] = ["error", "errors", "errormessage", "errorcode", "exception", "fault"];
/// Words of a status of a failed call.
const FAILED: [&str; 4] = ["error", "failed", "failure", "fail"];
/// Names of what is true where the list goes on, and of what is false.
const MORE: [&str; 6] = ["hasmore", "hasnext", "hasnextpage", "ismore", "more", "morepages"];
const LAST: [&str; 5] = ["islast", "islastpage", "last", "lastpage", "nomore"];
/// Names of the way to the next page; it is null or empty at the end.
const NEXT: [&str; 14] = [
    "continuation",
    "continuationtoken",
    "next",
    "nextcursor",
    "nexthref",
    "nextlink",
    "nextpage",
    "nextpagetoken",
    "nextpaginationtoken",
    "nexttoken",
    "nexturi",
    "nexturl",
    "odatanextlink",
    "startingafter",
];
/// Names of the number of pages, and of the number of records in all of them.
const PAGES: [&str; 5] = ["lastpage", "numpages", "pagecount", "pages", "totalpages"];
const TOTAL: [&str; 6] = ["total", "totalcount", "totalelements", "totalitems", "totalrecords", "totalresults"];
/// Names of the part of an envelope that is about pages.
const PAGING: [&str; 8] = ["links", "meta", "metadata", "page", "pageinfo", "pagination", "paging", "resultinfo"];

/// What an envelope says about the list beside it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Paging {
    /// How it says that the list goes on.
    pub(super) more: More,
    /// The number of records in the list.
    pub(super) total: Option<u64>,
}

/// Returns what the parts of an envelope say about their list.
pub(super) fn paging(around: &[&Members<'_>]) -> Paging {
    let parts: Vec<Members<'_>> = around.iter().flat_map(|part| parts(part)).collect();
    // the list itself may have megabytes: only values of these names are read
    let stated = |names: &'static [&'static str]| {
        let named = parts.iter().flatten().filter(|(name, _)| names.contains(&plain(name).as_str()));
        named.map(|(_, value)| scalar(value.get()))
    };
    let number = |names| stated(names).find_map(|value| value.parse::<u64>().ok());
    let goes_on = stated(&MORE).any(|value| matches!(value.as_str(), "true" | "1" | "yes" | "y"))
        || stated(&LAST).any(|value| matches!(value.as_str(), "false" | "no" | "n"))
        || stated(&NEXT).any(|value| !is_nothing(&value));
    let more = if goes_on { More::Flag } else { number(&PAGES).map_or(More::Unsaid, More::Pages) };
    Paging { more, total: number(&TOTAL) }
}

/// Returns an envelope and the parts of it that are about pages, at any depth.
fn parts<'a>(envelope: &Members<'a>) -> Vec<Members<'a>> {
    let inner = envelope.iter().filter(|(name, _)| PAGING.contains(&plain(name).as_str()));
    let inner = inner.filter_map(|(_, value)| members(value.get())).flat_map(|part| parts(&part));
    // a cursor beside the records may be that of this page
    let inner = inner.map(|mut part| {
        let cursor = part.get("cursor").copied();
        part.extend(cursor.map(|cursor| ("next_cursor".to_owned(), cursor)));
        part
    });
    std::iter::once(envelope.clone()).chain(inner).collect()
}

/// Returns whether an envelope states a failure. A status without a list or a record beside it is that of a record.
pub(super) fn states_failure(envelope: &Members<'_>) -> bool {
    let is_around = ["data", "result"].iter().any(|name| envelope.contains_key(*name));
    envelope.iter().any(|(name, value)| {
        let (name, value) = (plain(name), || scalar(value.get()));
        match name.as_str() {
            name if SUCCESS.contains(&name) => matches!(value().as_str(), "false" | "0" | "no"),
            name if ERROR.contains(&name) => !is_nothing(&value()),
            "partial" => value() == "true",
            "status" => is_around && (FAILED.contains(&value().as_str()) || is_failed_status(&value())),
            "statuscode" | "httpstatus" => is_around && is_failed_status(&value()),
            _ => false,
        }
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
    let is_object = value.contains('{');
    let inner = value.trim_start_matches(['{', '[']).trim_end_matches(['}', ']']);
    let has_no_value = |member: &str| {
        let value = member.split_once(':').filter(|_| is_object).map_or(member, |(_, value)| value);
        matches!(value, "" | "null" | "false" | "0" | "none" | "ok")
    };
    inner.split(',').all(has_no_value)
}

fn is_failed_status(value: &str) -> bool {
    value.parse::<u32>().is_ok_and(|status| (400..600).contains(&status))
}
