//! RealtimeKit's answers about one session: participants, links to files, summaries, reports.
//!
//! Names of members are spelt inconsistently, as in the documents. Links lead to another host.

use serde_json::{Value, json};

use super::conventions::{error, not_found, one_of, paging, requested_page, success};
use crate::distributions::iso;
use crate::feed::{FileKind, FileRequest, FileState, Report};
use crate::listing::{Call, Reply};
use crate::quirks::{ParticipantsPaging, PeerReport};
use crate::signed_link::{SignedLink, sign};

/// Returns the key of the session with that id.
fn session(call: &Call<'_>, id: &str) -> Result<usize, Reply> {
    call.feed.find(id, call.now).ok_or_else(not_found)
}

/// Returns a member of a record as text.
fn member(json: &str, name: &str) -> String {
    let record: Value = serde_json::from_str(json).unwrap_or_default();
    let value = &record[name];
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// `GET …/sessions/{id}/participants`.
pub(super) fn participants(call: &Call<'_>, id: &str) -> Result<Reply, Reply> {
    let key = session(call, id)?;
    let (index, per_page) = requested_page(call)?;
    one_of(call, "view", &["raw", "consolidated"])?;
    let mut records = call.feed.presences(key, call.now, call.flag("include_peer_events"));
    if let Some(wanted) = call.parameter("search") {
        records.retain(|json| json.contains(wanted));
    }
    match one_of(call, "sort_by", &["joinedAt", "duration"])? {
        Some("duration") => {
            // Never negative, so bits sort as numbers.
            records.sort_by_cached_key(|json| member(json, "duration").parse::<f64>().unwrap_or(0.0).to_bits());
        }
        Some(_) => records.sort_by_cached_key(|json| member(json, "joined_at")),
        None => {}
    }
    if one_of(call, "sort_order", &["ASC", "DESC"])? == Some("DESC") {
        records.reverse();
    }
    let page = call.page_of(&records, index, per_page, |json| Some(json.clone()));
    let mut members: Vec<String> = Vec::new();
    if !call.list_fault.without_list_key {
        members.push(format!("\"participants\":[{}]", page.records));
    }
    let paging = paging(call, &page);
    let beside = match call.quirks.participants_paging {
        ParticipantsPaging::InsideData => {
            members.push(format!("\"paging\":{paging}"));
            String::new()
        }
        ParticipantsPaging::BesideData => format!(",\"paging\":{paging}"),
        ParticipantsPaging::Absent => String::new(),
    };
    Ok(Reply::json(200, format!(r#"{{"success":true,"data":{{{}}}{beside}}}"#, members.join(","))))
}

/// `GET …/sessions/{id}/participants/{peer_id}`.
pub(super) fn participant(call: &Call<'_>, id: &str, peer_id: &str) -> Result<Reply, Reply> {
    let records = call.feed.presences(session(call, id)?, call.now, call.flag("include_peer_events"));
    let found = records.into_iter().find(|json| member(json, "id") == peer_id).ok_or_else(not_found)?;
    Ok(success(&format!(r#"{{"participant":{}}}"#, call.quirks.reshape(found))))
}

/// `GET …/sessions/{id}/chat`, `…/transcript`, `…/summary`.
pub(super) fn link(call: &Call<'_>, id: &str, name: &str) -> Result<Reply, Reply> {
    let key = session(call, id)?;
    let kind = FileKind::ALL.into_iter().find(|kind| kind.as_str() == name).ok_or_else(not_found)?;
    let format = match kind {
        FileKind::Transcript => one_of(call, "format", &["CSV", "JSON", "SRT", "VTT"])?.unwrap_or("CSV"),
        FileKind::Chat | FileKind::Summary => "",
    };
    let request = FileRequest { kind, format, now: call.now, quirks: call.quirks };
    let link = match call.feed.file_state(key, request) {
        FileState::Absent => return Err(not_found()),
        FileState::NoLink => None,
        FileState::Ready => Some(sign(call.files_base_url, id, request)),
    };
    let (url, expiry) = match link {
        Some(SignedLink { url, expires_at }) => (Some(url), Some(iso(expires_at))),
        None => (None, None),
    };
    let data = match kind {
        FileKind::Chat => json!({"chat_download_url": url, "chat_download_url_expiry": expiry}),
        FileKind::Transcript => {
            json!({"sessionId": id, "transcript_download_url": url, "transcript_download_url_expiry": expiry})
        }
        FileKind::Summary => json!({"sessionId": id, "summaryDownloadUrl": url, "summaryDownloadUrlExpiry": expiry}),
    };
    Ok(success(&data.to_string()))
}

/// `POST …/sessions/{id}/summary`.
pub(super) fn request_summary(call: &Call<'_>, id: &str) -> Result<Reply, Reply> {
    let key = session(call, id)?;
    let request = FileRequest { kind: FileKind::Summary, format: "", now: call.now, quirks: call.quirks };
    if !call.feed.request_summary(key, request) {
        return Err(error(400, "BAD_REQUEST: the session has no transcript"));
    }
    Ok(success(&json!({"session_id": id, "status": "QUEUED"}).to_string()))
}

/// `GET …/sessions/peer-report/{peer_id}`.
pub(super) fn peer_report(call: &Call<'_>, peer_id: &str) -> Result<Reply, Reply> {
    const FILTERS: [&str; 5] =
        ["device_info", "ip_information", "precall_network_information", "events", "quality_stats"];
    let filter = one_of(call, "filters", &FILTERS)?;
    let report = call.feed.report(peer_id, call.now).ok_or_else(not_found)?;
    let (session_id, presence, statistics) = match report {
        Report::Verbatim(data) => return Ok(success(&data)),
        Report::Parts { session_id, presence, statistics } => (session_id, presence, statistics),
    };
    let mut participant: Value = serde_json::from_str(&presence).unwrap_or_default();
    let mut statistics: Value = serde_json::from_str(&statistics).unwrap_or_default();
    if let Some(filter) = filter.filter(|_| statistics.get("quality").is_some()) {
        statistics = only(&statistics, filter);
    }
    let shape = call.quirks.peer_report;
    if let (PeerReport::Nested, Some(members)) = (shape, participant.as_object_mut()) {
        // The newer shape calls the preset a role.
        let preset = members.remove("preset_name").unwrap_or_default();
        members.insert("role".to_owned(), preset);
    }
    participant["session_id"] = json!(session_id);
    participant["peer_report"] = statistics;
    let data = match shape {
        PeerReport::Nested => json!({"participant": participant}),
        PeerReport::Flat => participant,
    };
    Ok(success(&data.to_string()))
}

/// Returns the part of a report that a filter selects.
fn only(statistics: &Value, filter: &str) -> Value {
    match filter {
        "quality_stats" => json!({"quality": statistics["quality"]}),
        "precall_network_information" => json!({"metadata": {"pc_metadata": statistics["metadata"]["pc_metadata"]}}),
        part => json!({"metadata": {part: statistics["metadata"][part]}}),
    }
}
