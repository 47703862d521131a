//! A first load, an unchanged re-poll, and the same rows by `copy`.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::bail;
use futures_util::TryStreamExt;
use sqlx::postgres::{PgConnectOptions, PgPoolCopyExt, PgPoolOptions, PgSslMode};
use sqlx::{AssertSqlSafe, PgPool};
use tokio_util::sync::CancellationToken;
use tributary::app::polling::{self, PollLine, Selection};
use tributary::app::{self, App};
use tributary::clock::{Clock, Dice, SettableClock};
use tributary::embedded::Server;
use tributary_simulator::world::Shape;

use crate::cost::{Cost, Meter};
use crate::providers::{API_KEY, Providers};
use crate::proxy::Proxy;

/// Tables that a first load writes, parents first.
pub(crate) const TABLES: [&str; 16] = [
    "core.people",
    "core.sessions",
    "core.konpro_sessions",
    "core.konvo_sessions",
    "core.realtimekit_sessions",
    "core.trail_steps",
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

/// How the poller reaches the database.
pub(crate) enum Route<'a> {
    /// Through the server's socket.
    Direct(Box<PgConnectOptions>),
    /// Through a proxy.
    Through(&'a Proxy),
}

/// An empty database, and providers with something to load.
pub(crate) struct Load {
    options: PgConnectOptions,
    server_pid: u32,
    pool: PgPool,
    clock: Arc<dyn Clock>,
    toml: String,
    _providers: Providers,
}

impl Load {
    /// Recreates the database, and starts the providers.
    pub(crate) async fn prepare(server: &Server, shape: &Shape, lists_only: bool) -> anyhow::Result<Self> {
        let options = server.connect_options();
        let outside =
            PgPoolOptions::new().max_connections(1).connect_with(options.clone().database("postgres")).await?;
        sqlx::query("drop database if exists tributary with (force)").execute(&outside).await?;
        server.create_database().await?;
        let pool = PgPoolOptions::new().max_connections(2).connect_with(options.clone()).await?;
        tributary::db::migrate(&pool, tributary::db::Engine::Postgres).await?;
        // the clock stands still, so that the second poll reads the same records
        #[expect(clippy::disallowed_methods, reason = "a bench begins now")]
        let clock: Arc<dyn Clock> = Arc::new(SettableClock::at(chrono::Utc::now()));
        let providers = Providers::start(shape, clock.now())?;
        let toml = providers.toml(lists_only)?;
        Ok(Self { options, server_pid: server.pid(), pool, clock, toml, _providers: providers })
    }

    /// Runs the first load; returns its cost, and the number of pages and files that it read.
    pub(crate) async fn first(&self, route: Route<'_>) -> anyhow::Result<(Cost, u64)> {
        let options = match route {
            Route::Direct(options) => *options,
            Route::Through(proxy) => PgConnectOptions::new_without_pgpass()
                .host(&proxy.address().ip().to_string())
                .port(proxy.address().port())
                .username(self.options.get_username())
                .database(self.options.get_database().unwrap_or_default())
                .ssl_mode(PgSslMode::Disable),
        };
        let (cost, lines) = self.poll(options).await?;
        Ok((cost, lines.iter().map(|line| line.pages).sum()))
    }

    /// Reads everything again; returns the number of stored rows and the cost.
    pub(crate) async fn again(&self) -> anyhow::Result<(i64, Cost)> {
        // nothing is proven any more, so that everything is read again
        sqlx::query("delete from ingest.windows").execute(&self.pool).await?;
        let (cost, lines) = self.poll(self.options.clone()).await?;
        let written: i64 = lines.iter().map(|line| line.inserted + line.updated).sum();
        if written != 0 {
            bail!("the second poll wrote {written} sessions: the comparison means nothing");
        }
        let mut rows = 0;
        for table in TABLES {
            let sql = AssertSqlSafe(format!("select count(*) from {table}"));
            rows += sqlx::query_scalar::<_, i64>(sql).fetch_one(&self.pool).await?;
        }
        Ok((rows, cost))
    }

    async fn poll(&self, options: PgConnectOptions) -> anyhow::Result<(Cost, Vec<PollLine>)> {
        let environment = BTreeMap::from([("BENCH_KEY".to_owned(), API_KEY.to_owned())]);
        let config = app::parse_config(&self.toml, &environment)?;
        let app = App::new(config, Some(options), Arc::clone(&self.clock), Arc::new(Dice::seeded(1)))?;
        let meter = Meter::start(&self.pool, self.server_pid).await?;
        let lines = polling::poll(&app, &Selection::default(), CancellationToken::new()).await?;
        let cost = meter.stop().await?;
        // what a provider no longer has stays owed until a later poll confirms it
        if let Some(line) = lines.iter().find(|line| !line.is_complete() && line.owed == 0) {
            bail!("{line:?}");
        }
        Ok((cost, lines))
    }

    /// Copies the same rows in binary form into tables with the same columns, checks and indexes: an upper limit that
    /// no poll can reach, because these rows need no preparation.
    pub(crate) async fn copy(&self) -> anyhow::Result<Cost> {
        let pool = &self.pool;
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
        let meter = Meter::start(pool, self.server_pid).await?;
        for (name, chunks) in data {
            let mut copy = pool.copy_in_raw(&format!("copy bench.{name} from stdin (format binary)")).await?;
            for chunk in chunks {
                copy.send(chunk).await?;
            }
            copy.finish().await?;
        }
        meter.stop().await
    }
}
