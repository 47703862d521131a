//! A private Postgres server, run from binaries installed on this machine or fetched into the data folder.
//!
//! The server is a direct child of this process, listens on a socket that its own account can reach, and ends with
//! this process. If asked to, it also listens on a loopback port, where only the role `analyst` may log in, with a
//! password. Its data stay: the next start on the same folder continues from them, even if either process
//! was killed. `pg_ctl` is not used, since it leaves a server without a parent.
//! This module does not depend on what is stored in the server, and reads no environment: the caller passes
//! everything in.

mod access;
mod account;
mod binaries;
mod error;
mod fetch;
mod cluster_folder;
mod process;
mod scram;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use secrecy::SecretString;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};

pub use crate::embedded::access::{RandomPassword, TcpSettings};
pub use crate::embedded::error::PostgresError;
pub use crate::embedded::fetch::{Build, FetchSettings, PackageClient};

use crate::embedded::access::{ANALYST, Access, DATABASE, SUPERUSER};
use crate::embedded::account::Account;
use crate::embedded::binaries::Binaries;
use crate::embedded::cluster_folder::ClusterFolder;
use crate::embedded::process::Postmaster;

/// Default folder of a private server.
pub const DEFAULT_DATA_DIR: &str = "tributary-data";

/// Settings of a private server.
#[derive(Debug, Clone)]
pub struct ServerSettings {
    /// Folder of cluster, socket, log and lock; created if missing.
    pub data_dir: PathBuf,
    /// Folder of `initdb` and `postgres`; searched for if absent.
    pub bin_dir: Option<PathBuf>,
    /// Folders of the command search path; searched first.
    pub search_path: Vec<PathBuf>,
    /// How binaries are fetched if none are found; absent: they are not.
    pub fetch: Option<FetchSettings>,
    /// Access for analysts by TCP; absent: the server listens on its socket only.
    pub tcp: Option<TcpSettings>,
    /// Whether a power failure must lose nothing. `false` skips all syncing: committed data still survive the end of
    /// any process, the server's own included, and a load is faster.
    pub durable: bool,
}

/// Returns the folders in which the system looks for programs.
pub fn search_path(environment: &BTreeMap<String, String>) -> Vec<PathBuf> {
    environment.get("PATH").map(|path| std::env::split_paths(path).collect()).unwrap_or_default()
}

/// Runs `work`, and keeps its private server running beside it, if there is one. Fails with the reason why the server
/// cannot run.
pub async fn beside<T>(server: Option<&mut Server>, work: impl Future<Output = T>) -> Result<T, PostgresError> {
    match server {
        None => Ok(work.await),
        Some(server) => tokio::select! {
            done = work => Ok(done),
            error = server.keep_running() => Err(error),
        },
    }
}

/// A running private server. Dropping it stops it.
#[derive(Debug)]
pub struct Server {
    postmaster: Postmaster,
    folder: ClusterFolder,
    access: Access,
    binaries: Binaries,
    durable: bool,
}

/// Pause between two looks at the server.
const LOOK_EVERY: Duration = Duration::from_millis(250);
/// A server that ends this often within [`OFTEN_WITHIN`] is not started again.
const MOST_RESTARTS: usize = 5;
/// The time over which restarts are counted.
const OFTEN_WITHIN: Duration = Duration::from_mins(10);

impl Server {
    /// Creates the cluster if there is none, and starts the server. Blocks until it accepts connections: usually well
    /// under a second, up to a minute after a crash with much data, longer if binaries are fetched.
    ///
    /// Call it from a thread that lives as long as the app, that is from `main` before the async runtime starts: on
    /// Linux the kernel stops the server when the *thread* that started it ends.
    pub fn start(settings: &ServerSettings) -> Result<Self, PostgresError> {
        let folder = ClusterFolder::claim(&settings.data_dir, Account::for_children()?)?;
        let bin_dir = settings.bin_dir.as_deref();
        let binaries = Binaries::find_or_fetch(bin_dir, &settings.search_path, settings.fetch.as_ref(), &folder)?;
        process::stop_survivor(&folder)?;
        let access = Access::prepare(settings.tcp.as_ref(), &folder)?;
        if !folder.has_cluster() {
            process::init_cluster(&binaries, &folder, settings.durable)?;
        }
        let postmaster = Postmaster::start(&binaries, &folder, &access, settings.durable)?;
        Ok(Self { postmaster, folder, access, binaries, durable: settings.durable })
    }

