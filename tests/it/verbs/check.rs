//! `tributary check`: it ends soon, changes nothing, and names clocks that differ.

use std::sync::Arc;

use tributary::app::checking;
use tributary::clock::{Clock, SystemClock};

use crate::harness::World;
use crate::ingest::clocks::{Ahead, app, undated};

#[tokio::test]
async fn f67_a_check_names_the_clocks_that_differ_and_those_that_are_unknown() {
    let world = World::new().await;
    let wire = undated(&world, SystemClock.now()).await;
    let check = async |clock: Arc<dyn Clock>| {
        let lines = checking::check(&app(&world, &wire.base_url(), clock)).await.expect("it looks");
        let find = |subject: &str| lines.iter().find(|line| line.subject == subject).cloned().expect("a line");
        (find("clock"), find("kv"))
    };
    let (clock, provider) = check(Arc::new(Ahead)).await;
    assert!(!clock.is_well, "{clock:?}");
    assert!(
        clock.finding.contains("differs from this machine's by -1080") && clock.finding.contains("NTP"),
        "{clock:?}"
    );
    assert!(provider.is_well && provider.finding.contains("no Date header"), "{provider:?}");
    assert!(!provider.finding.contains("0 s"), "an unknown clock is no clock that is right: {provider:?}");
    let (clock, _) = check(Arc::new(SystemClock)).await;
    assert!(clock.is_well, "{clock:?}");
    assert!(clock.finding.contains("differ by 0.") || clock.finding.contains("differ by -0."), "{clock:?}");
}
