//! Normalization of RealtimeKit participants.
//!
//! A row is one presence: the same person has several after a rejoin or with two devices. The duration is given in
//! fractional minutes and kept as exact milliseconds. Pure functions; this module knows neither envelopes nor calls.

use chrono::{DateTime, Utc};
use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};

use crate::connector::record::{DriftItems, Fields};
use crate::model::field::{FieldPresence, WatchedField};
use crate::model::page::Reject;
use crate::model::participant::Participant;

/// Longest accepted presence: a year, in minutes. A longer one is a unit mistake.
const LONGEST_PRESENCE_MINUTES: i64 = 366 * 24 * 60;

/// All fields of a record, used or not, including those of a report on a presence, which is the same record with
/// more.
pub(super) const FIELDS: [&str; 15] = [
    "created_at",
    "custom_participant_id",
    "display_name",
    "duration",
    "id",
    "joined_at",
    "left_at",
    "peer_events",
    "peer_report",
    "peer_stats",
    "preset_name",
    "role",
    "session_id",
    "updated_at",
    "user_id",
];

/// The fields that metrics depend on.
static WATCHED: [WatchedField; 7] = [
    WatchedField::of_record("/custom_participant_id"),
    WatchedField::of_record("/display_name"),
    WatchedField::of_record("/duration"),
    WatchedField::of_record("/joined_at"),
    WatchedField::of_record("/left_at"),
    WatchedField::of_record("/preset_name"),
    WatchedField::of_record("/user_id"),
];

/// Reads one record of a session that `has_ended` or runs.
pub(super) fn participant(raw: &str, has_ended: bool, drift: &DriftItems) -> Result<Participant, Reject> {
    let fields = Fields::open(raw, drift)?;
    fields.expect(&FIELDS);
    let provider_participant_id = fields.required_id("id")?;
    let instant = |name: &str| instant(&fields, name, drift);
    let joined_at = instant("joined_at");
    let left_at = instant("left_at").filter(|left_at| {
        let is_before = joined_at.is_some_and(|joined_at| *left_at < joined_at);
        if is_before {
            drift.count("unreadable_value", "/left_at", "before joined_at");
        }
        !is_before
    });
    // A present participant is not measured yet: this zero is no duration.
    let duration_ms = duration_ms(&fields, drift).filter(|ms| *ms > 0 || left_at.is_some());
    let found = [
        Some(fields.has("custom_participant_id")),
        Some(fields.has("display_name")),
        has_ended.then_some(duration_ms.is_some()),
        Some(joined_at.is_some()),
        has_ended.then_some(left_at.is_some()),
        Some(fields.has("preset_name")),
        Some(fields.has("user_id")),
    ];
    Ok(Participant {
        provider_participant_id,
        provider_user_id: fields.identity("user_id"),
        custom_participant_id: fields.identity("custom_participant_id"),
        display_name: fields.text("display_name"),
        preset_name: fields.text("preset_name"),
        joined_at,
        left_at,
        duration_ms,
        created_at: instant("created_at"),
        provider_updated_at: instant("updated_at"),
        fields: FieldPresence::of(&WATCHED, &found),
        raw: raw.as_bytes().to_vec(),
    })
}

/// Reads an instant. Some have a stray quote at their end, which is dropped and counted.
fn instant(fields: &Fields<'_>, name: &str, drift: &DriftItems) -> Option<DateTime<Utc>> {
    let at = fields.instant(name)?;
    if fields.instant_text(name).is_some_and(|text| text.contains('"') && !text.starts_with('{')) {
        drift.count("stray_quote", &format!("/{name}"), "");
    }
    Some(at)
}

/// Reads minutes as milliseconds, rounded half up.
fn duration_ms(fields: &Fields<'_>, drift: &DriftItems) -> Option<i64> {
    let minutes = fields.amount("duration")?;
    if minutes > Decimal::from(LONGEST_PRESENCE_MINUTES) {
        drift.count("unreadable_value", "/duration", "too large");
        return None;
    }
    let ms = minutes.checked_mul(Decimal::from(60_000))?;
    ms.round_dp_with_strategy(0, RoundingStrategy::MidpointAwayFromZero).to_i64()
}
