//! One snapshot of the database for a whole answer.
//!
//! An answer is read by several statements. While pollers write, each of them would see another state, and parts
//! would not add up to their total. So all of them use one snapshot, in a read-only transaction. What all queries of a
//! snapshot need is read once. This module does not depend on the queries.

use std::sync::Arc;
use std::time::Duration;

use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgPool, Postgres, QueryBuilder, Transaction};
use tokio::sync::{Mutex, MutexGuard, OnceCell};
use tokio::time::timeout;

use crate::query::touched_hours::TouchedHours;
use crate::query::{ReadError, reading};

const BEGIN: &str = "begin isolation level repeatable read, read only";
/// Longest wait for a second connection, which only saves time.
const SOON: Duration = Duration::from_millis(50);

/// A snapshot of the database, for as long as it exists.
pub struct Snapshot {
    transaction: Mutex<Transaction<'static, Postgres>>,
    touched_hours: Arc<OnceCell<Option<TouchedHours>>>,
}

impl Snapshot {
    /// Takes a snapshot of all data committed so far.
    pub async fn take(pool: &PgPool) -> Result<Self, ReadError> {
        let begin = pool.begin_with(BEGIN).await;
        let transaction = Mutex::new(begin.map_err(reading("the state of the database"))?);
        Ok(Self { transaction, touched_hours: Arc::default() })
    }

    /// Takes the same snapshot on a second connection, so that two statements run at once; `None`: no connection is
    /// free. It must be taken before any mark is set.
    pub async fn twin(&self, pool: &PgPool) -> Result<Option<Self>, ReadError> {
        let failed = || reading("the state of the database");
        if pool.num_idle() == 0 && pool.size() >= pool.options().get_max_connections() {
            return Ok(None);
        }
        let Ok(begun) = timeout(SOON, pool.begin_with(BEGIN)).await else { return Ok(None) };
        let mut transaction = begun.map_err(failed())?;
        let id: String = sqlx::query_scalar!(r#"select pg_export_snapshot() as "id!""#)
            .fetch_one(&mut **self.transaction.lock().await)
            .await
            .map_err(failed())?;
        let adopt = AssertSqlSafe(format!("set transaction snapshot '{id}'"));
        sqlx::raw_sql(adopt).execute(&mut *transaction).await.map_err(failed())?;
        Ok(Some(Self { transaction: Mutex::new(transaction), touched_hours: Arc::clone(&self.touched_hours) }))
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
