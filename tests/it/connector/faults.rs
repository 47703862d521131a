//! Faults of the wire, one test for each; the name begins with the fault's number in `docs/faults.md`.
//!
//! A test states which request is hit, with which fault, how often, and how the run must end. The remaining checks are
//! the same for all ([`Rig::heals`]): no range beyond the received records counts as proven, the next undisturbed
//! poll is correct and complete, and the key is in no table, no log and no line. Each test runs over all three
//! providers at once, in one database, as three sources of one service.

mod encodings;
mod memory;
mod network;
mod record_texts;
mod record_times;
mod record_values;
mod redirects;
mod response_bodies;
mod retry_after;

use std::sync::Arc;

use chrono::TimeDelta;
use tracing::subscriber::DefaultGuard;
use tributary::app::polling::PollLine;
use tributary::clock::Clock;
use tributary_simulator::Platform;
use tributary_simulator::fixed_feed::FixedFeed;
use tributary_simulator::quirks::Quirks;

use crate::harness::logs::Logs;
use crate::harness::wire::{Hit, Wire};
use crate::harness::{API_KEY, World, noon, plain_feed, simulator};

/// Records of each provider: three pages of fifty.
const COUNT: usize = 120;

/// How the run that meets the fault must end.
#[derive(Debug, Clone, Copy)]
enum Then {
    /// It retries, or does not need to, and is complete.
    Recovers,
    /// With this result and this class of error, and no new proven range.
    Ends(&'static str, &'static str),
}

const TRANSIENT: Then = Then::Ends("failed", "transient");
const CONTRACT: Then = Then::Ends("failed", "contract_error");
const CONFIG: Then = Then::Ends("failed", "config_error");
const AUTH: Then = Then::Ends("failed", "auth_failed");
const TOO_LARGE: Then = Then::Ends("failed", "too_large");
const RATE_LIMITED: Then = Then::Ends("rate_limited", "rate_limited");

/// Three providers behind three wires, polled by one service.
struct Rig {
    world: World,
    wires: Vec<(Platform, Wire)>,
    logs: Logs,
    _catches: DefaultGuard,
}

impl Rig {
    async fn new() -> Self {
        Self::of(|platform| plain_feed(platform, COUNT)).await
    }

    async fn of(feed: impl Fn(Platform) -> Arc<FixedFeed>) -> Self {
        let (logs, catches) = Logs::caught();
        let mut world = World::new().await.with_settings("page_size = 50");
        let mut wires = Vec::new();
        for platform in Platform::ALL {
            let clock = Arc::clone(&world.clock) as Arc<dyn Clock>;
            let wire = Wire::before(simulator(platform, feed(platform), uncounted(), clock).await).await;
            world.poll_elsewhere(platform.as_str(), &wire.base_url());
            wires.push((platform, wire));
        }
        Self { world, wires, logs, _catches: catches }
    }

    fn script(&self, hits: &[Hit]) {
        for (_, wire) in &self.wires {
            wire.script(hits.to_vec());
        }
    }

    /// Returns the number of requests that each provider has received.
    fn calls(&self) -> Vec<usize> {
        self.wires.iter().map(|(_, wire)| wire.seen().len()).collect()
    }

    /// Polls; returns the lines in the order of the wires.
    async fn poll(&self) -> Vec<PollLine> {
        let lines = self.world.poll().await;
        let names: Vec<&str> = lines.iter().map(|line| line.source.as_str()).collect();
        assert_eq!(names, Platform::ALL.map(Platform::as_str), "{lines:?}");
        lines
    }

    /// Polls while the fault is active, and checks the verdicts.
    async fn meets(&self, then: Then) -> Vec<PollLine> {
        let lines = self.poll().await;
        for line in &lines {
            match then {
                Then::Recovers => assert!(line.is_complete(), "{line:?}"),
                Then::Ends(result, class) => {
                    let detail = line.detail.as_deref().unwrap_or_default();
                    assert!(line.result == result && detail.starts_with(class), "not {result}, {class}: {line:?}");
                    assert_eq!(line.complete_through, None, "nothing is claimed: {line:?}");
                }
            }
        }
        if matches!(then, Then::Recovers) {
            self.holds_the_truth().await;
        }
        lines
    }

