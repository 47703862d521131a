//! One short text that changes whenever an answer can change without the clock.
//!
//! The rows behind answers are covered by the data versions, which each transaction that writes rows increments. All
//! else that answers state is small and covered by its content: sources and their settings, proofs, accepted gaps, when
//! state was last seen, verdicts, pauses and open rejects. It must cover everything that [`crate::query::catalog`]
//! reads.

use sqlx::PgPool;

use crate::query::{ReadError, reading};

/// Returns the digest of the present state.
pub async fn digest(pool: &PgPool) -> Result<String, ReadError> {
    let found = sqlx::query_file_scalar!("src/query/digest.sql").fetch_one(pool).await;
    found.map_err(reading("the version of the data"))
}
