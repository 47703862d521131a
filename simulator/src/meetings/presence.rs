//! A meeting's participants, in the provider's format.
//!
//! Each joining is a presence with its own id. Presences that have not ended have no end and no duration yet.

use chrono::{DateTime, Utc};
use serde_json::json;

use super::{Meeting, Stay, minutes};
use crate::distributions::{iso, seeded, uuid_v4};

/// Number of leading digits that the ids of presences share with their meeting, so that a presence's id identifies
/// its meeting.
const SHARED_DIGITS: usize = 8;
/// Time from joining until the record is written, milliseconds.
const WRITTEN_AFTER_MS: i64 = 9;

impl Meeting {
    /// Returns the id of presence `number`.
    pub(super) fn peer_id(&self, number: usize) -> String {
        let own = uuid_v4(&mut seeded(&["peer", &self.id, &number.to_string()]));
        format!("{}{}", &self.id[..SHARED_DIGITS], &own[SHARED_DIGITS..])
    }

    /// Returns the number of the presence with that id.
    pub(super) fn presence_of(&self, peer_id: &str) -> Option<usize> {
        if peer_id.get(..SHARED_DIGITS) != self.id.get(..SHARED_DIGITS) {
            return None;
        }
        (0..self.stays.len()).find(|number| self.peer_id(*number) == peer_id)
    }

    /// Returns the presences that have begun.
    pub(super) fn begun(&self, now: DateTime<Utc>) -> impl Iterator<Item = (usize, &Stay)> {
        let age_ms = (now - self.created_at).num_milliseconds();
        self.stays.iter().enumerate().take_while(move |(_, stay)| stay.joined_ms <= age_ms)
    }

    /// Returns when `stay` ended, if it has.
    pub(super) fn left_at(&self, stay: &Stay, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        Some(self.after_creation(stay.left_ms)).filter(|left_at| *left_at <= now)
    }

    /// Returns the name of the participant's permissions.
    pub(super) fn preset(&self, number: usize) -> &'static str {
        match (self.room.is_livestream, number) {
            (true, 0) => "livestream_host",
            (true, _) => "livestream_viewer",
            (false, 0) => "group_call_host",
            (false, _) => "group_call_participant",
        }
    }

    /// Returns a presence as JSON.
    pub(super) fn presence(&self, number: usize, stay: &Stay, now: DateTime<Utc>, with_events: bool) -> String {
        let peer_id = self.peer_id(number);
        let user_id = stay.person.user_id(&self.room.associated_id);
        let joined_at = self.after_creation(stay.joined_ms);
        let left_at = self.left_at(stay, now);
        let duration = left_at.map_or(0, |_| stay.left_ms - stay.joined_ms);
        let mut json = format!(
            r#"{{"id":"{peer_id}","user_id":"{user_id}","custom_participant_id":{},"display_name":{},"preset_name":"{}","joined_at":"{}","left_at":{},"duration":{},"created_at":"{}","updated_at":"{}""#,
            json!(stay.person.custom_id().unwrap_or_default()),
            json!(stay.person.name()),
            self.preset(number),
            iso(joined_at),
            json!(left_at.map(iso)),
            minutes(duration).normalize(),
            iso(self.after_creation(stay.joined_ms + WRITTEN_AFTER_MS)),
            iso(left_at.unwrap_or(joined_at)),
        );
        if with_events {
            let events =
                [("PEER_CREATED", Some(joined_at)), ("PEER_JOINING", Some(joined_at)), ("PEER_LEAVING", left_at)];
            let events: Vec<serde_json::Value> = events
                .into_iter()
                .filter_map(|(name, at)| {
                    let at = iso(at?);
                    let spent = if name == "PEER_LEAVING" { minutes(duration).to_string() } else { "0".to_owned() };
                    Some(json!({
                        "id": uuid_v4(&mut seeded(&[name, &peer_id])), "peer_id": peer_id, "participant_id": user_id,
                        "session_id": self.id, "socket_session_id": null,
                        "preset_view_type": if self.room.is_livestream { "LIVESTREAM" } else { "GROUP_CALL" },
                        "event_name": name, "minutes_consumed": spent.parse::<f64>().unwrap_or_default(),
                        "created_at": at, "updated_at": at,
                    }))
                })
                .collect();
            json.push_str(r#","peer_events":"#);
            json.push_str(&json!(events).to_string());
        }
        json.push('}');
        json
    }
}
