//! All stored data about sessions, in a form that can be compared between databases.
//!
//! Surrogate numbers and write times are left out: they differ between readings of the same data.

use std::collections::BTreeMap;

use sqlx::{AssertSqlSafe, PgPool};

/// Columns that the provider does not determine: surrogate numbers, write times, and later decisions of the service.
const OURS: [&str; 10] = [
    "source_id",
    "session_id",
    "participant_id",
    "segment_id",
    "first_seen_at",
    "last_changed_at",
    "changed_at",
    "is_deleted_at_provider",
    "deleted_at",
    "fetched_at",
];

/// Returns the rows of the source `slug` as JSON, by table and session.
pub(crate) async fn of_source(pool: &PgPool, slug: &str) -> BTreeMap<(String, String), Vec<String>> {
    let tables: Vec<String> = sqlx::query_scalar(
        "select table_name::text from information_schema.columns
          where table_schema = 'core' and column_name = 'session_id' order by 1",
    )
    .fetch_all(pool)
    .await
    .expect("the catalog");
    let mut rows = BTreeMap::new();
    for table in tables {
        let sql = format!(
            "select s.provider_session_id, (to_jsonb(t) - $2::text[])::text
               from core.{table} t
               join core.sessions s using (source_id, session_id)
               join core.sources o on o.source_id = s.source_id
              where o.source_slug = $1
              order by 1, 2"
        );
        let found: Vec<(String, String)> =
            sqlx::query_as(AssertSqlSafe(sql)).bind(slug).bind(OURS.as_slice()).fetch_all(pool).await.expect("rows");
        for (session, row) in found {
            rows.entry((table.clone(), session)).or_insert_with(Vec::new).push(row);
        }
    }
    rows
}
