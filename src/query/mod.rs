//! What is known, read for whoever asks: figures, lists, freshness and the health of polling.
//!
//! One file a question. SQL reads the schema `analytics`, which is a contract and has the names of the
//! answers, and the facts in `ingest`; it never writes. Figures come from one registry
//! ([`metrics::registry`]), and every answer says how far the data behind it is proven complete
//! ([`catalog`]), so that zero, unknown and not applicable stay three things.
//! Nothing here knows HTTP, or which parameter a value came from; the present is always an argument.

pub mod actions;
pub mod availability;
pub mod backfills;
pub mod bucket;
pub mod calendar;
pub mod call_rates;
pub mod catalog;
pub mod cursor;
pub mod drift;
pub mod freshness;
pub mod lateness;
pub mod ledger;
pub mod messages;
pub mod metrics;
pub mod number;
pub mod operations;
pub mod participants;
pub mod pollers;
pub mod provenance;
pub mod quality;
pub mod range;
pub mod rate_cards;
pub mod readiness;
pub mod reconciliations;
pub mod rejections;
pub mod rings;
pub mod runs;
pub mod sessions;
pub mod shift;
pub mod snapshot;
pub mod stored_sources;
pub mod summaries;
pub mod timeline;
pub mod transcripts;
pub mod windows;
pub mod zones;

/// Why a question was not answered.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The database did not answer, or not in time.
    #[error("could not read {what}")]
    Database {
        /// What was being read.
        what: &'static str,
        /// What the driver says.
        #[source]
        source: sqlx::Error,
    },
    /// More rows than an answer may have.
    #[error("the answer would have {rows} rows; {max} are allowed")]
    TooManyRows {
        /// Rows it would have.
        rows: usize,
        /// Rows allowed.
        max: usize,
    },
}

/// Names what was being read when the driver failed.
pub(crate) fn reading(what: &'static str) -> impl FnOnce(sqlx::Error) -> ReadError {
    move |source| ReadError::Database { what, source }
}
