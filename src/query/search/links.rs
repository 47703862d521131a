//! Where to read on from a text that was found.

use chrono::{DateTime, SecondsFormat, Utc};

use crate::query::cursor;
use crate::query::search::filter::HitKind;

/// Returns the address of a session on the page, at a second.
pub(super) fn page(session_id: i64, at: DateTime<Utc>) -> String {
    format!("/sessions/{session_id}?at={}#at", at.to_rfc3339_opts(SecondsFormat::Secs, true))
}

/// Returns the address of the list of the API that has a text, from the text on.
pub(super) fn api(kind: HitKind, session_id: i64, position: i32) -> String {
    let before = position.saturating_sub(1);
    let session = format!("/v1/sessions/{session_id}");
    match kind {
        HitKind::Message => {
            let cursor = cursor::encode(&format!("messages {session_id}"), &(before, char::MAX.to_string()));
            format!("{session}/messages?cursor={cursor}")
        }
        HitKind::Transcript => {
            let cursor = cursor::encode(&format!("transcript {session_id}"), &before);
            format!("{session}/transcript?cursor={cursor}")
        }
        HitKind::Summary => format!("{session}/summary"),
        HitKind::Title => format!("{session}?titles=true"),
    }
}
