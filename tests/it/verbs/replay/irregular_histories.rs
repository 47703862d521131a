//! Irregular histories: responses without known values, old responses that arrive late, sessions that disappear and
//! come back. Raw records alone still give the same rows, also once superseded ones are pruned.

use chrono::TimeDelta;
use tributary_simulator::fixed_feed::FixedRecord;
use tributary_simulator::quirks::Quirks;
use tributary_simulator::{Platform, Simulator};

use super::assert_same_rows;
use crate::harness::records::record;
use crate::harness::{World, noon, plain_feed};

/// Polls one record of `talk` after another every six minutes, beside one that never changes.
async fn life(platform: Platform, versions: &[Option<FixedRecord>]) -> (World, Simulator) {
    let mut world = World::new().await;
    let feed = plain_feed(platform, 5);
    let simulator = world.simulate(platform, feed.clone(), Quirks::default()).await;
    for (step, version) in versions.iter().enumerate() {
        world.clock.set(noon() + TimeDelta::minutes(6) * i32::try_from(step).expect("few"));
        feed.remove("talk");
        if let Some(version) = version {
            feed.insert(version.clone());
        }
        world.poll_one().await;
    }
    (world, simulator)
}

/// Returns the record with a text in it replaced.
fn altered(known: &FixedRecord, from: &str, to: &str) -> FixedRecord {
    assert!(known.json.contains(from), "{}", known.json);
    FixedRecord { json: known.json.replace(from, to), ..known.clone() }
}

/// A resolved chat.
fn chat() -> FixedRecord {
    record(Platform::Konvo, "talk", noon() - TimeDelta::minutes(30))
}

/// The same without the status block, and with another first message.
fn without_status() -> FixedRecord {
    let known = chat();
    let from = known.json.find(r#""status":"#).expect("a status");
    let to = known.json.find(r#""state":"#).expect("a state");
    let json = format!("{}{}", &known.json[..from], &known.json[to..]);
    FixedRecord { json: json.replace("Hello there", "Hello again"), ..known }
}

/// The same as before: the provider states an earlier change time.
fn stale() -> FixedRecord {
    let known = altered(&chat(), "Hello there", "Hello before");
    altered(&known, r#""last_updated":"2026-03-10T11:31:30.000Z""#, r#""last_updated":"2026-03-10T11:31:00.000Z""#)
}

async fn comes_back(world: &World) {
    let polled = world.dump().await;
    world.empty().await;
    world.replay_from_raw().await;
    assert_same_rows(&world.dump().await, &polled);
}

#[tokio::test]
async fn a_record_without_known_values_erases_none_when_it_is_read_again() {
    let (world, _simulator) = life(Platform::Konvo, &[Some(chat()), Some(without_status())]).await;
    let outcome = "select outcome from core.sessions where provider_session_id = 'talk'";
    assert_eq!(world.text(outcome).await.as_deref(), Some("resolved"));
    comes_back(&world).await;
    // and pruning leaves the records that this needs
    world.clock.set(noon() + TimeDelta::days(40));
    assert_eq!(world.prune("raw_retention_days = 1").await.raw_records, 0);
    comes_back(&world).await;
}

#[tokio::test]
async fn pruning_leaves_the_bytes_a_session_was_made_of_though_older_ones_came_later() {
    let (world, _simulator) = life(Platform::Konvo, &[Some(chat()), Some(stale())]).await;
    let said = "select string_agg(body, '|' order by body) from core.messages where body like 'Hello%'";
    let before = world.text(said).await;
    assert!(!before.as_deref().unwrap_or_default().contains("before"), "{before:?}");
    world.clock.set(noon() + TimeDelta::days(40));
    world.prune("raw_retention_days = 1").await;
    let lost = "select count(*) from core.sessions s where not exists
                  (select from ingest.raw_records r where r.source_id = s.source_id and r.content_hash = s.raw_hash)";
    assert_eq!(world.number(lost).await, 0, "a row without its raw record");
    comes_back(&world).await;
    assert_eq!(world.text(said).await, before);
}

#[tokio::test]
async fn sessions_that_vanish_return_and_flip_are_rebuilt_the_same() {
    let first = record(Platform::Konpro, "talk", noon() - TimeDelta::minutes(30));
    let second = altered(&first, "\"duration\":90", "\"duration\":120");
    let (one, two) = (Some(first), Some(second));
    let flips = [one.clone(), two.clone(), one.clone()];
    let returns = [None, None, None, two, None, None, None, one, None, None];
    let versions: Vec<Option<FixedRecord>> = flips.into_iter().chain(returns).collect();
    let (world, _simulator) = life(Platform::Konpro, &versions).await;
    assert_eq!(world.number("select count(*) from core.sessions where is_deleted_at_provider").await, 1);
    comes_back(&world).await;
    world.clock.set(noon() + TimeDelta::days(40));
    assert_eq!(world.prune("raw_retention_days = 1").await.raw_records, 1);
    comes_back(&world).await;
}
