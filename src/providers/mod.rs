//! The providers: one folder for each, one row in [`ALL`].
//!
//! In a folder, `client` makes the calls, `wire` splits the answers in the vendor's spelling, `normalize` decides
//! what a record means, and `mod` implements the connector contract and describes the vendor's peculiarities. Folders
//! do not use each other; shared code is in [`listing`], [`envelope`] and [`message_list`]. Nothing here knows the
//! database, or that a poll has a beginning and an end.

mod envelope;
mod konpro;
mod konvo;
mod listing;
mod message_list;
mod realtimekit;

use crate::connector::{Credential, ProviderEntry};
use crate::model::session::SessionKind;
use crate::model::source::{Capabilities, MessageSupport, MinutesBasis};
use crate::model::stream::Stream;

/// All providers, in the order of their names.
pub static ALL: [ProviderEntry; 3] = [
    ProviderEntry {
        name: "konpro",
        default_base_url: "https://api.konpro.ai",
        // The vendor's pages state 10, 60 and 100; the smallest suits a trial key.
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
            session_streams: &[],
        },
        hooks: None,
        connect: konpro::connect,
    },
    ProviderEntry {
        name: "konvo",
        default_base_url: "https://api.konvoai.com",
        // The vendor documents no limit.
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
            session_streams: &[],
        },
        hooks: None,
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
            session_streams: &Stream::PER_SESSION,
        },
        hooks: Some(realtimekit::read_hook),
        connect: realtimekit::connect,
    },
];

/// Returns the provider of that name.
pub fn entry(name: &str) -> Option<&'static ProviderEntry> {
    ALL.iter().find(|entry| entry.name == name)
}
