//! The ids of a chat's messages.
//!
//! A writer without ids puts a placeholder in their place, and one that numbers the messages of each sender uses an id
//! twice. Both must not make one message of several. A derived id depends on the content only.

use std::collections::{HashMap, HashSet};

use crate::model::id::ProviderRecordId;
use crate::model::message::Message;
use crate::providers::listing::content_id;

/// What programs write for no id, in lower case.
const PLACEHOLDERS: [&str; 8] = ["undefined", "null", "nil", "none", "nan", "n/a", "-", "[object object]"];
/// Ids that are none where several messages have them.
const DEFAULTS: [&str; 3] = ["0", "-1", "00000000-0000-0000-0000-000000000000"];

/// The ids of one file.
pub(super) struct Ids {
    /// Defaults that several messages have.
    repeated: HashSet<&'static str>,
    /// How often each content was seen in messages without an id.
    copies: HashMap<ProviderRecordId, u32>,
    /// Whether any message has an id.
    pub(super) has_any: bool,
}

impl Ids {
    /// Looks through the ids of all messages.
    pub(super) fn of<'a>(ids: &(impl Iterator<Item = &'a str> + Clone)) -> Self {
        let is_repeated = |default: &&str| ids.clone().filter(|id| id.trim() == *default).nth(1).is_some();
        let repeated = DEFAULTS.into_iter().filter(is_repeated).collect();
        Self { repeated, copies: HashMap::new(), has_any: false }
    }

    /// Whether a value is an id, and no placeholder for one.
    pub(super) fn is_id(&self, value: &str) -> bool {
        let value = value.trim();
        !PLACEHOLDERS.contains(&value.to_ascii_lowercase().as_str()) && !self.repeated.contains(value)
    }

    /// Derives an id from the content. A repetition of the same content is another message.
    pub(super) fn derived(&mut self, parts: &[String; 4]) -> ProviderRecordId {
        let [sender, at, kind, payload] = parts;
        let count = self.copies.entry(content_id(&[sender, at, kind, payload])).or_default();
        *count += 1;
        content_id(&[sender, at, kind, payload, &count.to_string()])
    }
}

/// Whether two messages with one id are two: another sender sent the second at another time. An edited message keeps
/// both.
pub(super) fn is_another(earlier: &Message, later: &Message) -> bool {
    let differ = |a: Option<&str>, b: Option<&str>| a.is_some() && b.is_some() && a != b;
    differ(earlier.provider_participant_id.as_deref(), later.provider_participant_id.as_deref())
        && earlier.sent_at.is_some()
        && later.sent_at.is_some()
        && earlier.sent_at != later.sent_at
}

/// Returns the id of a message whose own one is that of another message.
pub(super) fn id_of_another(message: &Message) -> ProviderRecordId {
    let sender = message.provider_participant_id.as_deref().unwrap_or_default();
    let sent_at = message.sent_at.map(|at| at.to_rfc3339()).unwrap_or_default();
    content_id(&[message.provider_message_id.as_str(), sender, &sent_at])
}
