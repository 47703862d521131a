//! Late changes: recorded by field, never reverted by an older response, and looked for as far back as they occur.

use chrono::{DateTime, TimeDelta, Utc};
use tributary::clock::Clock;
use tributary::connector::ConnectorSettings;
use tributary::demo::simulator::faults::{Effect, Fault, RetryAfter};
use tributary::demo::simulator::feed::FixedRecord;
use tributary::demo::simulator::quirks::{KonproShape, Quirks};
use tributary::demo::simulator::{Platform, Simulator};
use tributary::model::id::SourceId;
use tributary::model::page::{Page, PageRequest};
use tributary::model::person::PersonKey;
use tributary::model::stream::Stream;
use tributary::model::time::Window;
use tributary::store::field_presence::FieldBook;
use tributary::store::hold::Hold;
use tributary::store::lease::{self, Claim, Claimant};
use tributary::store::page::{self, SaveContext};
use tributary::store::run::{self as journal, Progress};
use tributary::store::{Place, StoreError};

use crate::harness::{API_KEY, World, at, noon, plain_feed, records};
use crate::providers::connect_with;

/// The changes, by field, as `field:old>new`.
const CHANGES: &str =
    "select string_agg(field || ':' || coalesce(old_value, '-') || '>' || coalesce(new_value, '-'), ' '
                                         order by change_id) from analytics.session_changes";

