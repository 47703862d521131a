//! Connection quality: the statistics of a presence.
//!
//! Each person has a good or a bad connection. The rest fills the report as real ones are filled: addresses, places,
//! devices, samples. Some presences have no statistics at all, and none has any before it has ended.

use chrono::{DateTime, Utc};
use rand::RngExt;
use rand::rngs::SmallRng;
use serde_json::{Value, json};

use super::{Meeting, Stay};
use crate::distributions::{iso, seeded};

/// Presences shorter than this are not measured, milliseconds.
const LEAST_MEASURED_MS: i64 = 20_000;
/// Share of presences without statistics, in addition to the short ones.
const UNMEASURED_SHARE: f64 = 0.1;

/// Returns a value rounded to `decimals`.
fn rounded(value: f64, decimals: i32) -> f64 {
    let scale = 10_f64.powi(decimals);
    (value * scale).round() / scale
}

/// Opinion score (MOS), packet loss and round-trip time of a connection.
#[derive(Debug, Clone, Copy)]
struct Line {
    mos: f64,
    loss: f64,
    rtt_ms: f64,
}

impl Line {
    fn of(rng: &mut SmallRng, is_bad: bool) -> Self {
        let (mos, loss, rtt_ms) = if is_bad {
            (rng.random_range(1.8..3.2), rng.random_range(0.04..0.2), rng.random_range(180.0..600.0))
        } else {
            (rng.random_range(3.9..4.5), rng.random_range(0.0..0.012), rng.random_range(18.0..95.0))
        };
        Self { mos: rounded(mos, 2), loss: rounded(loss, 4), rtt_ms: rounded(rtt_ms, 1) }
    }

    fn mos(self) -> Value {
        let at = |more: f64| rounded((self.mos + more).min(5.0), 2);
        json!({"avg": self.mos, "p50": at(0.1), "p75": at(0.15), "p90": at(0.2)})
    }

    /// Returns the average loss and the share of samples at or above each threshold.
    fn loss(self) -> Value {
        let share = |least: f64| rounded(((self.loss - least / 2.0) / least).clamp(0.0, 1.0), 3);
        json!({
            "avg": self.loss, "5_or_greater_event_fraction": share(0.05), "10_or_greater_event_fraction": share(0.1),
            "25_or_greater_event_fraction": share(0.25), "50_or_greater_event_fraction": share(0.5),
        })
    }

    fn rtt(self) -> Value {
        let share = |least: f64| rounded(((self.rtt_ms - least / 2.0) / least).clamp(0.0, 1.0), 3);
        json!({
            "avg": self.rtt_ms, "100ms_or_greater_event_fraction": share(100.0),
            "250ms_or_greater_event_fraction": share(250.0), "500ms_or_greater_event_fraction": share(500.0),
        })
    }
}

impl Meeting {
    /// Returns the statistics of a presence as JSON; an empty object if there are none.
    pub(super) fn statistics(&self, number: usize, stay: &Stay, now: DateTime<Utc>) -> String {
        let rng = &mut seeded(&["quality", &self.id, &number.to_string()]);
        let is_measured = stay.left_ms - stay.joined_ms >= LEAST_MEASURED_MS && !rng.random_bool(UNMEASURED_SHARE);
        if !is_measured || self.left_at(stay, now).is_none() {
            return "{}".to_owned();
        }
        json!({"metadata": self.metadata(rng, stay), "quality": self.quality(rng, number, stay)}).to_string()
    }

    fn metadata(&self, rng: &mut SmallRng, stay: &Stay) -> Value {
        let (country, city, zone) = stay.person.place();
        let (os, is_mobile, os_version) = stay.person.system();
        let is_bad = stay.person.has_bad_line();
        let joined_at = iso(self.after_creation(stay.joined_ms));
        let address = format!("203.0.113.{}", stay.person.0 % 250 + 1);
        json!({
            "sdk_name": if is_mobile { "realtimekit-mobile" } else { "realtimekit-web" },
            "sdk_type": if is_mobile { "mobile" } else { "web" },
            "sdk_version": "1.2.3",
            "room_view_type": if self.room.is_livestream { "LIVESTREAM" } else { "GROUP_CALL" },
            "device_info": {"is_mobile": is_mobile, "os": os, "os_version": os_version, "cpus": 8},
            "browser_metadata": {
                "browser": "Chrome", "browser_version": "133.0", "engine": "Blink", "user_agent": "simulated-agent",
                "webgl_support": null,
            },
            "ip_information": {
                "city": city, "country": country, "region": city, "timezone": zone, "ipv4": address,
                "org": "AS64500 Example",
                "asn": {
                    "asn": "AS64500", "name": "Example", "domain": "example.net", "route": "203.0.113.0/24",
                    "type": "isp",
                },
            },
            "pc_metadata": [{
                "timestamp": joined_at, "effective_network_type": if is_bad { "3g" } else { "4g" },
                "reflexive_connectivity": true, "relay_connectivity": true, "turn_connectivity": rng.random_bool(0.2),
                "sdp": [],
            }],
            "events": [{
                "name": "mediaPermission", "timestamp": joined_at,
                "metadata": {"kind": "audio", "granted": true, "attempt": 1, "error": null},
            }],
        })
    }

    fn quality(&self, rng: &mut SmallRng, number: usize, stay: &Stay) -> Value {
        let is_bad = stay.person.has_bad_line();
        let (sent, received) = (Line::of(rng, is_bad), Line::of(rng, is_bad));
        let at = iso(self.after_creation(stay.joined_ms + 10_000));
        let fps = rounded(rng.random_range(if is_bad { 6.0..14.0 } else { 22.0..30.0 }), 1);
        let mut quality = json!({
            "audio_producer": [{
                "timestamp": at, "producer_id": "p1", "mid": "0", "ssrc": 1111, "packets_sent": 900,
                "packets_lost": 3, "bytes_sent": 90_000, "rtt": sent.rtt_ms, "jitter": 0.004, "mos_quality": sent.mos,
            }],
            "audio_producer_cumulative": {"quality_mos": sent.mos(), "packet_loss": sent.loss(), "rtt": sent.rtt()},
            "audio_consumer": [{
                "timestamp": at, "consumer_id": "c1", "producer_id": "p2", "mid": "1", "ssrc": 2222,
                "packets_received": 880, "packets_lost": 5, "bytes_received": 88_000, "jitter": 0.006,
                "jitter_buffer_delay": 0.03, "jitter_buffer_emitted_count": 40_000, "mos_quality": received.mos,
            }],
            "audio_consumer_cumulative": {"quality_mos": received.mos(), "packet_loss": received.loss()},
            "video_producer": [], "video_consumer": [],
            "video_consumer_cumulative": {
                "quality_mos": received.mos(), "packet_loss": received.loss(), "frame_per_second": {"avg": fps},
            },
        });
        // Viewers of a livestream send no video.
        if !self.room.is_livestream || number == 0 {
            quality["video_producer_cumulative"] = json!({
                "quality_mos": sent.mos(), "packet_loss": sent.loss(), "rtt": sent.rtt(),
                "frame_per_second": {"avg": fps},
            });
        }
        quality
    }
}
