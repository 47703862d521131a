//! Polls reach back as far as sessions were seen to come late.

use chrono::TimeDelta;
use tributary_simulator::Platform;
use tributary_simulator::fixed_feed::FixedRecord;
use tributary_simulator::quirks::Quirks;

use crate::harness::{World, at, noon, plain_feed, records};

#[tokio::test]
async fn polls_reach_back_as_far_as_sessions_were_seen_to_come_late() {
    let mut world = World::new().await;
    let feed = plain_feed(Platform::Konvo, 2);
    let open = records::record(Platform::Konvo, "open", at("2026-03-10T07:00:00Z"));
    let open_json = open.json.replace(r#""completed":true"#, r#""completed":false"#);
    feed.insert(FixedRecord { json: open_json, ..open.clone() });
    let _provider = world.simulate(Platform::Konvo, feed.clone(), Quirks::default()).await;
    world.poll_one().await;
    let api = world.api().await;
    let before = &api.ok("/v1/sources").await["items"][0]["lateness"];
    assert_eq!(before["overlap_seconds"], 3_600, "{before}");
    assert!(before["latest_arrival_seconds"].is_null(), "{before}");
    // created at nine, listed after everything before noon was proven; found because two days are read again
    feed.insert(records::record(Platform::Konvo, "late", at("2026-03-10T09:00:00Z")));
    assert!(feed.replace(open));
    world.clock.set(noon() + TimeDelta::minutes(5));
    world.poll_one().await;
    assert_eq!(world.number("select count(*) from core.sessions where provider_session_id = 'late'").await, 1);
    world.clock.set(noon() + TimeDelta::hours(8));
    world.poll_one().await;
    let after = &api.ok("/v1/sources").await["items"][0]["lateness"];
    assert_eq!(after["latest_arrival_seconds"], 10_800, "{after}");
    assert_eq!(after["overlap_seconds"], 10_800, "{after}");
    let from = world.text("select window_from::text from ingest.runs order by run_id desc limit 1").await;
    assert_eq!(from.as_deref(), Some("2026-03-08 20:00:00+00"), "two days, which is more");
    // two weeks later that delay no longer counts
    world.clock.set(noon() + TimeDelta::days(15));
    world.poll_one().await;
    assert_eq!(api.ok("/v1/sources").await["items"][0]["lateness"]["overlap_seconds"], 3_600);
}
