//! Sessions that a provider no longer has: accepted after two complete readings, excluded from metric values, and
//! restored at once when they come back.

use chrono::TimeDelta;
use tributary_simulator::Platform;
use tributary_simulator::fixed_feed::{FixedFeed, FixedRecord};
use tributary_simulator::quirks::{FilterMeaning, Quirks, Total};

use crate::harness::orphans::remove_sessions;
use crate::harness::{World, at, noon, plain_feed, records};
use crate::store::newer_wins::{fetch, replay};

const FLAGGED: &str = "select string_agg(provider_session_id, ' ' order by 1) from core.sessions
                        where is_deleted_at_provider";
const MISSED: &str = "select string_agg(provider_session_id || ' ' || missed_count, ', ' order by 1)
                        from ingest.absences";
const CHANGES: &str = "select string_agg(field || ':' || old_value || '>' || new_value, ' ' order by change_id)
                         from analytics.session_changes";

/// Three sessions within the overlap of every provider; the middle one will be deleted.
fn three(platform: Platform) -> std::sync::Arc<FixedFeed> {
    let feed = plain_feed(platform, 0);
    for (id, minutes) in [("first", 12), ("gone", 10), ("last", 8)] {
        feed.insert(records::record(platform, id, noon() - TimeDelta::minutes(minutes)));
    }
    feed
}

fn gone(platform: Platform) -> FixedRecord {
    records::record(platform, "gone", noon() - TimeDelta::minutes(10))
}

async fn poll_at(world: &World, minutes: i64) -> tributary::app::polling::PollLine {
    world.clock.set(noon() + TimeDelta::minutes(minutes));
    let line = world.poll_one().await;
    assert!(line.is_complete(), "{minutes}: {line:?}");
    line
}

/// Sessions as the API counts them.
async fn counted(world: &World) -> serde_json::Value {
    let answer = world.api().await.ok("/v1/metrics/query?metrics=sessions&range=today&granularity=none&zone=UTC").await;
    answer["totals"]["sessions"]["value"].clone()
}

async fn is_believed_after_two_readings_and_comes_back(platform: Platform) {
    let mut world = World::new().await;
    let feed = three(platform);
    let _provider = world.simulate(platform, feed.clone(), Quirks::default()).await;
    poll_at(&world, 0).await;
    assert!(feed.remove("gone"));
    poll_at(&world, 1).await;
    assert_eq!(world.text(MISSED).await.as_deref(), Some("gone 1"));
    poll_at(&world, 3).await;
    assert_eq!(world.text(MISSED).await.as_deref(), Some("gone 2"));
    assert_eq!(world.text(FLAGGED).await, None, "two readings within five minutes are not two");
    assert_eq!(counted(&world).await, serde_json::json!(3));
    poll_at(&world, 7).await;
    assert_eq!(world.text(FLAGGED).await.as_deref(), Some("gone"));
    assert_eq!(world.text(CHANGES).await.as_deref(), Some("is_deleted_at_provider:false>true"));
    assert_eq!(counted(&world).await, serde_json::json!(2), "figures leave it out");
    let api = world.api().await;
    let listed = api.ok("/v1/sessions?range=today&zone=UTC").await;
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(2), "lists leave it out");
    let id = world.number("select session_id from core.sessions where provider_session_id = 'gone'").await;
    let shown = api.ok(&format!("/v1/sessions/{id}/provenance")).await;
    assert_eq!(shown["is_deleted_at_provider"], true, "{shown:#}");
    assert_eq!((&shown["first_missed_at"], &shown["missed_count"]), (&"2026-03-10T12:01:00Z".into(), &3.into()));
    // nor are its messages counted
    let messages = world.number("select count(*) from analytics.messages where not is_deleted_at_provider").await;
    assert_eq!(messages, if platform == Platform::Konvo { 4 } else { 0 });
    // no poll looks for it any more
    let written = world.tuples_written().await;
    poll_at(&world, 8).await;
    assert_eq!(world.tuples_written().await, written);
    assert_eq!(world.text(MISSED).await.as_deref(), Some("gone 3"));
    // it is back, byte for byte as stored
    feed.insert(gone(platform));
    let line = poll_at(&world, 9).await;
    assert_eq!(line.updated, 0, "its record is unchanged: {line:?}");
    assert_eq!((world.text(FLAGGED).await, world.text(MISSED).await), (None, None));
    assert_eq!(counted(&world).await, serde_json::json!(3));
    assert_eq!(
        world.text(CHANGES).await.as_deref(),
        Some("is_deleted_at_provider:false>true is_deleted_at_provider:true>false")
    );
    assert_eq!(
        world.number("select session_id from core.sessions where provider_session_id = 'gone'").await,
        id,
        "it keeps its number"
    );
    // deleted once more, and back with other content
    assert!(feed.remove("gone"));
    poll_at(&world, 10).await;
    poll_at(&world, 16).await;
    assert_eq!(world.text(FLAGGED).await.as_deref(), Some("gone"));
    let other = gone(platform);
    let json = other.json.replacen('{', r#"{"new_field":1,"#, 1);
    feed.insert(FixedRecord { json, ..other });
    assert_eq!(poll_at(&world, 17).await.updated, 1);
    assert_eq!((world.text(FLAGGED).await, world.text(MISSED).await), (None, None));
}

