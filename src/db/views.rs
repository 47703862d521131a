//! The views and functions of the contract with analysts, each in a file of its own that holds it whole.
//!
//! A file whose text changed replaces its view in place. Nothing is dropped: views of analysts may depend on it. A
//! stored hash of each text shows which files changed.

use std::collections::HashMap;
use std::time::Duration;

use sha2::{Digest, Sha256};
use sqlx::{AssertSqlSafe, Connection, PgConnection};
use tokio::time::Instant;

use crate::db::engine::Engine;
use crate::db::error::MigrationError;
use crate::db::lock::{code, readers};

/// A file of `migrations/views`.
#[derive(Debug)]
pub struct View {
    /// Name of the file, without its extension.
    pub name: &'static str,
    /// Statements of the file.
    pub text: &'static str,
}

/// The files of `migrations/views`, in the order in which they are applied.
pub static VIEWS: &[View] = include!(concat!(env!("OUT_DIR"), "/views.rs"));

/// Longest wait of one attempt for sessions that use a view: others that want to read it wait behind the attempt.
const LOCK_TIMEOUT: Duration = Duration::from_secs(2);

/// Wait before the next attempt, in which sessions can read.
const RETRY_AFTER: Duration = Duration::from_millis(500);

impl View {
    fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.text).to_vec()
    }

    /// Name of the view or function in the database.
    fn relation(&self) -> String {
        let name = self.name.split_once('_').map_or(self.name, |(_, name)| name);
        for (prefix, schema) in [("pii_", "analytics_pii"), ("ingest_", "ingest")] {
            if let Some(name) = name.strip_prefix(prefix) {
                return format!("{schema}.{name}");
            }
        }
        format!("analytics.{name}")
    }

    /// Whether it reads tables. Files below 20 hold functions of their arguments alone.
    fn reads_tables(&self) -> bool {
        self.name >= "20"
    }

    fn error(&self, source: sqlx::Error) -> MigrationError {
        match code(&source).as_deref() {
            // invalid_table_definition and invalid_function_definition
            Some("42P16" | "42P13") => MigrationError::IncompatibleView { name: self.name, source },
            _ => MigrationError::View { name: self.name, source },
        }
    }
}

/// Returns the files whose text differs from the applied one. The baseline must have been applied.
pub(super) async fn changed(connection: &mut PgConnection) -> Result<Vec<&'static View>, sqlx::Error> {
    let applied: Vec<(String, Vec<u8>)> =
        sqlx::query_as("select view_name, text_hash from ingest.view_versions").fetch_all(connection).await?;
    let applied: HashMap<String, Vec<u8>> = applied.into_iter().collect();
    Ok(VIEWS.iter().filter(|view| applied.get(view.name) != Some(&view.hash())).collect())
}

/// Replaces the views whose text changed, in one transaction; waits for sessions that use one for `limit` at most.
pub(super) async fn replace_changed(
    connection: &mut PgConnection,
    engine: Engine,
    limit: Duration,
) -> Result<(), MigrationError> {
    let changed = changed(connection).await?;
    let started = Instant::now();
    while let Err(error) = replace(connection, engine, &changed, limit.min(LOCK_TIMEOUT)).await {
        let MigrationError::View { source, .. } = &error else { return Err(error) };
        if code(source).as_deref() != Some("55P03") {
            return Err(error);
        }
        if started.elapsed() >= limit {
            let relations: Vec<String> = changed.iter().map(|view| view.relation()).collect();
            let relations: Vec<&str> = relations.iter().map(String::as_str).collect();
            return Err(MigrationError::ViewInUse { holders: readers(connection, &relations).await?, waited: limit });
        }
        tracing::info!("views that change with this version are in use, waiting for their readers");
        tokio::time::sleep(RETRY_AFTER).await;
    }
    Ok(())
}

async fn replace(
    connection: &mut PgConnection,
    engine: Engine,
    changed: &[&'static View],
    lock_timeout: Duration,
) -> Result<(), MigrationError> {
    if changed.is_empty() {
        return Ok(());
    }
    let mut transaction = connection.begin().await?;
    sqlx::query("select set_config('lock_timeout', $1, true)")
        .bind(format!("{}ms", lock_timeout.as_millis()))
        .execute(&mut *transaction)
        .await?;
    for view in changed {
        engine.keep_on_coordinator(&mut transaction, view.reads_tables()).await?;
        // the text is that of a file
        let text = if view.reads_tables() { engine.adapted(view.text) } else { view.text.into() };
        sqlx::raw_sql(AssertSqlSafe(text.as_ref()))
            .execute(&mut *transaction)
            .await
            .map_err(|source| view.error(source))?;
        sqlx::query(
            "insert into ingest.view_versions (view_name, text_hash) values ($1, $2)
             on conflict (view_name) do update set text_hash = excluded.text_hash, replaced_at = excluded.replaced_at",
        )
        .bind(view.name)
        .bind(view.hash())
        .execute(&mut *transaction)
        .await?;
    }
    transaction.commit().await?;
    Ok(())
}
