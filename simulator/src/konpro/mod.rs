//! KonPro's answers: `GET /v1/streaming/sessions` and `POST /v1/streaming/new`.
//!
//! Its errors look like those of a Python service: wrong parameters give 422 with the location of each, other errors
//! carry an `error` object. Newest sessions come first. Paging by token or by page number is a quirk, as is the form
//! of the list; KonPro's documents describe both.

mod start;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, NaiveDateTime, Utc};
use serde_json::json;

use crate::feed::Bounds;
use crate::listing::{Call, ListPage, Reply};
use crate::quirks::{KonproShape, edit_members};

const PATH: &str = "/v1/streaming/sessions";
const START_PATH: &str = "/v1/streaming/new";
const DEFAULT_PAGE_SIZE: usize = 10;
const MAX_PAGE_SIZE: usize = 100;
const STATUSES: [&str; 3] = ["new", "connecting", "connected"];

/// Answers a call with a valid key.
pub(super) fn answer(call: &Call<'_>) -> Reply {
    let answer = match (call.path, call.posted) {
        (PATH, None) => list(call),
        (START_PATH, Some(posted)) => start::answer(call, posted),
        (PATH | START_PATH, _) => Ok(Reply::method_not_allowed()),
        _ => Err(Reply::json(404, r#"{"detail":"Not Found"}"#)),
    };
    answer.unwrap_or_else(|refusal| refusal)
}

/// Returns the answer to a missing or wrong key.
pub(super) fn unauthorized(is_key_sent: bool) -> Reply {
    let (code, message) = if is_key_sent {
        ("INVALID_API_KEY", "API key is invalid or expired")
    } else {
        ("MISSING_API_KEY", "API key is required")
    };
    error(401, code, message)
}

/// Returns the answer to too many calls.
pub(super) fn too_many() -> Reply {
    error(429, "RATE_LIMIT_EXCEEDED", "Too many requests")
}

fn error(status: u16, code: &str, message: &str) -> Reply {
    let body = json!({"error": {"code": code, "message": message, "request_id": "req_simulated"}});
    Reply::json(status, body.to_string())
}

fn list(call: &Call<'_>) -> Result<Reply, Reply> {
    let page = whole(call, "page", 1, usize::MAX)?.unwrap_or(1);
    let size = whole(call, "page_size", 1, MAX_PAGE_SIZE)?.unwrap_or(DEFAULT_PAGE_SIZE);
    let size = call.clamp_size(size, MAX_PAGE_SIZE);
    let bounds = Bounds { from: instant(call, "date_from")?, to: instant(call, "date_to")? };
    let index = match call.parameter("token").filter(|_| call.quirks.token_paging) {
        Some(token) => page_of(token)
            .ok_or_else(|| Reply::json(400, r#"{"code":400175,"message":"Invalid parameter","data":null}"#))?,
        None => page - 1,
    };
    let mut entries = call.select(bounds);
    if let Some(status) = call.parameter("status") {
        if !STATUSES.contains(&status) {
            return Err(invalid("status", "Input should be 'new', 'connecting' or 'connected'", "enum", status));
        }
        call.retain_status(&mut entries, status);
    }
    entries.reverse();
    let page = match call.quirks.konpro_shape {
        KonproShape::Sessions => call.page(&entries, index, size, three_fields),
        KonproShape::History | KonproShape::Wrapped => call.page(&entries, index, size, |json| json),
    };
    Ok(Reply::json(200, render(call, &page, size)))
}

fn render(call: &Call<'_>, page: &ListPage, size: usize) -> String {
    let list = |key: &str| {
        if call.list_fault.without_list_key { String::new() } else { format!("\"{key}\":[{}]", page.records) }
    };
    if call.quirks.konpro_shape == KonproShape::Sessions {
        return format!("{{{}}}", list("sessions"));
    }
    let next = match call.list_fault.page_cycle.map(|length| (page.index + 1) % length.max(1)) {
        Some(next) if call.quirks.token_paging => token_of(next),
        None if call.quirks.token_paging && page.has_next => token_of(page.index + 1),
        None if call.quirks.token_paging && call.quirks.token_on_last_page && page.len > 0 => token_of(page.index + 1),
        _ => "null".to_owned(),
    };
    let total = call.quirks.total_json(page.total).map(|total| format!("\"total\":{total}"));
    let number = format!("\"page\":{},\"page_size\":{size},\"next_pagination_token\":{next}", page.index + 1);
    let members: Vec<String> =
        total.into_iter().chain([number, list("data")]).filter(|member| !member.is_empty()).collect();
    let body = format!("{{{}}}", members.join(","));
    match call.quirks.konpro_shape {
        KonproShape::Wrapped => format!(r#"{{"code":100,"message":"success","data":{body}}}"#),
        KonproShape::History | KonproShape::Sessions => body,
    }
}

fn three_fields(json: String) -> String {
    edit_members(json, |members| {
        members.retain(|name, _| ["session_id", "status", "created_at"].contains(&name.as_str()));
    })
}

/// Returns `"eyJwIjoyfQ=="`, quotes included, for the page of index 1.
fn token_of(index: usize) -> String {
    format!("\"{}\"", STANDARD.encode(format!("{{\"p\":{}}}", index + 1)))
}

fn page_of(token: &str) -> Option<usize> {
    let bytes = STANDARD.decode(token).ok()?;
    let page: serde_json::Value = serde_json::from_slice(&bytes).ok()?;
    usize::try_from(page.get("p")?.as_u64()?).ok()?.checked_sub(1)
}

fn whole(call: &Call<'_>, name: &str, least: usize, most: usize) -> Result<Option<usize>, Reply> {
    let Some(text) = call.parameter(name) else { return Ok(None) };
    let Ok(number) = text.parse::<i64>() else {
        let message = "Input should be a valid integer, unable to parse string as an integer";
        return Err(invalid(name, message, "int_parsing", text));
    };
    match usize::try_from(number) {
        Ok(number) if number > most => {
            Err(invalid(name, &format!("Input should be less than or equal to {most}"), "less_than_equal", text))
        }
        Ok(number) if number >= least => Ok(Some(number)),
        _ => {
            let message = format!("Input should be greater than or equal to {least}");
            Err(invalid(name, &message, "greater_than_equal", text))
        }
    }
}

/// Parses a time; accepts only the documented form: whole seconds and `Z`.
fn instant(call: &Call<'_>, name: &str) -> Result<Option<DateTime<Utc>>, Reply> {
    let Some(text) = call.parameter(name) else { return Ok(None) };
    match NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%SZ") {
        Ok(at) => Ok(Some(at.and_utc())),
        Err(_) => Err(invalid(name, "Input should be a valid datetime", "datetime_parsing", text)),
    }
}

fn invalid(name: &str, message: &str, kind: &str, input: &str) -> Reply {
    let body = json!({"detail": [{"loc": ["query", name], "msg": message, "type": kind, "input": input}]});
    Reply::json(422, body.to_string())
}
