//! The artifacts of one RealtimeKit session: policies, and responses that are none.

use tributary::connector::error::PullErrorKind;
use tributary::model::artifact::{Absence, Artifact, ArtifactAnswer, ArtifactPage, ArtifactRequest, SessionRef};
use tributary::model::id::ProviderRecordId;
use tributary::model::participant::Participant;
use tributary::model::quality::{MediaQuality, PeerReport};

use super::server::{Call, Reply, Server, file, json, status};
use super::*;

macro_rules! rtk_sample {
    ($name:literal) => {
        include_str!(concat!("../../../src/providers/realtimekit/samples/", $name))
    };
}
pub(crate) use rtk_sample;

const SESSION: &str = "/accounts/acc/realtime/kit/app/sessions/s1";

/// One call for the session `s1`, which began at 14:00 on 2 March.
pub(crate) async fn ask(
    connector: &dyn Connector,
    stream: Stream,
    cursor: Option<&Cursor>,
    participant: Option<&str>,
) -> Result<ArtifactAnswer, PullError> {
    let session = SessionRef {
        provider_session_id: ProviderRecordId::parse("s1").unwrap(),
        started_at: at("2026-03-02T14:00:00Z"),
        ended_at: Some(at("2026-03-02T14:32:43Z")),
    };
    let participant = participant.map(|id| ProviderRecordId::parse(id).unwrap());
    let request = ArtifactRequest {
        session: &session,
        participant: participant.as_ref(),
        cursor,
        may_be_large: true,
        now: at(NOW),
    };
    connector.fetch_artifact(stream, request).await
}

pub(crate) fn content(answer: ArtifactAnswer) -> ArtifactPage {
    match answer {
        ArtifactAnswer::Content(page) => *page,
        ArtifactAnswer::Absent(absence) => panic!("absent: {absence:?}"),
    }
}

/// The vendor's response, with a link to `/file` at the called server.
pub(crate) fn link_answer(call: &Call) -> Reply {
    let (sample, name) = match call.path.rsplit('/').next().unwrap() {
        "chat" => (rtk_sample!("chat.json"), "chat.csv"),
        "transcript" => (rtk_sample!("transcript.json"), "transcript.csv"),
        _ => (rtk_sample!("summary.json"), "summary.md"),
    };
    let link = format!("{}/file?signature=secret", call.headers["host"].to_str().unwrap());
    json(sample.replace(&format!("127.0.0.1:9/files/{name}?sig=sample"), &link))
}

/// Returns the result of reading `bytes` behind the link of `stream`.
pub(crate) async fn read_file(stream: Stream, bytes: impl Into<Vec<u8>>) -> Result<ArtifactAnswer, PullError> {
    let bytes = bytes.into();
    let server =
        Server::start(move |call| if call.path == "/file" { file(bytes.clone()) } else { link_answer(call) }).await;
    ask(&*connect("realtimekit", &server.url), stream, None, None).await
}

pub(crate) fn odd(page: &ArtifactPage, kind: &'static str, path: &str, value: &str) -> usize {
    let wanted = Oddity { kind, path: path.to_owned(), value: value.to_owned() };
    page.oddities.iter().filter(|oddity| **oddity == wanted).count()
}

/// Whether a file cannot be read, by any of the error kinds for it.
pub(crate) fn is_unreadable(error: &PullError) -> bool {
    matches!(error.kind, PullErrorKind::FileCut | PullErrorKind::ErrorPage | PullErrorKind::Contract)
}

fn participants(page: &ArtifactPage) -> &[Participant] {
    let Artifact::Participants(participants) = &page.artifact else { panic!("{:?}", page.artifact) };
    participants
}

async fn participants_of(body: String) -> ArtifactPage {
    let server = Server::start(move |_| json(body.clone())).await;
    let connector =
        connect_with("realtimekit", &server.url, |s| s.facts.extend([("page_base".to_owned(), "1".to_owned())]));
    content(ask(&*connector, Stream::Participants, None, None).await.unwrap())
}

