//! The way to Postgres: pools and migrations. Knows no table.

use std::time::Duration;

use sqlx::PgPool;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

/// The migrations, embedded in the binary.
pub static MIGRATOR: Migrator = sqlx::migrate!();

/// How long a server that does not answer is waited for at the start.
const START_PATIENCE: Duration = Duration::from_secs(30);

/// Why there is no usable database.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// It did not answer in time.
    #[error("Postgres at {address} did not answer within {} s; is it running, and is the address right?", START_PATIENCE.as_secs())]
    Unreachable {
        /// Host and port, or socket; no user and no password.
        address: String,
        /// The last try's error.
        #[source]
        source: sqlx::Error,
    },
    /// It answered and refused.
    #[error("Postgres at {address} refused the connection; check user, password and database name")]
    Refused {
        /// Host and port, or socket; no user and no password.
        address: String,
        /// The server's words.
        #[source]
        source: sqlx::Error,
    },
    /// A migration failed; nothing of it was applied.
    #[error("the database could not be brought to this version's schema")]
    Migration(#[from] sqlx::migrate::MigrateError),
}

/// What a pool is for. Pollers and answers have pools of their own, so that neither starves the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Polls: few connections, transactions of a page.
    Poll,
    /// Answers: a statement that takes longer than ten seconds is given up.
    Answer,
}

/// A pool of connections to `options`; waits for a server that is still starting.
pub async fn connect(options: PgConnectOptions, purpose: Purpose, max_connections: u32) -> Result<PgPool, DbError> {
    let address = match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    };
    let (name, statement_timeout) = match purpose {
        Purpose::Poll => ("tributary-poller", "60s"),
        Purpose::Answer => ("tributary-api", "10s"),
    };
    let options = options.application_name(name).options([
        ("timezone", "UTC"),
        ("jit", "off"),
        ("statement_timeout", statement_timeout),
        ("idle_in_transaction_session_timeout", "30s"),
    ]);
    let pool = PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(Duration::from_secs(5))
        .connect_lazy_with(options);
    let started = tokio::time::Instant::now();
    loop {
        let Err(source) = sqlx::query("select 1").execute(&pool).await else { return Ok(pool) };
        let is_starting = source.as_database_error().is_none_or(|error| error.code().as_deref() == Some("57P03"));
        if !is_starting {
            return Err(DbError::Refused { address, source });
        }
        if started.elapsed() > START_PATIENCE {
            return Err(DbError::Unreachable { address, source });
        }
        tracing::warn!(address, "Postgres does not answer yet, trying again");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// How many migrations of this version the database does not have yet. Changes nothing.
pub async fn pending_migrations(pool: &PgPool) -> Result<usize, DbError> {
    let failed = |error: sqlx::Error| DbError::Migration(sqlx::migrate::MigrateError::from(error));
    let is_new: bool = sqlx::query_scalar("select to_regclass('public._sqlx_migrations') is null")
        .fetch_one(pool)
        .await
        .map_err(failed)?;
    if is_new {
        return Ok(MIGRATOR.iter().count());
    }
    let applied: Vec<i64> = sqlx::query_scalar("select version from public._sqlx_migrations where success")
        .fetch_all(pool)
        .await
        .map_err(failed)?;
    Ok(MIGRATOR.iter().filter(|migration| !applied.contains(&migration.version)).count())
}

/// Brings the schema to this version. Takes a lock, so that several instances may start at once.
pub async fn migrate(pool: &PgPool) -> Result<(), DbError> {
    let mut connection = pool.acquire().await.map_err(sqlx::migrate::MigrateError::from)?;
    // a migration may take longer than any poll
    sqlx::query("set statement_timeout = 0")
        .execute(&mut *connection)
        .await
        .map_err(sqlx::migrate::MigrateError::from)?;
    MIGRATOR.run(&mut *connection).await?;
    // not given back to the pool: its time-out is gone
    drop(connection.detach());
    Ok(())
}
