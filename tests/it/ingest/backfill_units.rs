//! Units of a backfill: shared by processes, resumed after a crash, cut where a record is missing.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;
use tributary::app::backfilling::BackfillArgs;
use tributary::app::reconciling::{self, ReconcileArgs};
use tributary_simulator::Platform;
use tributary_simulator::faults::{Effect, Fault};
use tributary_simulator::fixed_feed::{FixedFeed, FixedRecord};
use tributary_simulator::quirks::{FilterMeaning, Quirks};

use crate::harness::poller_process::Running;
use crate::harness::{World, at, records};
use crate::verbs::backfill::{FEBRUARY, TODAY_ONLY, args, backfill, feed, live_position};

#[tokio::test]
async fn units_that_end_at_once_do_not_wait_for_each_other_in_a_circle() {
    let mut world = World::new().await.with_settings(TODAY_ONLY);
    let _provider = world.simulate(Platform::Konvo, feed(Platform::Konvo, 4), Quirks::default()).await;
    world.poll_one().await;
    let deadlocks = "select pg_stat_get_db_deadlocks(oid) from pg_database where datname = current_database()";
    let before = world.number(deadlocks).await;
    let year = BackfillArgs { parallel: 8, ..args("konvo", "2025-03-01T00:00:00Z", "2026-03-01T00:00:00Z") };
    let outcome = backfill(&world, &year).await.expect("it runs");
    assert!(outcome.is_proven && outcome.backfill.unit_count > 300, "{outcome:#?}");
    assert_eq!(world.number(deadlocks).await - before, 0);
}

#[tokio::test]
async fn a21_a_backfill_cut_off_midway_goes_on_and_repeats_no_proven_unit() {
    let mut world = World::new().await.with_settings(TODAY_ONLY);
    let provider = world.simulate(Platform::Konvo, feed(Platform::Konvo, 4), Quirks::default()).await;
    world.poll_one().await;
    provider.script(vec![Fault::new(Effect::Delay(Duration::from_millis(25))).forever()]);
    let february = args("konvo", FEBRUARY[0], FEBRUARY[1]);
    // dropped like a killed process: nothing is released
    let mut wait = 250;
    loop {
        let cut = tokio::time::timeout(Duration::from_millis(wait), backfill(&world, &february)).await;
        assert!(cut.is_err(), "it was cut off before its end");
        if world.number("select count(*) from ingest.backfill_units where state = 'proven'").await > 0 {
            break;
        }
        wait += 150;
    }
    sqlx::query(
        "update ingest.backfill_units set claimed_until = now() - interval '1 second' where claimed_until is not null",
    )
    .execute(&world.db.pool)
    .await
    .expect("the claims run out");
    let proven: Vec<DateTime<Utc>> =
        sqlx::query_scalar("select window_from::timestamptz from ingest.backfill_units where state = 'proven'")
            .fetch_all(&world.db.pool)
            .await
            .expect("a list");
    assert!(!proven.is_empty() && proven.len() < 28, "{} units", proven.len());
    provider.script(Vec::new());
    let asked_before = provider.requests().len();
    let outcome = backfill(&world, &february).await.expect("it goes on");
    assert!(outcome.is_proven, "{outcome:#?}");
    assert_eq!(world.number("select count(*) from ingest.backfills").await, 1, "it is the same backfill");
    assert_eq!(world.number("select count(*) from core.sessions").await, 116);
    assert_eq!(world.number("select count(*) from ingest.runs where finished_at is null").await, 0);
    let again = provider.requests()[asked_before..].to_vec();
    for from in proven {
        let asked = format!("updated_at_min={}", records::iso(from).replace(':', "%3A"));
        assert!(!again.iter().any(|request| request.path_and_query.contains(&asked)), "{from} was read again");
    }
}

