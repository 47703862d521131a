//! Recorded changes: what changed of a session is kept field by field, without personal data.

use chrono::{DateTime, TimeDelta, Utc};
use tributary_simulator::Platform;
use tributary_simulator::fixed_feed::FixedRecord;
use tributary_simulator::quirks::Quirks;

use crate::harness::{World, at, noon, plain_feed, records};

/// The changes, by field, as `field:old>new`.
const CHANGES: &str =
    "select string_agg(field || ':' || coalesce(old_value, '-') || '>' || coalesce(new_value, '-'), ' '
                                         order by change_id) from analytics.session_changes";

pub(crate) fn avatar(duration_seconds: u32) -> FixedRecord {
    let created_at = at("2026-03-10T11:50:00Z");
    FixedRecord {
        id: "a".to_owned(),
        created_at,
        updated_at: created_at,
        json: format!(
            r#"{{"session_id":"a","status":"connected","created_at":{},"api_key_type":"PAID","duration":{duration_seconds},"avatar_id":"anna","voice_name":null}}"#,
            created_at.timestamp()
        ),
    }
}

pub(crate) fn chat(status: &str, messages: u32) -> FixedRecord {
    let created_at = at("2026-03-10T11:50:00Z");
    let message = |number: u32| {
        format!(
            r#"{{"message_id":"c-{number}","session_id":"c","initiator_origin":"RECIPIENT","message":"Hi","created_at":"2026-03-10T11:5{number}:00.000Z"}}"#
        )
    };
    let messages: Vec<String> = (0..messages).map(message).collect();
    FixedRecord {
        id: "c".to_owned(),
        created_at,
        updated_at: created_at,
        json: format!(
            r#"{{"id":"c","workspace_id":"w","feed_id":"f","contact_id":"x","channel":"web","created_at":"2026-03-10T11:50:00.000Z",{status}"messages":[{}]}}"#,
            messages.join(",")
        ),
    }
}

pub(crate) const OPEN: &str = r#""status":{"completed":false,"unresolved":false,"last_message_date":"2026-03-10T11:51:00.000Z","last_updated":"2026-03-10T11:51:00.000Z"},"#;
pub(crate) const DONE: &str = r#""status":{"completed":true,"unresolved":false,"completed_at":"2026-03-10T12:02:00.000Z","last_message_date":"2026-03-10T11:52:00.000Z","last_updated":"2026-03-10T12:02:00.000Z"},"#;

pub(crate) fn meeting(
    id: &str,
    created_at: DateTime<Utc>,
    status: &str,
    minutes: &str,
    ended: &str,
    updated: &str,
) -> FixedRecord {
    FixedRecord {
        id: id.to_owned(),
        created_at,
        updated_at: created_at,
        json: format!(
            r#"{{"id":"{id}","associated_id":"a","type":"meeting","status":"{status}","minutes_consumed":{minutes},"max_concurrent_participants":2,"started_at":"{0}","created_at":"{0}","ended_at":{ended},"updated_at":"{updated}"}}"#,
            records::iso(created_at)
        ),
    }
}

#[tokio::test]
async fn changes_of_an_avatar_session_are_kept_by_field() {
    let mut world = World::new().await;
    let feed = plain_feed(Platform::Konpro, 2);
    feed.insert(avatar(60));
    let _provider = world.simulate(Platform::Konpro, feed.clone(), Quirks::default()).await;
    world.poll_one().await;
    world.poll_one().await;
    assert_eq!(world.text(CHANGES).await, None, "neither first sight nor an unchanged reading is a change");
    assert!(feed.replace(avatar(900)));
    world.clock.set(noon() + TimeDelta::minutes(15));
    assert_eq!(world.poll_one().await.updated, 1);
    // it ran to 12:05, and five minutes later that counts as the end
    assert_eq!(
        world.text(CHANGES).await.as_deref(),
        Some(
            "duration_seconds:60>900 ended_at:2026-03-10T11:51:00.000000Z>2026-03-10T12:05:00.000000Z \
             last_activity_at:2026-03-10T11:51:00.000000Z>2026-03-10T12:05:00.000000Z provider_minutes:1>15"
        )
    );
    let who = "select min(provider_session_id) || ' ' || min(run_id::text) || ' ' || count(provider_time)
                 from analytics.session_changes where changed_at = '2026-03-10T12:15:00Z'";
    assert_eq!(world.text(who).await.as_deref(), Some("a 3 0"), "this provider says no time of change");
    // requested at 12:15, it had ended at 11:51 as far as was known: 24 minutes
    let late = "select largest_seconds from ingest.lateness where kind = 'changed'";
    assert_eq!(world.number(late).await, 1_440);
}

#[tokio::test]
async fn the_growing_duration_of_a_live_session_records_no_changes() {
    let mut world = World::new().await;
    let feed = plain_feed(Platform::Konpro, 2);
    feed.insert(avatar(600));
    let _provider = world.simulate(Platform::Konpro, feed.clone(), Quirks::default()).await;
    for minute in 0..20 {
        world.clock.set(noon() + TimeDelta::minutes(minute.into()));
        assert!(feed.replace(avatar(600 + 60 * minute)));
        world.poll_one().await;
    }
    assert_eq!(world.text(CHANGES).await, None);
    assert_eq!(
        world.number("select provider_minutes::bigint from core.sessions where provider_session_id = 'a'").await,
        29
    );
    world.clock.set(noon() + TimeDelta::minutes(60));
    world.poll_one().await;
    assert_eq!(
        world.text(CHANGES).await.as_deref(),
        Some("duration_seconds:->1740 ended_at:->2026-03-10T12:19:00.000000Z session_state:live>ended")
    );
}