fn avatar(duration_seconds: u32) -> FixedRecord {
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

fn chat(status: &str, messages: u32) -> FixedRecord {
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

const OPEN: &str = r#""status":{"completed":false,"unresolved":false,"last_message_date":"2026-03-10T11:51:00.000Z","last_updated":"2026-03-10T11:51:00.000Z"},"#;
const DONE: &str = r#""status":{"completed":true,"unresolved":false,"completed_at":"2026-03-10T12:02:00.000Z","last_message_date":"2026-03-10T11:52:00.000Z","last_updated":"2026-03-10T12:02:00.000Z"},"#;

fn meeting(
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
async fn what_changed_of_an_avatar_session_is_kept_field_by_field() {
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
async fn a_live_session_whose_clock_goes_on_is_no_endless_list_of_changes() {
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
async fn what_changed_of_a_chat_is_kept_field_by_field_and_told_over_the_api() {
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
    assert_eq!((&told["mapping_version"], &told["missed_count"]), (&2.into(), &0.into()));
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
async fn what_changed_of_a_meeting_is_kept_field_by_field() {
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

/// Fetches a page as the connector returns it now.
pub(crate) async fn fetch(world: &World, provider: &Simulator) -> Page {
    let set_key = |settings: &mut ConnectorSettings| settings.api.api_key = API_KEY.into();
    let connector = connect_with("konpro", &provider.base_url(), set_key);
    let window = Window { from: at("2026-03-09T00:00:00Z"), to: world.clock.now() };
    let request = PageRequest { window: &window, cursor: None, now: world.clock.now() };
    connector.fetch_page(Stream::Sessions, request).await.expect("a page")
}

/// Saves a page that was requested at `fetched_at`.
async fn save(world: &World, page: &Page, fetched_at: DateTime<Utc>) -> Result<Progress, StoreError> {
    let (pool, source_id) = (&world.db.pool, SourceId(1));
    let (duration, now) = (std::time::Duration::from_secs(45), world.clock.now());
    let claimant = Claimant { owner: "test", duration, now, tick: None };
    let claim = lease::claim(pool, source_id, Stream::Sessions, &claimant).await.expect("an answer");
    let Claim::Granted(lease) = claim else { panic!("{claim:?}") };
    let now = world.clock.now();
    let window = Window { from: now - TimeDelta::hours(1), to: now };
    let run_id = journal::start(pool, &lease, &window, now).await.expect("a run");
    let context = SaveContext {
        hold: &Hold::Lease(lease),
        run_id,
        tally: None,
        source_slug: "konpro",
        person_key: &PersonKey::new(vec![7; 32]).expect("a key"),
        session_streams: &[],
        fields: &FieldBook::default(),
        fetched_at,
        now,
    };
    let saved = page::save(pool, &context, page, None).await;
    journal::give_back(pool, &lease).await.expect("given back");
    saved
}

/// Saves a page that was requested at `fetched_at` once more, as a replay of stored records.
pub(crate) async fn replay(world: &World, page: &Page, fetched_at: DateTime<Utc>) -> Progress {
    let place = Place { source_id: SourceId(1), stream: Stream::Sessions };
    let context = SaveContext {
        hold: &Hold::Replay(place),
        run_id: 1,
        tally: None,
        source_slug: "konpro",
        person_key: &PersonKey::new(vec![7; 32]).expect("a key"),
        session_streams: &[],
        fields: &FieldBook::default(),
        fetched_at,
        now: world.clock.now(),
    };
    page::save(&world.db.pool, &context, page, None).await.expect("it is saved")
}

#[tokio::test]
async fn of_two_pages_without_a_change_time_the_one_asked_for_later_stays() {
    let mut world = World::new().await;
    let feed = plain_feed(Platform::Konpro, 0);
    feed.insert(avatar(60));
    let provider = world.simulate(Platform::Konpro, feed.clone(), Quirks::default()).await;
    world.poll_one().await;
    world.clock.set(noon() + TimeDelta::minutes(1));
    let earlier_at = world.clock.now();
    assert!(feed.replace(avatar(120)));
    let earlier = fetch(&world, &provider).await;
    provider.set_quirks(Quirks { konpro_shape: KonproShape::Sessions, ..Quirks::default() });
    let earlier_short_form = fetch(&world, &provider).await;
    provider.set_quirks(Quirks::default());
    world.clock.set(noon() + TimeDelta::minutes(20));
    assert!(feed.replace(avatar(900)));
    world.poll_one().await;
    let minutes = "select provider_minutes::text || ' ' || session_state from core.sessions";
    assert_eq!(world.text(minutes).await.as_deref(), Some("15 ended"));
    world.clock.set(noon() + TimeDelta::minutes(21));
    for page in [&earlier, &earlier_short_form] {
        let saved = save(&world, page, earlier_at).await.expect("it is taken");
        assert_eq!((saved.updated_count, saved.unchanged_count), (0, 1), "{saved:?}");
        assert_eq!(world.text(minutes).await.as_deref(), Some("15 ended"), "the older page wrote nothing");
    }
    let raw = world.number("select count(*) from ingest.raw_records").await;
    assert_eq!(raw, 4, "its bytes are kept: 60, 900, 120 and the short form");
    // the same page requested later is newer
    let saved = save(&world, &earlier, world.clock.now()).await.expect("it is taken");
    assert_eq!(saved.updated_count, 1);
    assert_eq!(world.text(minutes).await.as_deref(), Some("2 ended"));
}

#[tokio::test]
async fn a_page_that_is_itself_old_is_not_saved() {
    let mut world = World::new().await;
    let feed = plain_feed(Platform::Konpro, 0);
    feed.insert(avatar(60));
    let provider = world.simulate(Platform::Konpro, feed, Quirks::default()).await;
    world.poll_one().await;
    let page = fetch(&world, &provider).await;
    world.clock.set(noon() + TimeDelta::minutes(31));
    let refused = save(&world, &page, noon()).await.expect_err("it is refused");
    assert!(matches!(refused, StoreError::Outdated { age_minutes: 31 }), "{refused:?}");
    world.clock.set(noon() + TimeDelta::minutes(29));
    save(&world, &page, noon()).await.expect("it is taken");
}

#[tokio::test]
async fn a_clock_that_was_wrong_keeps_nothing_from_being_stored() {
    let mut world = World::new().await;
    let feed = plain_feed(Platform::Konpro, 0);
    feed.insert(avatar(60));
    let _provider = world.simulate(Platform::Konpro, feed.clone(), Quirks::default()).await;
    world.clock.set(noon() + TimeDelta::days(1));
    world.poll_one().await;
    assert!(feed.replace(avatar(900)));
    world.clock.set(noon() + TimeDelta::minutes(20));
    world.poll_one().await;
    assert_eq!(world.text("select provider_minutes::text from core.sessions").await.as_deref(), Some("15"));
}

#[tokio::test]
async fn a_chat_that_comes_without_its_status_keeps_the_one_it_had() {
    // whether or not the provider states when a chat changed
    let timeless = DONE.replace(r#","last_updated":"2026-03-10T12:02:00.000Z""#, "");
    for done in [DONE, &timeless] {
        let mut world = World::new().await;
        let feed = plain_feed(Platform::Konvo, 0);
        feed.insert(chat(done, 3));
        let _provider = world.simulate(Platform::Konvo, feed.clone(), Quirks::default()).await;
        world.clock.set(noon() + TimeDelta::minutes(5));
        world.poll_one().await;
        assert!(feed.replace(chat("", 4)));
        world.clock.set(noon() + TimeDelta::minutes(10));
        assert_eq!(world.poll_one().await.updated, 1);
        let stored =
            "select session_state || ' ' || outcome || ' ' || duration_seconds || ' ' || completed_at::text || ' '
                             || message_count || ' ' || feed_id from analytics.sessions";
        assert_eq!(
            world.text(stored).await.as_deref(),
            Some("ended resolved 720 2026-03-10 12:02:00+00 4 f"),
            "unknown does not replace known, and what it does say is stored"
        );
        assert!(feed.replace(chat(done, 3)));
        world.clock.set(noon() + TimeDelta::minutes(15));
        assert_eq!(world.poll_one().await.updated, 1, "the whole record is stored again");
        // stated values count: the chat is open again
        let reopened = OPEN.replace("2026-03-10T11:51", "2026-03-10T12:16");
        assert!(feed.replace(chat(&reopened, 3)));
        world.clock.set(noon() + TimeDelta::minutes(20));
        world.poll_one().await;
        let stored = "select session_state || ' ' || outcome || ' ' || duration_seconds || ' '
                             || coalesce(completed_at::text, '-') from analytics.sessions";
        assert_eq!(world.text(stored).await.as_deref(), Some("open open 1560 -"));
    }
}

#[tokio::test]
async fn a_chat_that_never_had_a_status_goes_on_with_its_messages() {
    let mut world = World::new().await;
    let feed = plain_feed(Platform::Konvo, 0);
    feed.insert(chat("", 2));
    let _provider = world.simulate(Platform::Konvo, feed.clone(), Quirks::default()).await;
    world.poll_one().await;
    assert!(feed.replace(chat("", 4)));
    world.clock.set(noon() + TimeDelta::minutes(5));
    world.poll_one().await;
    let stored =
        "select session_state || ' ' || outcome || ' ' || duration_seconds || ' ' || message_count || ' ' || feed_id
                    from analytics.sessions";
    assert_eq!(world.text(stored).await.as_deref(), Some("unknown unknown 180 4 f"));
}

#[tokio::test]
async fn a_poller_that_slept_between_asking_and_saving_saves_nothing() {
    let mut world = World::new().await;
    let feed = plain_feed(Platform::Konpro, 3);
    let provider = world.simulate(Platform::Konpro, feed, Quirks::default()).await;
    let clock = std::sync::Arc::clone(&world.clock);
    provider.script(vec![Fault::new(Effect::before(move || clock.set(noon() + TimeDelta::hours(1))))]);
    let line = world.poll_one().await;
    assert_eq!(line.result, "failed", "{line:?}");
    assert!(line.detail.clone().unwrap_or_default().contains("60 minutes"), "{line:?}");
    assert_eq!(world.text("select error_class from ingest.runs").await.as_deref(), Some("outdated"));
    assert_eq!(world.number("select count(*) from core.sessions").await, 0);
    let line = world.poll_one().await;
    assert!(line.is_complete(), "the next run reads it again: {line:?}");
    assert_eq!(world.number("select count(*) from core.sessions").await, 3);
}

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
