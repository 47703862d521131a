//! Backfills as a user runs them: beside the live poll, interrupted and resumed, shared, paused, doubtful.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;
use tributary::app::backfilling::{self, BackfillArgs, BackfillOutcome};
use tributary::app::progress::Progress;
use tributary::app::reconciling::{self, ReconcileArgs};
use tributary::db::{self, Purpose};
use tributary::demo::simulator::Platform;
use tributary::demo::simulator::faults::{Effect, Fault};
use tributary::demo::simulator::feed::{FixedFeed, FixedRecord};
use tributary::demo::simulator::quirks::{FilterMeaning, Quirks};
use tributary::store::operation::Operator;

use crate::harness::{World, at, noon, records};

const FEBRUARY: [&str; 2] = ["2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"];
/// The history of these sources begins in the night before noon.
const TODAY_ONLY: &str = "history_from = \"2026-03-10T00:00:00Z\"\npage_size = 20";

/// `today` records of this morning, and one every six hours of February: 112.
fn feed(platform: Platform, today: i32) -> Arc<FixedFeed> {
    let name = platform.as_str();
    let mornings = (0..today).map(|number| {
        records::record(
            platform,
            &format!("{name}-today-{number:04}"),
            at("2026-03-10T06:00:00Z") + TimeDelta::seconds(1) * number,
        )
    });
    let past = (0..112).map(|number| {
        let created_at = at(FEBRUARY[0]) + TimeDelta::hours(6) * number + TimeDelta::minutes(7);
        records::record(platform, &format!("{name}-february-{number:04}"), created_at)
    });
    Arc::new(FixedFeed::new(past.chain(mornings)))
}

fn args(source: &str, from: &str, to: &str) -> BackfillArgs {
    BackfillArgs {
        source: Some(source.to_owned()),
        from: Some(at(from)),
        to: Some(at(to)),
        parallel: 2,
        detach: false,
        status: false,
        pause: None,
        resume: None,
        cancel: None,
        json: true,
    }
}

fn operator() -> Operator {
    Operator { requested_by: "ada, by the command line".to_owned(), request_id: None }
}

async fn backfill(world: &World, args: &BackfillArgs) -> anyhow::Result<BackfillOutcome> {
    let app = world.app();
    let pool = app.pool(Purpose::Poll).await?;
    db::migrate(&pool).await?;
    backfilling::work(&app, pool, args, &operator(), CancellationToken::new(), Progress::silent()).await
}

/// The stored position of the live poll.
async fn live_position(world: &World) -> Option<String> {
    world
        .text(
            "select concat_ws(' ', s.last_attempt_at, s.last_success_at, s.last_verdict, s.consecutive_failures,
                              s.parked_until, s.fence, f.complete_through)
               from ingest.streams s join core.sources src using (source_id)
               join analytics.stream_freshness f on f.source = src.source_slug and f.stream = s.stream",
        )
        .await
}

#[tokio::test]
async fn a_range_before_the_history_is_read_and_the_live_position_stays() {
    for platform in Platform::ALL {
        let mut world = World::new().await.with_settings(TODAY_ONLY);
        let provider = world.simulate(platform, feed(platform, 40), Quirks::default()).await;
        assert!(world.poll_one().await.is_complete());
        assert_eq!(world.number("select count(*) from core.sessions").await, 40);
        let before = live_position(&world).await;
        let outcome = backfill(&world, &args(platform.as_str(), FEBRUARY[0], FEBRUARY[1])).await.expect("it runs");
        assert!(outcome.is_proven, "{outcome:#?}");
        let found = &outcome.backfill;
        assert_eq!((found.unit_count, found.proven_count, found.inserted_count), (28, 28, 112), "{found:?}");
        assert_eq!(world.number("select count(*) from core.sessions").await, 152);
        assert_eq!(live_position(&world).await, before, "{platform:?}");
        let windows =
            "select string_agg(lower(is_complete::text) || ' ' || window_from::date || ' ' || window_to::date, ', '
                                         order by window_from) from ingest.windows";
        assert_eq!(
            world.text(windows).await.as_deref(),
            Some("true 2026-02-01 2026-03-01, true 2026-03-10 2026-03-10"),
            "what is proven of the past is a fact"
        );
        provider.script(Vec::new());
        let asked_before = provider.requests().len();
        world.clock.set(noon() + TimeDelta::minutes(5));
        let line = world.poll_one().await;
        assert!(line.is_complete(), "{line:?}");
        assert!(line.complete_through.unwrap_or_default().starts_with("2026-03-10T12:05"));
        let february = |request: &tributary::demo::simulator::RequestRecord| request.path_and_query.contains("2026-02");
        assert!(!provider.requests()[asked_before..].iter().any(february), "the poll leaves February alone");
    }
}

