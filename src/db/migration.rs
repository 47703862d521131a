//! Migrations: numbered files, applied once, and the files of views, applied whenever their text changes.
//!
//! Both are embedded in the binary. Tables and what they need are in the numbered files; each view and each function
//! of the contract with analysts is whole in a file of `migrations/views`.

use std::time::Duration;

use sqlx::migrate::Migrator;
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool};

use crate::db::engine::Engine;
use crate::db::error::MigrationError;
use crate::db::lock::MigrationLock;
use crate::db::schema_objects;
use crate::db::views::{self, VIEWS};

/// The numbered files, embedded in the binary.
pub static MIGRATOR: Migrator = sqlx::migrate!();

/// Returns the version of the schema that this program needs: the number of its last migration.
pub fn schema_version() -> i64 {
    MIGRATOR.iter().map(|migration| migration.version).max().unwrap_or_default()
}

/// Longest wait for another process that migrates, and for sessions that use a view.
const WAIT_LIMIT: Duration = Duration::from_mins(1);

/// Returns the number of files of this version that the database lacks. Changes nothing.
pub async fn pending_migrations(pool: &PgPool) -> Result<usize, MigrationError> {
    pending(&mut *pool.acquire().await?).await
}

async fn pending(connection: &mut PgConnection) -> Result<usize, MigrationError> {
    let applied = applied(connection).await?;
    let numbered = MIGRATOR.iter().filter(|migration| !applied.contains(&migration.version)).count();
    let views = if applied.is_empty() { VIEWS.len() } else { views::changed(connection).await?.len() };
    Ok(numbered + views)
}

/// Returns whether this migration changes the schema, or finds it described by another version of Postgres.
async fn is_record_due(connection: &mut PgConnection) -> Result<bool, MigrationError> {
    Ok(pending(connection).await? > 0 || schema_objects::is_foreign(connection).await?)
}

/// Migrates the schema to this version. Takes a lock, so that several instances may start at once.
pub async fn migrate(pool: &PgPool, engine: Engine) -> Result<(), MigrationError> {
    migrate_within(pool, engine, WAIT_LIMIT).await
}

/// Migrates like [`migrate`], with another limit for each wait.
pub async fn migrate_within(pool: &PgPool, engine: Engine, limit: Duration) -> Result<(), MigrationError> {
    // separate connections: the pool may have only one, and a migration may take longer than any poll
    let options = (*pool.connect_options()).clone();
    let options = match options.get_options() {
        Some(_) => options.options([("statement_timeout", "0"), ("idle_in_transaction_session_timeout", "0")]),
        None => options,
    };
    let mut holder = options.clone().connect().await?;
    // before the lock, which would create its table in a database that is refused
    applied(&mut holder).await?;
    let lock = MigrationLock::take(holder, limit).await?;
    let mut connection = options.connect().await?;
    let is_recorded = engine == Engine::Postgres && is_record_due(&mut connection).await?;
    let before = if is_recorded { schema_objects::describe(&mut connection).await? } else { Vec::new() };
    let mut migrator = sqlx::migrate!();
    // it would take an advisory lock of the session
    migrator.set_locking(false);
    migrator.run(&mut connection).await?;
    engine.distribute(&mut connection).await?;
    views::replace_changed(&mut connection, engine, limit).await?;
    if is_recorded {
        schema_objects::record(&mut connection, &before).await?;
    }
    connection.close().await?;
    lock.release().await?;
    Ok(())
}

/// Returns the versions of the numbered files that the database has. Refuses schemas of other programs: unreleased,
/// later or altered ones.
async fn applied(connection: &mut PgConnection) -> Result<Vec<i64>, MigrationError> {
    let is_new: bool =
        sqlx::query_scalar("select to_regclass('public._sqlx_migrations') is null").fetch_one(&mut *connection).await?;
    if is_new {
        return Ok(Vec::new());
    }
    let applied: Vec<(i64, Vec<u8>)> =
        sqlx::query_as("select version, checksum from public._sqlx_migrations where success")
            .fetch_all(connection)
            .await?;
    for (version, checksum) in &applied {
        let known = MIGRATOR.iter().find(|migration| migration.version == *version);
        match known {
            None => return Err(MigrationError::NewerSchema { found: *version, known: schema_version() }),
            Some(known) if known.checksum.as_ref() == checksum.as_slice() => {}
            // the baseline changed until the first release
            Some(_) if *version == 1 => return Err(MigrationError::UnreleasedSchema),
            Some(_) => return Err(MigrationError::AlteredSchema { version: *version }),
        }
    }
    Ok(applied.into_iter().map(|(version, _)| version).collect())
}
