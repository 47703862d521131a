//! Media quality of the participants of one session.
//!
//! One row for each presence whose report was requested, by the provider's id of the presence. Values missing in a
//! report are null.

use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgPool;
use utoipa::ToSchema;

use crate::query::availability::Parts;
use crate::query::number::Number;
use crate::query::{ReadError, reading};

/// Quality of one presence. Null: missing in the report.
#[derive(Debug, Clone, Serialize, ToSchema, sqlx::FromRow)]
pub struct ParticipantQuality {
    /// Number of the presence, as in `/participants`; null: the presence is not known.
    pub participant_id: Option<i64>,
    /// The provider's id of the presence.
    pub provider_participant_id: String,
    /// False: the provider has no statistics for it.
    pub has_report: bool,
    /// Audio sent: mean opinion score, 1 to 5, average.
    pub audio_out_mos_avg: Option<Number>,
    /// Audio sent: mean opinion score, median.
    pub audio_out_mos_p50: Option<Number>,
    /// Audio sent: mean opinion score, 75th percentile.
    pub audio_out_mos_p75: Option<Number>,
    /// Audio sent: mean opinion score, 90th percentile.
    pub audio_out_mos_p90: Option<Number>,
    /// Audio sent: lost packets, share of all, 0 to 1.
    pub audio_out_packet_loss_avg: Option<Number>,
    /// Audio sent: share of samples with 5 % loss or more.
    pub audio_out_loss_over_5_rate: Option<Number>,
    /// Audio sent: share of samples with 10 % loss or more.
    pub audio_out_loss_over_10_rate: Option<Number>,
    /// Audio sent: share of samples with 25 % loss or more.
    pub audio_out_loss_over_25_rate: Option<Number>,
    /// Audio sent: share of samples with 50 % loss or more.
    pub audio_out_loss_over_50_rate: Option<Number>,
    /// Audio sent: round trip, milliseconds, average.
    pub audio_out_rtt_ms_avg: Option<Number>,
    /// Audio sent: share of samples with a round trip of 100 ms or more.
    pub audio_out_rtt_over_100_rate: Option<Number>,
    /// Audio sent: share of samples with a round trip of 250 ms or more.
    pub audio_out_rtt_over_250_rate: Option<Number>,
    /// Audio sent: share of samples with a round trip of 500 ms or more.
    pub audio_out_rtt_over_500_rate: Option<Number>,
    /// Audio received: mean opinion score, 1 to 5, average.
    pub audio_in_mos_avg: Option<Number>,
    /// Audio received: mean opinion score, median.
    pub audio_in_mos_p50: Option<Number>,
    /// Audio received: mean opinion score, 75th percentile.
    pub audio_in_mos_p75: Option<Number>,
    /// Audio received: mean opinion score, 90th percentile.
    pub audio_in_mos_p90: Option<Number>,
    /// Audio received: lost packets, share of all, 0 to 1.
    pub audio_in_packet_loss_avg: Option<Number>,
    /// Audio received: share of samples with 5 % loss or more.
    pub audio_in_loss_over_5_rate: Option<Number>,
    /// Audio received: share of samples with 10 % loss or more.
    pub audio_in_loss_over_10_rate: Option<Number>,
    /// Audio received: share of samples with 25 % loss or more.
    pub audio_in_loss_over_25_rate: Option<Number>,
    /// Audio received: share of samples with 50 % loss or more.
    pub audio_in_loss_over_50_rate: Option<Number>,
    /// Audio received: round trip, milliseconds, average.
    pub audio_in_rtt_ms_avg: Option<Number>,
    /// Audio received: share of samples with a round trip of 100 ms or more.
    pub audio_in_rtt_over_100_rate: Option<Number>,
    /// Audio received: share of samples with a round trip of 250 ms or more.
    pub audio_in_rtt_over_250_rate: Option<Number>,
    /// Audio received: share of samples with a round trip of 500 ms or more.
    pub audio_in_rtt_over_500_rate: Option<Number>,
    /// Video sent: mean opinion score, 1 to 5, average.
    pub video_out_mos_avg: Option<Number>,
    /// Video sent: lost packets, share of all, 0 to 1.
    pub video_out_packet_loss_avg: Option<Number>,
    /// Video sent: round trip, milliseconds, average.
    pub video_out_rtt_ms_avg: Option<Number>,
    /// Video sent: frames per second, average.
    pub video_out_fps_avg: Option<Number>,
    /// Video received: mean opinion score, 1 to 5, average.
    pub video_in_mos_avg: Option<Number>,
    /// Video received: lost packets, share of all, 0 to 1.
    pub video_in_packet_loss_avg: Option<Number>,
    /// Video received: round trip, milliseconds, average.
    pub video_in_rtt_ms_avg: Option<Number>,
    /// Video received: frames per second, average.
    pub video_in_fps_avg: Option<Number>,
    /// Country, ISO 3166 alpha-2.
    pub country_code: Option<String>,
    /// Operating system, without version.
    pub device_os: Option<String>,
    /// Whether it was a mobile device.
    pub is_mobile: Option<bool>,
    /// Kind of network.
    pub network_type: Option<String>,
    /// Whether media went through a relay.
    pub used_turn: Option<bool>,
    /// Name of the client library.
    pub sdk_name: Option<String>,
    /// Its version.
    pub sdk_version: Option<String>,
    /// Time at which the report was fetched.
    pub fetched_at: DateTime<Utc>,
}

const SELECT: &str = "
select q.participant_id, q.provider_participant_id, q.has_report, q.audio_out_mos_avg, q.audio_out_mos_p50,
       q.audio_out_mos_p75, q.audio_out_mos_p90, q.audio_out_packet_loss_avg, q.audio_out_loss_over_5_rate,
       q.audio_out_loss_over_10_rate, q.audio_out_loss_over_25_rate, q.audio_out_loss_over_50_rate,
       q.audio_out_rtt_ms_avg, q.audio_out_rtt_over_100_rate, q.audio_out_rtt_over_250_rate,
       q.audio_out_rtt_over_500_rate, q.audio_in_mos_avg, q.audio_in_mos_p50, q.audio_in_mos_p75,
       q.audio_in_mos_p90, q.audio_in_packet_loss_avg, q.audio_in_loss_over_5_rate,
       q.audio_in_loss_over_10_rate, q.audio_in_loss_over_25_rate, q.audio_in_loss_over_50_rate,
       q.audio_in_rtt_ms_avg, q.audio_in_rtt_over_100_rate, q.audio_in_rtt_over_250_rate,
       q.audio_in_rtt_over_500_rate, q.video_out_mos_avg, q.video_out_packet_loss_avg, q.video_out_rtt_ms_avg,
       q.video_out_fps_avg, q.video_in_mos_avg, q.video_in_packet_loss_avg, q.video_in_rtt_ms_avg,
       q.video_in_fps_avg, q.country_code, q.device_os, q.is_mobile, q.network_type, q.used_turn, q.sdk_name,
       q.sdk_version, q.fetched_at
  from analytics.participant_quality q
 where q.source_id = $1 and q.session_id = $2 and q.provider_participant_id > $3
 order by q.provider_participant_id
 limit $4";

/// Returns up to `limit` reports after that of the presence `after`.
pub async fn list(
    pool: &PgPool,
    of: &Parts,
    after: Option<String>,
    limit: i64,
) -> Result<Vec<ParticipantQuality>, ReadError> {
    sqlx::query_as(SELECT)
        .bind(of.source_id)
        .bind(of.session_id)
        .bind(after.unwrap_or_default())
        .bind(limit)
        .fetch_all(pool)
        .await
        .map_err(reading("quality reports"))
}
