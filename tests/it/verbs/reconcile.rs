//! `tributary reconcile`: rows dropped by hand are found, named and fetched again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;
use tributary::app::reconciling::{self, ReconcileArgs, SourceReport};
use tributary::app::reloading::Reloads;
use tributary::app::serving::{self, Role};
use tributary::clock::SystemClock;
use tributary_simulator::Platform;
use tributary_simulator::faults::{Effect, Fault};
use tributary_simulator::fixed_feed::{FixedFeed, FixedRecord};
use tributary_simulator::quirks::{FilterMeaning, Quirks, Total};

use crate::harness::orphans::remove_sessions;
use crate::harness::{World, at, noon, records};

const MARCH: &str = "history_from = \"2026-03-01T00:00:00Z\"";

/// 240 records, one every fifty minutes from the first of March on.
fn feed(platform: Platform) -> Arc<FixedFeed> {
    let record = |number: i32| {
        let created_at = at("2026-03-01T00:03:00Z") + TimeDelta::minutes(50) * number;
        records::record(platform, &format!("{}-{number:04}", platform.as_str()), created_at)
    };
    Arc::new(FixedFeed::new((0..240).map(record)))
}

async fn reconcile(world: &World) -> SourceReport {
    let args = ReconcileArgs::default();
    let reports = reconciling::reconcile(&world.app(), &args, "ada", CancellationToken::new()).await.expect("it runs");
    assert_eq!(reports.len(), 1);
    reports.into_iter().next().expect("a report")
}

/// Drops fifty sessions by hand, every fourth; returns their ids.
async fn drop_fifty(world: &World) -> BTreeSet<String> {
    let dropped = remove_sessions(
        &world.db.pool,
        "s.provider_session_id in (
             select provider_session_id from (
               select provider_session_id, row_number() over (order by created_at) as n from core.sessions) numbered
              where n % 4 = 1 order by n limit 50)",
    )
    .await;
    assert_eq!(dropped.len(), 50);
    dropped.into_iter().collect()
}

fn named(report: &SourceReport) -> BTreeSet<String> {
    report.windows.iter().flat_map(|window| window.missing.iter().cloned()).collect()
}

#[tokio::test]
async fn fifty_rows_dropped_by_hand_are_found_named_and_brought_back() {
    for platform in Platform::ALL {
        let settings = format!("{MARCH}\nsession_streams = [\"chat\"]");
        let mut world = World::new().await.with_settings(&settings).with_depth();
        let provider = world.simulate(platform, feed(platform), Quirks::default()).await;
        let polled = world.poll().await;
        assert_eq!(polled[0].result, "complete", "{polled:?}");
        let messages = world.number("select count(*) from core.messages").await;
        let tasks = "select count(*) from ingest.artifact_tasks t join core.sessions s using (source_id, session_id)";
        let tasks_before = world.number(tasks).await;
        let windows = world.text("select string_agg(window_from || ' ' || window_to, ',') from ingest.windows").await;
        let dropped = drop_fifty(&world).await;
        let report = reconcile(&world).await;
        assert!(report.is_equal, "{platform:?}: {report:#?}");
        assert_eq!((report.missing_count, report.healed_count, report.surplus_count), (50, 50, 0), "{report:#?}");
        assert_eq!(named(&report), dropped, "{platform:?}");
        assert_eq!(world.number("select count(*) from core.sessions").await, 240);
        assert_eq!(world.number("select count(*) from core.messages").await, messages, "with what belongs to them");
        assert_eq!(world.number(tasks).await, tasks_before, "and is to be fetched for them");
        let after = world.text("select string_agg(window_from || ' ' || window_to, ',') from ingest.windows").await;
        assert_eq!(after, windows, "what was proven stays so");
        // equal now: each window is counted, read once so that states are compared, and counted once more
        let asked_before = provider.requests().len();
        let again = reconcile(&world).await;
        assert!(again.is_equal && again.windows.is_empty() && again.stale_count == 0, "{again:#?}");
        let calls = provider.requests().len() - asked_before;
        assert!(calls <= 3 * again.window_count + 2, "{calls} calls for {} windows", again.window_count);
        assert_eq!(
            world.number("select count(distinct backfill_id) from ingest.reconciliations").await,
            2,
            "history is kept"
        );
        assert_eq!(
            world.number("select sum(healed_session_count)::bigint from analytics.reconciliation").await,
            0,
            "the view shows the newest comparison"
        );
        let api = world.api().await;
        let healed = api.ok("/v1/reconciliation?state=healed").await;
        let items = healed["items"].as_array().expect("items");
        let ids: BTreeSet<String> = items
            .iter()
            .flat_map(|item| {
                item["missing"].as_array().expect("ids").iter().filter_map(|id| id.as_str().map(str::to_owned))
            })
            .collect();
        assert_eq!(ids, dropped);
        assert!(items.iter().all(|item| item["is_latest"] == false));
    }
}

