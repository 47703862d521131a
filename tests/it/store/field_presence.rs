//! Schema drift: a provider that no longer sends a documented field is reported, and empties no stored value.

use std::sync::Arc;

use chrono::TimeDelta;
use tributary::app::polling::PollLine;
use tributary_simulator::Platform;
use tributary_simulator::fixed_feed::{FixedFeed, FixedRecord};
use tributary_simulator::quirks::Quirks;

use crate::harness::{World, noon, plain_feed, records};
use crate::providers::conformance::over_all_providers;

over_all_providers!(f35_a_missing_field_empties_no_value_and_is_reported);

/// The field that is left out, as written in a record, and its replacement.
fn field(platform: Platform) -> (&'static str, &'static str, &'static str) {
    match platform {
        Platform::Konpro => ("/duration", r#""duration":90,"#, ""),
        Platform::Konvo => ("/status", r#""status":"#, r#""progress":"#),
        Platform::Realtimekit => ("/minutes_consumed", r#""minutes_consumed":3.0,"#, r#""minutesConsumed":3.0,"#),
    }
}

/// Returns the metric value: KonPro 80 × 1.5 minutes, RealtimeKit 80 × 3, Konvo 80 resolved chats.
async fn figure(world: &World) -> Option<String> {
    let sql = "select concat_ws(' ', minutes, resolved, ended, timed, (select count(*) from core.messages))
                 from (select trim_scale(sum(provider_minutes)) as minutes,
                              count(*) filter (where outcome = 'resolved') as resolved,
                              count(*) filter (where session_state = 'ended') as ended,
                              count(duration_seconds) as timed
                         from core.sessions) s";
    world.text(sql).await
}

fn without(platform: Platform, record: FixedRecord) -> FixedRecord {
    let (_, old, new) = field(platform);
    let json = record.json.replacen(old, new, 1);
    assert_ne!(json, record.json);
    FixedRecord { json, ..record }
}

/// 80 sessions that began while the test runs, five seconds apart.
fn young(platform: Platform) -> impl Iterator<Item = FixedRecord> {
    (0..80).map(move |n| records::record(platform, &format!("young-{n:03}"), noon() + TimeDelta::seconds(5) * n))
}

fn is_drift(line: &PollLine, path: &str) -> bool {
    let detail = line.detail.as_deref().unwrap_or_default();
    line.result == "incomplete" && detail.starts_with("schema_drift") && detail.contains(&format!("{path} is missing"))
}

async fn f35_a_missing_field_empties_no_value_and_is_reported(platform: Platform) {
    let (path, ..) = field(platform);
    let mut world = World::new().await;
    let feed = plain_feed(platform, 80);
    let _provider = world.simulate(platform, feed.clone(), Quirks::default()).await;
    assert!(world.poll_one().await.is_complete());
    let whole = figure(&world).await;
    let expected = match platform {
        Platform::Konpro => "120 0 80 80 0",
        Platform::Konvo => "80 80 80 160",
        Platform::Realtimekit => "240 0 80 80 0",
    };
    assert_eq!(whole.as_deref(), Some(expected));
    let plain: Vec<FixedRecord> = (0..80).map(|n| crate::harness::plain_record(platform, n, 80)).collect();
    for record in &plain {
        assert!(feed.replace(without(platform, record.clone())));
    }
    young(platform).for_each(|record| feed.insert(without(platform, record)));
    world.clock.set(noon() + TimeDelta::minutes(30));
    let line = world.poll_one().await;
    assert!(is_drift(&line, path), "{line:?}");
    assert!(line.detail.as_deref().unwrap_or_default().contains("since 2026-03-10T12:30:00Z"), "{line:?}");
    let hint = match platform {
        Platform::Konpro => "earlier ones had it",
        Platform::Konvo => "/progress",
        Platform::Realtimekit => "/minutesConsumed",
    };
    assert!(line.detail.as_deref().unwrap_or_default().contains(hint), "{line:?}");
    let kept = "select count(*) from core.sessions where provider_session_id not like 'young%'
                   and session_state = 'ended' and duration_seconds = 90
                   and (provider_minutes is not null or outcome = 'resolved')";
    assert_eq!(world.number(kept).await, 80, "what was stored stays");
    assert_eq!(world.number("select count(*) from core.sessions").await, 160, "what came is stored");
    let health = world.api().await.ok("/v1/health/pollers").await;
    let poller = &health["items"][0];
    assert_eq!((&poller["state"], &poller["last_error"]["class"]), (&"incomplete".into(), &"schema_drift".into()));
    assert!(poller["last_error"]["detail"].as_str().is_some_and(|detail| detail.contains(path)), "{poller:#}");
    // this lasts while no record has the field, even without new records
    world.clock.set(noon() + TimeDelta::minutes(35));
    assert!(is_drift(&world.poll_one().await, path));
    assert_eq!(world.number(kept).await, 80);
    // once the field is back, the records first seen without it are read again
    for record in plain.into_iter().chain(young(platform)) {
        assert!(feed.replace(record));
    }
    world.clock.set(noon() + TimeDelta::minutes(40));
    let line = world.poll_one().await;
    assert!(line.is_complete(), "{line:?}");
    let expected = match platform {
        Platform::Konpro => "240 0 160 160 0",
        Platform::Konvo => "160 160 160 320",
        Platform::Realtimekit => "480 0 160 160 0",
    };
    assert_eq!(figure(&world).await.as_deref(), Some(expected));
    assert_eq!(world.number("select count(*) from ingest.field_presence where missing_since is not null").await, 0);
}

/// Sessions that were first seen without the field are older than the range that a list reads again.
#[tokio::test]
async fn f35_records_first_seen_hours_ago_are_read_again_too() {
    let platform = Platform::Realtimekit;
    let mut world = World::new().await;
    let feed = plain_feed(platform, 80);
    let _provider = world.simulate(platform, feed.clone(), Quirks::default()).await;
    assert!(world.poll_one().await.is_complete());
    young(platform).for_each(|record| feed.insert(without(platform, record)));
    world.clock.set(noon() + TimeDelta::minutes(8));
    assert!(is_drift(&world.poll_one().await, "/minutes_consumed"));
    world.clock.set(noon() + TimeDelta::hours(9));
    assert!(is_drift(&world.poll_one().await, "/minutes_consumed"));
    for record in young(platform) {
        assert!(feed.replace(record));
    }
    feed.insert(records::record(platform, "late", noon() + TimeDelta::minutes(541)));
    world.clock.set(noon() + TimeDelta::minutes(545));
    let line = world.poll_one().await;
    assert!(line.is_complete(), "{line:?}");
    assert_eq!(
        world.text("select trim_scale(sum(provider_minutes))::text from core.sessions").await.as_deref(),
        Some("483")
    );
}

/// An operator states that the field is gone for good.
#[tokio::test]
async fn f35_a_permanently_missing_field_can_be_named() {
    let platform = Platform::Realtimekit;
    let mut world = World::new().await.with_settings("dropped_fields = [\"/minutes_consumed\"]");
    let feed = plain_feed(platform, 40);
    let _provider = world.simulate(platform, feed.clone(), Quirks::default()).await;
    assert!(world.poll_one().await.is_complete());
    young(platform).for_each(|record| feed.insert(without(platform, record)));
    world.clock.set(noon() + TimeDelta::minutes(8));
    let line = world.poll_one().await;
    assert!(line.is_complete() && line.inserted == 80, "{line:?}");
}

#[tokio::test]
async fn f35_small_runs_add_up_and_one_record_is_no_drift() {
    let platform = Platform::Realtimekit;
    let mut world = World::new().await;
    let feed: Arc<FixedFeed> = plain_feed(platform, 40);
    let _provider = world.simulate(platform, feed.clone(), Quirks::default()).await;
    assert!(world.poll_one().await.is_complete());
    // one session is sent again without its minutes, as a cache may do
    assert!(feed.replace(without(platform, crate::harness::plain_record(platform, 39, 40))));
    world.clock.set(noon() + TimeDelta::minutes(1));
    assert!(world.poll_one().await.is_complete());
    assert_eq!(world.number("select count(*) from core.sessions where provider_minutes = 3").await, 40);
    let mut young = young(platform);
    for (minute, count, is_missing) in [(2, 10, false), (3, 8, false), (4, 10, true)] {
        for record in young.by_ref().take(count) {
            let created_at = noon() + TimeDelta::minutes(minute) - TimeDelta::seconds(30);
            feed.insert(without(platform, records::record(platform, &record.id, created_at)));
        }
        world.clock.set(noon() + TimeDelta::minutes(minute + 2));
        let line = world.poll_one().await;
        assert_eq!(is_drift(&line, "/minutes_consumed"), is_missing, "minute {minute}: {line:?}");
        assert_eq!(line.is_complete(), !is_missing, "minute {minute}: {line:?}");
    }
}
