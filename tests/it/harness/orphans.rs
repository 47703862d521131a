//! Rows of a session that is not there. No foreign key looks for them, so tests do.

use sqlx::{AssertSqlSafe, PgPool};

/// How many rows of each table of `core` that names a source and a session belong to no session; the tables are those of
/// the catalogue. Only tables with such rows.
pub(crate) async fn orphans(pool: &PgPool) -> Vec<(String, i64)> {
    let tables: Vec<String> = sqlx::query_scalar(
        "select c.oid::regclass::text
           from pg_class c
           join pg_attribute a on a.attrelid = c.oid and a.attname = 'source_id'
           join pg_attribute b on b.attrelid = c.oid and b.attname = 'session_id'
          where c.relnamespace = 'core'::regnamespace and c.relkind = 'r' and c.relname <> 'sessions'
          order by 1",
    )
    .fetch_all(pool)
    .await
    .expect("the tables");
    assert!(tables.len() >= 12, "{tables:?}");
    let mut found = Vec::new();
    for table in tables {
        let sql = format!(
            "select count(*) from {table} part
              where not exists (select from core.sessions s
                                 where s.source_id = part.source_id and s.session_id = part.session_id)"
        );
        let count: i64 = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(pool).await.expect("a number");
        if count > 0 {
            found.push((table, count));
        }
    }
    found
}

/// Fails where there are any.
pub(crate) async fn assert_no_orphans(pool: &PgPool) {
    let found = orphans(pool).await;
    assert!(found.is_empty(), "rows without their session: {found:?}");
}
