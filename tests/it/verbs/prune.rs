//! `tributary prune`: what it deletes, and what it always leaves.

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;
use tributary::app::pruning;
use tributary::app::reconciling::{self, ReconcileArgs};
use tributary::store::prune::Pruned;
use tributary_simulator::Platform;
use tributary_simulator::fixed_feed::FixedRecord;
use tributary_simulator::quirks::{FilterMeaning, Quirks};

use crate::harness::orphans::remove_sessions;
use crate::harness::records::record;
use crate::harness::{World, noon, plain_feed};

impl World {
    /// Runs `tributary prune`, with these settings of `[database]`.
    pub(crate) async fn prune(&self, settings: &str) -> Pruned {
        self.prune_by(&format!("[database]\n{settings}\n{}", self.toml())).await
    }

    /// Runs `tributary prune` with this configuration.
    async fn prune_by(&self, toml: &str) -> Pruned {
        let config = tributary::app::parse_config(toml, &self.environment()).expect("the configuration is right");
        let app = tributary::app::App { config, ..self.app() };
        pruning::prune_once(&app, CancellationToken::new()).await.expect("it runs")
    }
}

/// A chat with three versions, one a day, and another with one; polled each day.
async fn three_days() -> (World, tributary_simulator::Simulator) {
    let feed = plain_feed(Platform::Konvo, 1);
    let mut world = World::new().await;
    let quirks = Quirks { filter_meaning: FilterMeaning::Updated, ..Quirks::default() };
    let simulator = world.simulate(Platform::Konvo, feed.clone(), quirks).await;
    let created_at = noon() - TimeDelta::hours(2);
    for day in 0..3 {
        world.clock.set(noon() + TimeDelta::days(day));
        let said = record(Platform::Konvo, "talk", created_at);
        let json = said.json.replace("Hello there", &format!("Hello, day {day}"));
        let updated_at = noon() + TimeDelta::days(day) - TimeDelta::minutes(5);
        let json = json.replace(
            "\"last_updated\":\"2026-03-10T10:01:30.000Z\"",
            &format!("\"last_updated\":\"{}\"", crate::harness::records::iso(updated_at)),
        );
        let now_said = FixedRecord { json, updated_at, ..said };
        if day == 0 {
            feed.insert(now_said);
        } else {
            assert!(feed.replace(now_said));
        }
        world.poll_one().await;
    }
    assert_eq!(world.number("select count(*) from ingest.raw_records").await, 4);
    (world, simulator)
}

#[tokio::test]
async fn all_raw_records_are_kept_by_default() {
    let (world, _simulator) = three_days().await;
    world.clock.set(noon() + TimeDelta::days(400));
    assert_eq!(world.prune("journal_retention_days = 30000").await, Pruned::default());
    assert_eq!(world.number("select count(*) from ingest.raw_records").await, 4);
}

#[tokio::test]
async fn the_newest_version_of_each_record_is_the_floor() {
    let (world, _simulator) = three_days().await;
    // of the three versions one was superseded more than a day and a half ago
    world.clock.set(noon() + TimeDelta::days(2) + TimeDelta::hours(12));
    assert_eq!(world.prune("raw_retention_days = 2").await.raw_records, 1);
    world.clock.set(noon() + TimeDelta::days(400));
    assert_eq!(world.prune("raw_retention_days = 1").await.raw_records, 1);
    assert_eq!(world.prune("raw_retention_days = 1").await.raw_records, 0);
    let left =
        "select string_agg(provider_record_id || ' ' || (body::text like '%' || encode('day 2', 'hex') || '%'), ','
                                  order by provider_record_id) from ingest.raw_records";
    assert_eq!(world.text(left).await.as_deref(), Some("konvo-00000 false,talk true"));
    // the remaining records are enough for all rows
    let said = "select string_agg(body, '|' order by body) from core.messages";
    let before = world.text(said).await;
    remove_sessions(&world.db.pool, "true").await;
    world.replay_from_raw().await;
    assert_eq!(world.text(said).await, before);
}

