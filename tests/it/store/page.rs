//! Pages of records: saved in few round trips, without foreign keys, and without loss beside another writer.

mod server_crash;

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use sqlx::PgPool;
use tokio_util::sync::CancellationToken;
use tributary::app::polling::PollLine;
use tributary::app::replaying;
use tributary::clock::Clock;
use tributary::config::Secret;
use tributary::connector::ConnectorSettings;
use tributary::db::{self, Purpose, Route};
use tributary::model::id::SourceId;
use tributary::model::page::{Page, PageRequest};
use tributary::model::person::PersonKey;
use tributary::model::stream::Stream;
use tributary::model::time::Window;
use tributary::store::field_presence::FieldBook;
use tributary::store::lease::{self, Claim, Claimant, Lease};
use tributary::store::page::{self, SaveContext};
use tributary::store::run::{self as journal, Progress};
use tributary::store::window::Finding;
use tributary::store::write_guard::WriteGuard;
use tributary_simulator::fixed_feed::{FixedFeed, FixedRecord};
use tributary_simulator::quirks::Quirks;
use tributary_simulator::{Platform, Simulator};

use crate::harness::orphans::{assert_no_orphans, fill_parts_of_sessions, orphans};
use crate::harness::round_trips::Proxy;
use crate::harness::{API_KEY, World, noon, plain_feed, plain_record};
use crate::providers::connect_with;

/// A source with the lease of its list, and pages of it.
struct Bench {
    world: World,
    provider: Simulator,
    writer: Writer,
}

/// The right to write, and a run to write for.
struct Writer {
    lease: Lease,
    run_id: i64,
    now: DateTime<Utc>,
}

impl Writer {
    async fn start(pool: &PgPool, now: DateTime<Utc>) -> Self {
        let claimant = Claimant { owner: "test", duration: Duration::from_mins(1), now, tick: None };
        let claim = lease::claim(pool, SourceId(1), Stream::Sessions, &claimant).await.expect("an answer");
        let Claim::Granted(lease) = claim else { panic!("{claim:?}") };
        let window = Window { from: now - TimeDelta::hours(1), to: now };
        let run_id = journal::start(pool, &lease, &window, now).await.expect("a run");
        Self { lease, run_id, now }
    }

    async fn save(&self, pool: &PgPool, page: &Page, finding: Option<&Finding>) -> Progress {
        let context = SaveContext {
            guard: &WriteGuard::Lease(self.lease),
            run_id: self.run_id,
            tally: None,
            source_slug: "konvo",
            person_key: &PersonKey::new(vec![7; 32]).expect("a key"),
            session_streams: &[],
            fields: &FieldBook::default(),
            fetched_at: self.now,
            now: self.now,
        };
        page::save(pool, &context, page, finding).await.expect("it is saved")
    }
}

/// Fetches so many minutes of a provider of plain chats, one a minute, ending an hour and `to` minutes before noon.
async fn fetch(provider: &Simulator, minutes: i64, to: i64) -> (Page, Finding) {
    let to = noon() - TimeDelta::hours(1) - TimeDelta::minutes(to) - TimeDelta::seconds(30);
    let window = Window { from: to - TimeDelta::minutes(minutes), to };
    let set_key = |settings: &mut ConnectorSettings| settings.api.api_key = Secret::from(API_KEY);
    let connector = connect_with("konvo", &provider.base_url(), set_key);
    let request = PageRequest { window: &window, cursor: None, now: noon() };
    let page = connector.fetch_page(Stream::Sessions, request).await.expect("a page");
    assert_eq!(i64::try_from(page.records.len()).ok(), Some(minutes));
    (page, Finding { window, doubt: None, is_denied: false, provider_total: None, distinct_count: minutes })
}

impl Bench {
    /// Creates `count` chats with two messages each, one a minute, up to an hour before noon.
    async fn new(count: usize) -> Self {
        let mut world = World::new().await;
        let feed = plain_feed(Platform::Konvo, 0);
        let provider = world.simulate(Platform::Konvo, feed.clone(), Quirks::default()).await;
        world.poll_one().await;
        sqlx::query("delete from ingest.windows").execute(&world.db.pool).await.expect("nothing is proven");
        for number in 0..count {
            feed.insert(plain_record(Platform::Konvo, number, count));
        }
        let writer = Writer::start(&world.db.pool, world.clock.now()).await;
        Self { world, provider, writer }
    }

