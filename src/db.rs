//! The way to Postgres: pools and migrations. Knows no table.
//!
//! Between us and the server may stand a pooler that hands out another connection for each transaction. It is told
//! apart because it changes what may be asked: no settings of a session, no lock of a session, and statements prepared
//! on one connection are there on the next only where the pooler sees to it. One that does not would give the answer to
//! one question to another, so it is found out at the start.

use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgPool};

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
    /// Something between us and the server drops the settings of a session.
    #[error(
        "Postgres at {address} does not keep the settings of a session: a pooler stands in between; \
         set database.pooler = \"transaction\", or give the server's own address"
    )]
    HiddenPooler {
        /// Host and port, or socket; no user and no password.
        address: String,
    },
    /// The pooler mixes up prepared statements.
    #[error(
        "the pooler at {address} loses prepared statements between transactions, so answers could be mixed up: \
         PgBouncer 1.21 or later with max_prepared_statements above 0 is needed, or its session mode, or the server's own address"
    )]
    UnsafePooler {
        /// Host and port, or socket; no user and no password.
        address: String,
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

/// What stands between us and the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// Nothing that matters.
    Direct,
    /// A pooler that hands out another connection for each transaction. Time-outs and the like are what it or the role
    /// sets: we cannot.
    TransactionPooler,
}

/// A connection that has been idle for longer is asked whether it lives before it is used.
const FRESH: Duration = Duration::from_secs(1);
/// Prepared statements that a connection keeps: more than a poller has, so that none is prepared twice.
const KEPT_STATEMENTS: usize = 300;

/// Settings of a session, apart from its time-out.
const SETTINGS: [(&str, &str); 3] =
    [("timezone", "UTC"), ("jit", "off"), ("idle_in_transaction_session_timeout", "30s")];

/// A pool of connections to `options`; waits for a server that is still starting.
pub async fn connect(
    options: PgConnectOptions,
    route: Route,
    purpose: Purpose,
    max_connections: u32,
) -> Result<PgPool, DbError> {
    let address = address_of(&options);
    let (name, statement_timeout) = match purpose {
        Purpose::Poll => ("tributary-poller", "60s"),
        Purpose::Answer => ("tributary-api", "10s"),
    };
    let options = options.application_name(name);
    let options = match route {
        Route::Direct => options.options(SETTINGS).options([("statement_timeout", statement_timeout)]),
        // refused by PgBouncer; binary floats need no extra digits
        Route::TransactionPooler => options.extra_float_digits(None),
    };
    let options = options.statement_cache_capacity(KEPT_STATEMENTS);
    let pool = PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(Duration::from_secs(5))
        // a connection that was in use a moment ago is not asked whether it lives: that is a round trip each time
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for > FRESH {
                    connection.ping().await?;
                }
                Ok(true)
            })
        })
        .connect_lazy_with(options.clone());
    let started = tokio::time::Instant::now();
    loop {
        let kept = sqlx::query_scalar::<_, String>("select current_setting('idle_in_transaction_session_timeout')");
        let source = match kept.fetch_one(&pool).await {
            Ok(kept) if route == Route::Direct && kept != "30s" => return Err(DbError::HiddenPooler { address }),
            Ok(_) if route == Route::Direct => return Ok(pool),
            Ok(_) => match keeps_statements(&options).await {
                Ok(true) => return Ok(pool),
                Ok(false) => return Err(DbError::UnsafePooler { address }),
                Err(source) => source,
            },
            Err(source) => source,
        };
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

fn address_of(options: &PgConnectOptions) -> String {
    match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    }
}

/// Whether what one connection prepared is still its own after another was served. Two of them prepare different
/// questions, which get the same name; a pooler that does not see to names finds the other's, or none, or two.
async fn keeps_statements(options: &PgConnectOptions) -> Result<bool, sqlx::Error> {
    let mut one = options.clone().connect().await?;
    let mut other = options.clone().connect().await?;
    for round in 0..3 {
        for (connection, question, expected) in [
            (&mut one, "select 'one-' || $1::int", format!("one-{round}")),
            (&mut other, "select 'other-' || $1::int", format!("other-{round}")),
        ] {
            match sqlx::query_scalar::<_, String>(question).bind(round).fetch_one(connection).await {
                Ok(answer) if answer == expected => {}
                // invalid or duplicate name, or the other one's answer
                Ok(_) | Err(sqlx::Error::Database(_) | sqlx::Error::Protocol(_)) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }
    one.close().await?;
    other.close().await?;
    Ok(true)
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

/// How long whoever may not migrate yet waits before asking again.
const LOCK_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// One process at a time migrates.
const MIGRATION_LOCK: i64 = 0x7472_6962;

/// Brings the schema to this version. Takes a lock, so that several instances may start at once: one of a transaction,
/// which a pooler leaves where it is.
pub async fn migrate(pool: &PgPool) -> Result<(), DbError> {
    apply(pool).await.map_err(DbError::Migration)
}

async fn apply(pool: &PgPool) -> Result<(), sqlx::migrate::MigrateError> {
    // connections of their own: the pool may be of one, and a migration may take longer than any poll
    let options = (*pool.connect_options()).clone();
    let options = match options.get_options() {
        Some(_) => options.options([("statement_timeout", "0"), ("idle_in_transaction_session_timeout", "0")]),
        None => options,
    };
    let mut holder = options.clone().connect().await?;
    // who waits in a transaction keeps a connection of the pooler, which whoever migrates may need
    let lock = loop {
        let mut lock = holder.begin().await?;
        let has_lock = sqlx::query_scalar("select pg_try_advisory_xact_lock($1)").bind(MIGRATION_LOCK);
        if has_lock.fetch_one(&mut *lock).await? {
            break lock;
        }
        lock.rollback().await?;
        tokio::time::sleep(LOCK_AGAIN_AFTER).await;
    };
    let mut connection = options.connect().await?;
    let mut migrator = sqlx::migrate!();
    // it would take a lock of a session
    migrator.set_locking(false);
    migrator.run(&mut connection).await?;
    connection.close().await?;
    lock.commit().await?;
    holder.close().await?;
    Ok(())
}
