//! How each provider does it: one folder a provider, one row in [`ALL`].
//!
//! In a folder, `client` makes the calls, `wire` splits the answers in the vendor's spelling,
//! `normalize` judges what a record means, and `mod` ties them to the connector contract and says what
//! is odd about the vendor. Folders do not know each other; what they share is in [`listing`].
//! Nothing here knows the database, or that a poll has a beginning and an end.

mod konpro;
mod konvo;
mod listing;
mod realtimekit;

use crate::connector::{Credential, ProviderEntry};
use crate::model::session::SessionKind;
use crate::model::source::{Capabilities, MessageSupport, MinutesBasis};

/// Every provider there is, in the order of their names.
pub static ALL: [ProviderEntry; 3] = [
    ProviderEntry {
        name: "konpro",
        default_base_url: "https://api.konpro.ai",
        // The vendor's pages name 10, 60 and 100; the least of them suits a trial key.
        default_requests_per_minute: 10,
        default_retry_after_seconds: 60,
        default_schedule: "0 */15 * * * *",
        required_settings: &[],
        credential: Credential::ApiKeyHeader,
        capabilities: Capabilities {
            minutes_basis: Some(MinutesBasis::SessionTime),
            has_outcomes: false,
            messages: MessageSupport::None,
            session_kinds: &[SessionKind::Avatar],
        },
        connect: konpro::connect,
    },
    ProviderEntry {
        name: "konvo",
        default_base_url: "https://api.konvoai.com",
        // The vendor names no limit.
        default_requests_per_minute: 60,
        default_retry_after_seconds: 60,
        default_schedule: "0 */5 * * * *",
        required_settings: &[],
        credential: Credential::ApiKeyHeader,
        capabilities: Capabilities {
            minutes_basis: None,
            has_outcomes: true,
            messages: MessageSupport::Inline,
            session_kinds: &[SessionKind::Chat],
        },
        connect: konvo::connect,
    },
    ProviderEntry {
        name: "realtimekit",
        default_base_url: "https://api.cloudflare.com/client/v4",
        // Four fifths of 1200 in five minutes: the budget is shared with the customer's own tools.
        default_requests_per_minute: 192,
        // After a breach everything is refused for up to five minutes.
        default_retry_after_seconds: 300,
        default_schedule: "0 */5 * * * *",
        required_settings: &["account_id", "app_id"],
        credential: Credential::Bearer,
        capabilities: Capabilities {
            minutes_basis: Some(MinutesBasis::ParticipantTime),
            has_outcomes: false,
            messages: MessageSupport::PerSession,
            session_kinds: &[SessionKind::Meeting, SessionKind::Livestream],
        },
        connect: realtimekit::connect,
    },
];

/// The provider of that name.
pub fn entry(name: &str) -> Option<&'static ProviderEntry> {
    ALL.iter().find(|entry| entry.name == name)
}
