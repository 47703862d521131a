//! Normalization of KonPro records.
//!
//! The vendor states no end and no final status: a session keeps its last one for ever. So the end is the creation
//! plus the duration, and it is compared with the present. Pure functions: the same record at the same instant gives
//! the same session. This module knows neither envelopes nor calls.

use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

use crate::connector::record::{self, DriftItems, Fields};
use crate::model::field::{FieldPresence, WatchedField};
use crate::model::page::Reject;
use crate::model::session::{
    EndSource, Extension, ExtensionTable, Session, SessionKind, SessionState, is_possible_time,
};
use crate::model::session_outcome::SessionOutcome;
use crate::model::time;

/// Age after which a session that has not connected counts as never started.
const NEVER_STARTED_AFTER: TimeDelta = TimeDelta::minutes(15);
/// Longest lag of the duration of a running session.
const DURATION_LAG: TimeDelta = TimeDelta::minutes(5);
/// Longest session; a connected one without a duration counts as over after it.
const LONGEST_SESSION: TimeDelta = TimeDelta::hours(24);

/// KonPro's own columns.
static EXTENSION: ExtensionTable = ExtensionTable {
    name: "konpro_sessions",
    columns: &[("avatar_id", "text"), ("voice_name", "text"), ("api_key_type", "text")],
};

/// All fields of a record, used or not.
const FIELDS: [&str; 7] = ["api_key_type", "avatar_id", "created_at", "duration", "session_id", "status", "voice_name"];

/// The fields that metrics depend on.
static WATCHED: [WatchedField; 3] =
    [WatchedField::of_record("/status"), WatchedField::of_record("/avatar_id"), WatchedField::of_record("/duration")];

/// Reads one record as of `now`; `is_partial` where it comes from the list of active sessions.
pub(super) fn session(raw: &str, now: DateTime<Utc>, is_partial: bool, drift: &DriftItems) -> Result<Session, Reject> {
    let fields = Fields::open(raw, drift)?;
    fields.expect(&FIELDS);
    let provider_session_id = fields.required_id("session_id")?;
    let created_at = fields.required_instant("created_at", &provider_session_id)?;
    let provider_status = fields.text("status");
    let (duration, end) = length(&fields, created_at, now, drift).unzip();
    let ran_until = end.filter(|end| *end > created_at);
    let state = match state(provider_status.as_deref(), created_at, ran_until, now) {
        SessionState::Unknown => SessionState::Unknown,
        // the list of active sessions states no duration: presence in it means live
        _ if is_partial => SessionState::Live,
        state => state,
    };
    if state == SessionState::Unknown {
        fields.unknown_value("status", provider_status.as_deref().unwrap_or_default());
    }
    // An unknown status hides the state, and must not hide an end that the duration puts in the past.
    let is_over = match state {
        SessionState::Ended => true,
        SessionState::Unknown => ran_until.is_some_and(|end| is_past(end, now)),
        _ => false,
    };
    let ended_at = end.filter(|_| is_over);
    let duration_seconds = match state {
        SessionState::NeverStarted => duration,
        _ => duration.filter(|_| is_over),
    };
    let avatar_id = fields.text("avatar_id");
    // the duration of a young session may be missing, and one that never connected has none
    let has_run = now - created_at > NEVER_STARTED_AFTER && state != SessionState::NeverStarted;
    let found = [
        Some(provider_status.is_some()),
        (!is_partial).then_some(avatar_id.is_some()),
        (!is_partial && has_run).then_some(duration.is_some()),
    ];
    Ok(Session {
        provider_session_id,
        kind: SessionKind::Avatar,
        provider_status,
        state,
        outcome: SessionOutcome::NotApplicable,
        is_flagged_unresolved: None,
        channel: None,
        identities: Vec::new(),
        parent_provider_session_id: None,
        group_key: avatar_id.clone(),
        created_at,
        started_at: created_at,
        ended_at,
        ended_at_source: ended_at.map(|_| EndSource::Duration),
        completed_at: None,
        last_activity_at: ran_until,
        duration_seconds,
        provider_minutes: duration.and_then(|seconds| seconds.checked_div(Decimal::from(60))).map(record::round),
        max_concurrent_participants: None,
        provider_updated_at: None,
        extension: Some(Extension {
            table: &EXTENSION,
            values: vec![avatar_id, fields.text("voice_name"), fields.text("api_key_type")],
        }),
        messages: None,
        trail: None,
        is_partial,
        fields: FieldPresence::of(&WATCHED, &found),
    })
}

/// Returns the duration in seconds and the resulting end. A duration that leads past the present is a mistake, such as
/// one of units: it is counted and left out.
fn length(
    fields: &Fields<'_>,
    created_at: DateTime<Utc>,
    now: DateTime<Utc>,
    drift: &DriftItems,
) -> Option<(Decimal, DateTime<Utc>)> {
    let seconds = fields.amount("duration")?;
    let micros = seconds.checked_mul(Decimal::from(1_000_000)).and_then(|micros| micros.trunc().to_i64());
    let end = micros.and_then(|micros| created_at.checked_add_signed(TimeDelta::microseconds(micros)));
    let end = end.and_then(time::sane).filter(|end| is_possible_time(*end, now));
    if end.is_none() {
        drift.count("unreadable_value", "/duration", "");
    }
    Some((seconds, end?))
}

fn is_past(end: DateTime<Utc>, now: DateTime<Utc>) -> bool {
    end < now - DURATION_LAG
}

/// Returns the state by status, age and the end of the duration (`None`: no duration, or zero).
fn state(
    status: Option<&str>,
    created_at: DateTime<Utc>,
    ran_until: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> SessionState {
    let age = now - created_at;
    let status = status.map(|status| status.trim().to_ascii_lowercase());
    match (status.as_deref(), ran_until) {
        (Some("new" | "connecting"), None) if age > NEVER_STARTED_AFTER => SessionState::NeverStarted,
        (Some("connected"), None) if age >= LONGEST_SESSION => SessionState::Ended,
        (Some("new" | "connecting" | "connected"), Some(end)) if is_past(end, now) => SessionState::Ended,
        (Some("new" | "connecting" | "connected"), _) => SessionState::Live,
        _ => SessionState::Unknown,
    }
}
