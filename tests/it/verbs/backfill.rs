//! `tributary backfill`: a range of the past is read beside the live poll, and can be paused and resumed.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;
use tributary::app::backfilling::{self, BackfillArgs, BackfillOutcome};
use tributary::app::progress::Progress;
use tributary::db::{self, Purpose};
use tributary::store::operation::Operator;
use tributary_simulator::Platform;
use tributary_simulator::faults::{Effect, Fault};
use tributary_simulator::fixed_feed::FixedFeed;
use tributary_simulator::quirks::Quirks;

use crate::harness::{World, at, noon, records};

pub(crate) const FEBRUARY: [&str; 2] = ["2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"];
/// The history of these sources begins in the night before noon.
pub(crate) const TODAY_ONLY: &str = "history_from = \"2026-03-10T00:00:00Z\"\npage_size = 20";

/// `today` records of this morning, and one every six hours of February: 112.
pub(crate) fn feed(platform: Platform, today: i32) -> Arc<FixedFeed> {
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

pub(crate) fn args(source: &str, from: &str, to: &str) -> BackfillArgs {
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

pub(crate) async fn backfill(world: &World, args: &BackfillArgs) -> anyhow::Result<BackfillOutcome> {
    let app = world.app();
    let pool = app.pool(Purpose::Poll).await?;
    db::migrate(&pool, world.db.engine).await?;
    backfilling::work(&app, pool, args, &operator(), CancellationToken::new(), Progress::silent()).await
}

/// The stored position of the live poll.
pub(crate) async fn live_position(world: &World) -> Option<String> {
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
        let february = |request: &tributary_simulator::RequestRecord| request.path_and_query.contains("2026-02");
        assert!(!provider.requests()[asked_before..].iter().any(february), "the poll leaves February alone");
    }
}

#[tokio::test]
async fn values_of_a_backfilled_range_are_stated_and_others_before_the_history_are_not() {
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
async fn the_remaining_time_depends_on_the_range_and_not_on_idle_time() {
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
