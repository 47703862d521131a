//! Writes: the only inserts and updates.
//!
//! [`page::save`] commits a page in one transaction: raw records, normalized rows, rejects, learnt facts, once a
//! second the run's progress and, with the last page of a window, the proof. The transaction begins by comparing the
//! lease's token and fence, so that a poller that was presumed dead cannot write. Unchanged records are not written:
//! hashes are compared first. New records are inserted without conflict handling, many messages by `copy`; only
//! records that may be stored are upserted.
//!
//! This module knows the tables and the model; it knows no provider and no HTTP.

pub mod absence;
pub mod account;
pub mod action;
pub mod alert;
pub mod alert_delivery;
pub mod api_key;
pub mod artifact;
pub mod audit;
pub mod backfill;
pub mod budget;
pub mod closed_hours;
pub mod control;
pub mod erasure;
pub mod field_presence;
pub mod hint;
pub mod write_guard;
pub mod accepted_gap;
pub mod instance;
pub mod lateness;
pub mod lease;
pub mod open_set;
pub mod operation;
pub mod page;
pub mod page_session;
pub mod prune;
pub mod rate_cards;
pub mod reconciliation;
pub mod reject;
pub mod replay;
pub mod ring;
pub mod run;
pub mod pseudonym_key;
pub mod source;
pub mod source_change;
pub mod state_coverage;
pub mod server;
pub mod server_check;
pub mod window;

mod bulk;
mod change;
mod copy;
mod session_stats;
mod deletion;
mod extension;
mod message;
mod drift;
mod newer_wins;
mod person;
mod progress;
mod raw;
mod search_language;
mod session;
mod source_tables;
mod trail;
mod data_version;

use std::borrow::Cow;

use crate::model::id::SourceId;
use crate::model::source::being_removed;
use crate::model::stream::Stream;

/// A stream of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamKey {
    /// The source.
    pub source_id: SourceId,
    /// The stream.
    pub stream: Stream,
}

impl StreamKey {
    /// Returns the key that a row names; `None` for a stream unknown to this version.
    pub(crate) fn of(source_id: i32, stream: &str) -> Option<Self> {
        Some(Self { source_id: SourceId(source_id), stream: Stream::parse(stream)? })
    }
}

/// The reason why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database failed; the transaction was rolled back.
    #[error("the database failed while {doing}")]
    Database {
        /// The failed operation.
        doing: &'static str,
        /// The driver's error.
        #[source]
        source: sqlx::Error,
    },
    /// The data to be saved was requested too long ago: other pollers have read since.
    #[error(
        "a page was requested {age_minutes} minutes before it was saved: the poller was suspended, and reads it again"
    )]
    Outdated {
        /// Age of the request.
        age_minutes: i64,
    },
    /// Another poller holds the stream now, or the lease has expired.
    #[error("the lease of stream `{stream}` of source {source_id} is lost: another poller may hold it")]
    LeaseLost {
        /// The source.
        source_id: i32,
        /// The stream.
        stream: &'static str,
    },
    /// Another process holds the unit now, or its backfill was ended.
    #[error("the claim on unit {unit_id} is lost: another process may hold it")]
    UnitLost {
        /// The unit.
        unit_id: i64,
    },
    /// A command removes the source, or began to.
    #[error("{}", being_removed(.slug))]
    SourceRemoved {
        /// The source.
        slug: String,
    },
    /// An operator paused the stream.
    #[error("stream `{stream}` of source {source_id} is paused by an operator")]
    Paused {
        /// The source.
        source_id: i32,
        /// The stream.
        stream: &'static str,
    },
}

impl StoreError {
    /// Wraps a driver error with the name of the failed operation.
    pub(crate) fn doing(doing: &'static str) -> impl Fn(sqlx::Error) -> Self {
        move |source| Self::Database { doing, source }
    }

    /// Describes the error without any data of a row: the operation, the SQLSTATE code, and the place.
    pub fn cause(&self) -> String {
        let Self::Database { source, .. } = self else { return self.to_string() };
        let Some(database) = source.as_database_error() else { return format!("{self}: {source}") };
        let code = self.sqlstate().unwrap_or_default();
        let relation = database.constraint().or_else(|| database.table()).unwrap_or_default();
        // the message of a refused value may quote it; all others concern the server
        let message = if self.is_data() { relation } else { database.message() };
        format!("{self}: {code} {message}").trim_end().to_owned()
    }

    fn sqlstate(&self) -> Option<Cow<'_, str>> {
        let Self::Database { source, .. } = self else { return None };
        let database = source.as_database_error()?;
        code_of_refused_copy(database.message()).map(Cow::Borrowed).or_else(|| database.code())
    }

    /// Whether the same write may soon succeed: lost connections, deadlocks, lock time-outs, a server that restarts
    /// or has too many connections.
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

    /// Whether a key is taken: a record assumed to be new is stored by now.
    pub(crate) fn is_taken(&self) -> bool {
        self.sqlstate().as_deref() == Some("23505")
    }

    /// Whether the database refused a value: then one record is at fault, not the page.
    pub fn is_data(&self) -> bool {
        self.sqlstate().is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
    }
}

/// Returns the SQLSTATE code of a row that a node of a Citus cluster refused. Where an `insert … select` copies its
/// rows to a node, Citus passes the message on without the code.
fn code_of_refused_copy(message: &str) -> Option<&'static str> {
    let refusals = [
        ("violates unique constraint", "23505"),
        ("violates check constraint", "23514"),
        ("violates not-null constraint", "23502"),
    ];
    refusals.iter().find(|(text, _)| message.contains(text)).map(|(_, code)| *code)
}
