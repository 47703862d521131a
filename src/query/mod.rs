//! Reads: metrics, lists, freshness and the health of polling.
//!
//! One file per query. SQL reads the schema `analytics`, which is a contract and has the names of the answers, and
//! the facts in `ingest`; it never writes. Metrics come from one registry ([`metrics::registry`]), and every answer
//! states how far the data behind it is proven complete ([`catalog`]), so that zero, unknown and not applicable stay
//! distinct.
//! Nothing here depends on HTTP or on the parameter that a value came from; the current time is always an argument.

pub mod actions;
pub mod alerts;
pub mod api_keys;
pub mod audit;
pub mod availability;
pub mod backfills;
pub mod bucket;
pub mod calendar;
pub mod catalog;
pub mod cursor;
pub mod digest;
pub mod drift;
pub mod erasures;
pub mod freshness;
pub mod ledger;
mod list;
pub mod messages;
pub mod metrics;
pub mod number;
pub mod operations;
pub mod page_sessions;
pub mod participants;
pub mod pollers;
pub mod provenance;
pub mod quality;
pub mod range;
pub mod rate_cards;
pub mod readiness;
pub mod reconciliations;
pub mod rejections;
pub mod replication;
pub mod runs;
pub mod search;
pub mod sessions;
pub mod period_shift;
pub mod snapshot;
pub mod source_of;
pub mod source_polling;
pub mod stored_sources;
pub mod summaries;
pub mod timeline;
pub mod titles;
mod touched_hours;
pub mod transcripts;
pub mod windows;
pub mod zones;

/// Reasons why a query failed.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The database did not respond, or not in time.
    #[error("could not read {what}")]
    Database {
        /// The data being read.
        what: &'static str,
        /// The error of the driver.
        #[source]
        source: sqlx::Error,
    },
    /// More rows than a response may have.
    #[error("the response would have {rows} rows; at most {max} are allowed")]
    TooManyRows {
        /// Rows of the response.
        rows: usize,
        /// Most rows allowed.
        max: usize,
    },
}

/// Returns a closure for `map_err` that adds what was being read.
pub(crate) fn reading(what: &'static str) -> impl FnOnce(sqlx::Error) -> ReadError {
    move |source| ReadError::Database { what, source }
}

/// Returns up to three of `allowed` that are few edits from `given`, nearest first.
pub(crate) fn nearest(given: &str, allowed: &[String]) -> Vec<String> {
    let given: String = given.to_lowercase().chars().take(64).collect();
    let reach = given.chars().count() / 3 + 1;
    let mut near: Vec<(usize, &String)> =
        allowed.iter().map(|word| (strsim::levenshtein(&given, word), word)).collect();
    near.retain(|(distance, _)| *distance <= reach);
    near.sort();
    near.into_iter().take(3).map(|(_, word)| word.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        let allowed = ["resolution_rate", "resolved_sessions", "messages"].map(ToOwned::to_owned);
        assert_eq!(nearest("resolved_rate", &allowed), ["resolution_rate"]);
        assert_eq!(nearest("mesages", &allowed), ["messages"]);
        assert!(nearest("minutes_consumed_per_moon", &allowed).is_empty());
    }
}
