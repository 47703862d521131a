//! How long questions about figures take, as ratios to the best SQL written by hand for each of them, all in one run
//! on one private server.
//!
//! `cargo bench --bench questions [-- --sessions N] [--rounds N] [--plans FILE]` (default 1,000,000; a year and more of three
//! providers, made by SQL). A question goes through the whole API, parsing, totals, coverage and JSON included; the SQL by
//! hand gives the rows of the answer as bare numbers. Both are run in turns, and the median of each is taken. It prints
//! a table; it judges nothing but that both come to the same sums. With a file, the plans of all statements are written
//! there.

mod asked;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use axum::body::{Body, to_bytes};
use axum::http::Request;
use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde_json::Value;
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, PgPool};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tributary::api::{self, ApiState, HealthSettings};
use tributary::clock::SettableClock;
use tributary::db;
use tributary::demo::postgres::{Server, ServerSettings};

use crate::asked::{QUESTIONS, Question};

/// The present of the bench.
const NOW: &str = "2026-11-20T12:00:00Z";
const WORLD: &str = include_str!("world.sql");

struct Arguments {
    sessions: i64,
    rounds: usize,
    plans: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let arguments = arguments()?;
    let folder = std::env::temp_dir().join(format!("tributary-questions-{}", std::process::id()));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let search_path = std::env::split_paths(&path).collect();
    let settings = ServerSettings { data_dir: folder.clone(), bin_dir: None, search_path, durable: false };
    let mut server = Server::start(&settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let measured = runtime.block_on(measure(&server, &arguments, &folder));
    drop(runtime);
    server.stop();
    let _ = std::fs::remove_dir_all(&folder);
    measured
}

fn arguments() -> anyhow::Result<Arguments> {
    let mut given = Arguments { sessions: 1_000_000, rounds: 9, plans: None };
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    while let Some(word) = words.next() {
        match word.as_str() {
            "--sessions" => given.sessions = words.next().context("a number is missing")?.parse()?,
            "--rounds" => given.rounds = words.next().context("a number is missing")?.parse()?,
            "--plans" => given.plans = Some(words.next().context("a file is missing")?.into()),
            other => bail!("there is no option {other}"),
        }
    }
    Ok(given)
}

async fn measure(
    server: &Server,
    Arguments { sessions, rounds, plans }: &Arguments,
    folder: &Path,
) -> anyhow::Result<()> {
    server.create_database().await?;
    // as the service connects, but whoever is slow is measured and not given up
    let options = server.connect_options().options([("jit", "off")]);
    let pool = PgPoolOptions::new().max_connections(4).connect_with(options).await?;
    db::migrate(&pool).await?;
    build(&pool, *sessions).await?;
    println!("{:<52} {:>9} {:>9} {:>7}", "median, ms", "API", "by hand", "ratio");
    let router = router(&pool)?;
    for question in &QUESTIONS {
        let (mut asked, mut by_hand) = (Vec::new(), Vec::new());
        for round in 0..=*rounds {
            let (time, sums) = ask(&router, question).await?;
            let (hand_time, hand_sums) = ask_by_hand(&pool, question).await?;
            let is_same = |(one, other): (&f64, &f64)| (one - other).abs() <= 1e-6 * one.abs().max(1.0);
            ensure!(
                sums.len() == hand_sums.len() && sums.iter().zip(&hand_sums).all(is_same),
                "{}: the API says {sums:?}, SQL says {hand_sums:?}",
                question.name
            );
            // the first warms both up
            if round > 0 {
                asked.push(time);
                by_hand.push(hand_time);
            }
        }
        let (asked, by_hand) = (median(asked), median(by_hand));
        println!("{:<52} {asked:>9.1} {by_hand:>9.1} {:>7.2}", question.name, asked / by_hand);
    }
    if let Some(plans) = plans {
        explain(server, plans, folder).await?;
    }
    Ok(())
}

async fn build(pool: &PgPool, sessions: i64) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut connection = pool.acquire().await?.detach();
    let world = WORLD.replace("{sessions}", &sessions.to_string());
    sqlx::raw_sql(AssertSqlSafe(world)).execute(&mut connection).await?;
    // as the service finds its tables: autovacuum has been there
    sqlx::raw_sql("vacuum (analyze)").execute(&mut connection).await?;
    println!("{sessions} sessions, made in {:.0} s\n", began.elapsed().as_secs_f64());
    Ok(())
}

