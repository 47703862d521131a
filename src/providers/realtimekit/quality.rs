//! Normalization of RealtimeKit reports on the audio and video quality of a presence.
//!
//! Only the values over the whole presence are read, not the samples they were computed from; a value outside its
//! scale is dropped. Of the data about the person's surroundings, only parts are read that identify no person, place
//! below the country or device. Pure functions; this module knows neither envelopes nor calls.

use rust_decimal::Decimal;

use crate::connector::record::{DriftItems, Fields};
use crate::model::field::{FieldPresence, WatchedField};
use crate::model::id::ProviderRecordId;
use crate::model::quality::{MediaQuality, PeerQuality, PeerReport};
use crate::providers::realtimekit::participant::FIELDS;

/// The fields that metrics depend on, in the order in which [`presence`] fills them in.
static WATCHED: [WatchedField; 22] = [
    WatchedField::of_record("/peer_report"),
    WatchedField::of_record("/peer_report/quality"),
    WatchedField::of_record("/peer_report/quality/audio_producer_cumulative"),
    WatchedField::of_record("/peer_report/quality/audio_producer_cumulative/quality_mos/avg"),
    WatchedField::of_record("/peer_report/quality/audio_producer_cumulative/packet_loss/avg"),
    WatchedField::of_record("/peer_report/quality/audio_producer_cumulative/rtt/avg"),
    WatchedField::of_record("/peer_report/quality/audio_producer_cumulative/frame_per_second/avg"),
    WatchedField::of_record("/peer_report/quality/audio_consumer_cumulative"),
    WatchedField::of_record("/peer_report/quality/audio_consumer_cumulative/quality_mos/avg"),
    WatchedField::of_record("/peer_report/quality/audio_consumer_cumulative/packet_loss/avg"),
    WatchedField::of_record("/peer_report/quality/audio_consumer_cumulative/rtt/avg"),
    WatchedField::of_record("/peer_report/quality/audio_consumer_cumulative/frame_per_second/avg"),
    WatchedField::of_record("/peer_report/quality/video_producer_cumulative"),
    WatchedField::of_record("/peer_report/quality/video_producer_cumulative/quality_mos/avg"),
    WatchedField::of_record("/peer_report/quality/video_producer_cumulative/packet_loss/avg"),
    WatchedField::of_record("/peer_report/quality/video_producer_cumulative/rtt/avg"),
    WatchedField::of_record("/peer_report/quality/video_producer_cumulative/frame_per_second/avg"),
    WatchedField::of_record("/peer_report/quality/video_consumer_cumulative"),
    WatchedField::of_record("/peer_report/quality/video_consumer_cumulative/quality_mos/avg"),
    WatchedField::of_record("/peer_report/quality/video_consumer_cumulative/packet_loss/avg"),
    WatchedField::of_record("/peer_report/quality/video_consumer_cumulative/rtt/avg"),
    WatchedField::of_record("/peer_report/quality/video_consumer_cumulative/frame_per_second/avg"),
];

/// Reads the record of the report on `peer`. Without any value there are no statistics.
pub(super) fn report(peer: &ProviderRecordId, record: String, drift: &DriftItems) -> PeerReport {
    let mut found = [None; WATCHED.len()];
    let quality = Fields::open(&record, drift).ok().and_then(|fields| {
        found[0] = Some(fields.has("peer_report"));
        fields.expect(&FIELDS);
        if fields.text("id").is_some_and(|id| id != peer.as_str()) {
            // Versions of the API differ in whose id this is; the requested one counts.
            fields.unknown_value("id", "");
        }
        let report = fields.object("peer_report")?;
        // surroundings and single samples have some 500 further fields, which are not used
        report.expect(&["metadata", "quality"]);
        let quality = quality(&report, drift);
        // a presence that was not measured has an empty report
        if !report.is_empty() {
            found[1] = Some(quality.is_some());
            let of_media =
                presence(report.object("quality").as_ref(), quality.as_ref().unwrap_or(&PeerQuality::default()));
            found[2..].copy_from_slice(&of_media);
        }
        quality
    });
    let fields = FieldPresence::of(&WATCHED, &found);
    PeerReport { provider_participant_id: peer.clone(), quality, fields, raw: record.into_bytes() }
}

/// Returns which fields of the media a report has. A medium is expected where it was sampled, and its values where it
/// is there: who only listens sends nothing.
fn presence(figures: Option<&Fields<'_>>, read: &PeerQuality) -> Vec<Option<bool>> {
    let is_sampled = |name| figures.is_some_and(|figures| figures.list(name).is_some_and(|list| !list.is_empty()));
    let has = |name| figures.is_some_and(|figures| figures.has(name));
    let medium = |samples, name, of: &MediaQuality| {
        let is_there = has(name);
        let value = |number: Option<Decimal>| is_there.then_some(number.is_some());
        let medium = (is_there || is_sampled(samples)).then_some(is_there);
        [medium, value(of.mos_avg), value(of.packet_loss_avg), value(of.rtt_ms_avg), value(of.fps_avg)]
    };
    let of_media = [
        medium("audio_producer", "audio_producer_cumulative", &read.audio_out),
        medium("audio_consumer", "audio_consumer_cumulative", &read.audio_in),
        medium("video_producer", "video_producer_cumulative", &read.video_out),
        medium("video_consumer", "video_consumer_cumulative", &read.video_in),
    ];
    of_media.concat()
}