/// The command as a user would run it.
fn child(world: &World, folder: &std::path::Path) -> Command {
    let config = folder.join("tributary.toml");
    std::fs::write(&config, world.toml()).expect("a config file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tributary"));
    command.arg("--config").arg(config).args([
        "backfill",
        "--source",
        "konpro",
        "--from",
        "2026-02-01",
        "--to",
        "2026-03-01",
        "--json",
    ]);
    command.env_clear().envs(world.environment()).env("DATABASE_URL", &world.db.url).env("USER", "ada");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_processes_share_a_backfill_and_one_that_is_killed_leaves_its_part_to_the_other() {
    let mut world = World::new().await.with_settings(TODAY_ONLY);
    let provider = world.simulate(Platform::Konpro, feed(Platform::Konpro, 4), Quirks::default()).await;
    provider.script(vec![Fault::new(Effect::Delay(Duration::from_millis(120))).forever()]);
    let folder = std::env::temp_dir().join(format!("tributary-backfill-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let mut doomed = Running(child(&world, &folder).spawn().expect("it starts"));
    let other = child(&world, &folder).spawn().expect("it starts");
    // both are working
    let owners = "select count(distinct claim_owner) from ingest.backfill_units where claimed_until > now()";
    let started = std::time::Instant::now();
    while world.number(owners).await < 2 {
        assert!(started.elapsed() < Duration::from_mins(1), "the two never worked at the same time");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    doomed.kill().expect("killed");
    doomed.wait().expect("gone");
    sqlx::query("update ingest.backfill_units set claimed_until = now() where claim_owner like '%:' || $1")
        .bind(doomed.id().to_string())
        .execute(&world.db.pool)
        .await
        .expect("the claims of the dead run out");
    let output = tokio::task::spawn_blocking(move || other.wait_with_output()).await.expect("waited").expect("it ends");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}");
    let told: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!(
        (told["is_proven"].as_bool(), told["backfill"]["proven_count"].as_i64()),
        (Some(true), Some(28)),
        "{text}"
    );
    assert_eq!(world.number("select count(*) from core.sessions").await, 112);
    assert_eq!(world.number("select count(*) from ingest.backfills").await, 1);
    let twice = "select count(*) from (select window_from from ingest.runs where verdict = 'complete' group by 1 having count(*) > 1) t";
    assert_eq!(world.number(twice).await, 0, "no unit was read to its end twice");
    assert_eq!(
        world
            .text("select string_agg(distinct kind || ' ' || requested_by, ';') from ingest.operations")
            .await
            .as_deref(),
        Some("backfill ada, by the command line")
    );
    std::fs::remove_dir_all(&folder).expect("cleaned up");
}

#[tokio::test]
async fn a_unit_with_a_missing_record_is_cut_down_to_a_minute_and_stays_doubtful() {
    let mut world = World::new().await.with_settings(TODAY_ONLY);
    let feed = feed(Platform::Konpro, 4);
    // two records of one id: the provider counts both, and lists one session
    let twin = records::record(Platform::Konpro, "konpro-february-0000", at("2026-02-10T13:13:13Z"));
    feed.insert(FixedRecord { id: "twin".to_owned(), ..twin.clone() });
    feed.insert(FixedRecord { id: "twin-2".to_owned(), ..twin });
    let _provider = world.simulate(Platform::Konpro, feed, Quirks::default()).await;
    world.poll_one().await;
    let outcome = backfill(&world, &args("konpro", FEBRUARY[0], FEBRUARY[1])).await.expect("it runs");
    assert!(!outcome.is_proven);
    assert_eq!((outcome.backfill.state.as_str(), outcome.backfill.proven_count), ("failed", 27), "{outcome:#?}");
    let [unit] = outcome.troubled_units.as_slice() else { panic!("one unit is doubtful: {outcome:#?}") };
    assert_eq!((unit.state.as_str(), unit.window_from), ("doubtful", at("2026-02-10T00:00:00Z")));
    let doubt = unit.doubt.clone().unwrap_or_default();
    assert!(doubt.contains("the provider counts 2 records, the list contains 1"), "{doubt}");
    let unproven_seconds = "select (extract(epoch from interval '28 days')
                                    - sum(extract(epoch from window_to - window_from)))::bigint
                              from ingest.windows where is_complete and window_to <= '2026-03-01'";
    let seconds = world.number(unproven_seconds).await;
    assert!(seconds > 0 && seconds <= 60, "{seconds} seconds are not proven");
    assert_eq!(
        world.number("select count(*) from ingest.windows where not is_complete").await,
        0,
        "the poll is not blamed"
    );
    // the same command retries only that unit
    let again = backfill(&world, &args("konpro", FEBRUARY[0], FEBRUARY[1])).await.expect("it runs");
    assert_eq!((again.backfill.backfill_id, again.backfill.proven_count), (outcome.backfill.backfill_id, 27));
}

#[tokio::test]
async fn a_crowded_day_is_cut_into_units_of_its_own() {
    let mut world = World::new().await.with_settings("page_size = 100\nhistory_from = \"2026-03-10T00:00:00Z\"");
    let start = at("2026-02-03T00:00:00Z");
    let crowd = (0..5_000).map(|number| {
        records::record(Platform::Konpro, &format!("konpro-{number:05}"), start + TimeDelta::seconds(17) * number)
    });
    let _provider = world.simulate(Platform::Konpro, Arc::new(FixedFeed::new(crowd)), Quirks::default()).await;
    let outcome =
        backfill(&world, &args("konpro", "2026-02-03T00:00:00Z", "2026-02-04T00:00:00Z")).await.expect("it runs");
    assert!(outcome.is_proven, "{outcome:#?}");
    assert!(outcome.backfill.unit_count > 2, "{outcome:#?}");
    assert_eq!(outcome.backfill.inserted_count, 5_000, "what was read before a unit was cut is counted");
    assert_eq!(world.number("select count(*) from core.sessions").await, 5_000);
    assert_eq!(world.number("select count(*) from ingest.windows").await, 1, "proven windows are merged");
}

#[tokio::test]
async fn a_provider_that_is_down_ends_a_backfill_which_is_then_resumed() {
    let mut world = World::new().await.with_settings(TODAY_ONLY);
    let provider = world.simulate(Platform::Konpro, feed(Platform::Konpro, 4), Quirks::default()).await;
    world.poll_one().await;
    let before = live_position(&world).await;
    // the plan is stored; then the credential is refused
    provider.script(vec![Fault::new(Effect::json(401, "{}")).from_request(6).forever()]);
    let february = args("konpro", FEBRUARY[0], FEBRUARY[1]);
    let outcome = backfill(&world, &february).await.expect("it runs");
    assert_eq!((outcome.is_proven, outcome.backfill.state.as_str()), (false, "failed"), "{outcome:#?}");
    assert!(outcome.detail.unwrap_or_default().contains("credential"), "it says what to do");
    assert_eq!(live_position(&world).await, before);
    provider.script(Vec::new());
    assert!(backfill(&world, &february).await.expect("it runs").is_proven);
    assert_eq!(world.number("select count(*) from ingest.backfills").await, 1);
    assert_eq!(world.number("select count(*) from core.sessions").await, 116);
}

#[tokio::test]
async fn a_provider_that_ignores_the_filter_is_read_once_and_not_once_a_day() {
    let mut world = World::new().await.with_settings(TODAY_ONLY);
    let quirks = Quirks { filter_meaning: FilterMeaning::Ignored, ..Quirks::default() };
    let provider = world.simulate(Platform::Konpro, feed(Platform::Konpro, 4), quirks).await;
    let outcome = backfill(&world, &args("konpro", FEBRUARY[0], FEBRUARY[1])).await.expect("it runs");
    assert_eq!((outcome.is_proven, outcome.backfill.unit_count), (true, 1), "{outcome:#?}");
    assert_eq!(world.number("select count(*) from core.sessions").await, 116);
    assert!(provider.requests().len() <= 8, "{}", provider.requests().len());
}

#[tokio::test]
async fn a_backfill_does_not_have_all_tables_looked_through_for_each_unit() {
    let mut world = World::new().await.with_settings(TODAY_ONLY);
    let _provider = world.simulate(Platform::Konpro, feed(Platform::Konpro, 40), Quirks::default()).await;
    world.poll_one().await;
    assert!(backfill(&world, &args("konpro", FEBRUARY[0], FEBRUARY[1])).await.expect("it runs").is_proven);
    let looks = world.number("select analyze_count from pg_stat_user_tables where relname = 'sessions'").await;
    assert!((1..=3).contains(&looks), "{looks} for 28 units");
}

#[tokio::test]
async fn sessions_of_a_range_that_was_never_read_are_not_missing() {
    let mut world = World::new().await.with_settings(TODAY_ONLY);
    let provider = world.simulate(Platform::Konpro, feed(Platform::Konpro, 4), Quirks::default()).await;
    world.poll_one().await;
    // the second half of February, and the days up to the history, are not compared
    let outcome = backfill(&world, &args("konpro", FEBRUARY[0], "2026-02-15T00:00:00Z")).await.expect("it runs");
    assert!(outcome.is_proven, "{outcome:#?}");
    let asked_before = provider.requests().len();
    let all = ReconcileArgs::default();
    let reports = reconciling::reconcile(&world.app(), &all, "ada", CancellationToken::new()).await.expect("it runs");
    assert!(reports[0].is_equal && reports[0].missing_count == 0, "{reports:#?}");
    assert_eq!(world.number("select count(*) from core.sessions").await, 60);
    let asked = provider.requests()[asked_before..].to_vec();
    assert!(!asked.iter().any(|request| request.path_and_query.contains("2026-02-2")), "{asked:#?}");
    // a given range is compared as a whole
    let named = ReconcileArgs { from: Some(at(FEBRUARY[0])), to: Some(at(FEBRUARY[1])), ..all };
    let reports = reconciling::reconcile(&world.app(), &named, "ada", CancellationToken::new()).await.expect("it runs");
    assert_eq!((reports[0].is_equal, reports[0].healed_count), (true, 56), "{reports:#?}");
}
