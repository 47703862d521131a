//! The database server crashes during a poll: unwritten rows and their proofs are lost together, and are read again.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tokio_util::sync::CancellationToken;
use tributary::app::polling::{self, PollLine, Selection};
use tributary::app::{self, App};
use tributary::clock::{Clock, Dice, SettableClock};
use tributary::embedded::{Server, ServerSettings};
use tributary_simulator::fixed_feed::FixedFeed;
use tributary_simulator::quirks::Quirks;
use tributary_simulator::{Platform, Simulator};

use super::{Writer, fetch};
use crate::harness::orphans::assert_no_orphans;
use crate::harness::{API_KEY, noon, plain_record, simulator};

/// Number of chats, one a minute, and number of those that are polled undisturbed.
const SESSIONS: usize = 250;
const FIRST: usize = 100;

const STORED: &str = "select count(*) from core.sessions";
const PROVEN: &str = "select count(*) from ingest.windows
                       where is_complete and window_from <= '2026-03-10 08:31Z' and window_to >= '2026-03-10 10:59Z'";

async fn poll(
    options: PgConnectOptions,
    provider: &Simulator,
    clock: &Arc<dyn Clock>,
) -> anyhow::Result<Vec<PollLine>> {
    let toml = format!(
        "[[sources]]\nslug = \"konvo\"\nprovider = \"konvo\"\nbase_url = \"{}\"\napi_key_env = \"TEST_KEY\"\n\
         requests_per_minute = 100000\nsession_streams = []\n",
        provider.base_url()
    );
    let environment = BTreeMap::from([("TEST_KEY".to_owned(), API_KEY.to_owned())]);
    let config = app::parse_config(&toml, &environment)?;
    let app = App::new(config, Some(options), Arc::clone(clock), Arc::new(Dice::seeded(7)))?;
    polling::poll(&app, &Selection::default(), CancellationToken::new()).await
}

async fn number(pool: &PgPool, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(pool).await.expect(sql)
}

async fn pool(options: &PgConnectOptions) -> PgPool {
    PgPoolOptions::new().max_connections(2).connect_with(options.clone()).await.expect("a pool")
}

/// Asserts that all proven sessions are stored, and stored whole.
async fn assert_sound(pool: &PgPool) {
    assert_no_orphans(pool).await;
    let without = "select count(*) from core.sessions s
                    where not exists (select from ingest.raw_records r
                                       where r.provider_record_id = s.provider_session_id and r.content_hash = s.raw_hash)
                       or (select count(*) from core.messages m where m.session_id = s.session_id) <> 2
                       or not exists (select from core.people k where k.person_id = s.person_id)
                       or not exists (select from core.konvo_sessions k where k.session_id = s.session_id)";
    assert_eq!(number(pool, without).await, 0);
    // one session a minute, the last an hour and a minute before noon: their ids show which exist
    let claimed = "select count(*)
                     from generate_series(0, 249) n
                     join ingest.windows w on w.is_complete
                      and w.window_from <= timestamptz '2026-03-10 11:00Z' - interval '1 minute' * (250 - n)
                      and w.window_to > timestamptz '2026-03-10 11:00Z' - interval '1 minute' * (250 - n)
                    where not exists (select from core.sessions s
                                       where s.provider_session_id = 'konvo-' || lpad(n::text, 5, '0'))";
    assert_eq!(number(pool, claimed).await, 0, "nothing is proven that is not stored");
}

#[test]
fn f73_p02_p08_a_crash_of_the_server_takes_rows_and_proof_together_and_they_come_again() {
    let data_dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("postgres-crash");
    let _ = std::fs::remove_dir_all(&data_dir);
    let settings =
        ServerSettings { data_dir, bin_dir: None, search_path: Vec::new(), fetch: None, tcp: None, durable: true };
    let server = Server::start(&settings).expect("the server starts");
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime");
    let clock: Arc<dyn Clock> = Arc::new(SettableClock::at(noon()));
    let feed = Arc::new(FixedFeed::new((0..FIRST).map(|number| plain_record(Platform::Konvo, number, SESSIONS))));
    let provider = runtime.block_on(simulator(Platform::Konvo, feed.clone(), Quirks::default(), Arc::clone(&clock)));
    runtime.block_on(async {
        server.create_database().await.expect("a database");
        let pool = pool(&server.connect_options()).await;
        tributary::db::migrate(&pool, tributary::db::Engine::Postgres).await.expect("migrated");
        let lines = poll(server.connect_options(), &provider, &clock).await.expect("a poll");
        assert!(lines.iter().all(PollLine::is_complete), "{lines:?}");
        sqlx::query("delete from ingest.windows").execute(&pool).await.expect("nothing is proven");
        for number in FIRST..SESSIONS {
            feed.insert(plain_record(Platform::Konvo, number, SESSIONS));
        }
        let writer = Writer::start(&pool, noon()).await;
        let (page, finding) = fetch(&provider, 150, 0).await;
        // this process writes what no commit waits for
        let walwriter = "select pid from pg_stat_activity where backend_type = 'walwriter'";
        let walwriter: i32 = sqlx::query_scalar(walwriter).fetch_one(&pool).await.expect("a process");
        signal("-STOP", &walwriter.to_string());
        let saved = writer.save(&pool, &page, Some(&finding)).await;
        assert_eq!(saved.inserted_count, 150);
        assert_eq!((number(&pool, STORED).await, number(&pool, PROVEN).await), (250, 1), "everybody sees it");
        // ends all its processes at once
        signal("-QUIT", &server.pid().to_string());
    });
    drop(server);
    let server = Server::start(&settings).expect("the server recovers");
    runtime.block_on(async {
        let pool = pool(&server.connect_options()).await;
        assert_eq!((number(&pool, STORED).await, number(&pool, PROVEN).await), (100, 0), "both are gone");
        assert_sound(&pool).await;
        sqlx::query("update ingest.streams set lease_until = now()").execute(&pool).await.expect("the lease runs out");
        let lines = poll(server.connect_options(), &provider, &clock).await.expect("a poll");
        assert!(lines.iter().all(PollLine::is_complete), "{lines:?}");
        assert_eq!((number(&pool, STORED).await, number(&pool, PROVEN).await), (250, 1), "both have come again");
        assert_eq!(number(&pool, "select count(*) from core.messages").await, 500);
        assert_sound(&pool).await;
    });
}

fn signal(signal: &str, pid: &str) {
    assert!(Command::new("kill").args([signal, pid]).status().expect("kill runs").success());
}
