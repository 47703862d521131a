//! Normalization of RealtimeKit records.
//!
//! The vendor states start, end and metered minutes; the minutes behave like the sum of all participants' time and
//! are provisional while a session is live. A breakout room names its parent: both may be listed, and only one of
//! them belongs in a sum. Pure functions; this module knows neither envelopes nor calls.

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;

use crate::connector::record::{DriftItems, Fields};
use crate::model::field::{FieldPresence, WatchedField};
use crate::model::id::ProviderRecordId;
use crate::model::page::Reject;
use crate::model::session::{EndSource, Extension, ExtensionTable, Session, SessionKind, SessionState};
use crate::model::session_outcome::SessionOutcome;

/// RealtimeKit's own columns.
static EXTENSION: ExtensionTable = ExtensionTable {
    name: "realtimekit_sessions",
    columns: &[
        ("app_id", "text"),
        ("meeting_id", "text"),
        ("meeting_title", "text"),
        ("session_type", "text"),
        ("live_participants", "int"),
        ("total_participants", "int"),
        ("recording_status", "text"),
    ],
};

/// All fields of a record, used or not, including known undocumented ones. `meta` and `settings` are free-form
/// objects.
const FIELDS: [&str; 27] = [
    "associated_id",
    "audio_room_minutes_consumed",
    "breakout_rooms",
    "chat_minutes_consumed",
    "created_at",
    "ended_at",
    "group_call_minutes_consumed",
    "id",
    "live_participants",
    "livestream_minutes_consumed",
    "livestream_status",
    "max_concurrent_participants",
    "meeting_display_name",
    "meta",
    "minutes_consumed",
    "organization_id",
    "parent_session_id",
    "recording_minutes_consumed",
    "recording_status",
    "settings",
    "started_at",
    "status",
    "total_participants",
    "transcription_minutes_consumed",
    "type",
    "updated_at",
    "webinar_minutes_consumed",
];

/// The fields that metrics depend on. Those of the end are expected in ended sessions.
static WATCHED: [WatchedField; 8] = [
    WatchedField::of_record("/status"),
    WatchedField::of_record("/type"),
    WatchedField::of_record("/associated_id"),
    WatchedField::of_record("/updated_at"),
    WatchedField::of_record("/started_at"),
    WatchedField::of_record("/ended_at"),
    WatchedField::of_record("/minutes_consumed"),
    WatchedField::of_record("/max_concurrent_participants"),
];

/// Reads one record.
pub(super) fn session(raw: &str, drift: &DriftItems) -> Result<Session, Reject> {
    let fields = Fields::open(raw, drift)?;
    fields.expect(&FIELDS);
    let provider_session_id = fields.required_id("id")?;
    let created_at = fields.required_instant("created_at", &provider_session_id)?;
    let given_start = fields.instant("started_at");
    let started_at = given_start.unwrap_or(created_at);
    let provider_status = fields.text("status");
    let state = state(&fields, provider_status.as_deref());
    // An unknown status hides the state, and must not hide an end that the provider states.
    let ended_at = fields.instant("ended_at").filter(|_| state != SessionState::Live);
    let updated_at = fields.instant("updated_at");
    let associated_id = fields.text("associated_id");
    let count = |name| fields.count(name).map(|count| count.to_string());
    let session_type = fields.text("type");
    let provider_minutes = fields.amount("minutes_consumed");
    let max_concurrent_participants = fields.count("max_concurrent_participants");
    let parent = parent(&fields, &provider_session_id, drift);
    let is_over = state == SessionState::Ended || ended_at.is_some();
    let found = [
        Some(provider_status.is_some()),
        Some(session_type.is_some()),
        Some(associated_id.is_some()),
        Some(updated_at.is_some()),
        is_over.then_some(given_start.is_some()),
        is_over.then_some(ended_at.is_some()),
        is_over.then_some(provider_minutes.is_some()),
        is_over.then_some(max_concurrent_participants.is_some()),
    ];
    Ok(Session {
        provider_session_id,
        kind: kind(&fields, session_type.as_deref()),
        provider_status,
        state,
        outcome: SessionOutcome::NotApplicable,
        is_flagged_unresolved: None,
        channel: None,
        identities: Vec::new(),
        parent_provider_session_id: parent,
        group_key: associated_id.clone(),
        created_at,
        started_at,
        ended_at,
        ended_at_source: ended_at.map(|_| EndSource::Provider),
        completed_at: None,
        last_activity_at: ended_at.or(updated_at),
        duration_seconds: ended_at.and_then(|ended_at| duration_seconds(started_at, ended_at, drift)),
        provider_minutes,
        max_concurrent_participants,
        provider_updated_at: updated_at,
        extension: Some(Extension {
            table: &EXTENSION,
            values: vec![
                fields.text("organization_id"),
                associated_id,
                fields.text("meeting_display_name"),
                session_type,
                count("live_participants"),
                count("total_participants"),
                fields.text("recording_status"),
            ],
        }),
        messages: None,
        trail: None,
        is_partial: false,
        fields: FieldPresence::of(&WATCHED, &found),
    })
}

/// Returns the state. LIVE and ENDED are documented. SCHEDULED was seen in one client only, without documentation of
/// whether such a session begins: it is unknown, kept and counted, like any further word.
fn state(fields: &Fields<'_>, status: Option<&str>) -> SessionState {
    match status.map(|status| status.trim().to_ascii_uppercase()).as_deref() {
        Some("LIVE") => SessionState::Live,
        Some("ENDED") => SessionState::Ended,
        _ => {
            fields.unknown_value("status", status.unwrap_or_default());
            SessionState::Unknown
        }
    }
}

/// Returns the kind: everything but a broadcast is a meeting, including unknown types.
fn kind(fields: &Fields<'_>, session_type: Option<&str>) -> SessionKind {
    match session_type.map(|session_type| session_type.trim().to_ascii_lowercase()).as_deref() {
        Some("livestream") => SessionKind::Livestream,
        Some("meeting" | "participant") => SessionKind::Meeting,
        _ => {
            fields.unknown_value("type", session_type.unwrap_or_default());
            SessionKind::Meeting
        }
    }
}

/// Returns the parent's id, if it could be the id of another session.
fn parent(fields: &Fields<'_>, own: &ProviderRecordId, drift: &DriftItems) -> Option<String> {
    let text = fields.text("parent_session_id")?;
    if text == own.as_str() || ProviderRecordId::parse(&text).is_err() {
        drift.count("unreadable_value", "/parent_session_id", "");
        return None;
    }
    Some(text)
}

/// Returns the time from start to end. An end before the beginning is counted and gives no duration.
fn duration_seconds(started_at: DateTime<Utc>, ended_at: DateTime<Utc>, drift: &DriftItems) -> Option<Decimal> {
    let micros = (ended_at - started_at).num_microseconds()?;
    if micros < 0 {
        drift.count("unreadable_value", "/ended_at", "before started_at");
        return None;
    }
    Some(Decimal::new(micros, 6).normalize())
}
