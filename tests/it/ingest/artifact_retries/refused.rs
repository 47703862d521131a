//! A refused credential: what it kept from being read is due once the list is accepted again.

use std::time::{Duration, Instant};

use tokio_util::sync::CancellationToken;
use tributary::app::polling::{self, Selection};
use tributary::model::stream::Stream;
use tributary_simulator::faults::{Effect, Fault};

use super::*;
use crate::harness::processes::{EVERY_SECOND, Providers};

/// Polls the list alone.
async fn poll_list(world: &World) -> PollLine {
    let selection = Selection { stream: Some(Stream::Sessions), ..Selection::default() };
    let lines = polling::poll(&world.app(), &selection, CancellationToken::new()).await.expect("the poll runs");
    lines.into_iter().next().expect("a line")
}

#[tokio::test]
async fn refused_artifacts_are_due_once_the_list_is_accepted_again() {
    let (world, simulator) = world_of([("m-1".to_owned(), 2), ("m-2".to_owned(), 12)]).await;
    let refuses = |part: &str| vec![Fault::new(Effect::json(401, "{}")).only(part).forever()];
    simulator.script(refuses("/chat"));
    world.poll().await;
    assert_eq!(world.states("chat").await, "2 pending auth_failed");
    let waiting = "select count(*) from ingest.artifact_tasks where reason = 'auth_failed' and next_try_at > $1";
    let waiting = async || {
        let now = tributary::clock::Clock::now(&*world.clock);
        sqlx::query_scalar::<_, i64>(waiting).bind(now).fetch_one(&world.db.pool).await.expect("a number")
    };
    // a refusal of artifacts alone: the list was accepted before, too
    world.wait(TimeDelta::minutes(1));
    assert!(poll_list(&world).await.is_complete());
    assert_eq!(waiting().await, 2, "they keep their waits");

    simulator.script(refuses(""));
    assert!(poll_list(&world).await.detail.is_some_and(|detail| detail.starts_with("auth_failed")));
    assert_eq!(waiting().await, 2);
    // another fault hides the refusal
    simulator.script(vec![Fault::new(Effect::json(500, "{}")).forever()]);
    assert_eq!(poll_list(&world).await.result, "failed");
    simulator.script(Vec::new());
    assert!(poll_list(&world).await.is_complete());
    assert_eq!(waiting().await, 0, "all are due");
    assert!(is_exit_0(&world.poll().await));
    assert_eq!(world.states("chat").await, "2 available");
}

/// A worker pauses a refused stream for a quarter of a minute, and longer after each further refusal.
#[tokio::test]
async fn artifacts_go_on_within_seconds_once_the_list_is_accepted_again() {
    let providers = Providers::start(&[Platform::Realtimekit], 0, 12).await;
    let provider = &providers.simulators[0].1;
    let stage = providers.stage(EVERY_SECOND, 10).await;
    // the artifacts first, and then the list too
    provider.script(vec![Fault::new(Effect::json(401, "{}")).only("/sessions/").forever()]);
    let mut poller = stage.poller("");
    let refused = "select count(distinct stream) from ingest.artifact_tasks where reason = 'auth_failed'";
    stage.until(2, refused).await;
    provider.script(vec![Fault::new(Effect::json(401, "{}")).forever()]);
    stage.until(1, "select count(*) from ingest.streams where last_error_class = 'auth_failed'").await;
    provider.script(Vec::new());
    stage.until(1, "select count(*) from ingest.streams where last_verdict = 'complete'").await;
    let began = Instant::now();
    stage.until(5, "select count(*) from ingest.artifact_tasks where state = 'available'").await;
    assert!(began.elapsed() < Duration::from_secs(6), "{:?}\n{}", began.elapsed(), poller.log());
    assert!(poller.end().await.success(), "{}", poller.log());
}
