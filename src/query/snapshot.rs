//! One state of the database for a whole answer.
//!
//! An answer is read by several statements. While pollers write, each of them would see another state, and parts would
//! not make up their whole: so all of them look at one snapshot, in a transaction that can write nothing. Knows nothing of
//! what is asked.

use sqlx::postgres::PgRow;
use sqlx::{PgPool, Postgres, QueryBuilder, Transaction};
use tokio::sync::{Mutex, MutexGuard};

use crate::query::{ReadError, reading};

/// A state of the database, for as long as it is held.
pub struct Snapshot {
    transaction: Mutex<Transaction<'static, Postgres>>,
}

impl Snapshot {
    /// What is committed now.
    pub async fn take(pool: &PgPool) -> Result<Self, ReadError> {
        let begin = pool.begin_with("begin isolation level repeatable read, read only").await;
        Ok(Self { transaction: Mutex::new(begin.map_err(reading("the state of the database"))?) })
    }

    /// The transaction that sees it, for statements that are checked when they are built.
    pub(super) async fn transaction(&self) -> MutexGuard<'_, Transaction<'static, Postgres>> {
        self.transaction.lock().await
    }

    /// Runs a statement, planned for its values.
    pub(super) async fn fetch_all(&self, mut statement: QueryBuilder<Postgres>) -> Result<Vec<PgRow>, sqlx::Error> {
        let mut transaction = self.transaction.lock().await;
        statement.build().persistent(false).fetch_all(&mut **transaction).await
    }
}
