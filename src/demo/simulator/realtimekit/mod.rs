//! RealtimeKit's answers: the list of sessions, one session, and its other records.
//!
//! Errors have three envelopes: RealtimeKit's own, a bare message, and Cloudflare's general one for requests that the
//! gateway refuses. Row numbers of a page count from 1, both ends included; whether page numbers do is a quirk. Large
//! pages are cut silently. Every answer includes the number of calls left.

mod daily_totals;
mod depth;

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::demo::simulator::feed::Entry;
use crate::demo::simulator::listing::{Bounds, Call, ListPage, Reply};
use crate::demo::simulator::quirks::Quirks;

const DEFAULT_PER_PAGE: usize = 20;
const MAX_PER_PAGE: usize = 100;

/// Answers a call with a valid key.
pub(super) fn answer(call: &Call<'_>) -> Reply {
    let parts: Vec<&str> = call.path.trim_start_matches('/').split('/').collect();
    if let (["accounts", _, "realtime", "kit", _, "analytics", "daywise"], None) = (parts.as_slice(), call.posted) {
        return daily_totals::answer(call).unwrap_or_else(|refusal| refusal);
    }
    let below = match parts.as_slice() {
        ["accounts", _, "realtime", "kit", _, "sessions", below @ ..] => Some(below),
        _ => None,
    };
    let answer = match (below, call.posted) {
        (Some([id, "summary"]), Some(_)) => depth::request_summary(call, id),
        (Some([] | [_] | [_, _] | [_, _, _]), Some(_)) => Ok(Reply::method_not_allowed()),
        (Some([]), None) => list(call),
        (Some(["peer-report", peer_id]), None) => depth::peer_report(call, peer_id),
        (Some([id]), None) => detail(call, id),
        (Some([id, "participants"]), None) => depth::participants(call, id),
        (Some([id, "participants", peer_id]), None) => depth::participant(call, id, peer_id),
        (Some([id, name @ ("chat" | "transcript" | "summary")]), None) => depth::link(call, id, name),
        _ => Err(gateway_error(
            404,
            7003,
            "Could not route to the requested path, perhaps your object identifier is invalid?",
        )),
    };
    answer.unwrap_or_else(|refusal| refusal)
}

/// Returns the answer to a missing key (the service's own format) or a wrong one (the gateway's).
pub(super) fn unauthorized(is_key_sent: bool) -> Reply {
    if is_key_sent {
        return gateway_error(401, 10000, "Authentication error");
    }
    Reply::json(401, r#"{"message":"Unauthorized"}"#)
}

/// Returns the answer to too many calls.
pub(super) fn too_many() -> Reply {
    gateway_error(429, 10429, "Rate limited")
}

/// Returns the headers of every answer: calls left, seconds until the window ends, and the quota.
pub(super) fn quota_headers(left: u32, reset_seconds: i64, quirks: &Quirks) -> [(String, String); 2] {
    let (quota, window) = (quirks.calls_per_window, quirks.calls_window_seconds);
    [
        ("ratelimit".to_owned(), format!("\"default\";r={left};t={reset_seconds}")),
        ("ratelimit-policy".to_owned(), format!("\"default\";q={quota};w={window}")),
    ]
}

fn gateway_error(status: u16, code: u32, message: &str) -> Reply {
    let body =
        json!({"success": false, "errors": [{"code": code, "message": message}], "messages": [], "result": null});
    Reply::json(status, body.to_string())
}

fn error(status: u16, message: &str) -> Reply {
    Reply::json(status, json!({"success": false, "error": {"code": status, "message": message}}).to_string())
}

fn not_found() -> Reply {
    error(404, "Error: resource not found")
}

fn success(data: &str) -> Reply {
    Reply::json(200, format!(r#"{{"success":true,"data":{data}}}"#))
}

fn detail(call: &Call<'_>, id: &str) -> Result<Reply, Reply> {
    let found = call.feed.find(id, call.now).and_then(|key| call.feed.render(key, call.now));
    found.map(|json| success(&call.quirks.reshape(json))).ok_or_else(not_found)
}

/// Returns the requested page, from 0, and its size.
fn page_asked_for(call: &Call<'_>) -> Result<(usize, usize), Reply> {
    let first_page = call.quirks.first_page;
    let index = whole(call, "page_no")?.unwrap_or(first_page).saturating_sub(first_page);
    let per_page = whole(call, "per_page")?.filter(|size| *size > 0).unwrap_or(DEFAULT_PER_PAGE);
    Ok((index, call.clamp_size(per_page, MAX_PER_PAGE)))
}

/// Returns the row numbers of a page, and the number of rows.
fn paging(call: &Call<'_>, page: &ListPage) -> String {
    let (start, end) = if page.len == 0 { (0, 0) } else { (page.offset + 1, page.offset + page.len) };
    let total = call.quirks.total_json(page.total);
    let total = total.map_or_else(String::new, |total| format!("\"total_count\":{total},"));
    format!("{{{total}\"start_offset\":{start},\"end_offset\":{end}}}")
}

fn list(call: &Call<'_>) -> Result<Reply, Reply> {
    let (index, per_page) = page_asked_for(call)?;
    let bounds = Bounds { from: instant(call, "start_time")?, to: instant(call, "end_time")? };
    let mut entries = call.select(bounds);
    if let Some(status) = one_of(call, "status", &["LIVE", "ENDED"])? {
        call.retain_status(&mut entries, status);
    }
    if one_of(call, "sort_by", &["createdAt", "minutesConsumed"])? == Some("minutesConsumed") {
        sort_by_minutes(call, &mut entries);
    }
    if one_of(call, "sort_order", &["ASC", "DESC"])? != Some("ASC") {
        entries.reverse();
    }
    let page = call.page(&entries, index, per_page, |json| json);
    let sessions = if call.bend.without_list_key { String::new() } else { format!("\"sessions\":[{}]", page.records) };
    let paging = paging(call, &page);
    Ok(Reply::json(200, format!(r#"{{"success":true,"data":{{{sessions}}},"paging":{paging}}}"#)))
}

/// Sorts by minutes. Renders all matching records; regular polls do not use this order.
fn sort_by_minutes(call: &Call<'_>, entries: &mut [Entry]) {
    let minutes = |entry: &Entry| {
        let text = call.member(entry.key, "minutes_consumed");
        text.and_then(|text| text.parse::<f64>().ok()).unwrap_or(0.0)
    };
    entries.sort_by_cached_key(|entry| minutes(entry).to_bits()); // never negative, so bits sort as numbers
}

fn one_of<'a>(call: &'a Call<'_>, name: &str, accepted: &[&str]) -> Result<Option<&'a str>, Reply> {
    match call.parameter(name) {
        Some(given) if !accepted.contains(&given) => {
            Err(error(400, &format!("BAD_REQUEST: \"{name}\" must be one of [{}]", accepted.join(", "))))
        }
        given => Ok(given),
    }
}

fn whole(call: &Call<'_>, name: &str) -> Result<Option<usize>, Reply> {
    let Some(text) = call.parameter(name) else { return Ok(None) };
    text.parse().map(Some).map_err(|_| error(400, &format!("BAD_REQUEST: \"{name}\" must be a number")))
}

fn instant(call: &Call<'_>, name: &str) -> Result<Option<DateTime<Utc>>, Reply> {
    let Some(text) = call.parameter(name) else { return Ok(None) };
    let refused = |_| error(400, &format!("BAD_REQUEST: \"{name}\" must be a valid ISO 8601 date"));
    DateTime::parse_from_rfc3339(text).map(|at| Some(at.with_timezone(&Utc))).map_err(refused)
}
