//! Readiness of the database: it answers, and it has the schema that this program reads.
//!
//! Only the version of the contract is compared, not the list of migrations: the reading part of the program does not
//! depend on the tables behind the views.

use sqlx::PgPool;

use crate::query::{ReadError, reading};

/// Version of the schema `analytics` that this program reads.
pub const CONTRACT_VERSION: i32 = 1;

/// Returns the version of the schema `analytics` in the database; `None` if there is none.
pub async fn contract_version(pool: &PgPool) -> Result<Option<i32>, ReadError> {
    let found = sqlx::query_scalar!("select contract_version from analytics.contract_version").fetch_one(pool).await;
    match found {
        Ok(version) => Ok(version),
        // undefined_table and invalid_schema_name: no migration has run yet.
        Err(sqlx::Error::Database(error)) if matches!(error.code().as_deref(), Some("42P01" | "3F000")) => Ok(None),
        Err(error) => Err(reading("the version of the schema")(error)),
    }
}
