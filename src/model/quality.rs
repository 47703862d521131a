//! Quality: how well a participant's sound and picture travelled.

use rust_decimal::Decimal;

use crate::model::id::ProviderRecordId;

/// Figures of one medium in one direction over a whole presence. `None`: the report does not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MediaQuality {
    /// Mean opinion score, 1 to 5: average.
    pub mos_avg: Option<Decimal>,
    /// Median.
    pub mos_p50: Option<Decimal>,
    /// 75th percentile.
    pub mos_p75: Option<Decimal>,
    /// 90th percentile.
    pub mos_p90: Option<Decimal>,
    /// Lost packets, share of all, 0 to 1.
    pub packet_loss_avg: Option<Decimal>,
    /// Share of samples with 5 % loss or more.
    pub loss_over_5_rate: Option<Decimal>,
    /// With 10 % or more.
    pub loss_over_10_rate: Option<Decimal>,
    /// With 25 % or more.
    pub loss_over_25_rate: Option<Decimal>,
    /// With 50 % or more.
    pub loss_over_50_rate: Option<Decimal>,
    /// Round trip, milliseconds: average.
    pub rtt_ms_avg: Option<Decimal>,
    /// Share of samples with 100 ms or more.
    pub rtt_over_100_rate: Option<Decimal>,
    /// With 250 ms or more.
    pub rtt_over_250_rate: Option<Decimal>,
    /// With 500 ms or more.
    pub rtt_over_500_rate: Option<Decimal>,
    /// Pictures a second: average.
    pub fps_avg: Option<Decimal>,
}

/// The call statistics of one presence, without address, place below the country, or names of devices.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PeerQuality {
    /// Sound it sent.
    pub audio_out: MediaQuality,
    /// Sound it received.
    pub audio_in: MediaQuality,
    /// Picture it sent.
    pub video_out: MediaQuality,
    /// Picture it received.
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
    /// Its version.
    pub sdk_version: Option<String>,
}

/// What a report call told about one presence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerReport {
    /// The presence.
    pub provider_participant_id: ProviderRecordId,
    /// Its statistics; `None`: the provider has none for it.
    pub quality: Option<PeerQuality>,
    /// The bytes as received.
    pub raw: Vec<u8>,
}
