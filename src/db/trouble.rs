//! The reasons why a database does not serve, distinguished for operators: the one table from an error to its class.
//!
//! A pool cannot distinguish them: it tries to connect until its timeout. So after a timeout a connection of its own
//! asks the server.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use sqlx::{ConnectOptions, Connection, PgPool};
use tokio::sync::watch;

/// Time limit of a connection that only asks for the reason.
const ASK_WITHIN: Duration = Duration::from_millis(200);

/// The reason why the database does not serve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseTrouble {
    /// No server answers at the address.
    Unreachable,
    /// The server starts, stops or recovers.
    Restarting,
    /// All connections of the server are in use.
    NoConnections,
    /// It accepts no writes.
    ReadOnly,
    /// Its disk is full.
    DiskFull,
    /// It refuses the login.
    Refused,
    /// It does not respond in time.
    Slow,
}

impl DatabaseTrouble {
    /// Returns the reason for an error, or for one of its causes; `None`: the error has another reason.
    pub fn of(error: &(dyn Error + 'static)) -> Option<Self> {
        let mut cause = Some(error);
        while let Some(error) = cause {
            if let Some(found) = error.downcast_ref::<sqlx::Error>().and_then(Self::of_driver) {
                return Some(found);
            }
            cause = error.source();
        }
        None
    }

    fn of_driver(error: &sqlx::Error) -> Option<Self> {
        match error {
            sqlx::Error::PoolTimedOut => Some(Self::Slow),
            sqlx::Error::Io(_) | sqlx::Error::Protocol(_) | sqlx::Error::Tls(_) => Some(Self::Unreachable),
            _ => match error.as_database_error()?.code()?.as_ref() {
                "53300" => Some(Self::NoConnections),
                "53100" => Some(Self::DiskFull),
                "25006" => Some(Self::ReadOnly),
                "57014" | "55P03" => Some(Self::Slow),
                code if code.starts_with("57P") => Some(Self::Restarting),
                code if code.starts_with("28") || code.starts_with("3D") => Some(Self::Refused),
                code if code.starts_with("08") => Some(Self::Unreachable),
                _ => None,
            },
        }
    }

    /// Asks the server of a pool that did not answer in time for the reason.
    pub async fn ask(pool: &PgPool) -> Self {
        let options = (*pool.connect_options()).clone();
        match tokio::time::timeout(ASK_WITHIN, options.connect()).await {
            Ok(Ok(connection)) => {
                // it only asked; the answer does not wait for the goodbye
                tokio::spawn(connection.close());
                Self::Slow
            }
            Ok(Err(error)) => Self::of(&error).unwrap_or(Self::Unreachable),
            Err(_) => Self::Slow,
        }
    }

    /// Returns its class, for programs.
    pub fn class(self) -> &'static str {
        match self {
            Self::Unreachable => "database_unreachable",
            Self::Restarting => "database_restarting",
            Self::NoConnections => "database_connections",
            Self::ReadOnly => "database_read_only",
            Self::DiskFull => "database_disk_full",
            Self::Refused => "database_refused",
            Self::Slow => "database_slow",
        }
    }

    /// Describes it in a sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Unreachable => "The database cannot be reached.",
            Self::Restarting => "The database starts, stops or recovers.",
            Self::NoConnections => "All connections of the database are in use.",
            Self::ReadOnly => "The database is read-only.",
            Self::DiskFull => "The disk of the database is full.",
            Self::Refused => "The database refuses the login.",
            Self::Slow => "The database does not respond in time.",
        }
    }

    /// Returns advice for operators.
    pub fn advice(self) -> &'static str {
        match self {
            Self::Unreachable => "Check that Postgres runs, and that database.url names its address.",
            Self::Restarting => "Wait; if it lasts, read the log of Postgres.",
            Self::NoConnections => {
                "End sessions that are not needed (pg_stat_activity), raise max_connections of Postgres, or lower \
                 database.max_connections of the instances."
            }
            Self::ReadOnly => {
                "Unset default_transaction_read_only, or point database.url to the primary: a standby accepts no writes."
            }
            Self::DiskFull => "Free disk space on the server of the database; polls continue by themselves.",
            Self::Refused => "Check user, password and database name in database.url.",
            Self::Slow => "Look for locks and load (pg_stat_activity), and at the network between.",
        }
    }
}

/// What the last writes that this process tried showed; shared by all clones.
#[derive(Debug, Clone)]
pub struct WriteState(Arc<watch::Sender<Noted>>);

#[derive(Debug, Clone, Copy, Default)]
struct Noted {
    trouble: Option<DatabaseTrouble>,
    is_disk_full: bool,
}

impl Noted {
    fn trouble(self) -> Option<DatabaseTrouble> {
        if self.is_disk_full { Some(DatabaseTrouble::DiskFull) } else { self.trouble }
    }
}

impl Default for WriteState {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(Noted::default())))
    }
}

impl WriteState {
    /// Notes the result of a sign of life, which needs no more space on the disk; `None`: it succeeded.
    pub fn note(&self, trouble: Option<DatabaseTrouble>) {
        self.0.send_modify(|noted| noted.trouble = trouble);
    }

    /// Notes whether the disk has space, as a write that needs some showed. A full disk stays noted until the next one.
    pub fn note_space(&self, is_disk_full: bool) {
        self.0.send_modify(|noted| noted.is_disk_full = is_disk_full);
    }

    /// Returns why the last write failed; `None`: it succeeded, or there was none.
    pub fn trouble(&self) -> Option<DatabaseTrouble> {
        self.0.borrow().trouble()
    }

    /// Waits until a write fails for this reason.
    pub async fn until(&self, trouble: DatabaseTrouble) {
        // the sender lives as long as this
        let _ = self.0.subscribe().wait_for(|noted| noted.trouble() == Some(trouble)).await;
    }
}
