//! Migrations: what they apply, what they refuse, and who can hold them up.

use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tributary::db::{MIGRATOR, MigrationError, VIEWS, migrate, migrate_within, pending_migrations};
use tributary::query::metrics::publish;

use crate::harness::citus;
use crate::harness::db::TestDatabase;

/// The longest wait of a test.
const SHORT: Duration = Duration::from_millis(300);

/// Makes the stored text of each of these files another one than that of this version.
async fn outdate(db: &TestDatabase, names: &[&str]) {
    let sql = "update ingest.view_versions set text_hash = '' where view_name = any($1)";
    let outdated = sqlx::query(sql).bind(names).execute(&db.pool).await.expect("the list of views");
    assert_eq!(outdated.rows_affected(), names.len() as u64);
}

async fn run(db: &TestDatabase, sql: &'static str) {
    sqlx::raw_sql(sql).execute(&db.pool).await.expect(sql);
}

async fn text(db: &TestDatabase, sql: &'static str) -> String {
    sqlx::query_scalar(sql).fetch_one(&db.pool).await.expect(sql)
}

async fn session(options: &PgConnectOptions, name: &str) -> PgConnection {
    options.clone().application_name(name).connect().await.expect("the test server answers")
}

#[tokio::test]
async fn an_empty_database_gets_the_tables_and_each_view_once() {
    let db = TestDatabase::new().await;
    assert_eq!(pending_migrations(&db.pool).await.expect("a count"), 0);
    let applied = "select string_agg(view_name, ' ' order by view_name) from ingest.view_versions";
    let names: Vec<&str> = VIEWS.iter().map(|view| view.name).collect();
    assert_eq!(text(&db, applied).await, names.join(" "));
    run(&db, "drop schema analytics_pii, analytics, core, ingest cascade; drop table public._sqlx_migrations").await;
    let all = MIGRATOR.iter().count() + VIEWS.len();
    assert_eq!(pending_migrations(&db.pool).await.expect("a count"), all);
    // several instances start at once, and none of them finds the schema
    let (one, two) = tokio::join!(migrate(&db.pool, db.engine), migrate(&db.pool, db.engine));
    one.expect("the first migrates");
    two.expect("the second waits");
    assert_eq!(pending_migrations(&db.pool).await.expect("a count"), 0);
    assert_eq!(text(&db, applied).await, names.join(" "));
}

#[tokio::test]
async fn every_view_and_function_stands_in_the_file_of_its_name() {
    let db = TestDatabase::new().await;
    let there = "select string_agg(name, ' ' order by name collate \"C\") from (
                   select case n.nspname when 'analytics' then '' when 'ingest' then 'ingest_' else 'pii_' end || c.relname
                     from pg_class c join pg_namespace n on n.oid = c.relnamespace
                    where c.relkind = 'v' and n.nspname in ('analytics', 'analytics_pii', 'ingest')
                   union all
                   select p.proname from pg_proc p where p.pronamespace = 'analytics'::regnamespace
                   union all
                   select 'ingest_' || p.proname from pg_proc p
                    where p.pronamespace = 'ingest'::regnamespace
                      and 'ingest_' || p.proname = any($1)) made (name)";
    let mut names: Vec<&str> = VIEWS.iter().map(|view| view.name.split_once('_').expect("a number").1).collect();
    names.extend(publish::ratios().map(|metric| metric.id)); // written from the registry
    names.sort_unstable();
    // other functions of the service stand with the tables, or with the view that reads them
    let there: String = sqlx::query_scalar(there).bind(&names).fetch_one(&db.pool).await.expect("the catalog");
    assert_eq!(there, names.join(" "));
}

#[tokio::test]
async fn a_changed_view_is_replaced_in_place_and_views_of_analysts_stay() {
    let db = TestDatabase::new().await;
    run(
        &db,
        "create or replace view analytics.contract_version as select 7 as contract_version;
         create schema mine;
         create view mine.version as select contract_version from analytics.contract_version",
    )
    .await;
    outdate(&db, &["81_contract_version", "41_sessions"]).await;
    assert_eq!(pending_migrations(&db.pool).await.expect("a count"), 2);
    migrate(&db.pool, db.engine).await.expect("it is replaced");
    assert_eq!(pending_migrations(&db.pool).await.expect("a count"), 0);
    assert_eq!(text(&db, "select contract_version::text from mine.version").await, "1");
}