#[tokio::test]
async fn figures_of_a_backfilled_range_are_stated_and_others_before_the_history_are_not() {
    let mut world = World::new().await.with_settings(TODAY_ONLY);
    let _provider = world.simulate(Platform::Konpro, feed(Platform::Konpro, 4), Quirks::default()).await;
    world.poll_one().await;
    let api = world.api().await;
    let question =
        "/v1/metrics/query?metrics=sessions&from=2026-01-31T00:00:00Z&to=2026-02-03T00:00:00Z&granularity=day";
    let status = |answer: &serde_json::Value| -> Vec<String> {
        let rows = answer["rows"].as_array().expect("rows");
        rows.iter().map(|row| row["bucket"]["status"].as_str().unwrap_or_default().to_owned()).collect()
    };
    assert_eq!(status(&api.ok(question).await), ["before_history"; 3]);
    assert!(backfill(&world, &args("konpro", FEBRUARY[0], FEBRUARY[1])).await.expect("it runs").is_proven);
    let answer = api.ok(question).await;
    assert_eq!(status(&answer), ["before_history", "complete", "complete"], "{answer:#}");
    assert_eq!(answer["rows"][1]["values"]["sessions"]["value"], 4);
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
    let mut doomed = child(&world, &folder).spawn().expect("it starts");
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
async fn a20_the_live_poll_runs_beside_a_backfill() {
    let mut world = World::new().await.with_settings("page_size = 20\nhistory_from = \"2026-03-01T00:00:00Z\"");
    let provider = world.simulate(Platform::Realtimekit, feed(Platform::Realtimekit, 60), Quirks::default()).await;
    provider.script(vec![Fault::new(Effect::Delay(Duration::from_millis(5))).forever()]);
    let february = args("realtimekit", FEBRUARY[0], FEBRUARY[1]);
    let polls = async {
        for minute in 0..6 {
            world.clock.set(noon() + TimeDelta::minutes(minute));
            let line = world.poll_one().await;
            assert!(line.is_complete(), "{line:?}");
        }
    };
    let (outcome, ()) = tokio::join!(backfill(&world, &february), polls);
    assert!(outcome.as_ref().is_ok_and(|outcome| outcome.is_proven), "{outcome:?}");
    assert_eq!(world.number("select count(*) from core.sessions").await, 172);
    // February touches the history of the poll: the proven ranges merge
    let windows = "select string_agg(window_from::date || ' ' || is_complete, ',') from ingest.windows";
    assert_eq!(world.text(windows).await.as_deref(), Some("2026-02-01 true"));
    let lost = "select count(*) from ingest.runs where verdict is distinct from 'complete'";
    assert_eq!(world.number(lost).await, 0);
}

#[tokio::test]
async fn a_paused_backfill_stops_and_a_resumed_one_ends() {
    let mut world = World::new().await.with_settings(TODAY_ONLY);
    let provider = world.simulate(Platform::Konpro, feed(Platform::Konpro, 4), Quirks::default()).await;
    provider.script(vec![Fault::new(Effect::Delay(Duration::from_millis(60))).forever()]);
    let api = world.api().await;
    let february = args("konpro", FEBRUARY[0], FEBRUARY[1]);
    let pause = async {
        let started = std::time::Instant::now();
        while world.number("select count(*) from ingest.backfill_units where state = 'proven'").await == 0 {
            assert!(started.elapsed() < Duration::from_mins(1), "no unit was proven");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let (status, told) = api.tell("/v1/sync/backfills/1/pause").await;
        assert_eq!((status, told["backfill"]["state"].as_str()), (200, Some("paused")), "{told:#}");
    };
    let (outcome, ()) = tokio::join!(backfill(&world, &february), pause);
    let outcome = outcome.expect("it runs");
    assert_eq!((outcome.is_proven, outcome.backfill.state.as_str()), (false, "paused"), "{outcome:#?}");
    assert_eq!(outcome.backfill.active_count, 0, "no unit is claimed");
    let (status, told) = api.tell("/v1/sync/backfills/1/resume").await;
    assert_eq!((status, told["is_changed"].as_bool()), (200, Some(true)), "{told:#}");
    provider.script(Vec::new());
    assert!(backfill(&world, &february).await.expect("it runs").is_proven);
    let listed = api.ok("/v1/sync/backfills?state=done").await;
    assert_eq!(listed["items"][0]["proven_count"], 28, "{listed:#}");
    let journal = "select string_agg(kind, ',' order by operation_id) from ingest.operations";
    assert_eq!(world.text(journal).await.as_deref(), Some("backfill,pause_backfill,resume_backfill"));
    assert_eq!(api.tell("/v1/sync/backfills/77/pause").await.0, 404);
    assert_eq!(api.get("/v1/sync/backfills/x").await.0, 422);
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
async fn a_provider_that_is_down_ends_a_backfill_which_then_goes_on() {
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
async fn a_range_that_makes_no_sense_is_refused_by_name() {
    let mut world = World::new().await.with_settings(TODAY_ONLY);
    let _provider = world.simulate(Platform::Konpro, feed(Platform::Konpro, 4), Quirks::default()).await;
    for (source, from, to, named) in [
        ("konpro", "2026-02-02T00:00:00Z", "2026-02-01T00:00:00Z", "--to"),
        ("konpro", "2026-02-02T00:00:00Z", "2026-12-01T00:00:00Z", "is in the future"),
        ("kopro", "2026-02-01T00:00:00Z", "2026-02-02T00:00:00Z", "the configured sources are: konpro"),
    ] {
        let error = backfill(&world, &args(source, from, to)).await.expect_err("it is refused");
        assert!(format!("{error:#}").contains(named), "{error:#}");
    }
    assert_eq!(backfilling::parse_instant("2026-01-31"), Ok(at("2026-01-31T00:00:00Z")));
    assert!(backfilling::parse_instant("yesterday").is_err());
}

#[tokio::test]
async fn what_is_left_is_told_by_the_range_and_not_by_how_long_nobody_worked() {
    let mut world = World::new().await.with_settings(TODAY_ONLY);
    let _provider = world.simulate(Platform::Konpro, feed(Platform::Konpro, 4), Quirks::default()).await;
    let planned = BackfillArgs { detach: true, ..args("konpro", FEBRUARY[0], FEBRUARY[1]) };
    let found = backfill(&world, &planned).await.expect("it is planned").backfill;
    assert_eq!((found.unit_count, found.eta_seconds), (28, None));
    // seventy seconds for a week, of which one day was split into its hours
    let week = "with cut as (
             insert into ingest.backfill_units (backfill_id, window_from, window_to)
             select backfill_id, window_from + hours * interval '1 hour', window_from + (hours + 1) * interval '1 hour'
               from ingest.backfill_units, generate_series(1, 23) hours where window_from = '2026-02-01T00:00Z')
         update ingest.backfill_units set window_to = '2026-02-01T01:00Z' where window_from = '2026-02-01T00:00Z'";
    sqlx::query(week).execute(&world.db.pool).await.expect("cut");
    let end = async |before: &str, at: DateTime<Utc>| {
        sqlx::query(
            "update ingest.backfill_units set state = 'proven', started_at = $2, finished_at = $2
              where window_from < $1::timestamptz and state = 'open'",
        )
        .bind(before.parse::<DateTime<Utc>>().expect("an instant"))
        .bind(at)
        .execute(&world.db.pool)
        .await
        .expect("ended");
    };
    end("2026-02-01T00:30:00Z", noon()).await;
    end("2026-02-08T00:00:00Z", noon() + TimeDelta::seconds(70)).await;
    let api = world.api().await;
    let eta = async || api.ok("/v1/sync/backfills").await["items"][0]["eta_seconds"].as_i64();
    world.clock.set(noon() + TimeDelta::seconds(70));
    assert_eq!(eta().await, Some(210), "three weeks are left");
    // three days later the work continues
    let later = noon() + TimeDelta::days(3);
    world.clock.set(later);
    assert_eq!(backfill(&world, &planned).await.expect("it goes on").backfill.eta_seconds, None);
    end("2026-02-15T00:00:00Z", later + TimeDelta::seconds(70)).await;
    world.clock.set(later + TimeDelta::seconds(70));
    assert_eq!(eta().await, Some(140), "two weeks are left");
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
async fn what_was_never_read_is_not_missing() {
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
