//! Costs of an operation: wall time, CPU of this process and of the server, WAL, rows.

use std::fmt;
use std::time::{Duration, Instant};

use anyhow::Context;
use sqlx::PgPool;

/// Clock ticks a second in `/proc`: 100 on every Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// The head of a table of costs.
pub(crate) const HEAD: &str = "  wall s   own CPU s   server CPU s    WAL MB   rows written";

/// The costs of an operation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// Wall time, seconds.
    pub(crate) wall: f64,
    /// CPU seconds of this process.
    pub(crate) own: f64,
    /// CPU seconds of the server, all its processes.
    pub(crate) server: f64,
    /// Megabytes.
    pub(crate) wal: f64,
    /// Rows inserted, updated and deleted, including the server's own tables.
    pub(crate) rows: i64,
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wall, own, server, wal, rows } = self;
        write!(f, "{wall:>8.2} {own:>11.2} {server:>14.2} {wal:>9.1} {rows:>14}")
    }
}

/// The state at the start of a measurement.
pub(crate) struct Meter<'a> {
    pool: &'a PgPool,
    server_pid: u32,
    started: Instant,
    own: f64,
    server: f64,
    lsn: String,
    rows: i64,
}

impl<'a> Meter<'a> {
    /// Starts measuring, after a checkpoint.
    pub(crate) async fn start(pool: &'a PgPool, server_pid: u32) -> anyhow::Result<Self> {
        sqlx::query("checkpoint").execute(pool).await?;
        let rows = rows_written(pool).await?;
        let lsn = sqlx::query_scalar("select pg_current_wal_insert_lsn()::text").fetch_one(pool).await?;
        let (own, server) = (cpu_of(std::process::id())?, cpu_of_server(server_pid)?);
        Ok(Self { pool, server_pid, started: Instant::now(), own, server, lsn, rows })
    }

    /// Ends the measurement.
    pub(crate) async fn stop(self) -> anyhow::Result<Cost> {
        let wall = self.started.elapsed().as_secs_f64();
        let own = cpu_of(std::process::id())? - self.own;
        let server = cpu_of_server(self.server_pid)? - self.server;
        let wal: f64 =
            sqlx::query_scalar("select pg_wal_lsn_diff(pg_current_wal_insert_lsn(), $1::text::pg_lsn)::float8")
                .bind(&self.lsn)
                .fetch_one(self.pool)
                .await?;
        let rows = rows_written(self.pool).await? - self.rows;
        Ok(Cost { wall, own, server, wal: wal / 1e6, rows })
    }
}

/// Returns the written rows. The server reports its counters within a second after a transaction.
async fn rows_written(pool: &PgPool) -> anyhow::Result<i64> {
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let written = sqlx::query_scalar(
        "select tup_inserted + tup_updated + tup_deleted from pg_stat_database where datname = current_database()",
    );
    Ok(written.fetch_one(pool).await?)
}

/// CPU seconds of the server: of its running processes, and of those that have ended.
fn cpu_of_server(pid: u32) -> anyhow::Result<f64> {
    let mut ticks = 0;
    for entry in std::fs::read_dir("/proc").context("there is no /proc")? {
        let name = entry?.file_name();
        // a process that ends meanwhile is counted by its parent
        let Some(fields) = name.to_str().and_then(|name| name.parse().ok()).and_then(stat) else { continue };
        if fields.pid == pid {
            ticks += fields.own + fields.of_children;
        } else if fields.parent == pid {
            ticks += fields.own;
        }
    }
    Ok(seconds(ticks))
}

fn cpu_of(pid: u32) -> anyhow::Result<f64> {
    Ok(seconds(stat(pid).context("there is no /proc")?.own))
}

fn seconds(ticks: u32) -> f64 {
    f64::from(ticks) / TICKS_PER_SECOND
}

/// A process as in `/proc`; times in ticks.
struct Stat {
    pid: u32,
    parent: u32,
    own: u32,
    of_children: u32,
}

fn stat(pid: u32) -> Option<Stat> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // the name in brackets may contain any character
    let (_, rest) = text.rsplit_once(')')?;
    let fields: Vec<u32> = rest.split_whitespace().map(|field| field.parse().unwrap_or(0)).collect();
    let at = |index: usize| fields.get(index).copied();
    Some(Stat { pid, parent: at(1)?, own: at(11)? + at(12)?, of_children: at(13)? + at(14)? })
}
