//! Transactions for data that can be fetched again: pages and artifacts.
//!
//! Such a transaction does not wait for the disk (`synchronous_commit = off`). After a server crash the last of them
//! may be missing, each as a whole and always the newest ones: rows, proof and progress are lost together, and the
//! data is fetched again. Any other commit waits for the disk and makes all earlier ones durable. Leases, claims,
//! launches, keys and operators' commands never use this mode.

use sqlx::{PgPool, Postgres, Transaction};

/// Settings and begin in one round trip. The statements look rows up by key. A plan made while a table was small or
/// without statistics would persist for the life of the connection, so sequential scans are off.
const BEGIN: &str = "begin; set local synchronous_commit = off; set local enable_seqscan = off";

/// Begins such a transaction.
pub(super) async fn begin(pool: &PgPool) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    pool.begin_with(BEGIN).await
}

/// Begins a transaction of an operator's command, which waits for the disk.
pub(super) async fn begin_durable(pool: &PgPool) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    pool.begin_with("begin; set local enable_seqscan = off").await
}