#[tokio::test]
async fn a_view_that_would_lose_a_column_is_refused_and_nothing_changes() {
    let db = TestDatabase::new().await;
    run(
        &db,
        "create or replace view analytics.contract_version as select 1 as contract_version, 2 as later_column;
         comment on view analytics.people is 'an earlier comment'",
    )
    .await;
    outdate(&db, &["40_people", "81_contract_version"]).await;
    let error = migrate(&db.pool, db.engine).await.expect_err("a column would go");
    assert!(matches!(error, MigrationError::IncompatibleView { name: "81_contract_version", .. }), "{error:?}");
    assert!(error.to_string().contains("columns may only be added at the end"), "{error}");
    // not even the file before it
    let comment = "select obj_description('analytics.people'::regclass, 'pg_class')";
    assert_eq!(text(&db, comment).await, "an earlier comment");
    assert_eq!(pending_migrations(&db.pool).await.expect("a count"), 2);
}

#[tokio::test]
async fn a_database_of_an_unreleased_version_is_refused_with_a_way_out() {
    let db = TestDatabase::new().await;
    run(
        &db,
        "update public._sqlx_migrations set checksum = '\\x00' where version = 1; drop table ingest.migration_lock",
    )
    .await;
    for refused in [migrate(&db.pool, db.engine).await, pending_migrations(&db.pool).await.map(|_| ())] {
        let error = refused.expect_err("it cannot be migrated");
        assert!(matches!(error, MigrationError::UnreleasedSchema), "{error:?}");
        assert!(error.to_string().contains("load into an empty database"), "{error}");
    }
    assert_eq!(
        text(&db, "select coalesce(to_regclass('ingest.migration_lock')::text, 'untouched')").await,
        "untouched"
    );
}

#[tokio::test]
async fn a_process_that_holds_the_migration_lock_is_named() {
    let db = TestDatabase::new().await;
    let mut other = session(&db.options, "other-instance").await;
    let mut lock = other.begin().await.expect("a transaction");
    sqlx::query("lock table ingest.migration_lock in exclusive mode").execute(&mut *lock).await.expect("it is free");
    let (process, user): (i32, String) =
        sqlx::query_as("select pg_backend_pid(), current_user::text").fetch_one(&mut *lock).await.expect("itself");
    let error = migrate_within(&db.pool, db.engine, SHORT).await.expect_err("the lock is held");
    let named = format!("process {process} (user {user}, application other-instance, since 20");
    assert!(error.to_string().contains(&named), "{error}");
    // a waiting process goes on once it is free
    let release = async {
        tokio::time::sleep(SHORT).await;
        lock.rollback().await
    };
    let (migrated, released) = tokio::join!(migrate(&db.pool, db.engine), release);
    released.expect("released");
    migrated.expect("it waited");
}

#[tokio::test]
async fn an_analyst_cannot_hold_up_a_start() {
    if citus::skips("a login without rights on the tables cannot read the views") {
        return;
    }
    let db = TestDatabase::new().await;
    let login = format!("analyst_of_{}", std::process::id());
    let create = format!("create role {login} login password 'analyst' in role tributary_analyst_pii");
    sqlx::raw_sql(AssertSqlSafe(create)).execute(&db.pool).await.expect("a login");
    let mut analyst = session(&db.options.clone().username(&login).password("analyst"), "bi-tool").await;
    for table in
        ["ingest.migration_lock", "ingest.view_versions", "ingest.metric_definitions", "public._sqlx_migrations"]
    {
        for mode in ["access share", "exclusive"] {
            let lock = format!("begin; lock table {table} in {mode} mode");
            let denied = sqlx::raw_sql(AssertSqlSafe(lock)).execute(&mut analyst).await.expect_err("no right");
            assert_eq!(
                denied.as_database_error().and_then(sqlx::error::DatabaseError::code).as_deref(),
                Some("42501"),
                "{table}"
            );
            sqlx::raw_sql("rollback").execute(&mut analyst).await.expect("rolled back");
        }
    }
    // the key of an advisory lock that earlier versions took
    sqlx::query("select pg_advisory_lock(1953655138)").execute(&mut analyst).await.expect("any login can take it");
    sqlx::raw_sql("begin; select count(*) from analytics.people").execute(&mut analyst).await.expect("a reader");
    migrate_within(&db.pool, db.engine, SHORT).await.expect("the schema is current");
    // a view that is in use can only wait for its reader, and the error names the session
    outdate(&db, &["40_people"]).await;
    let error = migrate_within(&db.pool, db.engine, SHORT).await.expect_err("the view is in use");
    assert!(matches!(error, MigrationError::ViewInUse { .. }), "{error:?}");
    assert!(error.to_string().contains(&format!("(user {login}, application bi-tool, since 20")), "{error}");
    sqlx::raw_sql("rollback").execute(&mut analyst).await.expect("rolled back");
    migrate(&db.pool, db.engine).await.expect("the reader is done");
    analyst.close().await.expect("closed");
    sqlx::raw_sql(AssertSqlSafe(format!("drop role {login}"))).execute(&db.pool).await.expect("the login goes");
}
