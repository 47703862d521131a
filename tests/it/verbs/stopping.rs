//! Commands that are stopped end in order.

use std::time::Duration;

use rustix::process::Signal;
use tributary_simulator::Platform;

use crate::harness::processes::{ONCE_A_YEAR, Providers};

#[tokio::test]
async fn a_terminal_that_closes_ends_a_poll_after_the_page_in_flight() {
    let providers = Providers::start(&[Platform::Konvo], 200, 0).await;
    let stage = providers.stage(ONCE_A_YEAR, 10).await;
    providers.slow_down(Duration::from_millis(400));
    let mut poll = stage.start(&["poll"], "");
    stage.until(2, "select coalesce(max(page_count), 0)::bigint from ingest.runs").await;
    poll.signal(Signal::HUP);
    let status = poll.ended().await;
    assert_eq!(status.code(), Some(1), "{status}\n{}", poll.log());
    let ended = "select string_agg(verdict || coalesce(' ' || error_class, ''), ',') from ingest.runs";
    assert_eq!(stage.world.text(ended).await.as_deref(), Some("cancelled"));
}
