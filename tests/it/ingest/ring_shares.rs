//! The share of a run that its rings take: the present comes first, and an interrupted ring goes on where it was.

use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;
use tributary::app::polling::{self, Selection};
use tributary::clock::{Clock, SystemClock};
use tributary_simulator::faults::{Effect, Fault};
use tributary_simulator::fixed_feed::FixedFeed;
use tributary_simulator::quirks::Quirks;
use tributary_simulator::{Platform, Simulator};

use super::rings::{CORRECTED, corrected, poll_at};
use crate::harness::{World, noon, plain_feed, records};

#[tokio::test]
async fn p12_a_ring_that_cannot_be_read_fails_no_poll_until_it_is_overdue() {
    let mut world = World::new().await;
    let feed = plain_feed(Platform::Konpro, 2);
    feed.insert(records::record(Platform::Konpro, "old", noon() - TimeDelta::days(20)));
    let provider = world.simulate(Platform::Konpro, feed, Quirks::default()).await;
    poll_at(&world, TimeDelta::zero()).await;
    // only the present can be read
    for minutes in [60, 90, 120] {
        provider.script(vec![Fault::new(Effect::json(400, "{}")).from_request(2).forever()]);
        poll_at(&world, TimeDelta::minutes(minutes)).await;
    }
    provider.script(vec![Fault::new(Effect::json(400, "{}")).from_request(2).forever()]);
    world.clock.set(noon() + TimeDelta::minutes(125));
    let line = world.poll_one().await;
    assert_eq!(line.result, "incomplete", "{line:?}");
    let detail = line.detail.unwrap_or_default();
    assert!(detail.contains("the hourly ring is due since 2026-03-10T14:00:00+00:00"), "{detail}");
    let api = world.api().await;
    let health = api.ok("/v1/health/pollers").await;
    assert_eq!(health["items"][0]["state"], "incomplete", "{health:#}");
    assert_eq!(health["items"][0]["complete_through"], "2026-03-10T14:05:00Z", "existence is proven all the same");
    assert_eq!(health["items"][0]["state_as_of"], "2026-03-10T12:00:00Z");
    provider.script(Vec::new());
    poll_at(&world, TimeDelta::minutes(130)).await;
    assert_eq!(api.ok("/v1/health/pollers").await["items"][0]["state"], "idle");
}

/// A clock that advances ten seconds with each look.
#[derive(Debug)]
struct RunningClock {
    from: DateTime<Utc>,
    looks: AtomicI32,
}

impl Clock for RunningClock {
    fn now(&self) -> DateTime<Utc> {
        self.from + TimeDelta::seconds(10) * self.looks.fetch_add(1, Ordering::Relaxed)
    }
}

/// A world whose history begins a hundred days before `now`, and five thousand sessions, twenty minutes apart.
async fn crowded(now: DateTime<Utc>) -> (World, Simulator) {
    let from = now - TimeDelta::days(100);
    let mut world = World::new().await.with_settings(&format!("history_from = \"{}\"", records::iso(from)));
    world.clock.set(now);
    let record = |number: i32| {
        let created_at = from + TimeDelta::minutes(20) * number;
        records::record(Platform::Konpro, &format!("konpro-{number:04}"), created_at)
    };
    let feed = Arc::new(FixedFeed::new((0..5_000).map(record)));
    let provider = world.simulate(Platform::Konpro, feed, Quirks::default()).await;
    (world, provider)
}

/// Returns how the ranges of the pages requested since `asked` begin.
fn ranges(provider: &Simulator, asked: usize) -> Vec<String> {
    let from = |path: &str| path.split("date_from=").nth(1).map(|rest| rest[..10].to_owned());
    provider.requests()[asked..].iter().filter_map(|request| from(&request.path_and_query)).collect()
}

