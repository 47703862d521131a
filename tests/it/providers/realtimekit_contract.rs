//! Our requests against RealtimeKit's own description, served by a mock server, and its random responses as polls.
//!
//! Not part of the suite, because it needs an npm package: `tests/contract/run` starts the servers and runs this.

use chrono::TimeDelta;
use tributary::connector::error::{PullError, PullErrorKind};
use tributary::model::artifact::{ArtifactAnswer, ArtifactRequest, SessionRef};
use tributary::model::id::ProviderRecordId;
use tributary::model::page::PageRequest;
use tributary::model::stream::Stream;

use super::{connect, window};
use crate::harness::{World, at};

const SESSION: &str = "1b273ff6-8b20-4000-932f-0634db39ebfa";
const PEER: &str = "c8570563-7c90-4d94-a2fa-a9fb9a32daea";
/// Number of random responses for each call.
const RANDOM_ANSWERS: usize = 60;

#[expect(clippy::disallowed_methods, reason = "the addresses come from the script that starts the servers")]
fn address(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run tests/contract/run"))
}

fn session() -> SessionRef {
    let started_at = at("2026-03-02T14:00:00Z");
    let provider_session_id = ProviderRecordId::parse(SESSION).unwrap();
    SessionRef { provider_session_id, started_at, ended_at: Some(started_at + TimeDelta::minutes(30)) }
}

/// Makes every call of this connector; returns the name and the result of each.
async fn ask_everything(base_url: &str) -> Vec<(&'static str, Result<(), PullError>)> {
    let connector = connect("realtimekit", base_url);
    let (window, now) = (window(), at("2026-03-02T15:00:00Z"));
    let request = PageRequest { window: &window, cursor: None, now };
    let (session, peer) = (session(), ProviderRecordId::parse(PEER).unwrap());
    let mut answers = vec![
        ("the list", connector.fetch_page(Stream::Sessions, request).await.map(drop)),
        ("one session", connector.fetch_session(&session.provider_session_id, request).await.map(drop)),
        ("the check", connector.check(request).await.map(drop)),
    ];
    for stream in Stream::PER_SESSION {
        let participant = (stream == Stream::Quality).then_some(&peer);
        let request = ArtifactRequest { session: &session, participant, cursor: None, may_be_large: true, now };
        let answer = connector.fetch_artifact(stream, request).await;
        answers.push((stream.as_str(), answer.map(|_: ArtifactAnswer| ())));
    }
    let actions = connector.actions().unwrap();
    let started = actions.generate_summary(&session.provider_session_id).await;
    answers.push(("the call for a summary", started.map_err(|failed| failed.error)));
    answers
}

#[tokio::test]
#[ignore = "needs the mock server of tests/contract/run"]
async fn every_request_is_one_the_description_allows() {
    for (call, answer) in ask_everything(&address("CONTRACT_URL")).await {
        // the description's placeholders are not links: a file that cannot be fetched is not the request's fault
        let is_file = ["chat", "transcript", "summary"].contains(&call);
        match answer {
            Ok(()) => {}
            Err(error) if is_file && error.call.ends_with("file") => {}
            Err(error) => panic!("{call}: {error} ({:?})", error.http_status),
        }
    }
}

#[tokio::test]
#[ignore = "needs the mock server of tests/contract/run"]
async fn no_random_answer_is_taken_for_a_refusal() {
    for _ in 0..RANDOM_ANSWERS {
        for (call, answer) in ask_everything(&address("CONTRACT_RANDOM_URL")).await {
            let Err(error) = answer else { continue };
            assert!(
                matches!(error.kind, PullErrorKind::Contract | PullErrorKind::Transient | PullErrorKind::NotFound),
                "{call}: {error} ({:?})",
                error.kind
            );
        }
    }
}

#[tokio::test]
#[ignore = "needs the mock server of tests/contract/run"]
async fn polls_of_random_answers_end_in_order() {
    let mut world = World::new().await.with_depth();
    world.poll_elsewhere("realtimekit", &address("CONTRACT_RANDOM_URL"));
    for _ in 0..6 {
        for line in world.poll().await {
            assert!(["complete", "incomplete"].contains(&line.result), "{line:?}");
        }
    }
    assert_eq!(world.number("select count(*) from ingest.runs where finished_at is null").await, 0);
}
