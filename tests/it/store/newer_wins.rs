//! An older response never replaces a newer one, whichever is saved first.

use chrono::{DateTime, TimeDelta, Utc};
use tributary::clock::Clock;
use tributary::connector::ConnectorSettings;
use tributary::model::id::SourceId;
use tributary::model::page::{Page, PageRequest};
use tributary::model::person::PersonKey;
use tributary::model::stream::Stream;
use tributary::model::time::Window;
use tributary::store::field_presence::FieldBook;
use tributary::store::lease::{self, Claim, Claimant};
use tributary::store::page::{self, SaveContext};
use tributary::store::run::{self as journal, Progress};
use tributary::store::write_guard::WriteGuard;
use tributary::store::{StoreError, StreamKey};
use tributary_simulator::faults::{Effect, Fault};
use tributary_simulator::quirks::{KonproShape, Quirks};
use tributary_simulator::{Platform, Simulator};

use super::changes::{DONE, OPEN, avatar, chat};
use crate::harness::{API_KEY, World, at, noon, plain_feed};
use crate::providers::connect_with;

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
        guard: &WriteGuard::Lease(lease),
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
    lease::give_back(pool, &lease).await.expect("given back");
    saved
}

/// Saves a page that was requested at `fetched_at` once more, as a replay of stored records.
pub(crate) async fn replay(world: &World, page: &Page, fetched_at: DateTime<Utc>) -> Progress {
    let stream_key = StreamKey { source_id: SourceId(1), stream: Stream::Sessions };
    let context = SaveContext {
        guard: &WriteGuard::Replay(stream_key),
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
async fn of_two_pages_without_a_change_time_the_one_requested_later_stays() {
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
async fn a_chat_without_any_status_is_updated_by_its_messages() {
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