fn router(pool: &PgPool) -> anyhow::Result<axum::Router> {
    let now: DateTime<Utc> = NOW.parse()?;
    Ok(api::router(ApiState {
        pool: pool.clone(),
        clock: Arc::new(SettableClock::at(now)),
        default_zone: chrono_tz::Tz::UTC,
        zones: tributary::query::zones::Zones::default(),
        health: HealthSettings::default(),
        draining: CancellationToken::new(),
        actions: api::actions::ActionAccess::default(),
        replays: None,
        source_changes: None,
        error_advice: tributary::ingest::advice_for,
    }))
}

/// Runs everything once more, with the plans in the server's log, and keeps that.
async fn explain(server: &Server, plans: &Path, folder: &Path) -> anyhow::Result<()> {
    let options = server.connect_options().options([
        ("jit", "off"),
        ("session_preload_libraries", "auto_explain"),
        ("auto_explain.log_min_duration", "0"),
        ("auto_explain.log_analyze", "on"),
        ("auto_explain.log_buffers", "on"),
        ("auto_explain.log_timing", "off"),
    ]);
    let pool = PgPoolOptions::new().max_connections(1).connect_with(options).await?;
    let router = router(&pool)?;
    for question in &QUESTIONS {
        sqlx::raw_sql(AssertSqlSafe(format!("select '{}' as asked", question.name))).execute(&pool).await?;
        ask(&router, question).await?;
        sqlx::raw_sql("select 'by hand' as asked").execute(&pool).await?;
        ask_by_hand(&pool, question).await?;
    }
    std::fs::copy(folder.join("log"), plans)?;
    Ok(())
}

async fn ask(router: &axum::Router, question: &Question) -> anyhow::Result<(Duration, Vec<f64>)> {
    let uri = question.uri();
    let request = Request::builder().uri(&uri).body(Body::empty())?;
    let began = Instant::now();
    let answer = router.clone().oneshot(request).await?;
    let body = to_bytes(answer.into_body(), usize::MAX).await?;
    let time = began.elapsed();
    let json: Value = serde_json::from_slice(&body)?;
    let rows = json["rows"].as_array().with_context(|| format!("{uri}: {json:.2000}"))?;
    let figure = |row: &Value, metric: &str| {
        let value = &row["values"][metric];
        value["numerator"].as_f64().or_else(|| value["value"].as_f64()).unwrap_or_default()
    };
    let sum = |metric: &&str| rows.iter().map(|row| figure(row, metric)).sum();
    Ok((time, question.metrics.iter().map(sum).collect()))
}

async fn ask_by_hand(pool: &PgPool, question: &Question) -> anyhow::Result<(Duration, Vec<f64>)> {
    let sql = question.sql();
    let began = Instant::now();
    let rows = sqlx::query(AssertSqlSafe(sql)).persistent(false).fetch_all(pool).await;
    let time = began.elapsed();
    let rows = rows.with_context(|| format!("{} by hand", question.name))?;
    let mut sums = vec![Decimal::ZERO; question.metrics.len()];
    for row in &rows {
        for (place, sum) in sums.iter_mut().enumerate() {
            *sum += sqlx::Row::try_get::<Option<Decimal>, _>(row, place)?.unwrap_or_default();
        }
    }
    let sums = sums.into_iter().map(|sum| Ok(sum.to_string().parse()?));
    Ok((time, sums.collect::<anyhow::Result<_>>()?))
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1_000.0
}