#[tokio::test]
async fn a_deleted_avatar_session_is_accepted_after_two_readings_and_restored() {
    is_believed_after_two_readings_and_comes_back(Platform::Konpro).await;
}

#[tokio::test]
async fn a_deleted_chat_is_accepted_after_two_readings_and_restored() {
    is_believed_after_two_readings_and_comes_back(Platform::Konvo).await;
}

#[tokio::test]
async fn a_deleted_meeting_is_accepted_after_two_readings_and_restored() {
    is_believed_after_two_readings_and_comes_back(Platform::Realtimekit).await;
}

#[tokio::test]
async fn a_session_missed_once_and_seen_again_starts_over() {
    let mut world = World::new().await;
    let feed = three(Platform::Konpro);
    let _provider = world.simulate(Platform::Konpro, feed.clone(), Quirks::default()).await;
    poll_at(&world, 0).await;
    for minutes in [1, 21, 41] {
        assert!(feed.remove("gone"));
        poll_at(&world, minutes).await;
        assert_eq!(world.text(MISSED).await.as_deref(), Some("gone 1"));
        feed.insert(gone(Platform::Konpro));
        poll_at(&world, minutes + 10).await;
        assert_eq!((world.text(MISSED).await, world.text(FLAGGED).await), (None, None));
    }
}

#[tokio::test]
async fn a_list_whose_filter_is_ignored_proves_no_session_missing() {
    for platform in Platform::ALL {
        let mut world = World::new().await;
        let feed = three(platform);
        feed.insert(records::record(platform, "old", noon() - TimeDelta::days(20)));
        let quirks = Quirks { filter_meaning: FilterMeaning::Ignored, ..Quirks::default() };
        let _provider = world.simulate(platform, feed.clone(), quirks).await;
        poll_at(&world, 0).await;
        assert!(feed.remove("gone"));
        for minutes in [1, 10, 20] {
            poll_at(&world, minutes).await;
        }
        assert_eq!(world.text(MISSED).await, None, "{platform:?}");
    }
}

#[tokio::test]
async fn a_list_the_provider_does_not_count_proves_no_session_missing() {
    let mut world = World::new().await;
    let feed = three(Platform::Konvo);
    let quirks = Quirks { total: Total::Missing, ..Quirks::default() };
    let provider = world.simulate(Platform::Konvo, feed.clone(), quirks).await;
    poll_at(&world, 0).await;
    assert!(feed.remove("gone"));
    for minutes in [1, 10, 20] {
        poll_at(&world, minutes).await;
    }
    assert_eq!(world.text(MISSED).await, None);
    provider.set_quirks(Quirks::default());
    poll_at(&world, 21).await;
    assert_eq!(world.text(MISSED).await.as_deref(), Some("gone 1"), "once it counts, it is believed");
}

