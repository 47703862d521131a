//! A private Postgres server, run from the binaries installed on this machine.
//!
//! The server is a direct child of this process, listens only on a socket that its own account can reach, and ends
//! with this process. Its data stay: the next start on the same folder continues from them, even if either process
//! was killed. `pg_ctl` is not used, since it leaves a server without a parent.
//! This module does not depend on what is stored in the server, and reads no environment: the caller passes
//! everything in.

mod account;
mod binaries;
mod place;
mod process;

use std::path::{Path, PathBuf};

use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{ConnectOptions, Connection};

use crate::demo::postgres::account::Account;
use crate::demo::postgres::binaries::Binaries;
use crate::demo::postgres::place::Place;
use crate::demo::postgres::process::Postmaster;

/// The superuser of the cluster.
const SUPERUSER: &str = "tributary";
/// The service's database.
const DATABASE: &str = "tributary";
/// Part of the socket file's name; the server does not listen on TCP.
const PORT: u16 = 5432;

/// Settings of a private server.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// Folder of cluster, socket, log and lock; created if missing.
    pub data_dir: PathBuf,
    /// Folder of `initdb` and `postgres`; searched for if absent.
    pub bin_dir: Option<PathBuf>,
    /// Folders of the command search path; searched first.
    pub search_path: Vec<PathBuf>,
    /// Whether a power failure must lose nothing. `false` skips all syncing: committed data still survive the end of
    /// any process, the server's own included, and a load is faster.
    pub durable: bool,
}

/// Reasons why a private server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// No folder holds both `initdb` and `postgres`.
    #[error(
        "no PostgreSQL binaries were found: install them with `apt install postgresql`, `brew install postgresql@17` \
         or `dnf install postgresql-server`, or set DATABASE_URL to a database you have"
    )]
    NoBinaries,
    /// The folder named by the caller lacks one of the two.
    #[error("{} does not contain `initdb` and `postgres`", .0.display())]
    NotABinDir(PathBuf),
    /// The cluster was created by a major version that is not installed.
    #[error("the data in {} were written by PostgreSQL {wanted}, which is not installed (found: {found}): \
             install that version, or choose another data folder", .data_dir.display())]
    WrongVersion {
        /// The cluster's folder.
        data_dir: PathBuf,
        /// Major version that wrote it.
        wanted: String,
        /// Major versions found, comma-separated.
        found: String,
    },
    /// Another process uses the same folder.
    #[error("the data folder {} is in use by process {pid}: stop it, or choose another folder", .data_dir.display())]
    InUse {
        /// The folder.
        data_dir: PathBuf,
        /// The process that uses the folder; `?` if the lock file does not give its number.
        pid: String,
    },
    /// This process is root, which Postgres refuses, and there is no account to switch to.
    #[error("running as root, and neither `postgres` nor `nobody` is an account here to run PostgreSQL as")]
    NoAccount,
    /// A folder for sockets belongs to another account.
    #[error("{} exists and is not a private folder of the account that runs PostgreSQL", .0.display())]
    ForeignSocketDir(PathBuf),
    /// An operation on a file or a process failed.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        /// The operation.
        action: &'static str,
        /// The file or program.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// `initdb` failed.
    #[error("`initdb` could not create a cluster: {0}")]
    Initdb(String),
    /// A server that an earlier run left behind does not stop.
    #[error("the server of an earlier run (process {0}) does not stop")]
    Survivor(u32),
    /// The server ended before it was ready.
    #[error("PostgreSQL ended at its start ({status}): {last_words} (see {})", .log.display())]
    Exited {
        /// Its exit status.
        status: std::process::ExitStatus,
        /// Last line of its log.
        last_words: String,
        /// Its log.
        log: PathBuf,
    },
    /// The server was not ready in time.
    #[error("PostgreSQL was not ready after {seconds} s (see {})", .log.display())]
    NotReady {
        /// Seconds waited.
        seconds: u64,
        /// Its log.
        log: PathBuf,
    },
    /// The database could not be created.
    #[error("cannot create the database `{DATABASE}`: {0}")]
    Database(#[from] sqlx::Error),
}

impl PostgresError {
    /// Returns a closure for `map_err` that builds an I/O error with its operand.
    fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source }
    }
}

/// A running private server. Dropping it stops it.
#[derive(Debug)]
pub struct Server {
    postmaster: Postmaster,
    place: Place,
}

impl Server {
    /// Creates the cluster if there is none, and starts the server. Blocks until it accepts connections: usually well
    /// under a second, up to a minute after a crash with much data.
    ///
    /// Call it from a thread that lives as long as the app, that is from `main` before the async runtime starts: on
    /// Linux the kernel stops the server when the *thread* that started it ends.
    pub fn start(settings: &ServerSettings) -> Result<Self, PostgresError> {
        let place = Place::claim(&settings.data_dir, Account::for_children()?)?;
        let binaries = Binaries::find(settings, &place)?;
        process::stop_survivor(&place)?;
        if !place.has_cluster() {
            process::init_cluster(&binaries, &place, settings.durable)?;
        }
        let postmaster = Postmaster::start(&binaries, &place, settings.durable)?;
        Ok(Self { postmaster, place })
    }

    /// Returns the folder in use. It differs from the requested folder if this process is root and the account that
    /// runs Postgres cannot reach the requested one.
    pub fn data_dir(&self) -> &Path {
        &self.place.root
    }

    /// Returns the folder of the socket.
    pub fn socket_dir(&self) -> &Path {
        &self.place.socket_dir
    }

    /// Returns the process number of the server.
    pub fn pid(&self) -> u32 {
        self.postmaster.pid()
    }

    /// Returns the options to connect to the service's database; see [`Self::create_database`].
    pub fn connect_options(&self) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .socket(&self.place.socket_dir)
            .port(PORT)
            .username(SUPERUSER)
            .database(DATABASE)
            .ssl_mode(PgSslMode::Disable)
    }

    /// Creates the service's database, and the role `analyst`, which may log in and has no rights yet, if they are
    /// missing.
    pub async fn create_database(&self) -> Result<(), PostgresError> {
        let mut connection = self.connect_options().database("postgres").connect().await?;
        for (exists, create) in [
            ("select exists (select from pg_roles where rolname = 'analyst')", "create role analyst login"),
            ("select exists (select from pg_database where datname = 'tributary')", "create database tributary"),
        ] {
            if !sqlx::query_scalar::<_, bool>(exists).fetch_one(&mut connection).await? {
                sqlx::query(create).execute(&mut connection).await?;
            }
        }
        connection.close().await?;
        Ok(())
    }

    /// Grants the role `analyst` the rights of an analyst, and nothing else. Call it after the migrations: one of
    /// them creates the role that is granted.
    pub async fn let_analyst_read(&self) -> Result<(), PostgresError> {
        let mut connection = self.connect_options().connect().await?;
        sqlx::raw_sql(
            "grant tributary_analyst to analyst;
             alter role analyst set default_transaction_read_only = on;
             alter role analyst set statement_timeout = '60s';
             alter role analyst set idle_in_transaction_session_timeout = '60s';
             alter role analyst set search_path = analytics;
             alter role analyst set timezone = 'UTC';",
        )
        .execute(&mut connection)
        .await?;
        connection.close().await?;
        Ok(())
    }

    /// Stops the server and ends open connections. A second call does nothing.
    pub fn stop(&mut self) {
        self.postmaster.stop();
    }
}