#[tokio::test]
async fn a_large_ring_takes_a_share_of_each_run_and_the_present_comes_first() {
    let (world, provider) = crowded(noon()).await;
    poll_at(&world, TimeDelta::zero()).await;
    let (mut asked, mut runs) = (provider.requests().len(), 0);
    let left = "select count(*) from ingest.state_coverage where seen_at < '2026-03-18 12:00Z'";
    while runs < 10 && world.number(left).await > 0 {
        // it reads until the next tick, and then reads the present again
        let from = noon() + TimeDelta::days(8) + TimeDelta::minutes(15) * runs;
        world.clock.set(from);
        let app = world.app_at(Arc::new(RunningClock { from, looks: AtomicI32::new(0) }));
        let lines = polling::poll(&app, &Selection::default(), CancellationToken::new()).await.expect("the poll runs");
        assert!(lines[0].is_complete(), "{lines:?}");
        assert!(lines[0].pages < 40, "{lines:?}");
        // two days before the end of the proven range
        let present = if runs == 0 { "2026-03-08" } else { "2026-03-16" };
        assert_eq!(ranges(&provider, asked)[0], present, "the present comes first");
        (asked, runs) = (provider.requests().len(), runs + 1);
    }
    assert!((2..10).contains(&runs), "{runs} runs");
    let pass = "select count(*) from ingest.rings
                 where ring = 'weekly' and pass_started_at is null and as_of >= '2026-03-18 12:00Z'
                   and as_of < '2026-03-18 12:15Z' and finished_at > '2026-03-18 12:15Z'";
    assert_eq!(world.number(pass).await, 1, "one pass over several runs");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f71_p08_a_ring_interrupted_by_sigkill_goes_on_where_it_was() {
    let (world, provider) = crowded(SystemClock.now()).await;
    let line = world.poll_one().await;
    assert!(line.is_complete(), "{line:?}");
    let whole = provider.requests().len();
    for sql in [
        "update ingest.state_coverage set seen_at = seen_at - interval '8 days'",
        "update ingest.rings set as_of = as_of - interval '8 days'",
    ] {
        sqlx::query(sql).execute(&world.db.pool).await.expect("eight days pass");
    }
    let folder = std::env::temp_dir().join(format!("tributary-rings-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let config = folder.join("tributary.toml");
    std::fs::write(&config, world.toml()).expect("a config file");
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_tributary"));
    command.arg("--config").arg(config).arg("poll").env_clear().envs(world.environment());
    command.env("DATABASE_URL", &world.db.url).env("FAILPOINTS", "page.after_commit=25*off->return");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    assert!(!command.status().expect("it starts").success(), "it was killed");
    std::fs::remove_dir_all(&folder).expect("cleaned up");
    let under_way = "select count(*) from ingest.rings where ring = 'weekly' and pass_started_at is not null";
    assert_eq!(world.number(under_way).await, 1);
    sqlx::query("update ingest.streams set lease_until = now() - interval '1 second'")
        .execute(&world.db.pool)
        .await
        .expect("the lease runs out");
    let asked = provider.requests().len();
    world.clock.set(SystemClock.now());
    let line = world.poll_one().await;
    assert!(line.is_complete(), "{line:?}");
    let again = provider.requests().len() - asked;
    assert!(again < whole - 15, "{again} calls after {whole}: what was read is not read again");
    assert_eq!(world.number(under_way).await, 0);
    let old = "select count(*) from ingest.state_coverage where seen_at < now() - interval '1 day'";
    assert_eq!(world.number(old).await, 0);
}

#[tokio::test]
async fn more_young_sessions_than_one_list_should_hold_are_read_after_the_present() {
    let mut world = World::new().await;
    let record = |number: i32| {
        let created_at = noon() - TimeDelta::hours(40) + TimeDelta::minutes(1) * number;
        records::record(Platform::Konvo, &format!("konvo-{number:04}"), created_at)
    };
    let feed = Arc::new(FixedFeed::new((0..2_100).map(record)));
    let provider = world.simulate(Platform::Konvo, feed.clone(), Quirks::default()).await;
    poll_at(&world, TimeDelta::zero()).await;
    assert!(feed.replace(corrected(Platform::Konvo, "konvo-0010", noon() - TimeDelta::minutes(2_390))));
    let asked = provider.requests().len();
    poll_at(&world, TimeDelta::minutes(5)).await;
    assert_eq!(world.number(CORRECTED).await, 1);
    let first = provider.requests()[asked].path_and_query.clone();
    assert!(
        first.contains("updated_at_min=2026-03-10T10") || first.contains("updated_at_min=2026-03-10T10%3A"),
        "{first}"
    );
}
