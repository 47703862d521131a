//! The messages of one session, each under an id of its own.
//!
//! A writer without ids puts a placeholder in their place, and one that numbers the messages of each sender uses an id
//! twice. Both must not make one message of several. A derived id depends on the content only, so that reading the
//! same list twice gives the same messages. This module knows no provider's spelling.

use std::collections::{HashMap, HashSet};

use crate::connector::record::DriftItems;
use crate::model::id::{IdError, ProviderRecordId};
use crate::model::message::Message;
use crate::providers::listing::content_id;

/// Ids that are none where several messages have them.
const DEFAULTS: [&str; 2] = ["0", "-1"];

/// Messages in the provider's order, and the ids that they have so far.
pub(super) struct MessageList {
    messages: Vec<Message>,
    places: HashMap<ProviderRecordId, usize>,
    /// Defaults that several messages have.
    repeated: HashSet<&'static str>,
    /// How often each content was seen in messages without an id.
    copies: HashMap<ProviderRecordId, u32>,
    /// Name of the field for ids, as a path of drift.
    path: &'static str,
    /// Whether any message has an id of the provider.
    pub(super) has_ids: bool,
}

impl MessageList {
    /// Looks through the ids that the provider gave, in the field at `path`.
    pub(super) fn new<'a>(path: &'static str, given: &(impl Iterator<Item = &'a str> + Clone)) -> Self {
        let is_repeated = |default: &&str| given.clone().filter(|id| id.trim() == *default).nth(1).is_some();
        let repeated = DEFAULTS.into_iter().filter(is_repeated).collect();
        let (messages, places, copies) = (Vec::new(), HashMap::new(), HashMap::new());
        Self { messages, places, repeated, copies, path, has_ids: false }
    }

    /// Returns the id of a message: the given one, or one derived from its content where that is none.
    pub(super) fn id_of(
        &mut self,
        given: Option<&str>,
        content: &[&str],
        drift: &DriftItems,
    ) -> Result<ProviderRecordId, IdError> {
        let is_none = |id: &str| ProviderRecordId::is_none(id) || self.repeated.contains(id.trim());
        if let Some(given) = given.filter(|id| !is_none(id)) {
            let id = ProviderRecordId::parse(given)?;
            self.has_ids = true;
            return Ok(id);
        }
        drift.count("unreadable_value", self.path, "missing");
        Ok(self.derived_id(content))
    }

    /// Derives an id from the content. A repetition of the same content is another message.
    pub(super) fn derived_id(&mut self, content: &[&str]) -> ProviderRecordId {
        let count = self.copies.entry(content_id(content)).or_default();
        *count += 1;
        content_id(&[content, &[&count.to_string()]].concat())
    }

    /// Adds a message. One with the id of an earlier message is its edited form, unless it is another message.
    pub(super) fn add(&mut self, mut message: Message, drift: &DriftItems) {
        let earlier = self.places.get(&message.provider_message_id).and_then(|place| self.messages.get(*place));
        if earlier.is_some_and(|earlier| is_another(earlier, &message)) {
            drift.count("unreadable_value", self.path, "reused");
            message.provider_message_id = id_of_another(&message);
        }
        let place = *self.places.entry(message.provider_message_id.clone()).or_insert(self.messages.len());
        if let Some(earlier) = self.messages.get_mut(place) {
            drift.count("unreadable_value", self.path, "duplicate");
            *earlier = message;
        } else {
            self.messages.push(message);
        }
    }

    /// Returns the messages.
    pub(super) fn into_messages(self) -> Vec<Message> {
        self.messages
    }
}

/// Returns the sender of a message, as far as the provider names one.
fn sender(message: &Message) -> Option<&str> {
    message.provider_participant_id.as_deref().or(message.provider_origin.as_deref())
}

/// Whether two messages with one id are two: another sender sent the second at another time. An edited message keeps
/// both.
fn is_another(earlier: &Message, later: &Message) -> bool {
    let differ = |a: Option<&str>, b: Option<&str>| a.is_some() && b.is_some() && a != b;
    differ(sender(earlier), sender(later))
        && earlier.sent_at.is_some()
        && later.sent_at.is_some()
        && earlier.sent_at != later.sent_at
}

/// Returns the id of a message whose own one is that of another message.
fn id_of_another(message: &Message) -> ProviderRecordId {
    let sent_at = message.sent_at.map(|at| at.to_rfc3339()).unwrap_or_default();
    content_id(&[message.provider_message_id.as_str(), sender(message).unwrap_or_default(), &sent_at])
}
