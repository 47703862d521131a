//! Transactions that write what can be asked for again: pages and artifacts.
//!
//! Such a transaction does not wait until the disk has it. After a crash of the server the last of them may be missing,
//! each as a whole and none without those before it: rows, proof and progress are gone together, and what they held is
//! asked for again. Any other commit waits for the disk and takes all before it along. Leases, claims, launches, keys and
//! what an operator commands never go this way.

use sqlx::{PgPool, Postgres, Transaction};

/// One round trip. Statements of such a transaction look rows up by key: a plan made while a table was small or unknown
/// to the planner would stay for the life of the connection, so none may read a whole table where an index serves.
const BEGIN: &str = "begin; set local synchronous_commit = off; set local enable_seqscan = off";

/// Begins one.
pub(super) async fn begin(pool: &PgPool) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    pool.begin_with(BEGIN).await
}

/// Begins one of an operator's command: it waits for the disk.
pub(super) async fn begin_durable(pool: &PgPool) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    pool.begin_with("begin; set local enable_seqscan = off").await
}
