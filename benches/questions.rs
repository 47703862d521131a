//! How long questions about figures take, as ratios to the best SQL written by hand for each of them, all in one run
//! on one private server.
//!
//! `cargo bench --bench questions [-- --sessions N]` (default 1,000,000; a year and more of three providers, made by SQL).
//! A question goes through the whole API, parsing and JSON included; the SQL by hand has its buckets given and gives
//! bare numbers. Both are run in turns, and the median of each is taken. It prints a table; it judges nothing but
//! that both come to the same sums.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use axum::body::{Body, to_bytes};
use axum::http::Request;
use chrono::{DateTime, Utc};
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, PgPool};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tributary::api::{self, ApiState, HealthSettings};
use tributary::clock::SettableClock;
use tributary::demo::postgres::{Server, ServerSettings};

/// The present of the bench.
const NOW: &str = "2026-11-20T12:00:00Z";
/// Each is run so often.
const ROUNDS: usize = 9;

/// Three sources, each proven complete up to the present.
const SOURCES: &str = "
insert into core.sources (source_slug, provider, account_ref, minutes_basis, has_outcomes, message_support, history_from, schedule,
                          session_kinds, is_enabled)
values ('konpro', 'konpro', 'a', 'session_time', false, 'none', '2025-01-01Z', '0 */5 * * * *', '{avatar}', true),
       ('konvo', 'konvo', 'b', null, true, 'inline', '2025-01-01Z', '0 */5 * * * *', '{chat}', true),
       ('rtk', 'realtimekit', 'c', 'participant_time', false, 'not_fetched', '2025-01-01Z', '0 */5 * * * *',
        '{meeting,livestream}', true);
insert into ingest.streams (source_id, stream) select source_id, 'sessions' from core.sources;
insert into ingest.windows (source_id, stream, window_from, window_to, is_complete, checked_at)
select source_id, 'sessions', '2025-01-01Z', '2026-11-20 12:00Z', true, '2026-11-20 12:00Z' from core.sources";

/// Sessions over 400 days: a third of each provider, more by day than by night, in the order of time.
const SESSIONS: &str = "
insert into core.sessions (created_at, started_at, ended_at, completed_at, last_activity_at, first_seen_at,
                           last_changed_at, source_id, provider, session_kind, session_state, outcome, duration_seconds,
                           provider_minutes, provider_session_id, channel, row_hash, raw_hash)
select at, at, at + length, case when p = 1 and n % 10 < 8 then at + length end, at + length, at, at, s.source_id,
       s.provider, s.session_kinds[1], case when p = 1 and n % 10 >= 8 then 'open' else 'ended' end,
       case when p <> 1 then 'not_applicable' when n % 10 >= 8 then 'open' when n % 10 < 2 then 'unresolved'
            else 'resolved' end,
       seconds, case when p <> 1 then round(seconds / 60, 4) end, 'id-' || n,
       case when p = 1 then (array['whatsapp', 'webchat', 'email', 'voice'])[1 + n % 4] end, '\\x00', '\\x00'
  from (select n, n % 3 as p, (30 + (n * 7919) % 1800)::numeric as seconds,
               timestamptz '2025-10-16 12:00Z' + interval '400 days' * (n::float8 / $1)
                 - interval '1 hour' * sin(n::float8) as at
          from generate_series(1::bigint, $1 - $1 / 1000) n) g
 cross join lateral (select make_interval(secs => seconds::float8) as length) l
  join (select source_id, provider, session_kinds, row_number() over (order by provider) - 1 as place from core.sources) s
    on s.place = p";

/// What there was of each day in Berlin, with its start and end given.
const DAYS: &str = "select d as day, (d::timestamp at time zone 'Europe/Berlin') as a,
                           ((d + 1)::timestamp at time zone 'Europe/Berlin') as z
                      from (select d::date as d from generate_series(date '{from}', date '{to}' - 1, '1 day') d) d";

struct Question {
    name: &'static str,
    path: &'static str,
    /// Sums the API's rows are compared with, by metric.
    metrics: &'static [&'static str],
    /// `{days}` is [`DAYS`] of the range; its columns after the first two are those of the metrics, in order.
    by_hand: &'static str,
    from: &'static str,
    to: &'static str,
}

