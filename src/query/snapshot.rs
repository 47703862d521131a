//! One snapshot of the database for a whole answer.
//!
//! An answer is read by several statements. While pollers write, each of them would see another state, and parts
//! would not add up to their total. So all of them use one snapshot, in a read-only transaction. What all queries of a
//! snapshot need is read once. This module does not depend on the queries.

use sqlx::postgres::PgRow;
use sqlx::{PgPool, Postgres, QueryBuilder, Transaction};
use tokio::sync::{Mutex, MutexGuard, OnceCell};

use crate::query::touched_hours::TouchedHours;
use crate::query::{ReadError, reading};

/// A snapshot of the database, for as long as it exists.
pub struct Snapshot {
    transaction: Mutex<Transaction<'static, Postgres>>,
    touched_hours: OnceCell<Option<TouchedHours>>,
}

impl Snapshot {
    /// Takes a snapshot of all data committed so far.
    pub async fn take(pool: &PgPool) -> Result<Self, ReadError> {
        let begin = pool.begin_with("begin isolation level repeatable read, read only").await;
        let transaction = Mutex::new(begin.map_err(reading("the state of the database"))?);
        Ok(Self { transaction, touched_hours: OnceCell::new() })
    }

    /// Returns the hours whose closed sums are outdated; `None`: no closed hour can be used.
    pub(super) async fn touched_hours(&self) -> Result<Option<&TouchedHours>, ReadError> {
        let read = async || TouchedHours::read(&mut **self.transaction.lock().await).await;
        Ok(self.touched_hours.get_or_try_init(read).await?.as_ref())
    }

    /// Returns the transaction of the snapshot, for statements that are checked at compile time.
    pub(super) async fn transaction(&self) -> MutexGuard<'_, Transaction<'static, Postgres>> {
        self.transaction.lock().await
    }

    /// Marks the state to which [`Self::return_to_mark`] returns.
    pub async fn mark(&self) -> Result<(), ReadError> {
        self.execute("savepoint mark").await
    }

    /// Returns to the last mark after a statement failed, so that the snapshot can be read further.
    pub async fn return_to_mark(&self) -> Result<(), ReadError> {
        self.execute("rollback to savepoint mark").await
    }

    async fn execute(&self, statement: &'static str) -> Result<(), ReadError> {
        let mut transaction = self.transaction.lock().await;
        let done = sqlx::raw_sql(statement).execute(&mut **transaction).await;
        done.map(|_| ()).map_err(reading("the state of the database"))
    }

    /// Runs a statement, planned for its values.
    pub(super) async fn fetch_all(&self, mut statement: QueryBuilder<Postgres>) -> Result<Vec<PgRow>, sqlx::Error> {
        let mut transaction = self.transaction.lock().await;
        statement.build().persistent(false).fetch_all(&mut **transaction).await
    }
}