#[tokio::test]
async fn a_list_that_is_not_proven_proves_no_session_missing() {
    let mut world = World::new().await;
    let feed = three(Platform::Konpro);
    let provider = world.simulate(Platform::Konpro, feed.clone(), Quirks::default()).await;
    poll_at(&world, 0).await;
    assert!(feed.remove("gone"));
    provider.set_quirks(Quirks { total: Total::OffBy(1), ..Quirks::default() });
    for minutes in [1, 10, 20] {
        world.clock.set(noon() + TimeDelta::minutes(minutes));
        assert_eq!(world.poll_one().await.result, "incomplete");
    }
    assert_eq!(world.text(MISSED).await, None);
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_there_all_the_same() {
    let mut world = World::new().await;
    let feed = three(Platform::Konvo);
    let _provider = world.simulate(Platform::Konvo, feed.clone(), Quirks::default()).await;
    poll_at(&world, 0).await;
    let plain = gone(Platform::Konvo);
    let unreadable = |json: String| FixedRecord { json, ..plain.clone() };
    let bad_time = plain.json.replacen(&records::iso(plain.created_at), "no time at all", 1);
    // a reject with its name is not missing
    assert!(feed.replace(unreadable(bad_time.clone())));
    for minutes in [1, 10] {
        poll_at(&world, minutes).await;
        assert_eq!(world.text(MISSED).await, None);
    }
    // a reject without a name may be any session, so no session counts as missing
    assert!(feed.replace(unreadable(r#"{"id":null}"#.to_owned())));
    for minutes in [11, 20] {
        poll_at(&world, minutes).await;
        assert_eq!(world.text(MISSED).await, None);
    }
    // it is deleted, and then it is back as a reject
    assert!(feed.remove("gone"));
    poll_at(&world, 21).await;
    poll_at(&world, 30).await;
    assert_eq!(world.text(FLAGGED).await.as_deref(), Some("gone"));
    feed.insert(unreadable(bad_time));
    poll_at(&world, 31).await;
    assert_eq!((world.text(FLAGGED).await, world.text(MISSED).await), (None, None), "a reject is not missing");
}

#[tokio::test]
async fn where_most_sessions_are_missing_none_counts_as_deleted() {
    let mut world = World::new().await;
    let feed = plain_feed(Platform::Konpro, 40);
    let _provider = world.simulate(Platform::Konpro, feed.clone(), Quirks::default()).await;
    poll_at(&world, 0).await;
    for number in 5..30 {
        assert!(feed.remove(&format!("konpro-{number:05}")));
    }
    poll_at(&world, 1).await;
    poll_at(&world, 10).await;
    assert_eq!(world.text(MISSED).await, None, "25 of 40: is it the same account?");
    for number in 15..30 {
        feed.insert(crate::harness::plain_record(Platform::Konpro, number, 40));
    }
    poll_at(&world, 11).await;
    poll_at(&world, 20).await;
    assert_eq!(world.number("select count(*) from core.sessions where is_deleted_at_provider").await, 10);
}

#[tokio::test]
async fn a_meeting_unknown_to_the_provider_does_not_stay_live_for_ever() {
    let mut world = World::new().await;
    let feed = plain_feed(Platform::Realtimekit, 2);
    let started = at("2026-03-10T11:00:00Z");
    let live = FixedRecord {
        id: "m".to_owned(),
        created_at: started,
        updated_at: started,
        json: format!(
            r#"{{"id":"m","associated_id":"a","type":"meeting","status":"LIVE","minutes_consumed":1,"started_at":"{0}","created_at":"{0}","ended_at":null,"updated_at":"{0}"}}"#,
            records::iso(started)
        ),
    };
    feed.insert(live.clone());
    let provider = world.simulate(Platform::Realtimekit, feed.clone(), Quirks::default()).await;
    poll_at(&world, 0).await;
    assert!(feed.remove("m"));
    // hours later no list covers it, and the call for it alone returns 404
    poll_at(&world, 300).await;
    assert_eq!(world.text(MISSED).await.as_deref(), Some("m 1"));
    poll_at(&world, 306).await;
    assert_eq!(world.text(FLAGGED).await.as_deref(), Some("m"));
    assert_eq!(
        world
            .number(
                "select count(*) from analytics.sessions where session_state = 'live' and not is_deleted_at_provider"
            )
            .await,
        0
    );
    let asked = |provider: &tributary_simulator::Simulator| {
        provider.requests().iter().filter(|request| request.path_and_query.ends_with("/m")).count()
    };
    let before = asked(&provider);
    poll_at(&world, 312).await;
    assert_eq!(asked(&provider), before, "no call asks for it any more");
}

#[tokio::test]
async fn reading_old_records_again_restores_no_session() {
    let mut world = World::new().await;
    let feed = three(Platform::Konpro);
    let provider = world.simulate(Platform::Konpro, feed.clone(), Quirks::default()).await;
    poll_at(&world, 0).await;
    let old = fetch(&world, &provider).await;
    assert!(feed.remove("gone"));
    poll_at(&world, 1).await;
    poll_at(&world, 10).await;
    assert_eq!(world.text(FLAGGED).await.as_deref(), Some("gone"));
    replay(&world, &old, noon()).await;
    assert_eq!(world.text(FLAGGED).await.as_deref(), Some("gone"));
    // nor does a table that is rebuilt from stored records
    remove_sessions(&world.db.pool, "true").await;
    let saved = replay(&world, &old, noon()).await;
    assert_eq!(saved.inserted_count, 3);
    assert_eq!(world.text(FLAGGED).await.as_deref(), Some("gone"));
}

/// A provider that suddenly lists nothing is not believed before it has said so for a day.
#[tokio::test]
async fn p13_an_empty_list_over_stored_sessions_proves_nothing_until_a_second_one_a_day_later() {
    for platform in [Platform::Konpro, Platform::Realtimekit] {
        let mut world = World::new().await;
        let feed = three(platform);
        let _provider = world.simulate(platform, feed.clone(), Quirks::default()).await;
        poll_at(&world, 0).await;
        let records: Vec<FixedRecord> = ["first", "gone", "last"].iter().filter_map(|id| feed.get(id)).collect();
        for record in &records {
            assert!(feed.remove(&record.id));
        }
        for minutes in [1, 10] {
            world.clock.set(noon() + TimeDelta::minutes(minutes));
            let line = world.poll_one().await;
            let detail = line.detail.clone().unwrap_or_default();
            assert!(!line.is_complete() && detail.starts_with("empty_list"), "{platform:?} {minutes}: {line:?}");
            assert!(detail.contains("where 3 sessions are stored"), "{platform:?} {minutes}: {line:?}");
            assert_eq!(world.text(FLAGGED).await, None, "{platform:?} {minutes}");
        }
        // they come back: all is as before
        for record in &records {
            feed.insert(record.clone());
        }
        poll_at(&world, 20).await;
        assert_eq!(world.text(MISSED).await, None, "{platform:?}");
        for record in &records {
            assert!(feed.remove(&record.id));
        }
        world.clock.set(noon() + TimeDelta::minutes(30));
        assert!(!world.poll_one().await.is_complete(), "{platform:?}");
        world.clock.set(noon() + TimeDelta::hours(24));
        assert!(!world.poll_one().await.is_complete(), "{platform:?}: less than a day");
        poll_at(&world, 24 * 60 + 31).await;
        assert_eq!(world.text(FLAGGED).await.as_deref(), Some("first gone last"), "{platform:?}");
    }
}
