//! The artifacts of one RealtimeKit session: policies, and responses that are none.

use tributary::connector::error::PullErrorKind;
use tributary::model::artifact::{Absence, ArtifactAnswer, ArtifactPage, ArtifactRequest, SessionRef};
use tributary::model::id::ProviderRecordId;

use super::scripted_server::{Server, json, status};
use super::*;

macro_rules! rtk_sample {
    ($name:literal) => {
        include_str!(concat!("../../../src/providers/realtimekit/samples/", $name))
    };
}
pub(crate) use rtk_sample;

pub(crate) const SESSION: &str = "/accounts/acc/realtime/kit/app/sessions/s1";

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

pub(crate) fn odd(page: &ArtifactPage, kind: &'static str, path: &str, value: &str) -> usize {
    let wanted = DriftItem { kind, path: path.to_owned(), value: value.to_owned() };
    page.drift.iter().filter(|drift| **drift == wanted).count()
}

/// Whether a file cannot be read, by any of the error kinds for it.
pub(crate) fn is_unreadable(error: &PullError) -> bool {
    matches!(error.kind, PullErrorKind::FileCut | PullErrorKind::ErrorPage | PullErrorKind::Contract)
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
async fn f57_an_artifact_that_the_provider_does_not_know_is_absent() {
    for stream in Stream::PER_SESSION {
        let server = Server::start(|_| status(404, rtk_sample!("error.404.session.json"))).await;
        let answer = ask(&*connect("realtimekit", &server.url), stream, None, Some("p1")).await.unwrap();
        assert_eq!((answer, server.calls().len()), (ArtifactAnswer::Absent(Absence::NotFound), 1), "{stream}");
    }
}

#[tokio::test]
async fn an_invalid_response_is_an_error() {
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
async fn an_id_that_is_no_path_segment_is_not_requested() {
    let server = Server::start(|_| status(500, "{}")).await;
    let answer = ask(&*connect("realtimekit", &server.url), Stream::Quality, None, Some("..")).await.unwrap();
    assert_eq!((answer, server.calls().len()), (ArtifactAnswer::Absent(Absence::NotFound), 0));
}