const COUNTED: &str = "s.parent_provider_session_id is null and not s.is_deleted_at_provider";

const BY_DAY_AND_PROVIDER: &str =
    "select b.day::text, a.source_id::text, a.n::numeric, a.m from ({days}) b cross join lateral (
       select s.source_id, count(*) as n, sum(s.provider_minutes) as m from core.sessions s
        where s.started_at >= b.a and s.started_at < b.z and {counted} group by 1) a";

const QUESTIONS: [Question; 5] = [
    Question {
        name: "30 days, by day and provider: sessions, minutes",
        path: "metrics=sessions,minutes_consumed&dimensions=provider&granularity=day",
        metrics: &["sessions", "minutes_consumed"],
        by_hand: BY_DAY_AND_PROVIDER,
        from: "2026-10-21",
        to: "2026-11-20",
    },
    Question {
        name: "a year, by day and provider: sessions, minutes",
        path: "metrics=sessions,minutes_consumed&dimensions=provider&granularity=day",
        metrics: &["sessions", "minutes_consumed"],
        by_hand: BY_DAY_AND_PROVIDER,
        from: "2025-11-20",
        to: "2026-11-20",
    },
    Question {
        name: "30 days, by day: resolution rate",
        path: "metrics=resolution_rate&granularity=day",
        metrics: &["resolution_rate"],
        by_hand: "select b.day::text, '', a.n::numeric from ({days}) b cross join lateral (
                    select count(*) filter (where s.outcome = 'resolved') as n,
                           count(*) filter (where s.outcome in ('resolved', 'unresolved')) as d from core.sessions s
                     where s.completed_at >= b.a and s.completed_at < b.z and {counted}) a",
        from: "2026-10-21",
        to: "2026-11-20",
    },
    Question {
        name: "a year, in one, by channel: resolution rate",
        path: "metrics=resolution_rate&dimensions=channel&granularity=none",
        metrics: &["resolution_rate"],
        by_hand: "select s.channel, '', (count(*) filter (where s.outcome = 'resolved'))::numeric from core.sessions s
                   where s.completed_at >= (date '{from}')::timestamp at time zone 'Europe/Berlin'
                     and s.completed_at < (date '{to}')::timestamp at time zone 'Europe/Berlin' and {counted} group by 1",
        from: "2025-11-20",
        to: "2026-11-20",
    },
    Question {
        name: "a year, by month and channel: sessions",
        path: "metrics=sessions&dimensions=channel&granularity=month",
        metrics: &["sessions"],
        by_hand: "select b.day::text, a.channel, a.n::numeric from (
                    select m::date as day, m at time zone 'Europe/Berlin' as a,
                           (m + interval '1 month') at time zone 'Europe/Berlin' as z
                      from generate_series(timestamp '{from}', timestamp '{to}' - interval '1 day', '1 month') m) b
                   cross join lateral (
                    select s.channel, count(*) as n from core.sessions s
                     where s.started_at >= b.a and s.started_at < b.z and {counted} group by 1) a",
        from: "2025-11-01",
        to: "2026-11-01",
    },
];

