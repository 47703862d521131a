//! Participants: who was in a session, once for each time they joined.

use chrono::{DateTime, Utc};

use crate::model::id::ProviderRecordId;
use crate::model::person::PersonRef;

/// One presence of somebody in a session. Whoever joins twice, or with two devices, is two participants and
/// one person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Participant {
    /// The provider's id of this presence (peer id); new on each join.
    pub provider_participant_id: ProviderRecordId,
    /// The provider's id of the person, the same on each join.
    pub provider_user_id: Option<String>,
    /// The customer's own id of the person. Personal.
    pub custom_participant_id: Option<String>,
    /// Name shown. Personal.
    pub display_name: Option<String>,
    /// What the person was allowed to do.
    pub preset_name: Option<String>,
    /// When the presence began.
    pub joined_at: Option<DateTime<Utc>>,
    /// When it ended; `None`: still there, or not said.
    pub left_at: Option<DateTime<Utc>>,
    /// Its length by the provider, milliseconds; `None`: not said.
    pub duration_ms: Option<i64>,
    /// When the provider created the record.
    pub created_at: Option<DateTime<Utc>>,
    /// The provider's own change time.
    pub provider_updated_at: Option<DateTime<Utc>>,
    /// The bytes as received.
    pub raw: Vec<u8>,
}

/// The person behind the ids a provider gives, by the best of them: the customer's own id, else the
/// provider's id of the person. `None` where there is neither: a presence alone is nobody's.
pub fn person(custom_participant_id: Option<&str>, provider_user_id: Option<&str>) -> Option<PersonRef> {
    let of = |identity_kind, identity: &str| PersonRef { identity_kind, identity: identity.to_owned() };
    custom_participant_id
        .map(|id| of("custom_participant", id))
        .or_else(|| provider_user_id.map(|id| of("participant_user", id)))
}

impl Participant {
    /// The person behind it.
    pub fn person(&self) -> Option<PersonRef> {
        person(self.custom_participant_id.as_deref(), self.provider_user_id.as_deref())
    }
}
