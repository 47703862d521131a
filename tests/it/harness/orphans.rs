//! Rows of sessions that do not exist. No foreign key checks them, so tests do.

use sqlx::{AssertSqlSafe, PgPool};

/// Returns the tables of `core` with a source and a session, according to the catalogue.
async fn parts_of_sessions(pool: &PgPool) -> Vec<String> {
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
    tables
}

/// Writes a row into each of these tables for each session that has none, with values that its constraints accept, so
/// that a table added later is covered too.
pub(crate) async fn fill_parts_of_sessions(pool: &PgPool) {
    for table in parts_of_sessions(pool).await {
        let (columns, values): (String, String) = sqlx::query_as(
            "select coalesce(string_agg(format(', %I', a.attname), '' order by a.attnum), ''),
                    coalesce(string_agg(format(', %L', coalesce(
                      (select substring(pg_get_constraintdef(k.oid) from '''([^'']*)''')
                         from pg_constraint k
                        where k.conrelid = a.attrelid and k.contype = 'c' and k.conkey = array[a.attnum]),
                      case coalesce(nullif(t.typbasetype, 0), t.oid)::regtype::text
                        when 'timestamp with time zone' then '2026-03-10T12:00:00Z'
                        when 'json' then '{}'
                        when 'boolean' then 'false'
                        else '1'
                      end)), '' order by a.attnum), '')
               from pg_attribute a
               join pg_type t on t.oid = a.atttypid
              where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped
                and a.attnotnull and not a.atthasdef and a.attname not in ('source_id', 'session_id')",
        )
        .bind(&table)
        .fetch_one(pool)
        .await
        .expect("its columns");
        let fill = format!(
            "insert into {table} (source_id, session_id{columns})
             select s.source_id, s.session_id{values} from core.sessions s
              where not exists (select from {table} part
                                 where part.source_id = s.source_id and part.session_id = s.session_id)"
        );
        sqlx::query(AssertSqlSafe(fill)).execute(pool).await.expect("written");
    }
}

/// Removes the sessions `s` for which `condition` holds, with all their rows, as an operator would by hand; returns
/// their ids.
pub(crate) async fn remove_sessions(pool: &PgPool, condition: &str) -> Vec<String> {
    let chosen = format!("select s.source_id, s.session_id from core.sessions s where {condition}");
    for table in parts_of_sessions(pool).await {
        let sql = format!("delete from {table} where (source_id, session_id) in ({chosen})");
        sqlx::query(AssertSqlSafe(sql)).execute(pool).await.expect("removed");
    }
    let sql =
        format!("delete from core.sessions where (source_id, session_id) in ({chosen}) returning provider_session_id");
    sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(pool).await.expect("removed")
}

/// Returns the number of rows of each table that belong to no session; only tables with such rows.
pub(crate) async fn orphans(pool: &PgPool) -> Vec<(String, i64)> {
    let mut found = Vec::new();
    for table in parts_of_sessions(pool).await {
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

/// Fails if there are any.
pub(crate) async fn assert_no_orphans(pool: &PgPool) {
    let found = orphans(pool).await;
    assert!(found.is_empty(), "rows without their session: {found:?}");
}
