//! Quality of a participant's audio and video.

use rust_decimal::Decimal;

use crate::model::field::FieldPresence;
use crate::model::id::ProviderRecordId;

/// Statistics of one medium in one direction over a whole presence. `None`: not in the report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MediaQuality {
    /// Mean opinion score, 1 to 5: average.
    pub mos_avg: Option<Decimal>,
    /// Mean opinion score: median.
    pub mos_p50: Option<Decimal>,
    /// Mean opinion score: 75th percentile.
    pub mos_p75: Option<Decimal>,
    /// Mean opinion score: 90th percentile.
    pub mos_p90: Option<Decimal>,
    /// Lost packets as a share of all, 0 to 1.
    pub packet_loss_avg: Option<Decimal>,
    /// Share of samples with 5 % loss or more.
    pub loss_over_5_rate: Option<Decimal>,
    /// Share of samples with 10 % loss or more.
    pub loss_over_10_rate: Option<Decimal>,
    /// Share of samples with 25 % loss or more.
    pub loss_over_25_rate: Option<Decimal>,
    /// Share of samples with 50 % loss or more.
    pub loss_over_50_rate: Option<Decimal>,
    /// Round-trip time, milliseconds: average.
    pub rtt_ms_avg: Option<Decimal>,
    /// Share of samples with a round trip of 100 ms or more.
    pub rtt_over_100_rate: Option<Decimal>,
    /// Share of samples with a round trip of 250 ms or more.
    pub rtt_over_250_rate: Option<Decimal>,
    /// Share of samples with a round trip of 500 ms or more.
    pub rtt_over_500_rate: Option<Decimal>,
    /// Frames a second: average.
    pub fps_avg: Option<Decimal>,
}

/// The call statistics of one presence, without IP address, places below the country, or device names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PeerQuality {
    /// Sent audio.
    pub audio_out: MediaQuality,
    /// Received audio.
    pub audio_in: MediaQuality,
    /// Sent video.
    pub video_out: MediaQuality,
    /// Received video.
    pub video_in: MediaQuality,
    /// Country, ISO 3166 alpha-2.
    pub country_code: Option<String>,
    /// Operating system, without version.
    pub device_os: Option<String>,
    /// Whether it was a mobile device.
    pub is_mobile: Option<bool>,
    /// Kind of network: `4g`, `wifi`.
    pub network_type: Option<String>,
    /// Whether media went through a relay.
    pub used_turn: Option<bool>,
    /// Name of the client library.
    pub sdk_name: Option<String>,
    /// Version of the client library.
    pub sdk_version: Option<String>,
}

/// The report about one presence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerReport {
    /// The presence.
    pub provider_participant_id: ProviderRecordId,
    /// Its statistics; `None`: the provider has none for it.
    pub quality: Option<PeerQuality>,
    /// Its documented fields.
    pub fields: FieldPresence,
    /// The bytes as received.
    pub raw: Vec<u8>,
}
