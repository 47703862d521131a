//! Presence of the documented fields that metrics depend on.
//!
//! A provider that renames or drops a field empties a metric although no single record looks wrong; only many
//! of them do. Each provider decides which fields are watched, and when a record is expected to have one.

/// A watched field of a stream's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WatchedField {
    /// Path in the record, RFC 6901, list positions left out.
    pub path: &'static str,
    /// Whether the field belongs to the messages that the record of a session carries, and not to the session.
    pub is_of_messages: bool,
}

impl WatchedField {
    /// Creates a field of the record itself.
    pub const fn of_record(path: &'static str) -> Self {
        Self { path, is_of_messages: false }
    }

    /// Creates a field of its messages.
    pub const fn of_messages(path: &'static str) -> Self {
        Self { path, is_of_messages: true }
    }
}

/// The watched fields of one record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FieldPresence {
    fields: &'static [WatchedField],
    /// A bit for each field that a record of its kind and state should have.
    expected: u32,
    /// A bit for each of these that could be read.
    present: u32,
}

impl FieldPresence {
    /// Creates the presence of `fields`. `found` states for each, in order, whether it could be read; `None`: a
    /// record of its state need not have it. At most 32 fields.
    pub fn of(fields: &'static [WatchedField], found: &[Option<bool>]) -> Self {
        debug_assert!(fields.len() == found.len() && fields.len() <= 32, "{} of {}", found.len(), fields.len());
        let mut presence = Self { fields, expected: 0, present: 0 };
        for (place, is_present) in found.iter().enumerate() {
            presence.expected |= u32::from(is_present.is_some()) << place;
            presence.present |= u32::from(*is_present == Some(true)) << place;
        }
        presence
    }

    /// Returns the expected fields, each with its presence.
    pub fn each(&self) -> impl Iterator<Item = (WatchedField, bool)> {
        let (expected, present) = (self.expected, self.present);
        let fields = self.fields.iter().enumerate().filter(move |(place, _)| (expected >> *place) & 1 == 1);
        fields.map(move |(place, field)| (*field, (present >> place) & 1 == 1))
    }

    /// Returns whether it lacks a field of an earlier version of the record, of the messages or of the session.
    pub fn has_lost(&self, earlier: &Self, of_messages: bool) -> bool {
        self.each().any(|(field, is_present)| {
            let had = || earlier.each().any(|(other, had)| had && other == field);
            !is_present && field.is_of_messages == of_messages && had()
        })
    }
}
