//! Quality reports of one RealtimeKit session.

use tributary::model::artifact::{Artifact, ArtifactPage};
use tributary::model::quality::{MediaQuality, PeerReport};

use super::realtimekit_artifacts::{ask, content, odd, rtk_sample};
use super::scripted_server::{Server, json};
use super::*;

async fn quality_of(body: &'static str) -> (ArtifactPage, PeerReport) {
    let server = Server::start(move |_| json(body)).await;
    let peer = "c8570563-7c90-4d94-a2fa-a9fb9a32daea";
    let page = content(ask(&*connect("realtimekit", &server.url), Stream::Quality, None, Some(peer)).await.unwrap());
    let call = &server.calls()[0];
    assert_eq!(call.path, format!("/accounts/acc/realtime/kit/app/sessions/peer-report/{peer}"));
    assert_eq!(call.query, [("filters".to_owned(), "quality_stats".to_owned())]);
    let Artifact::Quality(reports) = page.artifact.clone() else { panic!() };
    let [report] = <[PeerReport; 1]>::try_from(reports).expect("one report");
    assert_eq!(report.provider_participant_id.as_str(), peer);
    (page, report)
}

#[tokio::test]
async fn a_report_is_read_flat_and_nested() {
    for body in [rtk_sample!("peer-report.flat.json"), rtk_sample!("peer-report.nested.json")] {
        let (page, report) = quality_of(body).await;
        let quality = report.quality.unwrap();
        let expected = MediaQuality {
            mos_avg: Some(dec("4.2")),
            mos_p50: Some(dec("4.3")),
            mos_p75: Some(dec("4.3")),
            mos_p90: Some(dec("4.4")),
            packet_loss_avg: Some(dec("0.003")),
            loss_over_5_rate: Some(dec("0")),
            loss_over_10_rate: Some(dec("0")),
            loss_over_25_rate: Some(dec("0")),
            loss_over_50_rate: Some(dec("0")),
            rtt_ms_avg: Some(dec("42.5")),
            rtt_over_100_rate: Some(dec("0")),
            rtt_over_250_rate: Some(dec("0")),
            rtt_over_500_rate: Some(dec("0")),
            fps_avg: None,
        };
        assert_eq!(quality.audio_out, expected);
        assert_eq!(quality.video_in, MediaQuality::default());
        assert_eq!((quality.country_code.as_deref(), quality.device_os.as_deref()), (Some("PT"), Some("macOS")));
        assert_eq!((quality.is_mobile, quality.network_type.as_deref()), (Some(false), Some("4g")));
        assert_eq!((quality.used_turn, quality.sdk_version.as_deref()), (None, Some("1.2.3")));
        let record: serde_json::Value = serde_json::from_slice(&report.raw).unwrap();
        assert_eq!(record["id"], report.provider_participant_id.as_str());
        assert!(page.drift.is_empty() && page.raw.is_none());
    }
}

#[tokio::test]
async fn a_report_without_values_is_none() {
    let (_, report) = quality_of(rtk_sample!("peer-report.no-stats.json")).await;
    assert_eq!(report.quality, None);
    for body in [r#"{"data":{}}"#, r#"{"data":{"participant":{"peer_report":{"quality":{}}}}}"#] {
        assert_eq!(quality_of(body).await.1.quality, None);
    }
    let (page, report) = quality_of(
        r#"{"data":{"id":"other","peer_report":{"quality":{"video_consumer_cumulative":{"quality_mos":{"avg":0,"p50":"5"},
            "packet_loss":{"avg":-0.1},"rtt":null,"frame_per_second":{"avg":29.97}},"audio_producer_cumulative":7}}}}"#,
    )
    .await;
    let video = report.quality.unwrap().video_in;
    assert_eq!((video.mos_avg, video.mos_p50), (None, Some(dec("5"))));
    assert_eq!((video.packet_loss_avg, video.fps_avg), (None, Some(dec("29.97"))));
    let path = "/peer_report/quality/video_consumer_cumulative";
    assert_eq!(odd(&page, "unreadable_value", &format!("{path}/quality_mos/avg"), "out of scale"), 1);
    assert_eq!(odd(&page, "unreadable_value", &format!("{path}/packet_loss/avg"), "out of scale"), 1);
    assert_eq!(odd(&page, "unknown_value", "/id", ""), 1);
}
