//! Access to Postgres: pools and migrations. It knows no tables of the service but those of the migrations.
//!
//! A pooler that assigns another connection for each transaction may stand between us and the server. It is
//! configured explicitly because it forbids session settings and session locks, and because a prepared
//! statement exists on the next connection only if the pooler provides it. A pooler that does not could return
//! one query's answer to another, so the start checks for it.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgPool};

pub use self::changes::{follow_changes, notify_of_change, notify_of_command};
pub use self::departures::Departures;
pub use self::engine::Engine;
pub use self::error::MigrationError;
pub use self::migration::{MIGRATOR, migrate, migrate_within, pending_migrations, schema_version};
pub use self::schema_objects::{SchemaAlterations, schema_alterations};
pub use self::trouble::{DatabaseTrouble, WriteState};
pub use self::views::{VIEWS, View};

mod changes;
mod departures;
mod engine;
mod error;
mod lock;
mod migration;
mod schema_objects;
mod trouble;
mod views;

/// Longest wait at the start for a server that does not respond.
const CONNECT_WITHIN: Duration = Duration::from_secs(30);

/// The reason why there is no usable database.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// The server did not respond in time.
    #[error("Postgres at {address} did not respond within {} s; is it running, and is the address right?", CONNECT_WITHIN.as_secs())]
    Unreachable {
        /// Host and port, or socket; no user and no password.
        address: String,
        /// Error of the last attempt.
        #[source]
        source: sqlx::Error,
    },
    /// The server gave no connection in time, and states why.
    #[error("Postgres at {address} gave no connection within {} s. {} {}", CONNECT_WITHIN.as_secs(), trouble.sentence(), trouble.advice())]
    NoConnection {
        /// Host and port, or socket; no user and no password.
        address: String,
        /// The reason.
        trouble: DatabaseTrouble,
    },
    /// The server refused the connection.
    #[error("Postgres at {address} refused the connection; check user, password and database name")]
    Refused {
        /// Host and port, or socket; no user and no password.
        address: String,
        /// Error of the server.
        #[source]
        source: sqlx::Error,
    },
    /// A pooler between us and the server drops session settings.
    #[error(
        "Postgres at {address} does not keep session settings, so a pooler is in between: \
         set database.pooler = \"transaction\", or give the server's own address"
    )]
    HiddenPooler {
        /// Host and port, or socket; no user and no password.
        address: String,
    },
    /// The pooler loses prepared statements.
    #[error(
        "the pooler at {address} loses prepared statements between transactions, so results could be mixed up: \
         use PgBouncer 1.21 or later with max_prepared_statements above 0, or its session mode, or the server's own address"
    )]
    UnsafePooler {
        /// Host and port, or socket; no user and no password.
        address: String,
    },
}

/// The purpose of a pool. Each purpose has a pool of its own, so that none starves another.
#[derive(Debug, Clone)]
pub enum Purpose {
    /// Polls: few connections, one transaction for each page.
    Poll,
    /// Answers: a statement is cancelled after ten seconds, and when its caller departs.
    Answer(Departures),
    /// Health, readiness, freshness and the version of the data: short statements that never wait for an answer.
    Probe(Departures),
}

impl Purpose {
    /// Returns the name of the connections at the server, and the time limit of a statement.
    fn settings(&self) -> (&'static str, &'static str) {
        match self {
            Self::Poll => ("tributary-poller", "60s"),
            Self::Answer(_) => ("tributary-api", "10s"),
            Self::Probe(_) => ("tributary-probe", "3s"),
        }
    }
}

/// The connection between us and the server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// A direct connection, or a pooler without effect on sessions.
    Direct,
    /// A pooler that assigns another connection for each transaction. The pooler or the role sets timeouts and
    /// the like; we cannot.
    TransactionPooler,
}

/// A connection that was idle for longer is checked before use.
const FRESH: Duration = Duration::from_secs(1);
/// Prepared statements kept per connection: more than a poller has, so that none is prepared twice.
const KEPT_STATEMENTS: usize = 300;

/// Longest wait for a second connection of a pooler.
const HELD_FOR: Duration = Duration::from_secs(1);

/// Session settings, besides the statement timeout.
const SETTINGS: [(&str, &str); 3] =
    [("timezone", "UTC"), ("jit", "off"), ("idle_in_transaction_session_timeout", "30s")];

