//! Open sessions are read again until they end, also where the list no longer returns them.

use chrono::TimeDelta;
use tributary_simulator::Platform;
use tributary_simulator::faults::{Effect, Fault, RetryAfter};
use tributary_simulator::fixed_feed::FixedRecord;
use tributary_simulator::quirks::{FilterMeaning, Quirks};

use crate::harness::{World, noon, plain_feed, records};
use crate::store::changes::meeting;

#[tokio::test]
async fn more_open_meetings_than_a_run_can_read_have_their_turn_one_after_another() {
    let mut world = World::new().await;
    let feed = plain_feed(Platform::Realtimekit, 0);
    let all = |minutes: &'static str| {
        (0..90_i32).map(move |number| {
            let created_at = noon() - TimeDelta::hours(1) - TimeDelta::seconds(1) * number;
            meeting(&format!("m-{number:04}"), created_at, "LIVE", minutes, "null", "2026-03-10T11:50:00.000Z")
        })
    };
    for record in all("1") {
        feed.insert(record);
    }
    let provider = world.simulate(Platform::Realtimekit, feed.clone(), Quirks::default()).await;
    world.poll_one().await;
    for record in all("2") {
        assert!(feed.replace(record));
    }
    // the provider stops every run after 40 meetings: without a stored position each run would read the same ones
    for (hours, read, verdict) in [(50, 40, "rate_limited"), (52, 80, "rate_limited"), (54, 90, "rate_limited")] {
        let full = Fault::new(Effect::RateLimited(RetryAfter::Seconds(600))).only("/sessions/m-").from_request(42);
        provider.script(vec![full]);
        world.clock.set(noon() + TimeDelta::hours(hours));
        let line = world.poll_one().await;
        assert_eq!(line.result, verdict, "{line:?}");
        assert_eq!(world.number("select count(*) from core.sessions where provider_minutes = 2").await, read);
    }
    let open = world.text("select value from ingest.source_facts where name = 'open_set_position'").await;
    assert_eq!(open.as_deref(), Some("m-0029"), "round once: the last ten, then the first thirty");
}

#[tokio::test]
async fn p06_a_live_meeting_is_read_again_until_it_ends() {
    let mut world = World::new().await;
    let started = noon() - TimeDelta::hours(1);
    let live = |status: &str, minutes: &str, ended: &str, updated: &str| FixedRecord {
        id: "m".to_owned(),
        created_at: started,
        updated_at: started,
        json: format!(
            r#"{{"id":"m","associated_id":"a","type":"meeting","status":"{status}","minutes_consumed":{minutes},"started_at":"{0}","created_at":"{0}","ended_at":{ended},"updated_at":"{updated}"}}"#,
            records::iso(started)
        ),
    };
    let feed = plain_feed(Platform::Realtimekit, 0);
    feed.insert(live("LIVE", "3.5", "null", "2026-03-10T11:10:00.000Z"));
    let _provider = world.simulate(Platform::Realtimekit, feed.clone(), Quirks::default()).await;
    world.poll_one().await;
    assert_eq!(world.text("select session_state from core.sessions").await.as_deref(), Some("live"));
    // two days later it is no longer in the listed range
    world.clock.set(noon() + TimeDelta::hours(50));
    world.poll_one().await;
    assert!(feed.replace(live("ENDED", "34.4375", "\"2026-03-10T19:00:00.000Z\"", "2026-03-10T19:00:01.000Z")));
    world.clock.set(noon() + TimeDelta::hours(50) + TimeDelta::minutes(5));
    let line = world.poll_one().await;
    assert!(line.is_complete(), "{line:?}");
    assert_eq!(
        world.text("select session_state || ' ' || provider_minutes from core.sessions").await.as_deref(),
        Some("ended 34.4375")
    );
    // a response of an older cache does not revert it
    assert!(feed.replace(live("LIVE", "3.5", "null", "2026-03-10T11:10:00.000Z")));
    world.poll_one().await;
    assert_eq!(world.text("select session_state from core.sessions").await.as_deref(), Some("ended"));
}

#[tokio::test]
async fn a14_a_chat_completed_days_later_is_found_under_both_meanings_of_the_filter() {
    for filter_meaning in [FilterMeaning::Created, FilterMeaning::Updated] {
        let mut world = World::new().await;
        let feed = plain_feed(Platform::Konvo, 5);
        let settled =
            ["settled-1", "settled-2"].map(|id| records::record(Platform::Konvo, id, noon() - TimeDelta::days(3)));
        for one in &settled {
            feed.insert(one.clone());
        }
        let done = records::record(Platform::Konvo, "late", noon() - TimeDelta::minutes(30));
        let open_json = done.json.replace(r#""completed":true"#, r#""completed":false"#);
        feed.insert(FixedRecord { json: open_json, ..done.clone() });
        let quirks = Quirks { filter_meaning, ..Quirks::default() };
        let _provider = world.simulate(Platform::Konvo, feed.clone(), quirks).await;
        world.poll_one().await;
        let open = "select count(*) from core.sessions where outcome = 'open'";
        assert_eq!(world.number(open).await, 1);
        for day in 1..=4 {
            world.clock.set(noon() + TimeDelta::days(day));
            if day == 4 {
                let updated_at = noon() + TimeDelta::days(4) - TimeDelta::minutes(5);
                // the open chat is completed, and two that were settled long ago change: three prove the meaning
                for touched in settled.iter().chain([&done]).cloned() {
                    let now = format!("\"last_updated\":\"{}\",\"before\":\"", records::iso(updated_at));
                    let json = touched.json.replace("\"last_updated\":\"", &now);
                    assert!(feed.replace(FixedRecord { json, updated_at, ..touched }));
                }
            }
            let line = world.poll_one().await;
            assert!(line.is_complete(), "{filter_meaning:?}: {line:?}");
        }
        assert_eq!(world.number(open).await, 0, "{filter_meaning:?}");
        assert_eq!(world.number("select count(*) from core.sessions where outcome = 'resolved'").await, 8);
        let learnt = world.text("select min(value) from ingest.source_facts where name = 'filter_meaning'").await;
        assert_eq!(learnt.as_deref() == Some("updated"), filter_meaning == FilterMeaning::Updated, "{learnt:?}");
    }
}

#[tokio::test]
async fn an_old_open_chat_is_listed_again_once_an_hour() {
    let mut world = World::new().await;
    let feed = plain_feed(Platform::Konvo, 1);
    let open = records::record(Platform::Konvo, "open", noon() - TimeDelta::days(20));
    let json = open.json.replace(r#""completed":true"#, r#""completed":false"#);
    feed.insert(FixedRecord { json, ..open });
    let provider = world.simulate(Platform::Konvo, feed, Quirks::default()).await;
    world.poll_one().await;
    let mut lists = Vec::new();
    for minutes in [70, 75, 80, 140] {
        world.clock.set(noon() + TimeDelta::minutes(minutes));
        let asked = provider.requests().len();
        world.poll_one().await;
        lists.push(provider.requests().len() - asked);
    }
    assert_eq!(lists, [2, 1, 1, 2], "the present, and once an hour the last month");
}