#[test]
fn every_stream_of_a_session_has_its_policy() {
    let connector = connect("realtimekit", "http://127.0.0.1:1");
    assert!(connector.artifact_policy(Stream::Sessions).is_none());
    let row = |stream| {
        let policy = connector.artifact_policy(stream).unwrap();
        let tries: Vec<i64> = policy.tries_after.iter().map(TimeDelta::num_minutes).collect();
        let live = policy.while_live.map(|every| every.num_minutes());
        let then_every = if stream == Stream::Quality { TimeDelta::days(30) } else { TimeDelta::days(1) };
        assert_eq!((policy.then_every, policy.settles_after), (then_every, TimeDelta::hours(2)));
        (live, tries, policy.retention.num_days(), policy.per_participant)
    };
    let usual = vec![2, 10, 30, 120, 720];
    assert_eq!(row(Stream::Participants), (Some(5), usual.clone(), 30, false));
    for stream in [Stream::Chat, Stream::Transcript, Stream::Summary] {
        assert_eq!(row(stream), (None, usual.clone(), 7, false));
    }
    assert_eq!(row(Stream::Quality), (None, usual[1..].to_vec(), 30, true));
    for provider in ["konpro", "konvo"] {
        let connector = connect(provider, "http://127.0.0.1:1");
        assert!(Stream::PER_SESSION.iter().all(|stream| connector.artifact_policy(*stream).is_none()));
    }
}

