//! Metrics of media quality: audio and video of the participants of meetings.
//!
//! Means are weighted by the length of a presence, so that a minute of bad sound weighs the same in a short and in a
//! long one. A presence without a report is unknown; `quality_coverage_rate` gives the share that has one.

use crate::model::stream::Stream;
use crate::query::metrics::column::prelude::*;
use crate::query::metrics::measure::{Known, Measure, Metric, Term};
use crate::query::metrics::registry::people::PRESENCE;
use crate::query::metrics::requires::Requires;

/// Base of mean opinion scores: presences weighted by their length.
const QUALITY: Metric = Metric {
    unit: "mean opinion score, 1 to 5",
    null_rule: "A presence without a score or without a length is in unknown_count and in neither part; so is a session whose participants were never fetched.",
    requires: Requires::PerSession(Stream::Quality),
    ..PRESENCE
};

macro_rules! weighted {
    ($column:ident, $name:literal, $metric:expr) => {
        Metric {
            formula: concat!("sum(", $name, " * duration_seconds) / sum(duration_seconds)"),
            measure: Measure::Ratio(Term::Minutes(expr!($column " * " PRESENCE_SECONDS)), Term::Minutes(PRESENCE_SECONDS)),
            known: Known::If(expr!($column " is not null and " PRESENCE_SECONDS " is not null")),
            ..$metric
        }
    };
}

/// Metrics of media quality.
pub(super) static METRICS: [Metric; 8] = [
    Metric {
        id: "quality_coverage_rate",
        label: "Quality coverage",
        unit: "ratio",
        description: "Presences with a quality report among those that began in the range.",
        formula: "count(has_report) of analytics.participant_quality / count(*) of analytics.participants",
        null_rule: "As participants. A report that has not been requested yet counts as missing.",
        measure: Measure::Ratio(Term::RowsIf(HAS_REPORT), Term::Rows),
        ..QUALITY
    },
    weighted!(
        AUDIO_MOS_AVG,
        "audio_mos_avg",
        Metric {
            id: "audio_mos_avg",
            label: "Quality of sound sent",
            description: "Mean opinion score of the sound sent by participants who joined in the range, weighted by their minutes of presence. Bands: 4.34, 4.03, 3.60, 3.10, 2.58.",
            ..QUALITY
        }
    ),
    weighted!(
        AUDIO_IN_MOS_AVG,
        "audio_in_mos_avg",
        Metric {
            id: "audio_in_mos_avg",
            label: "Quality of sound received",
            description: "Mean opinion score of the sound received by participants who joined in the range, weighted by their minutes of presence.",
            ..QUALITY
        }
    ),
    Metric {
        id: "poor_audio_rate",
        label: "Poor sound",
        unit: "ratio",
        description: "Presences that began in the range and sent poor sound, a mean opinion score below 3.60 or 5 % of packets lost in more than a tenth of the samples, among presences for which either is known, from 0 to 1.",
        formula: "count(audio_mos_avg < 3.60 or audio_out_loss_over_5_rate > 0.10) / count(audio_mos_avg or audio_out_loss_over_5_rate is not null)",
        null_rule: "A presence for which neither is known is in unknown_count and in neither part; so is a session whose participants were never fetched.",
        measure: Measure::Ratio(
            Term::RowsIf(expr!("(" AUDIO_MOS_AVG " < 3.60 or " AUDIO_OUT_LOSS_OVER_5_RATE " > 0.10)")),
            Term::Rows,
        ),
        known: Known::If(expr!("(" AUDIO_MOS_AVG " is not null or " AUDIO_OUT_LOSS_OVER_5_RATE " is not null)")),
        ..QUALITY
    },
    weighted!(
        AUDIO_OUT_PACKET_LOSS_AVG,
        "audio_out_packet_loss_avg",
        Metric {
            id: "packet_loss_avg",
            label: "Packets lost",
            unit: "ratio",
            description: "Packets of sound lost among all sent by participants who joined in the range, from 0 to 1, weighted by their minutes of presence.",
            ..QUALITY
        }
    ),
    weighted!(
        AUDIO_OUT_RTT_MS_AVG,
        "audio_out_rtt_ms_avg",
        Metric {
            id: "rtt_avg_ms",
            label: "Round trip",
            unit: "milliseconds",
            description: "Mean round trip of the sound sent by participants who joined in the range, weighted by their minutes of presence.",
            ..QUALITY
        }
    ),
    weighted!(
        AUDIO_OUT_RTT_OVER_250_RATE,
        "audio_out_rtt_over_250_rate",
        Metric {
            id: "rtt_over_250ms_rate",
            label: "Round trips over 250 ms",
            unit: "ratio",
            description: "Samples of the sound sent with a round trip of 250 ms or more, from 0 to 1, weighted by minutes of presence.",
            ..QUALITY
        }
    ),
    weighted!(
        VIDEO_OUT_FPS_AVG,
        "video_out_fps_avg",
        Metric {
            id: "video_fps_avg",
            label: "Pictures a second",
            unit: "pictures a second",
            description: "Mean pictures a second sent by participants who joined in the range, weighted by their minutes of presence.",
            ..QUALITY
        }
    ),
];
