//! Conventions of all RealtimeKit calls: parameters, paging, envelopes.
//!
//! Errors have three envelopes: RealtimeKit's own, a bare message, and Cloudflare's general one for requests that the
//! gateway refuses. Row numbers of a page count from 1, both ends included; whether page numbers do is a quirk. Large
//! pages are cut silently. Every answer includes the number of calls left.

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::listing::{Call, ListPage, Reply};
use crate::quirks::Quirks;

const DEFAULT_PER_PAGE: usize = 20;
const MAX_PER_PAGE: usize = 100;

/// Returns the answer to a missing key (the service's own format) or a wrong one (the gateway's).
pub(crate) fn unauthorized(is_key_sent: bool) -> Reply {
    if is_key_sent {
        return gateway_error(401, 10000, "Authentication error");
    }
    Reply::json(401, r#"{"message":"Unauthorized"}"#)
}

/// Returns the answer to too many calls.
pub(crate) fn too_many() -> Reply {
    gateway_error(429, 10429, "Rate limited")
}

/// Returns the headers of every answer: calls left, seconds until the window ends, and the quota.
pub(crate) fn quota_headers(left: u32, reset_seconds: i64, quirks: &Quirks) -> [(String, String); 2] {
    let (quota, window) = (quirks.calls_per_window, quirks.calls_window_seconds);
    [
        ("ratelimit".to_owned(), format!("\"default\";r={left};t={reset_seconds}")),
        ("ratelimit-policy".to_owned(), format!("\"default\";q={quota};w={window}")),
    ]
}

pub(super) fn gateway_error(status: u16, code: u32, message: &str) -> Reply {
    let body =
        json!({"success": false, "errors": [{"code": code, "message": message}], "messages": [], "result": null});
    Reply::json(status, body.to_string())
}

pub(super) fn error(status: u16, message: &str) -> Reply {
    Reply::json(status, json!({"success": false, "error": {"code": status, "message": message}}).to_string())
}

pub(super) fn not_found() -> Reply {
    error(404, "Error: resource not found")
}

pub(super) fn success(data: &str) -> Reply {
    Reply::json(200, format!(r#"{{"success":true,"data":{data}}}"#))
}

/// Returns the requested page, from 0, and its size.
pub(super) fn requested_page(call: &Call<'_>) -> Result<(usize, usize), Reply> {
    let first_page = call.quirks.first_page;
    let index = whole(call, "page_no")?.unwrap_or(first_page).saturating_sub(first_page);
    let per_page = whole(call, "per_page")?.filter(|size| *size > 0).unwrap_or(DEFAULT_PER_PAGE);
    Ok((index, call.clamp_size(per_page, MAX_PER_PAGE)))
}

/// Returns the row numbers of a page, and the number of rows.
pub(super) fn paging(call: &Call<'_>, page: &ListPage) -> String {
    let (start, end) = if page.len == 0 { (0, 0) } else { (page.offset + 1, page.offset + page.len) };
    let total = call.quirks.total_json(page.total);
    let total = total.map_or_else(String::new, |total| format!("\"total_count\":{total},"));
    format!("{{{total}\"start_offset\":{start},\"end_offset\":{end}}}")
}

pub(super) fn one_of<'a>(call: &'a Call<'_>, name: &str, accepted: &[&str]) -> Result<Option<&'a str>, Reply> {
    match call.parameter(name) {
        Some(given) if !accepted.contains(&given) => {
            Err(error(400, &format!("BAD_REQUEST: \"{name}\" must be one of [{}]", accepted.join(", "))))
        }
        given => Ok(given),
    }
}

pub(super) fn whole(call: &Call<'_>, name: &str) -> Result<Option<usize>, Reply> {
    let Some(text) = call.parameter(name) else { return Ok(None) };
    text.parse().map(Some).map_err(|_| error(400, &format!("BAD_REQUEST: \"{name}\" must be a number")))
}

pub(super) fn instant(call: &Call<'_>, name: &str) -> Result<Option<DateTime<Utc>>, Reply> {
    let Some(text) = call.parameter(name) else { return Ok(None) };
    let refused = |_| error(400, &format!("BAD_REQUEST: \"{name}\" must be a valid ISO 8601 date"));
    DateTime::parse_from_rfc3339(text).map(|at| Some(at.with_timezone(&Utc))).map_err(refused)
}