/// Days are compared as they are, although their lists are read a little wider.
#[tokio::test]
async fn sessions_around_midnight_are_counted_once() {
    for platform in Platform::ALL {
        let mut world = World::new().await.with_settings(MARCH);
        let midnight = at("2026-03-05T00:00:00Z");
        let around = (-3_i32..=3).map(|second| {
            let id = format!("{}-{}", platform.as_str(), second + 3);
            records::record(platform, &id, midnight + TimeDelta::seconds(1) * second)
        });
        let feed = Arc::new(FixedFeed::new(around));
        let _provider = world.simulate(platform, feed, Quirks::default()).await;
        let polled = world.poll().await;
        assert_eq!(polled[0].result, "complete", "{polled:?}");
        let report = reconcile(&world).await;
        assert!(report.is_equal && report.windows.is_empty(), "{platform:?}: {report:#?}");
        let written = "select coalesce(sum(inserted_count + updated_count), 0)::bigint from ingest.runs
                        where purpose = 'reconcile'";
        assert_eq!(world.number(written).await, 0);
    }
}

#[tokio::test]
async fn sessions_that_the_provider_no_longer_lists_are_named_as_surplus() {
    let mut world = World::new().await.with_settings(MARCH);
    let feed = feed(Platform::Realtimekit);
    let _provider = world.simulate(Platform::Realtimekit, feed.clone(), Quirks::default()).await;
    world.poll_one().await;
    assert!(feed.remove("realtimekit-0100") && feed.remove("realtimekit-0101"));
    let report = reconcile(&world).await;
    assert!(!report.is_equal);
    let surplus: Vec<&str> =
        report.windows.iter().flat_map(|window| window.surplus.iter().map(String::as_str)).collect();
    assert_eq!(surplus, ["realtimekit-0100", "realtimekit-0101"], "{report:#?}");
    assert_eq!((report.missing_count, report.surplus_count), (0, 2));
    assert_eq!(world.number("select count(*) from core.sessions").await, 240, "nothing is thrown away");
}

#[tokio::test]
async fn without_a_count_nothing_is_claimed_and_nothing_read() {
    let mut world = World::new().await.with_settings(MARCH);
    let provider = world.simulate(Platform::Konpro, feed(Platform::Konpro), Quirks::default()).await;
    world.poll_one().await;
    drop_fifty(&world).await;
    provider.set_quirks(Quirks { total: Total::Missing, ..Quirks::default() });
    let report = reconcile(&world).await;
    assert!(!report.is_equal);
    assert!(report.windows.iter().all(|window| window.state == "unverifiable"), "{report:#?}");
    assert!(report.windows[0].reason.as_deref().unwrap_or_default().contains("no readable count"));
    assert_eq!(world.number("select count(*) from core.sessions").await, 190);
}

#[tokio::test]
async fn a_provider_that_is_down_changes_nothing_and_is_called_failed() {
    let mut world = World::new().await.with_settings(MARCH);
    let provider = world.simulate(Platform::Konvo, feed(Platform::Konvo), Quirks::default()).await;
    world.poll_one().await;
    let streams = "select md5(string_agg(s::text, ',')) from ingest.streams s";
    let before = world.text(streams).await;
    drop_fifty(&world).await;
    provider.script(vec![Fault::new(Effect::json(500, "{}")).forever()]);
    let report = reconcile(&world).await;
    assert!(!report.is_equal && report.detail.is_some(), "{report:#?}");
    assert_eq!(report.windows[0].state, "failed");
    assert_eq!(world.number("select count(*) from core.sessions").await, 190);
    assert_eq!(world.text(streams).await, before, "the poll is not blamed");
    provider.script(Vec::new());
    assert_eq!(reconcile(&world).await.healed_count, 50);
}

