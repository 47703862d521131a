//! The cost of a whole first load, beside `copy` of the same rows into the same indexed tables, in one run on one
//! private server with synchronous commits.
//!
//! `cargo bench --bench ingest [-- --avatars N --chats N --meetings N] [--lists-only] [--delay-ms N] [--growth]`.
//! Real HTTP on loopback; a separate process simulates the providers, so that the CPU time of this process is the
//! poller's. Session artifacts are part of the load, unless `--lists-only` is given. `--delay-ms` loads once more
//! through a proxy that delays each round trip to the database by so much. `--growth` only loads 500, 2,000 and 8,000
//! meetings. The bench prints tables and judges nothing. Linux only: CPU times come from `/proc`.

mod cost;
mod load;
mod providers;
mod proxy;

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use tributary::embedded::{Server, ServerSettings};
use tributary_simulator::world::{Shape, Volume};

use crate::cost::Cost;
use crate::load::{Load, Route};
use crate::proxy::Proxy;

/// Meetings of each step of `--growth`.
const GROWTH: [usize; 3] = [500, 2_000, 8_000];

/// The options of the command line.
struct Options {
    counts: BTreeMap<&'static str, usize>,
    lists_only: bool,
    delay: Option<Duration>,
    growth: bool,
}

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    if words.first().is_some_and(|word| word == providers::VERB) {
        return providers::simulate(&words[1..]);
    }
    let options = arguments(words)?;
    let folder = std::env::temp_dir().join(format!("tributary-bench-{}", std::process::id()));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let search_path = std::env::split_paths(&path).collect();
    let settings =
        ServerSettings { data_dir: folder.clone(), bin_dir: None, search_path, fetch: None, tcp: None, durable: true };
    let mut server = Server::start(&settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let measured = runtime.block_on(measure(&server, &options));
    drop(runtime);
    server.stop();
    let _ = std::fs::remove_dir_all(&folder);
    measured
}

fn arguments(words: Vec<String>) -> anyhow::Result<Options> {
    let counts = BTreeMap::from([("--avatars", 20_050), ("--chats", 20_050), ("--meetings", 550)]);
    let mut options = Options { counts, lists_only: false, delay: None, growth: false };
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let mut number = || words.next().context("a number is missing")?.parse::<usize>().context("not a number");
        match word.as_str() {
            "--lists-only" => options.lists_only = true,
            "--growth" => options.growth = true,
            "--delay-ms" => options.delay = Some(Duration::from_millis(number()?.try_into()?)),
            word => {
                let count = options.counts.get_mut(word).with_context(|| format!("there is no option {word}"))?;
                *count = number()?;
            }
        }
    }
    Ok(options)
}

fn shape(avatars: usize, chats: usize, meetings: usize) -> Shape {
    let volume = |history| Volume { history, per_hour_ahead: 0 };
    let (avatars, chats, meetings) = (volume(avatars), volume(chats), volume(meetings));
    Shape { history_days: 60, hours_ahead: 0, avatars, chats, meetings }
}

async fn measure(server: &Server, options: &Options) -> anyhow::Result<()> {
    let direct = server.connect_options();
    if options.growth {
        println!("{:<28} {}", "", cost::HEAD);
        for meetings in GROWTH {
            let load = Load::prepare(server, &shape(0, 0, meetings), options.lists_only).await?;
            let (cost, pages) = load.first(Route::Direct(Box::new(direct.clone()))).await?;
            println!("{:<28} {cost}", format!("{meetings} meetings"));
            println!("{:<28} {:.2} ms each, {pages} pages and files", "", per(&cost, meetings));
        }
        return Ok(());
    }
    let counts = &options.counts;
    let load =
        Load::prepare(server, &shape(counts["--avatars"], counts["--chats"], counts["--meetings"]), options.lists_only)
            .await?;
    let (first, pages) = load.first(Route::Direct(Box::new(direct))).await?;
    let (rows, again) = load.again().await?;
    let copied = load.copy().await?;
    println!("{rows} rows over {} tables, {pages} pages and files\n", load::TABLES.len());
    println!("{:<28} {}", "", cost::HEAD);
    println!("{:<28} {first}", "first load, whole poll");
    println!("{:<28} {again}", "unchanged re-poll");
    println!("{:<28} {copied}", "copy, same indexes");
    println!(
        "\nfirst load against copy: {:.2} × the server's CPU, {:.2} × the wall time, {:.2} × the WAL",
        first.server / copied.server,
        first.wall / copied.wall,
        first.wal / copied.wal
    );
    if let Some(delay) = options.delay {
        let proxy = Proxy::start(server.socket_dir(), delay)?;
        let load = Load::prepare(
            server,
            &shape(counts["--avatars"], counts["--chats"], counts["--meetings"]),
            options.lists_only,
        )
        .await?;
        let (far, pages) = load.first(Route::Through(&proxy)).await?;
        println!("{:<28} {far}", format!("first load, {} ms away", delay.as_millis()));
        #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
        let each = proxy.round_trips() as f64 / pages as f64;
        println!(
            "\n{} ms away: {:.0} % of the rate beside the server, {each:.1} round trips a page or file",
            delay.as_millis(),
            100.0 * first.wall / far.wall
        );
    }
    Ok(())
}

/// Returns the milliseconds for each of `count`.
fn per(cost: &Cost, count: usize) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
    let count = count as f64;
    cost.wall * 1000.0 / count
}