#[tokio::test]
async fn participants_come_in_pages_of_either_base() {
    for (base, asked) in [(1, vec!["1", "2"]), (0, vec!["1", "0", "1"])] {
        let server = Server::start(move |call| {
            let number: usize = call.query("page_no").unwrap().parse().unwrap();
            let pages = [rtk_sample!("participants.page1.json"), rtk_sample!("participants.page2.rejoin.json")];
            let page = number.checked_sub(base).and_then(|index| pages.get(index));
            json(*page.unwrap_or(&r#"{"data":{"participants":[],"paging":{"total_count":4,"start_offset":0}}}"#))
        })
        .await;
        let connector = connect("realtimekit", &server.url);
        let first = content(ask(&*connector, Stream::Participants, None, None).await.unwrap());
        let second = content(ask(&*connector, Stream::Participants, first.next.as_ref(), None).await.unwrap());
        assert_eq!((first.total, second.total, &second.next), (Some(4), Some(4), &None));
        assert_eq!(first.facts["page_base"], base.to_string());
        assert!(second.facts.is_empty());
        let calls = server.calls();
        assert_eq!(calls.iter().map(|call| call.query("page_no").unwrap()).collect::<Vec<_>>(), asked);
        assert_eq!(calls[0].path, format!("{SESSION}/participants"));
        let query = ["per_page", "sort_by", "sort_order", "include_peer_events", "view"];
        assert_eq!(query.map(|name| calls[0].query(name).unwrap()), ["100", "joinedAt", "ASC", "false", "raw"]);
        // The base found in one list applies to the other.
        walk_sessions_once(&*connector, &server, base).await;
        let all: Vec<&Participant> = participants(&first).iter().chain(participants(&second)).collect();
        let ms: Vec<i64> = all.iter().map(|participant| participant.duration_ms.unwrap()).collect();
        assert_eq!(ms, [1_897_752, 1_012_608, 1_749_246, 741_498]);
        let ben = all[3];
        assert_eq!(ben.provider_user_id, all[1].provider_user_id);
        assert_ne!(ben.provider_participant_id, all[1].provider_participant_id);
        assert_eq!(ben.joined_at, Some(at("2026-03-02T14:19:20Z")));
        assert_eq!(ben.left_at, Some(at("2026-03-02T14:31:41.500Z")));
        assert_eq!(ben.custom_participant_id.as_deref(), Some("crm-1002"));
        assert_eq!(ben.preset_name.as_deref(), Some("group_call_participant"));
        assert_eq!(all[2].display_name.as_deref(), Some("Chlo\u{e9}, \"CC\" Martin"));
        assert!(ben.raw.starts_with(b"{") && ben.raw.ends_with(b"}"));
    }
}

async fn walk_sessions_once(connector: &dyn Connector, server: &Server, base: usize) {
    let before = server.calls().len();
    first_page(connector).await.unwrap_err();
    let calls = server.calls();
    assert_eq!(calls.len(), before + 1);
    assert_eq!(calls[before].query("page_no"), Some(base.to_string().as_str()));
}

#[tokio::test]
async fn paging_is_read_inside_data_beside_it_or_not_at_all() {
    let row = r#"{"id":"a"}"#;
    let inside = format!(r#"{{"data":{{"participants":[{row}],"paging":{{"total_count":9,"end_offset":1}}}}}}"#);
    let beside = format!(r#"{{"data":{{"participants":[{row}]}},"paging":{{"total_count":9,"end_offset":1}}}}"#);
    let empty_beside =
        format!(r#"{{"data":{{"participants":[{row}],"paging":{{"total_count":9,"end_offset":1}}}},"paging":null}}"#);
    for body in [inside, beside, empty_beside] {
        let page = participants_of(body).await;
        assert_eq!((page.total, page.next.is_some()), (Some(9), true));
    }
    // Without a stated end only an empty page ends the list.
    let page = participants_of(format!(r#"{{"data":{{"participants":[{row}]}}}}"#)).await;
    assert_eq!((page.total, page.next.is_some()), (None, true));
    let page = participants_of(r#"{"data":{"participants":[]}}"#.to_owned()).await;
    assert_eq!((participants(&page).len(), page.next), (0, None));
}

#[tokio::test]
async fn odd_participants_are_kept_and_counted() {
    let page = participants_of(rtk_sample!("participants.dirty-values.json").to_owned()).await;
    let [first, second] = participants(&page) else { panic!() };
    assert_eq!((&first.provider_user_id, &first.custom_participant_id, &first.display_name), (&None, &None, &None));
    assert_eq!(first.person(), None);
    assert_eq!(second.joined_at, Some(at("2026-03-02T14:01:10.400Z")));
    assert_eq!(odd(&page, "stray_quote", "/joined_at", ""), 1);
    let page = participants_of(rtk_sample!("participants.live.left-at-null.json").to_owned()).await;
    let live = participants(&page).iter().map(|participant| (participant.left_at, participant.duration_ms));
    assert_eq!(live.collect::<Vec<_>>(), [(None, None), (Some(at("2026-03-02T15:14:10.250Z")), Some(206_250))]);
    let rows = [
        r#"{"id":"before","joined_at":"2026-03-02T14:00:00Z","left_at":"2026-03-02T13:00:00Z","duration":-1}"#,
        r#"{"id":"far","joined_at":"soon","left_at":"null","duration":1e9,"display_name":"null"}"#,
        r#"{"id":"text","left_at":"2026-03-02T14:00:00Z","duration":"0.0000083"}"#,
        r#"{"user_id":"nobody"}"#,
        "7",
        r#"{"id":"half","left_at":"2026-03-02T14:00:00Z","duration":0.000008333333333333333333333333}"#,
        r#"{"id":"zero","left_at":"2026-03-02T14:00:00Z","duration":0}"#,
    ];
    let body =
        format!(r#"{{"data":{{"participants":[{}],"paging":{{"total_count":7,"end_offset":7}}}}}}"#, rows.join(","));
    let page = participants_of(body).await;
    let ms: Vec<_> = participants(&page).iter().map(|participant| participant.duration_ms).collect();
    assert_eq!(ms, [None, None, Some(0), Some(0), Some(0)]);
    assert_eq!(participants(&page)[0].left_at, None);
    assert_eq!(participants(&page)[1].display_name, None);
    assert_eq!(odd(&page, "unreadable_value", "/left_at", "before joined_at"), 1);
    assert_eq!(odd(&page, "unreadable_value", "/duration", "negative"), 1);
    assert_eq!(odd(&page, "unreadable_value", "/duration", "too large"), 1);
    assert_eq!(odd(&page, "unreadable_value", "/joined_at", ""), 1);
    let codes: Vec<_> = page.rejects.iter().map(|reject| (reject.reason_code, &reject.raw[..])).collect();
    assert_eq!(codes, [("missing_field", rows[3].as_bytes()), ("not_an_object", rows[4].as_bytes())]);
    assert_eq!(page.next, None);
}

#[tokio::test]
async fn f57_what_the_provider_does_not_know_is_absent() {
    for stream in Stream::PER_SESSION {
        let server = Server::start(|_| status(404, rtk_sample!("error.404.session.json"))).await;
        let answer = ask(&*connect("realtimekit", &server.url), stream, None, Some("p1")).await.unwrap();
        assert_eq!((answer, server.calls().len()), (ArtifactAnswer::Absent(Absence::NotFound), 1), "{stream}");
    }
}

#[tokio::test]
async fn a_list_that_vanishes_halfway_is_an_error() {
    let server = Server::start(|call| match call.query("page_no") {
        Some("1") => json(rtk_sample!("participants.page1.json")),
        _ => status(404, rtk_sample!("error.404.session.json")),
    })
    .await;
    let connector = connect("realtimekit", &server.url);
    let first = content(ask(&*connector, Stream::Participants, None, None).await.unwrap());
    let error = ask(&*connector, Stream::Participants, first.next.as_ref(), None).await.unwrap_err();
    assert_eq!(error.kind, PullErrorKind::NotFound);
}

#[tokio::test]
async fn what_is_no_answer_is_an_error() {
    let bodies = ["{}", "[]", r#"{"success":true}"#, r#"{"data":"none"}"#, r#"{"success":false,"data":{}}"#, "<html>"];
    for stream in Stream::PER_SESSION {
        for body in bodies {
            let server = Server::start(move |_| json(body)).await;
            let answer = ask(&*connect("realtimekit", &server.url), stream, None, Some("p1")).await;
            assert_eq!(answer.unwrap_err().kind, PullErrorKind::Contract, "{stream}: {body}");
        }
    }
    let server = Server::start(|_| json(r#"{"data":{"participants":null}}"#)).await;
    let answer = ask(&*connect("realtimekit", &server.url), Stream::Participants, None, None).await;
    assert_eq!(answer.unwrap_err().kind, PullErrorKind::Contract);
    let connector = connect("realtimekit", "http://127.0.0.1:1");
    assert!(ask(&*connector, Stream::Sessions, None, None).await.is_err());
    assert!(ask(&*connector, Stream::Quality, None, None).await.is_err());
}

#[tokio::test]
async fn an_answer_without_a_link_is_absent() {
    let bodies = [
        r#"{"success":true,"data":{"chat_download_url":null}}"#,
        r#"{"success":true,"data":{"chat_download_url":"","chat_download_url_expiry":""}}"#,
        r#"{"success":true,"data":{"chat_download_url":"null"}}"#,
        r#"{"success":true,"data":{}}"#,
        r#"{"success":true,"data":null}"#,
    ];
    for body in bodies {
        let server = Server::start(move |_| json(body)).await;
        let answer = ask(&*connect("realtimekit", &server.url), Stream::Chat, None, None).await.unwrap();
        assert_eq!((answer, server.calls().len()), (ArtifactAnswer::Absent(Absence::NoLink), 1), "{body}");
    }
    // A field that was renamed must not look like a chat that was never made.
    let server = Server::start(|_| json(r#"{"data":{"url":"https://files.example/x?sig=secret"}}"#)).await;
    let error = ask(&*connect("realtimekit", &server.url), Stream::Chat, None, None).await.unwrap_err();
    assert_eq!(error.kind, PullErrorKind::Contract);
    assert!(!error.to_string().contains("files.example"));
}

#[tokio::test]
async fn f61_links_are_followed_without_a_credential_and_asked_for_as_documented() {
    let calls = [
        (Stream::Chat, "chat", rtk_sample!("files/chat.csv")),
        (Stream::Transcript, "transcript", rtk_sample!("files/transcript.json")),
        (Stream::Summary, "summary", rtk_sample!("files/summary.md")),
    ];
    for (stream, name, sample) in calls {
        let server =
            Server::start(move |call| if call.path == "/file" { file(sample) } else { link_answer(call) }).await;
        let page = content(ask(&*connect("realtimekit", &server.url), stream, None, None).await.unwrap());
        assert_eq!(page.raw.as_deref(), Some(sample.as_bytes()));
        let [asked, fetched] = &server.calls()[..] else { panic!() };
        assert_eq!(asked.path, format!("{SESSION}/{name}"));
        assert_eq!(asked.query("format"), (stream == Stream::Transcript).then_some("JSON"));
        assert_eq!(asked.headers["authorization"], format!("Bearer {KEY}"));
        assert_eq!(fetched.query("signature"), Some("secret"));
        assert!(["authorization", "x-api-key", "cookie"].iter().all(|name| !fetched.headers.contains_key(*name)));
    }
}

#[tokio::test]
async fn f59_a_dead_link_is_asked_for_once_more() {
    for dead in [403, 404, 410] {
        // The object store's own page states the reason, and is not content.
        let gone = "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code></Error>";
        let server = Server::start(move |call| match (call.path.as_str(), call.index) {
            ("/file", 1) => status(dead, gone),
            ("/file", _) => file("id,payload\na,hello\n"),
            _ => link_answer(call),
        })
        .await;
        let page = content(ask(&*connect("realtimekit", &server.url), Stream::Chat, None, None).await.unwrap());
        assert_eq!((page.raw.unwrap().len(), server.calls().len()), (19, 4));
        let server =
            Server::start(move |call| if call.path == "/file" { status(dead, gone) } else { link_answer(call) }).await;
        let answer = ask(&*connect("realtimekit", &server.url), Stream::Chat, None, None).await.unwrap();
        assert_eq!((answer, server.calls().len()), (ArtifactAnswer::Absent(Absence::LinkDead), 4));
    }
}

#[tokio::test]
async fn f59_a_link_that_says_it_has_expired_is_tried() {
    let server = Server::start(|call| {
        if call.path == "/files/transcript.csv" {
            return file(rtk_sample!("files/transcript.headerless-ms.csv"));
        }
        let host = call.headers["host"].to_str().unwrap();
        json(rtk_sample!("transcript.expired-link.json").replace("127.0.0.1:9", host))
    })
    .await;
    content(ask(&*connect("realtimekit", &server.url), Stream::Transcript, None, None).await.unwrap());
    assert_eq!(server.calls().len(), 2);
}

#[tokio::test]
async fn no_failure_tells_the_link() {
    let replies: [fn() -> Reply; 4] = [
        || status(500, "broken"),
        || file("<html>sign in</html>"),
        || file("neither this nor that"),
        || file("x".repeat(2 * 1024 * 1024)),
    ];
    let kinds = [PullErrorKind::Transient, PullErrorKind::ErrorPage, PullErrorKind::Contract, PullErrorKind::TooLarge];
    for (reply, kind) in replies.into_iter().zip(kinds) {
        let server = Server::start(move |call| if call.path == "/file" { reply() } else { link_answer(call) }).await;
        let error = ask(&*connect("realtimekit", &server.url), Stream::Chat, None, None).await.unwrap_err();
        assert_eq!(error.kind, kind);
        let said = format!("{error} {error:?}");
        assert!(said.contains("chat file") && !said.contains("secret") && !said.contains("/file"), "{said}");
    }
    let server = Server::start(|_| json(r#"{"data":{"chat_download_url":"not a link, secret"}}"#)).await;
    let error = ask(&*connect("realtimekit", &server.url), Stream::Chat, None, None).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("secret"), "{error:?}");
}

#[tokio::test]
async fn a_file_of_nothing_is_absent() {
    for stream in [Stream::Chat, Stream::Transcript, Stream::Summary] {
        for nothing in ["", "\u{feff}", "\r\n\n"] {
            let answer = read_file(stream, nothing).await.unwrap();
            assert_eq!(answer, ArtifactAnswer::Absent(Absence::ZeroBytes), "{stream}");
        }
    }
}

async fn quality_of(body: &'static str) -> (ArtifactPage, PeerReport) {
    let server = Server::start(move |_| json(body)).await;
    let peer = "c8570563-7c90-4d94-a2fa-a9fb9a32daea";
    let page = content(ask(&*connect("realtimekit", &server.url), Stream::Quality, None, Some(peer)).await.unwrap());
    let call = &server.calls()[0];
    assert_eq!(call.path, format!("/accounts/acc/realtime/kit/app/sessions/peer-report/{peer}"));
    assert_eq!(call.query, [("filters".to_owned(), "quality_stats".to_owned())]);
    let Artifact::Quality(report) = page.artifact.clone() else { panic!() };
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
        assert!(page.oddities.is_empty() && page.raw.is_none());
    }
}

#[tokio::test]
async fn a_report_without_a_figure_is_none() {
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

#[tokio::test]
async fn an_id_that_is_no_address_is_not_asked_for() {
    let server = Server::start(|_| status(500, "{}")).await;
    let answer = ask(&*connect("realtimekit", &server.url), Stream::Quality, None, Some("..")).await.unwrap();
    assert_eq!((answer, server.calls().len()), (ArtifactAnswer::Absent(Absence::NotFound), 0));
}
