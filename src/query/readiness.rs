//! Whether the database can be asked at all: it answers, and it holds the schema this program reads.
//!
//! Only the version of the contract is compared, not the list of migrations: this half of the program neither
//! knows nor needs the tables behind the views.

use sqlx::PgPool;

use crate::query::{ReadError, reading};

/// Version of the schema `analytics` this program reads.
pub const CONTRACT_VERSION: i32 = 1;

/// The version of the schema `analytics` found in the database; `None` where there is none.
pub async fn contract_version(pool: &PgPool) -> Result<Option<i32>, ReadError> {
    let found = sqlx::query_scalar!("select contract_version from analytics.contract_version").fetch_one(pool).await;
    match found {
        Ok(version) => Ok(version),
        // undefined_table and invalid_schema_name: nobody has migrated yet
        Err(sqlx::Error::Database(error)) if matches!(error.code().as_deref(), Some("42P01" | "3F000")) => Ok(None),
        Err(error) => Err(reading("the version of the schema")(error)),
    }
}
