//! The acceptance list of a provider, run over all of them: a new adapter must pass it besides the conformance suite.
//!
//! A test's name begins with its number on the list. Points about one verb, the configuration or the API are tested in
//! the files of these.

use std::time::Duration;

use chrono::TimeDelta;
use tributary::clock::Clock;
use tributary::model::page::PageRequest;
use tributary::model::source::MessageSupport;
use tributary::model::stream::Stream;
use tributary::model::time::Window;
use tributary::providers;
use tributary_simulator::Platform;
use tributary_simulator::faults::{Effect, Fault};
use tributary_simulator::quirks::Quirks;

use super::conformance::over_all_providers;
use crate::harness::{World, at, dump, noon, plain_feed, records};

over_all_providers!(
    a07_p03_every_cursor_and_every_position_can_be_started_from_again,
    a08_a_position_in_the_far_future_is_an_alarm_and_is_taken_back,
    a09_a_pause_of_a_year_is_caught_up,
    a11_ids_are_unique_and_never_null,
    a12_a_page_size_above_the_largest_is_none,
    a13_pages_may_be_counted_from_0_or_1,
    a19_a_run_paused_in_the_middle_is_resumed,
    a26_advertised_capabilities_are_the_actual_ones,
);

/// The row that an operator's command to pause a stream writes.
const PAUSE: &str = "insert into ingest.controls (source_id, stream, paused_at, paused_by)
                     select source_id, stream, now(), 'a test' from ingest.streams";

pub(crate) async fn stored(world: &World) -> i64 {
    world.number("select count(*) from core.sessions").await
}

pub(crate) fn entry(platform: Platform) -> &'static tributary::connector::ProviderEntry {
    providers::entry(platform.as_str()).expect("a provider")
}

async fn a07_p03_every_cursor_and_every_position_can_be_started_from_again(platform: Platform) {
    let mut world = World::new().await.with_settings("page_size = 20");
    let provider = world.simulate(platform, plain_feed(platform, 90), Quirks::default()).await;
    // pages: any of them fetched again, in any order, is the same page
    let connector = super::connect_with(platform.as_str(), &provider.base_url(), |settings| {
        settings.page_size = Some(20);
        settings.api.api_key = crate::harness::API_KEY.into();
    });
    let window = Window { from: at("2026-03-01T00:00:00Z"), to: noon() };
    let fetch = async |cursor: Option<&_>| {
        let request = PageRequest { window: &window, cursor, now: noon() };
        connector.fetch_page(Stream::Sessions, request).await.expect("a page")
    };
    let mut pages = vec![(None, fetch(None).await)];
    while let Some(cursor) = pages.last().and_then(|(_, page)| page.next.clone()) {
        let page = fetch(Some(&cursor)).await;
        pages.push((Some(cursor), page));
    }
    assert!(pages.len() >= 5, "{} pages", pages.len());
    for (cursor, page) in pages.iter().rev().chain(&pages) {
        let ids = |page: &tributary::model::page::Page| {
            let ids = page.records.iter().map(|record| record.session.provider_session_id.to_string());
            ids.collect::<Vec<_>>()
        };
        assert_eq!(ids(&fetch(cursor.as_ref()).await), ids(page));
    }
    // positions: wherever the proof ends, the next run continues there and writes nothing new
    assert!(world.poll_one().await.is_complete());
    let before = dump::of_source(&world.db.pool, platform.as_str()).await;
    for hours in [1, 2, 3, 48, 24 * 365] {
        sqlx::query("update ingest.windows set window_to = $1")
            .bind(noon() - TimeDelta::hours(hours))
            .execute(&world.db.pool)
            .await
            .expect("set back");
        let line = world.poll_one().await;
        assert!(line.is_complete() && line.inserted + line.updated == 0, "{hours} hours back: {line:?}");
        assert_eq!(line.complete_through.as_deref(), Some("2026-03-10T12:00:00+00:00"));
    }
    assert_eq!(dump::of_source(&world.db.pool, platform.as_str()).await, before);
}

async fn a08_a_position_in_the_far_future_is_an_alarm_and_is_taken_back(platform: Platform) {
    let mut world = World::new().await;
    let feed = plain_feed(platform, 3);
    let _provider = world.simulate(platform, feed.clone(), Quirks::default()).await;
    assert!(world.poll_one().await.is_complete());
    sqlx::query("update ingest.windows set window_to = '2098-01-01'").execute(&world.db.pool).await.expect("set");
    let line = world.poll_one().await;
    assert_eq!((line.result, line.inserted), ("incomplete", 0), "{line:?}");
    assert!(line.detail.as_deref().unwrap_or_default().contains("future"), "{line:?}");
    assert_eq!(line.complete_through.as_deref(), Some("2026-03-10T12:00:00+00:00"), "the claim is taken back");
    feed.insert(records::record(platform, "newcomer", noon() + TimeDelta::minutes(1)));
    world.clock.set(noon() + TimeDelta::minutes(5));
    let line = world.poll_one().await;
    assert!(line.is_complete() && line.inserted == 1, "{line:?}");
}

async fn a09_a_pause_of_a_year_is_caught_up(platform: Platform) {
    let mut world = World::new().await;
    let feed = plain_feed(platform, 3);
    let _provider = world.simulate(platform, feed.clone(), Quirks::default()).await;
    assert!(world.poll_one().await.is_complete());
    for day in 1..=400 {
        feed.insert(records::record(platform, &format!("day-{day:03}"), noon() + TimeDelta::days(day)));
    }
    world.clock.set(noon() + TimeDelta::days(401));
    let line = world.poll_one().await;
    assert!(line.is_complete() && line.inserted == 400, "{line:?}");
    assert_eq!(world.number("select count(*) from ingest.windows where is_complete").await, 1, "without a gap");
}

