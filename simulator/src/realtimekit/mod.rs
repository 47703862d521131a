//! RealtimeKit's answers: the list of sessions, one session, and its other records.

mod conventions;
mod daily_totals;
mod depth;

use self::conventions::{gateway_error, instant, not_found, one_of, paging, requested_page, success};
pub(super) use self::conventions::{quota_headers, too_many, unauthorized};
use crate::feed::{Bounds, Entry};
use crate::listing::{Call, Reply};

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

fn detail(call: &Call<'_>, id: &str) -> Result<Reply, Reply> {
    let found = call.feed.find(id, call.now).and_then(|key| call.feed.render(key, call.now));
    found.map(|json| success(&call.quirks.reshape(json))).ok_or_else(not_found)
}

fn list(call: &Call<'_>) -> Result<Reply, Reply> {
    let (index, per_page) = requested_page(call)?;
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
    let sessions =
        if call.list_fault.without_list_key { String::new() } else { format!("\"sessions\":[{}]", page.records) };
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