#[tokio::test]
async fn each_meaning_of_the_filter_is_compared_by_its_own_time() {
    for filter_meaning in [FilterMeaning::Updated, FilterMeaning::Ignored] {
        let mut world = World::new().await.with_settings(MARCH);
        let quirks = Quirks { filter_meaning, ..Quirks::default() };
        let feed = feed(Platform::Konvo);
        // created before the window that they changed in: three reveal the meaning of the filter
        for id in ["old-1", "old-2", "old-3"] {
            let old = records::record(Platform::Konvo, id, at("2026-02-20T12:00:00Z"));
            let updated_at = at("2026-03-01T00:01:00Z");
            let changed = format!("\"last_updated\":\"{}\",\"before\":\"", records::iso(updated_at));
            let json = old.json.replace("\"last_updated\":\"", &changed);
            feed.insert(FixedRecord { updated_at, json, ..old });
        }
        let _provider = world.simulate(Platform::Konvo, feed, quirks).await;
        world.poll_one().await;
        let report = reconcile(&world).await;
        assert!(report.is_equal, "{filter_meaning:?}: {report:#?}");
        let dropped = drop_fifty(&world).await;
        let report = reconcile(&world).await;
        assert!(report.is_equal, "{filter_meaning:?}: {report:#?}");
        assert_eq!(named(&report), dropped, "{filter_meaning:?}");
    }
}

#[tokio::test]
async fn minutes_of_a_day_are_compared_wherever_the_provider_s_day_begins() {
    let mut world = World::new().await.with_settings(MARCH);
    let quirks = Quirks { day_offset_hours: 9, ..Quirks::default() };
    let _provider = world.simulate(Platform::Realtimekit, feed(Platform::Realtimekit), quirks).await;
    world.poll_one().await;
    reconcile(&world).await;
    let told = "select string_agg(distinct minutes_state || ' ' || day_offset_hours, ',') from ingest.reconciliations
                 where minutes_state is not null";
    assert_eq!(world.text(told).await.as_deref(), Some("match 9"));
    // a meeting whose minutes were lost, though it is there
    sqlx::query("update core.sessions set provider_minutes = 0, row_hash = '\\x00' where provider_session_id = 'realtimekit-0100'")
        .execute(&world.db.pool)
        .await
        .expect("spoilt");
    reconcile(&world).await;
    let minutes = "select provider_minutes::bigint from core.sessions where provider_session_id = 'realtimekit-0100'";
    assert_eq!(world.number(minutes).await, 3, "they are back");
}

#[tokio::test]
async fn a_window_with_thousands_is_cut_before_it_is_read_again() {
    let mut world = World::new().await.with_settings("history_from = \"2026-03-09T00:00:00Z\"\npage_size = 100");
    let crowd = (0..6_000).map(|number| {
        records::record(
            Platform::Konpro,
            &format!("konpro-{number:05}"),
            at("2026-03-09T00:00:00Z") + TimeDelta::seconds(14) * number,
        )
    });
    let provider = world.simulate(Platform::Konpro, Arc::new(FixedFeed::new(crowd)), Quirks::default()).await;
    world.poll_one().await;
    remove_sessions(&world.db.pool, "s.provider_session_id in ('konpro-00077', 'konpro-04000')").await;
    let asked_before = provider.requests().len();
    let report = reconcile(&world).await;
    assert!(report.is_equal, "{report:#?}");
    assert_eq!(named(&report), BTreeSet::from(["konpro-00077".to_owned(), "konpro-04000".to_owned()]));
    let calls = provider.requests().len() - asked_before;
    assert!(calls < 100, "{calls} calls: the pages of the day are 60, and each part is counted");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poller_reconciles_by_itself_when_it_is_due() {
    let mut world = World::new()
        .await
        .with_settings("history_from = \"2026-03-01T00:00:00Z\"\nreconcile_schedule = \"* * * * * *\"");
    let _provider = world.simulate(Platform::Konpro, feed(Platform::Konpro), Quirks::default()).await;
    world.clock.set(chrono::DateTime::from_timestamp_millis(noon().timestamp_millis()).expect("an instant"));
    assert!(world.poll_one().await.is_complete());
    drop_fifty(&world).await;
    // the rings were read just now, so that they do not fetch the dropped sessions again
    for sql in ["update ingest.rings set as_of = now()", "update ingest.state_coverage set seen_at = now()"] {
        sqlx::query(sql).execute(&world.db.pool).await.expect("written");
    }
    let stop = CancellationToken::new();
    let app = world.app_at(Arc::new(SystemClock));
    let watch = async {
        let started = std::time::Instant::now();
        while world.number("select coalesce(sum(healed_count), 0)::bigint from ingest.reconciliations").await < 50 {
            assert!(started.elapsed() < Duration::from_secs(90), "it was never reconciled");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        stop.cancel();
    };
    let (served, ()) = tokio::join!(serving::serve(&app, Role::Poller, stop.clone(), Reloads::none(), |_| {}), watch);
    served.expect("it ran");
    assert_eq!(world.number("select count(*) from core.sessions").await, 240);
    assert!(
        world
            .text("select min(requested_by) from ingest.backfills")
            .await
            .unwrap_or_default()
            .starts_with("schedule of ")
    );
}
