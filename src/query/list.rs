//! Steps that list queries share: filters that accept any of several values, and the newest rows below a key.
//!
//! The key of the last row continues a list, so that a page costs the same at any depth.

use sqlx::postgres::PgRow;
use sqlx::{FromRow, PgPool, Postgres, QueryBuilder};

use crate::query::{ReadError, reading};

/// Adds a condition for each of these columns that has values: the column has one of them.
pub(super) fn push_any<'v>(
    sql: &mut QueryBuilder<Postgres>,
    columns: impl IntoIterator<Item = (&'static str, &'v Vec<String>)>,
) {
    for (column, values) in columns.into_iter().filter(|(_, values)| !values.is_empty()) {
        sql.push(format_args!(" and {column} = any(")).push_bind(values).push(")");
    }
}

/// Returns the `limit` rows with the largest `number`, a column, below `before`; `what` names the rows in an error.
pub(super) async fn newest<T: for<'r> FromRow<'r, PgRow> + Send + Unpin>(
    pool: &PgPool,
    mut sql: QueryBuilder<Postgres>,
    number: &'static str,
    before: Option<i64>,
    limit: i64,
    what: &'static str,
) -> Result<Vec<T>, ReadError> {
    if let Some(before) = before {
        sql.push(format_args!(" and {number} < ")).push_bind(before);
    }
    sql.push(format_args!(" order by {number} desc limit ")).push_bind(limit);
    sql.build_query_as().fetch_all(pool).await.map_err(reading(what))
}
