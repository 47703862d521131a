//! Commands that are stopped end in order.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use tributary::app::polling::PollLine;
use tributary_simulator::Platform;
use tributary_simulator::faults::{Effect, Fault};

use crate::harness::poller_process::DEADLINE;
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

/// Each call that a reconciliation begins with hangs in its turn: the counts that show whether the provider filters,
/// its daily totals, the count of a window, and pages of it.
#[tokio::test]
async fn sigterm_ends_a_reconciliation_at_each_call_that_hangs() {
    const LAST: u64 = 7;
    let providers = Providers::start(&[Platform::Realtimekit], 0, 40).await;
    let stage = providers.stage(ONCE_A_YEAR, 10).await;
    assert!(stage.world.poll().await.iter().all(PollLine::is_complete));
    let provider = &providers.simulators[0].1;
    let mut answered = Vec::new();
    for hanging in 1..=LAST {
        // longer than any time limit of a call
        provider.script(vec![Fault::new(Effect::Delay(Duration::from_hours(1))).from_request(hanging).forever()]);
        let before = provider.requests().len();
        let mut reconcile = stage.start(&["reconcile"], "");
        let began = Instant::now();
        while provider.requests().len() - before < usize::try_from(hanging).unwrap() - 1 {
            assert!(began.elapsed() < DEADLINE, "{hanging}: {}", reconcile.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        // the next call is under way
        tokio::time::sleep(Duration::from_secs(1)).await;
        assert!(reconcile.child.try_wait().unwrap().is_none(), "{hanging}: it has ended: {}", reconcile.log());
        let told = Instant::now();
        assert_eq!(reconcile.end().await.code(), Some(1), "{hanging}: {}", reconcile.log());
        assert!(told.elapsed() < Duration::from_secs(8), "{hanging}: {:?}\n{}", told.elapsed(), reconcile.log());
        answered = provider.requests().split_off(before);
        assert_eq!(answered.len(), usize::try_from(hanging).unwrap() - 1, "{hanging}: {answered:#?}");
        let open = "select (select count(*) from ingest.runs where finished_at is null)
                         + (select count(*) from ingest.backfill_units where claimed_until > now())";
        assert_eq!(stage.number(open).await, 0, "{hanging}: {}", stage.runs().await);
    }
    let places = |part: &str| answered.iter().filter(|request| request.path_and_query.contains(part)).count();
    assert!(places("/analytics/daywise") > 0 && places("/sessions") > 3, "{answered:#?}");
}
