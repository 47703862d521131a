//! An erasure killed at any of its commits: the same command, or any poller, ends it.

use super::*;
use crate::harness::processes::{ONCE_A_YEAR, Providers};

#[tokio::test]
async fn p15_an_erasure_killed_at_any_commit_is_ended_by_the_same_command_or_a_poller() {
    let providers = Providers::start(&[Platform::Konvo], 40, 0).await;
    let stage = providers.stage(ONCE_A_YEAR, 5).await;
    stage.world.poll().await;
    let identities = stage.world.identities(CONTACT).await;
    let contact = identities.iter().find(|one| one.contains('-')).expect("the contact's id").as_str();
    let erase = ["erase", "--source", "konvo", "--person", contact, "--yes"];
    let state = "select count(*) from ingest.erasures";
    // before and after the commit of the pseudonyms, of the sessions, and of the proof
    for (trap, erasures) in [
        ("erasure.before_commit=return", 0),
        ("erasure.after_commit=return", 1),
        ("erasure.before_commit=return", 1),
        ("erasure.after_commit=return", 1),
        ("erasure.before_commit=return", 1),
    ] {
        stage.start(&erase, trap).killed().await;
        assert_eq!(stage.number(state).await, erasures, "{trap}");
        let halves = "select count(*) from core.messages m join core.sessions s using (source_id, session_id)
                       where s.content_erased_at is not null and m.body is not null";
        assert_eq!(stage.number(halves).await, 0, "a session is whole: {trap}");
    }
    let poller = stage.poller("");
    stage.until(1, "select count(*) from ingest.erasures where finished_at is not null and sought is null").await;
    drop(poller);
    let status = stage.start(&erase, "").ended().await;
    assert!(status.success(), "{status}");
    assert_eq!(stage.number(state).await, 1);
    assert_eq!(found_in(&stage.world.db.pool, &identities).await, Vec::<String>::new());

    // a mistyped identity is no success that goes unnoticed
    for (confirmed, expected) in [
        (None, "no stored row belongs to this identity; --yes only keeps later records of it out\n"),
        (Some("--yes"), "no stored row belonged to this identity; later records of it are kept out\n"),
    ] {
        let mistyped: Vec<&str> = erase[..4].iter().copied().chain(["no-such-contact"]).chain(confirmed).collect();
        let output = stage.command(&mistyped).stdout(std::process::Stdio::piped()).output().expect("it runs");
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && told.starts_with(expected), "{told}");
    }
}