async fn a11_ids_are_unique_and_never_null(platform: Platform) {
    let mut world = World::new().await.with_settings("page_size = 20");
    let feed = plain_feed(platform, 50);
    for number in [3, 30] {
        feed.insert(crate::harness::plain_record(platform, number, 50));
    }
    let _provider = world.simulate(platform, feed, Quirks::default()).await;
    world.poll_one().await;
    let distinct = "select count(distinct (source_id, provider_session_id)) from core.sessions";
    assert_eq!((stored(&world).await, world.number(distinct).await), (50, 50));
    let without_key = "select count(*) from information_schema.tables t
                        where table_schema in ('core', 'ingest') and table_type = 'BASE TABLE'
                          and not exists (select from information_schema.table_constraints c
                                           where c.table_schema = t.table_schema and c.table_name = t.table_name
                                             and c.constraint_type = 'PRIMARY KEY')";
    assert_eq!(world.number(without_key).await, 0, "every table has a primary key");
}

async fn a12_a_page_size_above_the_largest_is_none(platform: Platform) {
    let largest = if platform == Platform::Konvo { 200 } else { 100 };
    for (settings, expected) in [
        (format!("page_size = {}", largest - 1), 2),
        (format!("page_size = {largest}"), 2),
        (format!("page_size = {}", largest + 1), 2),
    ] {
        let mut world = World::new().await.with_settings(&settings);
        let provider = world.simulate(platform, plain_feed(platform, largest + 1), Quirks::default()).await;
        let line = world.poll_one().await;
        if line.result == "failed" {
            // no maximum is documented: the error names the key that the vendor refuses
            assert_eq!(platform, Platform::Konpro, "{settings}: {line:?}");
            assert!(settings.ends_with("101") && line.detail.unwrap_or_default().contains("page_size"));
            continue;
        }
        assert!(line.is_complete(), "{settings}: {line:?}");
        assert_eq!(stored(&world).await, i64::try_from(largest + 1).expect("few"), "{settings}");
        assert!(provider.requests().len() <= expected + 1, "{settings}: {} calls", provider.requests().len());
    }
}

async fn a13_pages_may_be_counted_from_0_or_1(platform: Platform) {
    for first_page in [0, 1] {
        let mut world = World::new().await.with_settings("page_size = 20");
        let quirks = Quirks { first_page, ..Quirks::default() };
        let _provider = world.simulate(platform, plain_feed(platform, 70), quirks).await;
        for inserted in [70, 0] {
            let line = world.poll_one().await;
            assert!(line.is_complete() && line.inserted == inserted, "{first_page}: {line:?}");
        }
    }
}

async fn a19_a_run_paused_in_the_middle_is_resumed(platform: Platform) {
    let mut world = World::new().await.with_settings("page_size = 20");
    let provider = world.simulate(platform, plain_feed(platform, 120), Quirks::default()).await;
    let pool = world.db.pool.clone();
    let pause = move || {
        let pool = pool.clone();
        tokio::spawn(async move {
            sqlx::query(PAUSE).execute(&pool).await.expect("paused");
        });
    };
    provider.script(vec![
        Fault::new(Effect::before(pause)).from_request(3),
        Fault::new(Effect::Delay(Duration::from_millis(100))).from_request(4).times(1),
    ]);
    let line = world.poll_one().await;
    assert!(["complete", "paused", "cancelled", "incomplete"].contains(&line.result), "{line:?}");
    let (calls, kept) = (provider.requests().len(), stored(&world).await);
    let line = world.poll_one().await;
    assert_eq!((line.result, provider.requests().len()), ("paused", calls), "{line:?}");
    assert_eq!(stored(&world).await, kept, "pausing deletes nothing");
    sqlx::query("delete from ingest.controls").execute(&world.db.pool).await.expect("resumed");
    let line = world.poll_one().await;
    assert!(line.is_complete(), "{line:?}");
    assert_eq!(stored(&world).await, 120);
}

async fn a26_advertised_capabilities_are_the_actual_ones(platform: Platform) {
    let capabilities = entry(platform).capabilities;
    let mut world = World::new().await;
    let provider = world.simulate(platform, plain_feed(platform, 20), Quirks::default()).await;
    assert!(world.poll_one().await.is_complete());
    let with_minutes = world.number("select count(*) from core.sessions where provider_minutes is not null").await;
    assert_eq!(with_minutes == 20, capabilities.minutes_basis.is_some());
    assert!(with_minutes == 20 || with_minutes == 0, "{with_minutes}");
    let with_outcome = world.number("select count(*) from core.sessions where outcome <> 'not_applicable'").await;
    assert_eq!(with_outcome, if capabilities.has_outcomes { 20 } else { 0 });
    let messages = world.number("select count(*) from core.messages").await;
    assert_eq!(messages > 0, capabilities.messages == MessageSupport::Inline);
    let kinds: Vec<String> = sqlx::query_scalar("select distinct session_kind from core.sessions")
        .fetch_all(&world.db.pool)
        .await
        .expect("kinds");
    let known: Vec<&str> = capabilities.session_kinds.iter().map(|kind| kind.as_str()).collect();
    assert!(kinds.iter().all(|kind| known.contains(&kind.as_str())), "{kinds:?} of {known:?}");
    let connector = super::connect(platform.as_str(), &provider.base_url());
    for stream in Stream::PER_SESSION {
        let offered = capabilities.session_streams.contains(&stream);
        assert_eq!(connector.artifact_policy(stream).is_some(), offered, "{stream:?}");
        assert!(connector.policy(stream).is_none(), "{stream:?} is no list");
    }
    let day = world.clock.now().timestamp();
    assert!(day > 0 && connector.policy(Stream::Sessions).is_some());
}
