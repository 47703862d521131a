//! The lock that lets one process at a time migrate.
//!
//! It is the lock of a table on which only the owner of the schema has rights. Any login can take an advisory lock, and
//! an analyst who held it would stop every start. A transaction holds it, so that it works behind a pooler.

use std::time::Duration;

use sqlx::{Connection, PgConnection};
use tokio::time::Instant;

use crate::db::error::MigrationError;

/// Creates the table of the lock, which a new database lacks.
const CREATE: &str =
    "create schema if not exists ingest; create table if not exists ingest.migration_lock (name text primary key)";

/// Takes the lock or fails at once: waiting inside a transaction would occupy a connection of a pooler that the
/// migrating process may need. `exclusive` admits readers, such as a backup.
const TAKE: &str = "begin; lock table ingest.migration_lock in exclusive mode nowait";

/// Wait before the lock is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(100);

/// The lock, held by a transaction. Without a release it ends with its connection.
pub(super) struct MigrationLock {
    holder: PgConnection,
}

impl MigrationLock {
    /// Takes the lock; waits for `limit` at most.
    pub(super) async fn take(mut holder: PgConnection, limit: Duration) -> Result<Self, MigrationError> {
        let started = Instant::now();
        let mut is_logged = false;
        loop {
            let Err(error) = sqlx::raw_sql(TAKE).execute(&mut holder).await else { return Ok(Self { holder }) };
            sqlx::raw_sql("rollback").execute(&mut holder).await?;
            match code(&error).as_deref() {
                Some("55P03") if started.elapsed() < limit => {
                    if !is_logged {
                        tracing::info!("another process migrates the database, waiting for it");
                        is_logged = true;
                    }
                    tokio::time::sleep(RETRY_AFTER).await;
                }
                Some("55P03") => {
                    let holders = writers(&mut holder).await?;
                    return Err(MigrationError::Locked { holders, waited: limit });
                }
                // invalid_schema_name and undefined_table: the database is new
                Some("3F000" | "42P01") => create(&mut holder).await?,
                _ => return Err(error.into()),
            }
        }
    }

    /// Releases the lock.
    pub(super) async fn release(mut self) -> Result<(), sqlx::Error> {
        sqlx::raw_sql("commit").execute(&mut self.holder).await?;
        self.holder.close().await
    }
}

async fn create(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    match sqlx::raw_sql(CREATE).execute(connection).await {
        // unique_violation, duplicate_schema and duplicate_table: another process created it at the same moment
        Err(error) if matches!(code(&error).as_deref(), Some("23505" | "42P06" | "42P07")) => Ok(()),
        created => created.map(|_| ()),
    }
}

/// Returns the SQLSTATE of an error of the server.
pub(super) fn code(error: &sqlx::Error) -> Option<String> {
    error.as_database_error()?.code().map(std::borrow::Cow::into_owned)
}

/// Describes the sessions that hold the migration lock.
async fn writers(connection: &mut PgConnection) -> Result<String, sqlx::Error> {
    holders(connection, &["ingest.migration_lock"], "AccessShareLock").await
}

/// Describes the sessions that use a view of the contract or a table below it.
pub(super) async fn readers(connection: &mut PgConnection, views: &[&str]) -> Result<String, sqlx::Error> {
    holders(connection, views, "").await
}

async fn holders(connection: &mut PgConnection, of: &[&str], but: &str) -> Result<String, sqlx::Error> {
    let found: Option<String> = sqlx::query_scalar(
        "select string_agg(format('process %s (user %s, application %s, since %s)', pid, usename,
                                  coalesce(nullif(application_name, ''), 'unnamed'),
                                  coalesce(to_char(xact_start at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS \"UTC\"'),
                                           'an unknown time')), ', ')
           from (select distinct a.pid, a.usename, a.application_name, a.xact_start
                   from pg_locks l
                   join pg_class c on c.oid = l.relation
                   join pg_stat_activity a on a.pid = l.pid
                  where l.granted and l.pid <> pg_backend_pid() and l.mode <> $2
                    and l.database = (select oid from pg_database where datname = current_database())
                    and c.relnamespace::regnamespace::text || '.' || c.relname = any($1)) holder",
    )
    .bind(of)
    .bind(but)
    .fetch_one(connection)
    .await?;
    Ok(found.unwrap_or_else(|| "a session that the server no longer lists".to_owned()))
}
