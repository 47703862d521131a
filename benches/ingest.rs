//! How fast a whole first load and an unchanged re-poll are, as ratios to `copy` of the same rows into
//! the same indexed tables, all in one run on one private server.
//!
//! `cargo bench --bench ingest [-- --avatars N --chats N --meetings N --lists-only]`. Real HTTP on loopback, the
//! simulators included in the times. What is fetched session by session is part of the first load, unless
//! `--lists-only`; the re-poll finds none of it due. It prints a table; it judges nothing.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use sqlx::postgres::{PgPoolCopyExt, PgPoolOptions};
use sqlx::{AssertSqlSafe, PgPool};
use tokio_util::sync::CancellationToken;
use tributary::app::polling::{self, PollLine, Selection};
use tributary::app::{self, App};
use tributary::clock::{Clock, Dice, SettableClock};
use tributary::demo::postgres::{Server, ServerSettings};
use tributary::demo::simulator::quirks::Quirks;
use tributary::demo::simulator::world::{Shape, Volume, World};
use tributary::demo::simulator::{Platform, Simulator, SimulatorSettings};

const API_KEY: &str = "bench";
/// Tables a first load writes, parents first.
const TABLES: [&str; 16] = [
    "core.people",
    "core.sessions",
    "core.konpro_sessions",
    "core.konvo_sessions",
    "core.realtimekit_sessions",
    "core.konvo_trail_steps",
    "core.messages",
    "core.session_stats",
    "core.participants",
    "core.session_participation",
    "core.participant_quality",
    "core.transcripts",
    "core.transcript_segments",
    "core.session_summaries",
    "ingest.artifact_tasks",
    "ingest.raw_records",
];

fn main() -> anyhow::Result<()> {
    let (shape, lists_only) = arguments()?;
    let folder = std::env::temp_dir().join(format!("tributary-bench-{}", std::process::id()));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let search_path = std::env::split_paths(&path).collect();
    let settings = ServerSettings { data_dir: folder.clone(), bin_dir: None, search_path, durable: true };
    let mut server = Server::start(&settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let measured = runtime.block_on(measure(&server, &shape, lists_only));
    drop(runtime);
    server.stop();
    let _ = std::fs::remove_dir_all(&folder);
    measured
}

fn arguments() -> anyhow::Result<(Shape, bool)> {
    let mut lists_only = false;
    let mut counts = BTreeMap::from([("--avatars", 20_000), ("--chats", 20_000), ("--meetings", 500)]);
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        if word == "--lists-only" {
            lists_only = true;
            continue;
        }
        let count = counts.get_mut(word.as_str()).with_context(|| format!("there is no option {word}"))?;
        *count = words.next().context("a number is missing")?.parse()?;
    }
    let volume = |name: &str| Volume { history: counts[name], per_hour_ahead: 0 };
    let (avatars, chats, meetings) = (volume("--avatars"), volume("--chats"), volume("--meetings"));
    Ok((Shape { history_days: 60, hours_ahead: 0, avatars, chats, meetings }, lists_only))
}

async fn measure(server: &Server, shape: &Shape, lists_only: bool) -> anyhow::Result<()> {
    server.create_database().await?;
    // the present stands still, so that the second poll meets the same records
    #[expect(clippy::disallowed_methods, reason = "a bench begins now")]
    let clock: Arc<dyn Clock> = Arc::new(SettableClock::at(chrono::Utc::now()));
    let world = World::generate(shape, 1, clock.now());
    let (_simulators, toml) = providers(&world, &clock, lists_only).await?;
    let environment = BTreeMap::from([("BENCH_KEY".to_owned(), API_KEY.to_owned())]);
    let config = app::parse_config(&toml, &environment)?;
    let app = App::new(config, Some(server.connect_options()), clock, Arc::new(Dice::seeded(1)))?;
    let pool = PgPoolOptions::new().max_connections(2).connect_with(server.connect_options()).await?;
    tributary::db::migrate(&pool).await?;

    let first = timed_poll(&app).await?;
    let rows = count(&pool).await?;
    // nothing is proven any more, so that the second poll reads everything again
    sqlx::query("delete from ingest.windows").execute(&pool).await?;
    let again = timed_poll(&app).await?;
    let sessions: i64 = again.1.iter().map(|line| line.unchanged).sum();
    let written: i64 = again.1.iter().map(|line| line.inserted + line.updated).sum();
    if written != 0 {
        bail!("the second poll wrote {written} sessions: the comparison means nothing");
    }
    let (copied, copy_time) = copy(&pool).await?;

    #[expect(clippy::cast_precision_loss, reason = "row counts are far below 2^52")]
    let rate = |rows: i64, time: Duration| rows as f64 / time.as_secs_f64();
    let copy_rate = rate(copied, copy_time);
    println!("{sessions} sessions, {rows} rows over {} tables\n", TABLES.len());
    println!("{:<28} {:>9} {:>12} {:>12}", "", "seconds", "rows/s", "against copy");
    for (name, time, rows) in [
        ("first load, whole poll", first.0, rows),
        ("unchanged re-poll", again.0, rows),
        ("copy, same indexes", copy_time, copied),
    ] {
        println!(
            "{name:<28} {:>9.2} {:>12.0} {:>12.2}",
            time.as_secs_f64(),
            rate(rows, time),
            rate(rows, time) / copy_rate
        );
    }
    println!("\nunchanged re-poll against first load: {:.2} ×", first.0.as_secs_f64() / again.0.as_secs_f64());
    Ok(())
}