    /// Returns the folder in use. It differs from the requested folder if this process is root and the account that
    /// runs Postgres cannot reach the requested one.
    pub fn data_dir(&self) -> &Path {
        &self.folder.root
    }

    /// Returns the folder of the socket.
    pub fn socket_dir(&self) -> &Path {
        &self.folder.socket_dir
    }

    /// Returns the connection URL for analysts by TCP, password included. It works after [`Self::let_analyst_read`].
    pub fn analyst_url(&self) -> Option<SecretString> {
        self.access.url()
    }

    /// Returns the process number of the server.
    pub fn pid(&self) -> u32 {
        self.postmaster.pid()
    }

    /// Returns the options to connect to the service's database; see [`Self::create_database`].
    pub fn connect_options(&self) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .socket(&self.folder.socket_dir)
            .port(self.access.port)
            .username(SUPERUSER)
            .database(DATABASE)
            .ssl_mode(PgSslMode::Disable)
    }

    /// Creates the service's database, and the role `analyst`, which may log in and has no rights yet, if they are
    /// missing.
    pub async fn create_database(&self) -> Result<(), PostgresError> {
        self.create_missing().await.map_err(|error| self.explain(&error))
    }

    async fn create_missing(&self) -> Result<(), sqlx::Error> {
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
        self.grant_to_analyst().await.map_err(|error| self.explain(&error))
    }

    /// Returns why a statement failed: the disk is full, or what the database says.
    fn explain(&self, error: &sqlx::Error) -> PostgresError {
        let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
        // a full disk also keeps the server's log from saying so
        if code.as_deref() == Some("53100") || self.folder.says_lately("No space left on device") {
            return PostgresError::DiskFull(self.folder.root.clone());
        }
        PostgresError::Database(error.to_string())
    }

    async fn grant_to_analyst(&self) -> Result<(), sqlx::Error> {
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
        if let Some(tcp) = &self.access.tcp {
            let statement = format!("alter role {ANALYST} password '{}'", tcp.verifier());
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(&mut connection).await?;
        }
        connection.close().await?;
        Ok(())
    }

    /// Starts the server again each time it ends by itself, as after a kill. Returns the reason why it cannot run: its
    /// disk is full, it does not start, or it ends again and again. Poll it on the thread that started the server.
    pub async fn keep_running(&mut self) -> PostgresError {
        let mut restarts: Vec<Instant> = Vec::new();
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let Some(status) = self.postmaster.ended() else { continue };
            let (log, last_words) = (self.folder.log.clone(), self.folder.last_words());
            if self.folder.says_lately("No space left on device") {
                return PostgresError::DiskFull(self.folder.root.clone());
            }
            restarts.retain(|at| at.elapsed() < OFTEN_WITHIN);
            if restarts.len() >= MOST_RESTARTS {
                return PostgresError::Exited { status, last_words, log };
            }
            restarts.push(Instant::now());
            tracing::error!(%status, last_words, "the private Postgres ended, starting it again");
            match Postmaster::start(&self.binaries, &self.folder, &self.access, self.durable) {
                Ok(postmaster) => self.postmaster = postmaster,
                Err(error) => return error,
            }
        }
    }

    /// Stops the server and ends open connections. A second call does nothing.
    pub fn stop(&mut self) {
        self.postmaster.stop();
    }
}
