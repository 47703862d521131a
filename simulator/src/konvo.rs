//! Konvo's answers: `GET /ai-sessions`.
//!
//! Status, state and messages are included on request only; without the flags their keys are absent, which must not
//! be read as "false" or "none". Newest sessions come first. The number of the first page and the time that the
//! filter compares are quirks: the documents do not state them, or contradict themselves.

use chrono::{DateTime, Utc};
use serde_json::json;

use crate::feed::Bounds;
use crate::listing::{Call, Reply};
use crate::quirks::edit_members;

const PATH: &str = "/ai-sessions";
const DEFAULT_LIMIT: usize = 50;
const MAX_LIMIT: usize = 200;

/// Answers a call with a valid key.
pub(super) fn answer(call: &Call<'_>) -> Reply {
    if call.posted.is_some() {
        return Reply::method_not_allowed();
    }
    if call.path != PATH {
        return message(404, "Not Found");
    }
    list(call).unwrap_or_else(|refusal| refusal)
}

/// Returns the answer to a missing or wrong key.
pub(super) fn unauthorized(_is_key_sent: bool) -> Reply {
    message(401, "Unauthorized")
}

/// Returns the answer to too many calls.
pub(super) fn too_many() -> Reply {
    message(429, "Too Many Requests")
}

fn message(status: u16, text: &str) -> Reply {
    Reply::json(status, json!({ "message": text }).to_string())
}

fn list(call: &Call<'_>) -> Result<Reply, Reply> {
    let first_page = call.quirks.first_page;
    let index = whole(call, "page")?.unwrap_or(first_page).saturating_sub(first_page);
    let limit = whole(call, "limit")?.unwrap_or(DEFAULT_LIMIT);
    if limit > MAX_LIMIT {
        return Err(message(400, "limit must not be greater than 200"));
    }
    if limit == 0 {
        return Err(message(400, "limit must not be less than 1"));
    }
    let bounds = Bounds { from: instant(call, "updated_at_min")?, to: instant(call, "updated_at_max")? };
    let mut entries = call.select(bounds);
    entries.reverse();
    let (with_messages, with_state) = (call.flag("messages"), call.flag("state"));
    let page = call.page(&entries, index, call.clamp_size(limit, MAX_LIMIT), |json| {
        if with_messages && with_state { json } else { without_unrequested(json, with_messages, with_state) }
    });
    let count = call.quirks.total_json(page.total).map(|count| format!("\"count\":{count}"));
    let result = (!call.list_fault.without_list_key).then(|| format!("\"result\":[{}]", page.records));
    let members: Vec<String> = count.into_iter().chain(result).collect();
    Ok(Reply::json(200, format!("{{{}}}", members.join(","))))
}

fn without_unrequested(json: String, with_messages: bool, with_state: bool) -> String {
    edit_members(json, |members| {
        members.retain(|name, _| match name.as_str() {
            "messages" => with_messages,
            "status" | "state" => with_state,
            _ => true,
        });
    })
}

fn whole(call: &Call<'_>, name: &str) -> Result<Option<usize>, Reply> {
    let Some(text) = call.parameter(name) else { return Ok(None) };
    text.parse().map(Some).map_err(|_| message(400, &format!("{name} must be an integer number")))
}

fn instant(call: &Call<'_>, name: &str) -> Result<Option<DateTime<Utc>>, Reply> {
    let Some(text) = call.parameter(name) else { return Ok(None) };
    let refused = |_| message(400, &format!("{name} must be a valid ISO 8601 date string"));
    DateTime::parse_from_rfc3339(text).map(|at| Some(at.with_timezone(&Utc))).map_err(refused)
}
