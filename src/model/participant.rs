//! Participants: the presences in a session, one for each join.

use chrono::{DateTime, Utc};

use crate::model::field::FieldPresence;
use crate::model::id::ProviderRecordId;
use crate::model::person::PersonRef;

/// One presence of a person in a session. A person who joins twice, or with two devices, is two participants
/// and one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participant {
    /// The provider's id of this presence (peer id); new on each join.
    pub provider_participant_id: ProviderRecordId,
    /// The provider's id of the person, the same on each join.
    pub provider_user_id: Option<String>,
    /// The customer's own id of the person. Personal.
    pub custom_participant_id: Option<String>,
    /// Displayed name. Personal.
    pub display_name: Option<String>,
    /// Preset, which sets the person's permissions.
    pub preset_name: Option<String>,
    /// Start of the presence.
    pub joined_at: Option<DateTime<Utc>>,
    /// End of the presence; `None`: still present, or not stated.
    pub left_at: Option<DateTime<Utc>>,
    /// Length by the provider, milliseconds; `None`: not stated.
    pub duration_ms: Option<i64>,
    /// Time at which the provider created the record.
    pub created_at: Option<DateTime<Utc>>,
    /// The provider's own change time.
    pub provider_updated_at: Option<DateTime<Utc>>,
    /// Its documented fields.
    pub fields: FieldPresence,
    /// The bytes as received.
    pub raw: Vec<u8>,
}

/// Returns the identities of a person by the ids that a provider gives: the customer's own id first, which names the
/// person, then the provider's id of the person. A presence alone identifies no person.
pub fn identities(
    custom_participant_id: Option<&str>,
    provider_user_id: Option<&str>,
) -> impl Iterator<Item = PersonRef> {
    let of =
        |identity_kind, id: Option<&str>| id.map(|identity| PersonRef { identity_kind, identity: identity.to_owned() });
    of("custom_participant", custom_participant_id).into_iter().chain(of("participant_user", provider_user_id))
}

impl Participant {
    /// Returns the identities of the person behind the presence; the first one names the person.
    pub fn identities(&self) -> impl Iterator<Item = PersonRef> {
        identities(self.custom_participant_id.as_deref(), self.provider_user_id.as_deref())
    }

    /// Returns the person behind the presence.
    pub fn person(&self) -> Option<PersonRef> {
        self.identities().next()
    }
}