    /// The fault is over: an ordinary poll is correct and complete, and the key is stored nowhere.
    async fn heals(&mut self) {
        self.script(&[]);
        self.world.set_http("");
        for line in self.poll().await {
            assert!(line.is_complete(), "the fault has passed: {line:?}");
            assert_eq!(line.complete_through, Some(self.world.clock.now().to_rfc3339()), "{line:?}");
        }
        self.holds_the_truth().await;
        self.keeps_the_key().await;
    }

    /// Asserts that every session is stored once with all its parts; 90 seconds a session, two messages a chat.
    async fn holds_the_truth(&self) {
        // each count by itself: Citus takes no subquery beside an aggregate
        let truth =
            "select (select count(*) || ' sessions, ' || sum(duration_seconds)::bigint from core.sessions) || ' s, '
                         || (select count(*) from core.messages) || ' messages, '
                         || (select count(*) from ingest.raw_records) || ' raw, '
                         || (select count(*) from ingest.rejects) || ' rejects'";
        let found = self.world.text(truth).await;
        assert_eq!(found.as_deref(), Some("360 sessions, 32400 s, 240 messages, 360 raw, 0 rejects"));
    }

    /// Asserts that no table, no log and no other place contains the key.
    async fn keeps_the_key(&self) {
        let logs = self.logs.text();
        let told: Vec<&str> = logs.lines().filter(|line| line.contains(API_KEY)).take(3).collect();
        assert!(told.is_empty(), "a log holds the key: {told:?}");
        assert_eq!(tables_with(&self.world, API_KEY).await, Vec::<String>::new());
    }

    /// Moves the clock of the service and of its providers to so many seconds after noon.
    fn seconds_after_noon(&self, seconds: i64) {
        self.world.clock.set(noon() + TimeDelta::seconds(seconds));
    }
}

/// A provider that does not count our calls.
fn uncounted() -> Quirks {
    Quirks { calls_per_window: 100_000_000, ..Quirks::default() }
}

/// Returns the tables that contain `text`.
async fn tables_with(world: &World, text: &str) -> Vec<String> {
    let tables: Vec<String> = sqlx::query_scalar(
        "select quote_ident(schemaname) || '.' || quote_ident(tablename) from pg_tables
          where schemaname in ('core', 'ingest')",
    )
    .fetch_all(&world.db.pool)
    .await
    .expect("a list of tables");
    assert!(tables.len() > 15, "{tables:?}");
    let parts = tables.iter().map(|table| format!("select '{table}' from {table} t where t::text ~ $1"));
    let sql = parts.collect::<Vec<_>>().join(" union ");
    let query = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).bind(format!("{text}|{}", hex(text)));
    query.fetch_all(&world.db.pool).await.expect("names of tables")
}

/// Formats text as the database shows bytes.
fn hex(text: &str) -> String {
    let digits: Vec<String> = text.bytes().map(|byte| format!("{byte:02x}")).collect();
    digits.concat()
}

/// Runs a row of the list: the fault, the verdict, and an undisturbed poll after it.
async fn row(hits: &[Hit], then: Then) {
    let mut rig = Rig::new().await;
    rig.script(hits);
    rig.meets(then).await;
    rig.heals().await;
}

/// Runs faults that end a run, one after the other. Nothing is proven between them, so that each run starts over; the
/// `calls`-th call is the one that fails, and it is not repeated.
async fn rows_of_calls(hits: impl IntoIterator<Item = Hit>, then: Then, calls: usize) {
    let mut rig = Rig::new().await;
    for (number, hit) in (1..).zip(hits) {
        rig.script(&[hit.at_request(calls).forever()]);
        rig.meets(then).await;
        assert_eq!(rig.calls(), [calls * number; 3], "{number}: asking again cannot change it");
    }
    rig.heals().await;
}
