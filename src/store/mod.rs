//! Writes: the only inserts and updates.
//!
//! [`page::save`] commits a page in one transaction: raw records, normalized rows, rejects, what was
//! learnt, once a second the run's progress and, with the last page of a window, the proof. The transaction
//! begins by comparing the lease's token and fence, so that a poller that was thought dead cannot write.
//! A record that is stored already, to the byte, is not touched: hashes are compared first. What is not
//! stored is inserted plainly, many messages by `copy`; only what may be stored is upserted.
//!
//! Knows the tables and the model; knows no provider and no HTTP.

pub mod absence;
pub mod account;
pub mod action;
pub mod artifact;
pub mod backfill;
pub mod budget;
pub mod claim;
pub mod control;
pub mod field_presence;
pub mod hold;
pub mod hole;
pub mod lateness;
pub mod lease;
pub mod open_set;
pub mod operation;
pub mod page;
pub mod present;
pub mod prune;
pub mod rate_cards;
pub mod reconciliation;
pub mod reject;
pub mod replay;
pub mod ring;
pub mod run;
pub mod secret;
pub mod source;
pub mod source_change;
pub mod state_coverage;
pub mod statistics;
pub mod window;

mod batch;
mod bulk;
mod change;
mod copy;
mod counters;
mod deletion;
mod extension;
mod message;
mod oddity;
mod order;
mod person;
mod progress;
mod raw;
mod session;
mod trail;
mod version;

use std::borrow::Cow;

use crate::model::id::SourceId;
use crate::model::stream::Stream;

/// Where a record belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Source.
    pub source_id: SourceId,
    /// Stream.
    pub stream: Stream,
}

impl Place {
    /// The place a row names; `None` for a stream this version does not know.
    pub(crate) fn of(source_id: i32, stream: &str) -> Option<Self> {
        Some(Self { source_id: SourceId(source_id), stream: Stream::parse(stream)? })
    }
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database failed; the transaction was rolled back.
    #[error("the database failed while {doing}")]
    Database {
        /// What was being done.
        doing: &'static str,
        /// The driver's error.
        #[source]
        source: sqlx::Error,
    },
    /// What was to be saved was asked for too long ago: others have read since.
    #[error("a page was asked for {age_minutes} minutes before it was saved: the poller slept, and it is read again")]
    Outdated {
        /// How long ago.
        age_minutes: i64,
    },
    /// Another poller holds the stream now, or the lease has run out.
    #[error("the lease of stream `{stream}` of source {source_id} is lost: another poller may hold it")]
    LeaseLost {
        /// Source.
        source_id: i32,
        /// Stream.
        stream: &'static str,
    },
    /// Another process holds the unit now, or its backfill was ended.
    #[error("the claim on unit {unit_id} is lost: another process may hold it")]
    UnitLost {
        /// The unit.
        unit_id: i64,
    },
    /// An operator paused the stream.
    #[error("stream `{stream}` of source {source_id} is paused by an operator")]
    Paused {
        /// Source.
        source_id: i32,
        /// Stream.
        stream: &'static str,
    },
}

impl StoreError {
    /// Wraps a driver error with what was being done.
    pub(crate) fn doing(doing: &'static str) -> impl Fn(sqlx::Error) -> Self {
        move |source| Self::Database { doing, source }
    }

    /// The error in words that hold no row: what was being done, the state's code, and where.
    pub fn cause(&self) -> String {
        let Self::Database { source, .. } = self else { return self.to_string() };
        let Some(database) = source.as_database_error() else { return format!("{self}: {source}") };
        let code = database.code().unwrap_or_default();
        let place = database.constraint().or_else(|| database.table()).unwrap_or_default();
        // the message of a refused value may quote it; all others speak of the server
        let message = if self.is_data() { place } else { database.message() };
        format!("{self}: {code} {message}").trim_end().to_owned()
    }

    fn sqlstate(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Database { source, .. } => source.as_database_error()?.code(),
            Self::LeaseLost { .. } | Self::Outdated { .. } | Self::UnitLost { .. } | Self::Paused { .. } => None,
        }
    }

    /// Whether the same write may succeed in a moment: lost connections, deadlocks, lock time-outs, a
    /// server that restarts or is full of connections.
    pub fn is_transient(&self) -> bool {
        let Self::Database { source, .. } = self else { return false };
        match self.sqlstate().as_deref() {
            Some(code) => {
                matches!(code, "40001" | "40P01" | "55P03" | "57P01" | "57P02" | "57P03" | "53300" | "25006")
                    || code.starts_with("08")
            }
            None => matches!(source, sqlx::Error::Io(_) | sqlx::Error::PoolTimedOut | sqlx::Error::Protocol(_)),
        }
    }

    /// Whether a key is taken: what was taken for new is stored by now.
    pub(crate) fn is_taken(&self) -> bool {
        self.sqlstate().as_deref() == Some("23505")
    }

    /// Whether the database refused a value: then one record is to blame, not the page.
    pub fn is_data(&self) -> bool {
        self.sqlstate().is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
    }
}