async fn providers(
    world: &World,
    clock: &Arc<dyn Clock>,
    lists_only: bool,
) -> anyhow::Result<(Vec<Simulator>, String)> {
    let streams = if lists_only { "session_streams = []\n" } else { "" };
    let (mut simulators, mut toml) = (Vec::new(), String::new());
    for platform in Platform::ALL {
        let simulator = Simulator::start(SimulatorSettings {
            platform,
            feed: world.feed(platform),
            clock: Arc::clone(clock),
            api_key: API_KEY.to_owned(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            quirks: Quirks { calls_per_window: u32::MAX, ..Quirks::default() },
        })
        .await?;
        let account = if platform == Platform::Realtimekit { "account_id = \"a\"\napp_id = \"b\"\n" } else { "" };
        write!(
            toml,
            "[[sources]]\nslug = \"{0}\"\nprovider = \"{0}\"\nbase_url = \"{1}\"\napi_key_env = \"BENCH_KEY\"\n\
             requests_per_minute = 100000\n{account}{streams}",
            platform.as_str(),
            simulator.base_url()
        )?;
        simulators.push(simulator);
    }
    Ok((simulators, toml))
}

async fn timed_poll(app: &App) -> anyhow::Result<(Duration, Vec<PollLine>)> {
    let started = Instant::now();
    let lines = polling::poll(app, &Selection::default(), CancellationToken::new()).await?;
    let time = started.elapsed();
    if let Some(line) = lines.iter().find(|line| !line.is_complete()) {
        bail!("{line:?}");
    }
    Ok((time, lines))
}

async fn count(pool: &PgPool) -> anyhow::Result<i64> {
    let mut rows = 0;
    for table in TABLES {
        let sql = AssertSqlSafe(format!("select count(*) from {table}"));
        rows += sqlx::query_scalar::<_, i64>(sql).fetch_one(pool).await?;
    }
    Ok(rows)
}

/// The same rows by `copy` in its binary form into tables with the same columns, checks and indexes: a
/// ceiling that no poll can reach, since it gets its rows ready-made.
async fn copy(pool: &PgPool) -> anyhow::Result<(i64, Duration)> {
    use futures_util::TryStreamExt;
    sqlx::query("create schema bench").execute(pool).await?;
    let mut data = Vec::new();
    for table in TABLES {
        let name = table.split_once('.').map_or(table, |(_, name)| name);
        let sql = AssertSqlSafe(format!("create table bench.{name} (like {table} including all)"));
        sqlx::query(sql).execute(pool).await?;
        let out = pool.copy_out_raw(&format!("copy {table} to stdout (format binary)")).await?;
        let chunks: Vec<_> = out.try_collect().await?;
        data.push((name, chunks));
    }
    sqlx::query("checkpoint").execute(pool).await?;
    let started = Instant::now();
    let mut rows = 0;
    for (name, chunks) in data {
        let mut copy = pool.copy_in_raw(&format!("copy bench.{name} from stdin (format binary)")).await?;
        for chunk in chunks {
            copy.send(chunk).await?;
        }
        rows += i64::try_from(copy.finish().await?)?;
    }
    Ok((rows, started.elapsed()))
}
