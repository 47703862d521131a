//! The fields of a Konvo record that metrics depend on, and which of them a record has.
//!
//! This module knows the names only, and not the consequences of a missing field.

use crate::model::field::{FieldPresence, WatchedField};
use crate::model::message::Message;

/// In the order in which [`fields`] fills them in.
static WATCHED: [WatchedField; 15] = [
    WatchedField::of_record("/contact_id"),
    WatchedField::of_record("/feed_id"),
    WatchedField::of_record("/channel"),
    WatchedField::of_record("/status"),
    WatchedField::of_record("/status/completed"),
    WatchedField::of_record("/status/unresolved"),
    WatchedField::of_record("/status/last_updated"),
    WatchedField::of_record("/status/completed_at"),
    WatchedField::of_record("/state"),
    WatchedField::of_record("/state/type"),
    WatchedField::of_record("/state/trail"),
    WatchedField::of_record("/messages"),
    WatchedField::of_messages("/messages/created_at"),
    WatchedField::of_messages("/messages/initiator_origin"),
    WatchedField::of_messages("/messages/message"),
];

/// Parts of a record that could be read.
pub(super) struct Read<'a> {
    /// Whether there is a person, under either name.
    pub(super) has_person: bool,
    /// Whether there is a feed.
    pub(super) has_feed: bool,
    /// Whether there is a channel.
    pub(super) has_channel: bool,
    /// Whether the status has its two flags and its change time; `None`: there is no status.
    pub(super) status: Option<[bool; 3]>,
    /// Whether there is a time of completion; `None`: the chat is not completed.
    pub(super) completed_at: Option<bool>,
    /// Whether the state has its type and its trail; `None`: there is no state.
    pub(super) state: Option<[bool; 2]>,
    /// The messages; `None`: there is no list of them.
    pub(super) messages: Option<&'a [Message]>,
}

/// Returns which fields a record has. A field of messages is present if any of them has it.
pub(super) fn fields(read: &Read<'_>) -> FieldPresence {
    let [completed, unresolved, last_updated] = read.status.map_or([None; 3], |status| status.map(Some));
    let [skill, trail] = read.state.map_or([None; 2], |state| state.map(Some));
    let some = read.messages.filter(|messages| !messages.is_empty());
    let any = |has: fn(&Message) -> bool| some.map(|messages| messages.iter().any(has));
    let found = [
        Some(read.has_person),
        Some(read.has_feed),
        Some(read.has_channel),
        Some(read.status.is_some()),
        completed,
        unresolved,
        last_updated,
        read.completed_at,
        Some(read.state.is_some()),
        skill,
        trail,
        Some(read.messages.is_some()),
        any(|message| message.sent_at.is_some()),
        any(|message| message.provider_origin.is_some()),
        any(|message| message.body.is_some()),
    ];
    FieldPresence::of(&WATCHED, &found)
}