fn main() -> anyhow::Result<()> {
    let sessions = arguments()?;
    let folder = std::env::temp_dir().join(format!("tributary-questions-{}", std::process::id()));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let search_path = std::env::split_paths(&path).collect();
    let settings = ServerSettings { data_dir: folder.clone(), bin_dir: None, search_path, durable: false };
    let mut server = Server::start(&settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let measured = runtime.block_on(measure(&server, sessions));
    drop(runtime);
    server.stop();
    let _ = std::fs::remove_dir_all(&folder);
    measured
}

fn arguments() -> anyhow::Result<i64> {
    let mut words = std::env::args().skip(1).filter(|word| word != "--bench");
    match words.next().as_deref() {
        None => Ok(1_000_000),
        Some("--sessions") => Ok(words.next().context("a number is missing")?.parse()?),
        Some(other) => bail!("there is no option {other}"),
    }
}

async fn measure(server: &Server, sessions: i64) -> anyhow::Result<()> {
    server.create_database().await?;
    let pool = PgPoolOptions::new().max_connections(4).connect_with(server.connect_options()).await?;
    tributary::db::migrate(&pool).await?;
    let began = Instant::now();
    sqlx::raw_sql(SOURCES).execute(&pool).await?;
    sqlx::query(SESSIONS).bind(sessions).execute(&pool).await?;
    sqlx::raw_sql("vacuum (analyze) core.sessions").execute(&pool).await?;
    println!("{sessions} sessions, made in {:.0} s\n", began.elapsed().as_secs_f64());
    println!("{:<52} {:>9} {:>9} {:>7}", "median of 9, ms", "API", "by hand", "ratio");
    let now: DateTime<Utc> = NOW.parse()?;
    let state = ApiState {
        pool: pool.clone(),
        clock: Arc::new(SettableClock::at(now)),
        default_zone: chrono_tz::Tz::UTC,
        health: HealthSettings::default(),
        draining: CancellationToken::new(),
        actions: api::actions::ActionAccess::default(),
        replays: None,
        error_advice: tributary::ingest::advice_for,
    };
    let router = api::router(state);
    for question in &QUESTIONS {
        let (mut asked, mut by_hand) = (Vec::new(), Vec::new());
        for round in 0..=ROUNDS {
            let (time, sums) = ask(&router, question).await?;
            let (hand_time, hand_sums) = ask_by_hand(&pool, question).await?;
            ensure!(sums == hand_sums, "{}: the API says {sums:?}, SQL says {hand_sums:?}", question.name);
            // the first warms both up
            if round > 0 {
                asked.push(time);
                by_hand.push(hand_time);
            }
        }
        let (asked, by_hand) = (median(asked), median(by_hand));
        println!("{:<52} {asked:>9.1} {by_hand:>9.1} {:>7.2}", question.name, asked / by_hand);
    }
    Ok(())
}

async fn ask(router: &axum::Router, question: &Question) -> anyhow::Result<(Duration, Vec<i64>)> {
    let Question { path, from, to, .. } = question;
    let uri = format!("/v1/metrics/query?{path}&from={from}&to={to}&zone=Europe/Berlin");
    let request = Request::builder().uri(&uri).body(Body::empty())?;
    let began = Instant::now();
    let answer = router.clone().oneshot(request).await?;
    let body = to_bytes(answer.into_body(), usize::MAX).await?;
    let time = began.elapsed();
    let json: serde_json::Value = serde_json::from_slice(&body)?;
    let total = |metric: &&str| -> anyhow::Result<i64> {
        let value = &json["totals"][metric];
        let figure = value["numerator"].as_f64().or_else(|| value["value"].as_f64());
        thousandths(figure.with_context(|| format!("{uri}: {json:.2000}"))?)
    };
    Ok((time, question.metrics.iter().map(total).collect::<anyhow::Result<_>>()?))
}

async fn ask_by_hand(pool: &PgPool, question: &Question) -> anyhow::Result<(Duration, Vec<i64>)> {
    let sql = question.by_hand.replace("{days}", DAYS).replace("{counted}", COUNTED);
    let sql = sql.replace("{from}", question.from).replace("{to}", question.to);
    let began = Instant::now();
    let rows = sqlx::query(AssertSqlSafe(sql)).persistent(false).fetch_all(pool).await?;
    let time = began.elapsed();
    let mut sums = vec![rust_decimal::Decimal::ZERO; question.metrics.len()];
    for row in &rows {
        for (place, sum) in sums.iter_mut().enumerate() {
            *sum += sqlx::Row::try_get::<Option<rust_decimal::Decimal>, _>(row, place + 2)?.unwrap_or_default();
        }
    }
    let sums = sums.into_iter().map(|sum| thousandths(sum.to_string().parse()?));
    Ok((time, sums.collect::<anyhow::Result<_>>()?))
}

#[expect(clippy::cast_possible_truncation, reason = "sums of a bench are far below 2^63")]
fn thousandths(figure: f64) -> anyhow::Result<i64> {
    ensure!(figure.is_finite(), "{figure} is no sum");
    Ok((figure * 1_000.0).round() as i64)
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1_000.0
}
