//! The reasons why the schema could not be brought to this version.

use std::time::Duration;

use sqlx::migrate::MigrateError;

/// The reason why a migration did not succeed. Each file of views is replaced together with the others or not at all.
#[derive(Debug, thiserror::Error)]
pub enum MigrationError {
    /// A statement failed; none of its file was applied.
    #[error("the database could not be migrated to this version's schema")]
    Failed(#[source] MigrateError),
    /// The database has the tables of a version that was never released.
    #[error(
        "this database has the schema of an unreleased version, which cannot be migrated: load into an empty database, \
         or copy core.sources and ingest.raw_records into a migrated one and run `tributary replay --from-raw`"
    )]
    UnreleasedSchema,
    /// A later version has migrated the database.
    #[error(
        "this database has the schema {found} of a later version, and this program knows {known}: \
         run that version, or restore the backup made before it"
    )]
    NewerSchema {
        /// The last migration of the database.
        found: i64,
        /// The last migration of this program.
        known: i64,
    },
    /// A migration that was applied differs from the one of this program.
    #[error(
        "migration {version} of this database differs from this program's: it was altered, or comes from another build"
    )]
    AlteredSchema {
        /// The number of the migration.
        version: i64,
    },
    /// The configuration names Citus, and the database lacks its extension.
    #[error(
        "database.engine is \"citus\", and the database has no extension citus: \
         `create extension citus` on each node, then citus_set_coordinator_host and citus_add_node"
    )]
    NoCitus,
    /// Another process holds the migration lock.
    #[error(
        "the migration lock of the database is held by {holders}; gave up after {} s: \
         wait for that migration, or end that session",
        waited.as_secs()
    )]
    Locked {
        /// Process, user, application and start of each holder.
        holders: String,
        /// Length of the wait.
        waited: Duration,
    },
    /// A session uses a view that changes.
    #[error(
        "a view that changes with this version is in use by {holders}; gave up after {} s: \
         wait for these transactions, or end those sessions",
        waited.as_secs()
    )]
    ViewInUse {
        /// Process, user, application and start of each session.
        holders: String,
        /// Length of the wait.
        waited: Duration,
    },
    /// A file of a view removes or changes a column, or changes the arguments of a function. Nothing is dropped, since
    /// views of analysts may depend on it.
    #[error(
        "migrations/views/{name}.sql cannot replace what the database has: columns may only be added at the end of a \
         view, and a function keeps its arguments and result; other changes need a new version of the contract"
    )]
    IncompatibleView {
        /// Name of the file.
        name: &'static str,
        /// Error of the server.
        #[source]
        source: sqlx::Error,
    },
    /// A file of a view failed for another reason.
    #[error("migrations/views/{name}.sql could not be applied")]
    View {
        /// Name of the file.
        name: &'static str,
        /// Error of the server.
        #[source]
        source: sqlx::Error,
    },
}

impl From<MigrateError> for MigrationError {
    fn from(error: MigrateError) -> Self {
        Self::Failed(error)
    }
}

impl From<sqlx::Error> for MigrationError {
    fn from(error: sqlx::Error) -> Self {
        Self::Failed(MigrateError::from(error))
    }
}