#[tokio::test]
async fn changes_of_a_chat_are_kept_by_field_and_listed_over_the_api() {
    let mut world = World::new().await;
    let feed = plain_feed(Platform::Konvo, 2);
    feed.insert(chat(OPEN, 2));
    let _provider = world.simulate(Platform::Konvo, feed.clone(), Quirks::default()).await;
    world.poll_one().await;
    assert!(feed.replace(chat(DONE, 3)));
    world.clock.set(noon() + TimeDelta::minutes(5));
    world.poll_one().await;
    world.clock.set(noon() + TimeDelta::minutes(10));
    world.poll_one().await;
    assert_eq!(
        world.text(CHANGES).await.as_deref(),
        Some(
            "completed_at:->2026-03-10T12:02:00.000000Z duration_seconds:60>720 ended_at:->2026-03-10T12:02:00.000000Z \
             last_activity_at:2026-03-10T11:51:00.000000Z>2026-03-10T12:02:00.000000Z message_count:2>3 \
             outcome:open>resolved session_state:open>ended"
        )
    );
    let id = world.number("select session_id from core.sessions where provider_session_id = 'c'").await;
    let api = world.api().await;
    let told = api.ok(&format!("/v1/sessions/{id}/provenance?limit=2")).await;
    assert_eq!(told["items"][0]["field"], "session_state", "{told:#}");
    assert_eq!(told["items"][1]["old"], "open");
    assert_eq!(told["items"][1]["new"], "resolved");
    assert_eq!(told["items"][1]["provider_time"], "2026-03-10T12:02:00Z");
    assert_eq!(told["items"][1]["run_id"], 2);
    assert_eq!(told["fetched_at"], "2026-03-10T12:05:00Z");
    assert_eq!(told["content_run_id"], 2);
    assert_eq!((&told["mapping_version"], &told["missed_count"]), (&4.into(), &0.into()));
    let hash = world.text("select encode(raw_hash, 'hex') from core.sessions where provider_session_id = 'c'").await;
    assert_eq!(told["content_hash"].as_str(), hash.as_deref());
    let mut fields = Vec::new();
    let mut path = format!("/v1/sessions/{id}/provenance?limit=3");
    loop {
        let page = api.ok(&path).await;
        fields.extend(page["items"].as_array().expect("a list").iter().map(|item| item["field"].to_string()));
        let Some(next) = page["page"]["next"].as_str() else { break };
        path = format!("/v1/sessions/{id}/provenance?limit=3&cursor={next}");
    }
    assert_eq!(fields.len(), 7, "{fields:?}");
    assert_eq!(api.get("/v1/sessions/999999/provenance").await.0, 404);
}

#[tokio::test]
async fn changes_of_a_meeting_are_kept_by_field() {
    let mut world = World::new().await;
    let feed = plain_feed(Platform::Realtimekit, 2);
    let started = at("2026-03-10T11:40:00Z");
    feed.insert(meeting("m", started, "LIVE", "3.5", "null", "2026-03-10T11:50:00.000Z"));
    let _provider = world.simulate(Platform::Realtimekit, feed.clone(), Quirks::default()).await;
    world.poll_one().await;
    let ended = "\"2026-03-10T12:10:00.000Z\"";
    assert!(feed.replace(meeting("m", started, "ENDED", "34.4375", ended, "2026-03-10T12:10:01.000Z")));
    world.clock.set(noon() + TimeDelta::minutes(15));
    world.poll_one().await;
    assert_eq!(
        world.text(CHANGES).await.as_deref(),
        Some(
            "duration_seconds:->1800 ended_at:->2026-03-10T12:10:00.000000Z \
             last_activity_at:2026-03-10T11:50:00.000000Z>2026-03-10T12:10:00.000000Z provider_minutes:3.5>34.4375 \
             provider_status:LIVE>ENDED session_state:live>ended"
        )
    );
}

#[tokio::test]
async fn changes_hold_nothing_personal() {
    let mut world = World::new().await;
    let feed = plain_feed(Platform::Konvo, 1);
    let _provider = world.simulate(Platform::Konvo, feed.clone(), Quirks::default()).await;
    world.poll_one().await;
    let plain = crate::harness::plain_record(Platform::Konvo, 0, 1);
    let json = plain.json.replace("c-konvo-00000", "c-somebody-else").replace("Hello there", "My name is Ada");
    assert!(feed.replace(FixedRecord { json, ..plain }));
    world.poll_one().await;
    let fields = world.text("select string_agg(field, ' ') from ingest.session_changes").await;
    assert_eq!(fields.as_deref(), Some("person_id"));
    let told = world.number(
        "select count(*) from ingest.session_changes c
          where c::text like '%somebody%' or c::text like '%Ada%' or c::text like '%c-konvo%'",
    );
    assert_eq!(told.await, 0);
}