#[tokio::test]
async fn runs_that_brought_nothing_go_and_those_that_count_stay() {
    let (world, _simulator) = three_days().await;
    for minute in 1..=5 {
        world.clock.set(noon() + TimeDelta::days(2) + TimeDelta::minutes(minute));
        world.poll_one().await;
    }
    let runs = "select count(*) from ingest.runs";
    assert_eq!(world.number(runs).await, 8);
    sqlx::query(
        "insert into ingest.actions (started_at, deadline_at, ended_at, source_id, kind, state, requested_by, request_id)
         values (now(), now(), '2026-03-12', 1, 'generate_summary', 'succeeded', 'x', 'x'),
                ('2026-03-11', '2026-03-11', null, 1, 'generate_summary', 'started', 'x', 'x')",
    )
    .execute(&world.db.pool)
    .await
    .expect("two calls");
    world.clock.set(noon() + TimeDelta::days(50));
    assert_eq!(world.prune("journal_retention_days = 49").await, Pruned::default(), "all are young enough");
    let pruned = world.prune("journal_retention_days = 30").await;
    // five runs found nothing; the last is the newest of its stream, and windows refer to it
    assert_eq!((pruned.runs, pruned.actions), (4, 1), "{pruned:?}");
    assert_eq!(world.number("select count(*) from ingest.actions where state = 'started'").await, 1);
    assert_eq!(
        world
            .number("select count(*) from ingest.raw_records where run_id not in (select run_id from ingest.runs)")
            .await,
        0
    );
    let health = world.api().await.ok("/v1/health/pollers").await;
    assert_eq!(health["items"].as_array().map(Vec::len), Some(1), "{health:#}");
}

#[tokio::test]
async fn reconciliations_that_found_nothing_go_and_the_last_of_each_window_stays() {
    let mut world = World::new().await;
    let _provider = world.simulate(Platform::Konpro, plain_feed(Platform::Konpro, 3), Quirks::default()).await;
    for day in 0..5 {
        world.clock.set(noon() + TimeDelta::days(day));
        assert!(world.poll_one().await.is_complete());
        if day == 2 {
            remove_sessions(&world.db.pool, "true").await;
        }
        let all = ReconcileArgs::default();
        let told = reconciling::reconcile(&world.app(), &all, "ada", CancellationToken::new()).await.expect("it runs");
        assert!(told[0].is_equal, "{told:#?}");
    }
    let windows = "select count(*) from analytics.reconciliation";
    let found = "select count(*) from ingest.reconciliations where state = 'healed'";
    let (windows_before, found_before) = (world.number(windows).await, world.number(found).await);
    assert!(found_before > 0);
    assert_eq!(world.number("select count(*) from ingest.backfills").await, 5);
    world.clock.set(noon() + TimeDelta::days(50));
    let pruned = world.prune("journal_retention_days = 49").await;
    assert_eq!((pruned.reconciliations, pruned.comparisons > 0), (1, true), "{pruned:?}");
    let pruned = world.prune("journal_retention_days = 30").await;
    assert_eq!(pruned.reconciliations, 3, "the next one is due by the last: {pruned:?}");
    let units = "select count(*) from ingest.backfill_units where backfill_id < 5";
    assert_eq!(world.number(units).await, 0);
    assert_eq!((world.number(windows).await, world.number(found).await), (windows_before, found_before));
    let repeated = "select count(*) from ingest.reconciliations r where state = 'match' and exists
                      (select from ingest.reconciliations n where n.window_from = r.window_from
                          and n.window_to = r.window_to and n.reconciliation_id > r.reconciliation_id)";
    assert_eq!(world.number(repeated).await, 0);
}

#[tokio::test]
async fn content_goes_by_the_configuration_that_is_read_and_not_by_the_stored_one() {
    let (world, _simulator) = three_days().await;
    world.clock.set(noon() + TimeDelta::days(10));
    // another service has a limit that this configuration took out
    sqlx::query("update core.sources set content_retention_days = 1").execute(&world.db.pool).await.expect("stored");
    assert_eq!(world.prune("").await.erased_sessions, 0);
    let bodies = "select count(*) from core.messages where body is not null";
    assert_eq!(world.number(bodies).await, 4);
    // and the reverse: the chats are ten days old
    let limited = |days: u32| world.toml().replacen("slug =", &format!("content_retention_days = {days}\nslug ="), 1);
    assert_eq!(world.prune_by(&limited(11)).await.erased_sessions, 0);
    assert_eq!(world.prune_by(&limited(5)).await.erased_sessions, 2);
    assert_eq!(world.number(bodies).await, 0);
    // a source that is not configured keeps its limit
    world.prune_by("").await;
    assert_eq!(world.number("select content_retention_days::bigint from core.sources").await, 5);
}