/// Creates a pool of connections to `options`; waits for a server that is still starting.
pub async fn connect(
    options: PgConnectOptions,
    route: Route,
    purpose: Purpose,
    max_connections: u32,
) -> Result<PgPool, DbError> {
    let unproven = UnprovenPool::new(options, route, purpose, max_connections);
    let started = tokio::time::Instant::now();
    loop {
        match unproven.prove().await {
            Err(DbError::Unreachable { address, source }) if started.elapsed() <= CONNECT_WITHIN => {
                let trouble = unproven.trouble(&source).await;
                tracing::warn!(address, class = trouble.class(), "{} Trying again.", trouble.sentence());
            }
            Err(DbError::Unreachable { address, source: source @ sqlx::Error::PoolTimedOut }) => {
                return Err(match unproven.trouble(&source).await {
                    DatabaseTrouble::Unreachable | DatabaseTrouble::Slow => DbError::Unreachable { address, source },
                    trouble => DbError::NoConnection { address, trouble },
                });
            }
            proven => return proven,
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// A pool whose server has not been reached yet.
#[derive(Debug)]
pub struct UnprovenPool {
    pool: PgPool,
    route: Route,
    /// As given, without our own settings.
    given: PgConnectOptions,
}

impl UnprovenPool {
    /// A pool of connections to `options`; makes none yet.
    pub fn new(given: PgConnectOptions, route: Route, purpose: Purpose, max_connections: u32) -> Self {
        let (name, statement_timeout) = purpose.settings();
        let options = given.clone().application_name(name);
        let options = match route {
            Route::Direct => options.options(SETTINGS).options([("statement_timeout", statement_timeout)]),
            // PgBouncer refuses this setting; binary floats need no extra digits
            Route::TransactionPooler => options.extra_float_digits(None),
        };
        let options = options.statement_cache_capacity(KEPT_STATEMENTS);
        let pool = PgPoolOptions::new()
            .max_connections(max_connections)
            .acquire_timeout(Duration::from_secs(5))
            // skip the check for a connection that was just in use, as it costs a round trip each time
            .test_before_acquire(false)
            .before_acquire(|connection, meta| {
                Box::pin(async move {
                    if meta.idle_for > FRESH {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            });
        let pool = match purpose {
            Purpose::Poll => pool,
            Purpose::Answer(departures) | Purpose::Probe(departures) if route == Route::Direct => {
                departures::end_statements_of_closed(departures.watch(pool))
            }
            Purpose::Answer(departures) | Purpose::Probe(departures) => departures.watch(pool),
        };
        Self { pool: pool.connect_lazy_with(options), route, given }
    }

    /// Returns why there was no connection. A pool cannot distinguish the reasons, so the server is asked.
    async fn trouble(&self, error: &sqlx::Error) -> DatabaseTrouble {
        match error {
            sqlx::Error::PoolTimedOut => DatabaseTrouble::ask(&self.pool).await,
            _ => DatabaseTrouble::of(error).unwrap_or(DatabaseTrouble::Unreachable),
        }
    }

    /// Connects once; returns the pool if the connection is safe to use.
    pub async fn prove(&self) -> Result<PgPool, DbError> {
        let (pool, route, address) = (&self.pool, self.route, address_of(&self.given));
        let kept = sqlx::query_scalar::<_, String>("select current_setting('idle_in_transaction_session_timeout')");
        let source = match kept.fetch_one(pool).await {
            Ok(kept) if route == Route::Direct && kept != "30s" => {
                return Err(hidden_pooler(address, &self.given).await);
            }
            Ok(_) if route == Route::Direct => return Ok(pool.clone()),
            Ok(_) => match keeps_statements(&pool.connect_options()).await {
                Ok(true) => return Ok(pool.clone()),
                Ok(false) => return Err(DbError::UnsafePooler { address }),
                Err(source) => source,
            },
            Err(source) => source,
        };
        match code_of(&source).as_deref() {
            // duplicate and unknown names: another client's statement is on this connection, or ours on another
            Some("42P05" | "26000") => Err(DbError::UnsafePooler { address }),
            // an older PgBouncer refuses session settings
            Some("08P01") if route == Route::Direct => Err(hidden_pooler(address, &self.given).await),
            // it starts
            Some("57P03") => Err(DbError::Unreachable { address, source }),
            _ if source.as_database_error().is_none() => Err(DbError::Unreachable { address, source }),
            _ => Err(DbError::Refused { address, source }),
        }
    }
}

fn code_of(error: &sqlx::Error) -> Option<String> {
    error.as_database_error()?.code().map(std::borrow::Cow::into_owned)
}

/// Returns the error of a pooler that is not declared: declaring it does not help one that loses statements.
async fn hidden_pooler(address: String, given: &PgConnectOptions) -> DbError {
    let declared = given.clone().extra_float_digits(None);
    match keeps_statements(&declared).await {
        Ok(false) => DbError::UnsafePooler { address },
        _ => DbError::HiddenPooler { address },
    }
}

fn address_of(options: &PgConnectOptions) -> String {
    match options.get_socket() {
        Some(socket) => socket.display().to_string(),
        None => format!("{}:{}", options.get_host(), options.get_port()),
    }
}

/// Returns whether prepared statements of a connection survive the use of another one. Two connections prepare
/// different queries, which get the same name; a pooler that ignores names finds the wrong statement, none, or two.
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
                // invalid or duplicate name, or the answer to the other query
                Ok(_) | Err(sqlx::Error::Database(_) | sqlx::Error::Protocol(_)) => return Ok(false),
                Err(error) => return Err(error),
            }
        }
    }
    // while other clients hold the connections used so far, the next one may never have seen the statement
    for _ in 0..3 {
        let mut holder = options.clone().connect().await?;
        sqlx::raw_sql("begin").execute(&mut holder).await?;
        let asked = sqlx::query_scalar::<_, String>("select 'one-' || $1::int").bind(9).fetch_one(&mut one);
        match tokio::time::timeout(HELD_FOR, asked).await {
            Ok(Ok(answer)) if answer == "one-9" => {}
            Ok(Ok(_) | Err(sqlx::Error::Database(_) | sqlx::Error::Protocol(_))) => return Ok(false),
            Ok(Err(error)) => return Err(error),
            // the pooler has no other connection
            Err(_) => {
                sqlx::raw_sql("rollback").execute(&mut holder).await?;
                break;
            }
        }
        sqlx::raw_sql("rollback").execute(&mut holder).await?;
        holder.close().await?;
    }
    // a statement under way may have been given up
    drop(one);
    other.close().await?;
    Ok(true)
}