    async fn page(&self, minutes: i64, to: i64) -> (Page, Finding) {
        fetch(&self.provider, minutes, to).await
    }

    async fn save(&self, pool: &PgPool, page: &Page, finding: Option<&Finding>) -> Progress {
        self.writer.save(pool, page, finding).await
    }
}

#[tokio::test]
async fn a_page_takes_few_round_trips() {
    let bench = Bench::new(260).await;
    let proxy = Proxy::start(&bench.world.db.options).await;
    let pool = db::connect(proxy.options.clone(), Route::Direct, Purpose::Poll, 1).await.expect("a pool");
    // the first pages prepare the statements
    for (minutes, to) in [(60, 200), (20, 180)] {
        let (page, finding) = bench.page(minutes, to).await;
        bench.save(&pool, &page, None).await;
        bench.save(&pool, &page, Some(&finding)).await;
    }
    let (page, finding) = bench.page(90, 0).await;
    proxy.take();
    let saved = bench.save(&pool, &page, Some(&finding)).await;
    let new = proxy.take();
    assert_eq!(saved.inserted_count, 90);
    assert!((4..=8).contains(&new), "{new} round trips for a page of 90 new chats with 180 messages");
    let saved = bench.save(&pool, &page, Some(&finding)).await;
    let unchanged = proxy.take();
    assert_eq!(saved.unchanged_count, 90);
    assert!((2..=6).contains(&unchanged), "{unchanged} round trips for the same page once more");
    assert_eq!(bench.world.number("select count(*) from core.messages").await, 170 * 2);
    let proven = "select count(*) from ingest.windows where is_complete";
    assert_eq!(bench.world.number(proven).await, 2, "two of the three windows touch");
    assert_no_orphans(&bench.world.db.pool).await;
}

#[tokio::test]
async fn p03_a_session_that_another_writer_stores_meanwhile_is_stored_once() {
    let bench = Bench::new(120).await;
    let pool = bench.world.db.pool.clone();
    let (page, _) = bench.page(120, 0).await;
    // another writer has stored one of them with an old state and one message, and has not committed yet
    let mut other = pool.begin().await.expect("a transaction");
    let insert = "with new as (
            insert into core.sessions (source_id, provider, provider_session_id, session_kind, session_state, outcome,
                                       created_at, started_at, first_seen_at, last_changed_at, row_hash, raw_hash)
            values (1, 'konvo', 'konvo-00007', 'chat', 'open', 'open', '2026-03-10 08:00Z', '2026-03-10 08:00Z',
                    '2026-03-10 08:00Z', '2026-03-10 08:00Z', '\\x00', '\\x00')
            returning session_id)
        insert into core.messages (source_id, session_id, provider_message_id, position, sender_role)
        select 1, session_id, 'konvo-00007-0', 0, 'user' from new";
    sqlx::query(insert).execute(&mut *other).await.expect("written");
    let (saved, ()) = tokio::join!(bench.save(&pool, &page, None), async {
        // on Citus it is a node that waits, and the coordinator for its answer
        let waits = "select count(*) from pg_stat_activity
                      where datname = current_database()
                        and (wait_event_type = 'Lock' or wait_event_type = 'Extension'
                             and query_start < clock_timestamp() - interval '1 second')";
        while bench.world.number(waits).await == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        other.commit().await.expect("committed");
    });
    assert_eq!(saved.record_count, 120);
    assert_eq!((saved.inserted_count, saved.updated_count, saved.rejected_count), (119, 1, 0));
    assert_eq!(bench.world.number("select count(*) from core.sessions").await, 120);
    let ended = "select count(*) from core.sessions where session_state = 'ended' and outcome = 'resolved'";
    assert_eq!(bench.world.number(ended).await, 120);
    let messages = "select count(*) from core.messages where provider_message_id <> 'konvo-00007-0'";
    assert_eq!(bench.world.number(messages).await, 240);
    assert_eq!(bench.world.number("select count(*) from core.messages").await, 240, "what is not listed is gone");
    assert_no_orphans(&pool).await;
}