fn quality(report: &Fields<'_>, drift: &DriftItems) -> Option<PeerQuality> {
    let figures = report.object("quality")?;
    let media = |name| figures.object(name).map(|figures| media(&figures, name, drift)).unwrap_or_default();
    let found = PeerQuality {
        audio_out: media("audio_producer_cumulative"),
        audio_in: media("audio_consumer_cumulative"),
        video_out: media("video_producer_cumulative"),
        video_in: media("video_consumer_cumulative"),
        ..PeerQuality::default()
    };
    if found == PeerQuality::default() {
        return None;
    }
    Some(report.object("metadata").map(|metadata| surroundings(&metadata, found.clone())).unwrap_or(found))
}

/// Reads the values of one medium in one direction.
fn media(figures: &Fields<'_>, medium: &str, drift: &DriftItems) -> MediaQuality {
    let mos = Scale { group: "quality_mos", least: Decimal::ONE, most: Decimal::from(5) };
    let loss = Scale { group: "packet_loss", least: Decimal::ZERO, most: Decimal::ONE };
    // A round trip of more than a minute is a mistake.
    let rtt = Scale { group: "rtt", least: Decimal::ZERO, most: Decimal::from(60_000) };
    let rtt_share = Scale { most: Decimal::ONE, ..rtt };
    let fps = Scale { group: "frame_per_second", least: Decimal::ZERO, most: Decimal::from(1000) };
    let read = |scale: Scale, name: &str| {
        let number = figures.object(scale.group)?.decimal(name)?;
        if number < scale.least || number > scale.most {
            let path = format!("/peer_report/quality/{medium}/{}/{name}", scale.group);
            drift.count("unreadable_value", &path, "out of scale");
            return None;
        }
        Some(number)
    };
    MediaQuality {
        mos_avg: read(mos, "avg"),
        mos_p50: read(mos, "p50"),
        mos_p75: read(mos, "p75"),
        mos_p90: read(mos, "p90"),
        packet_loss_avg: read(loss, "avg"),
        loss_over_5_rate: read(loss, "5_or_greater_event_fraction"),
        loss_over_10_rate: read(loss, "10_or_greater_event_fraction"),
        loss_over_25_rate: read(loss, "25_or_greater_event_fraction"),
        loss_over_50_rate: read(loss, "50_or_greater_event_fraction"),
        rtt_ms_avg: read(rtt, "avg"),
        rtt_over_100_rate: read(rtt_share, "100ms_or_greater_event_fraction"),
        rtt_over_250_rate: read(rtt_share, "250ms_or_greater_event_fraction"),
        rtt_over_500_rate: read(rtt_share, "500ms_or_greater_event_fraction"),
        fps_avg: read(fps, "avg"),
    }
}

/// Range of a group of values, both ends included.
#[derive(Debug, Clone, Copy)]
struct Scale {
    group: &'static str,
    least: Decimal,
    most: Decimal,
}

/// Adds data about the surroundings. None of it is requested, see the provider's header.
fn surroundings(metadata: &Fields<'_>, quality: PeerQuality) -> PeerQuality {
    let device = metadata.object("device_info");
    let is_country = |text: &String| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    let country = metadata.object("ip_information").and_then(|place| place.text("country")).filter(is_country);
    let checks = metadata.list("pc_metadata").unwrap_or_default();
    let check = checks.first().and_then(|raw| metadata.element("pc_metadata", raw));
    PeerQuality {
        country_code: country.map(|country| country.to_ascii_uppercase()),
        device_os: device.as_ref().and_then(|device| device.text("os")),
        is_mobile: device.as_ref().and_then(|device| device.flag("is_mobile")),
        network_type: check.and_then(|check| check.text("effective_network_type")),
        used_turn: metadata.object("candidate_pairs").and_then(|pairs| used_turn(&pairs)),
        sdk_name: metadata.text("sdk_name"),
        sdk_version: metadata.text("sdk_version"),
        ..quality
    }
}

/// Whether one of the chosen candidate pairs used a relay; `None` where none is known.
fn used_turn(pairs: &Fields<'_>) -> Option<bool> {
    let mut used = None;
    for name in ["consuming_transport", "producing_transport"] {
        for raw in pairs.list(name).unwrap_or_default() {
            let Some(pair) = pairs.element(name, raw) else { continue };
            if pair.flag("nominated") == Some(true)
                && let Some(kind) = pair.text("local_candidate_type")
            {
                used = Some(used == Some(true) || kind.eq_ignore_ascii_case("relay"));
            }
        }
    }
    used
}