#[tokio::test]
async fn p01_the_parts_of_a_session_are_removed_with_it() {
    let bench = Bench::new(30).await;
    let pool = &bench.world.db.pool;
    let (page, _) = bench.page(30, 0).await;
    bench.save(pool, &page, None).await;
    fill_parts_of_sessions(pool).await;
    // a replay removes sessions without a raw record
    let unnamed = "delete from ingest.raw_records where provider_record_id < 'konvo-00010'";
    sqlx::query(unnamed).execute(pool).await.expect("gone");
    replaying::from_raw(&bench.world.app(), None, CancellationToken::new()).await.expect("the replay runs");
    assert_no_orphans(pool).await;
    for (sql, left) in [
        ("select count(*) from core.sessions", 20),
        ("select count(*) from core.messages", 40),
        ("select count(*) from core.session_stats", 20),
        ("select count(*) from core.konvo_sessions", 20),
        ("select count(*) from core.trail_steps", 20),
        ("select count(*) from core.transcripts", 20),
    ] {
        assert_eq!(bench.world.number(sql).await, left, "{sql}");
    }
    // and if it had not, the check would detect it
    let stray = "insert into core.messages (source_id, session_id, provider_message_id, position, sender_role)
                 values (1, 999999, 'stray', 0, 'user')";
    sqlx::query(stray).execute(pool).await.expect("no key refuses it");
    assert_eq!(orphans(pool).await, [("core.messages".to_owned(), 1)]);
}

/// A chat of the same contact.
fn of_ada(number: usize, contact: &str) -> FixedRecord {
    let plain = plain_record(Platform::Konvo, number, 60);
    let json = plain.json.replace(&format!("c-konvo-{number:05}"), contact);
    FixedRecord { json, ..plain }
}

/// Returns when the person of that chat came first.
async fn first_visit(world: &World) -> Option<DateTime<Utc>> {
    sqlx::query_scalar(
        "select k.first_visit_at from core.people k
           join core.sessions s on s.source_id = k.source_id and s.person_id = k.person_id
          where s.provider_session_id = 'konvo-00050'",
    )
    .fetch_one(&world.db.pool)
    .await
    .expect("a person")
}

/// Reads everything again.
async fn read_again(world: &World, minute: i64) -> PollLine {
    sqlx::query("delete from ingest.windows").execute(&world.db.pool).await.expect("nothing is proven");
    world.clock.set(noon() + TimeDelta::minutes(minute));
    world.poll_one().await
}

#[tokio::test]
async fn the_first_visit_follows_the_stored_sessions_in_both_directions() {
    let mut world = World::new().await;
    let feed = Arc::new(FixedFeed::new([of_ada(50, "ada"), of_ada(30, "ada")]));
    let _provider = world.simulate(Platform::Konvo, feed.clone(), Quirks::default()).await;
    let began = |number: usize| Some(plain_record(Platform::Konvo, number, 60).created_at);
    world.poll_one().await;
    assert_eq!(first_visit(&world).await, began(30));
    // an earlier one arrives late
    feed.insert(of_ada(20, "ada"));
    assert_eq!(read_again(&world, 1).await.inserted, 1);
    assert_eq!(first_visit(&world).await, began(20));
    // it belongs to another person
    assert!(feed.replace(of_ada(20, "bob")));
    assert_eq!(read_again(&world, 2).await.updated, 1);
    assert_eq!(first_visit(&world).await, began(30));
    // it began later than stored
    let moved = of_ada(30, "ada");
    let (old, new) = (crate::harness::records::iso(moved.created_at), "2026-03-10T10:35:30.000Z");
    let json = moved
        .json
        .replace(&format!("\"created_at\":\"{old}\",\"status\""), &format!("\"created_at\":\"{new}\",\"status\""));
    assert_ne!(json, moved.json);
    assert!(feed.replace(FixedRecord { json, ..moved }));
    assert_eq!(read_again(&world, 3).await.updated, 1);
    assert_eq!(first_visit(&world).await, Some(crate::harness::at(new)));
}
