//! `tributary check` names what another hand altered in the schema, with the way out, and leaves additions alone.

use sqlx::AssertSqlSafe;
use tributary::app::checking;

use crate::harness::{World, citus, db};

/// Alterations: the statement, the one that undoes it, and what is named.
const CASES: [(&str, &str, &str); 9] = [
    (
        "alter table core.sessions rename column completed_at to done_at",
        "alter table core.sessions rename column done_at to completed_at",
        "column core.sessions.completed_at is missing",
    ),
    (
        "alter table ingest.streams drop column poller_skew_seconds",
        "alter table ingest.streams add column poller_skew_seconds int",
        "column ingest.streams.poller_skew_seconds is missing",
    ),
    (
        "alter table ingest.streams alter column last_error_detail set default 'none'",
        "alter table ingest.streams alter column last_error_detail drop default",
        "column ingest.streams.last_error_detail differs",
    ),
    (
        "alter table ingest.controls rename to commands",
        "alter table ingest.commands rename to controls",
        "table ingest.controls is missing",
    ),
    (
        "alter table core.sources drop constraint sources_minutes_basis_check",
        "alter table core.sources add check (minutes_basis in ('participant_time', 'session_time'))",
        "constraint sources_minutes_basis_check of core.sources is missing",
    ),
    (
        "alter domain core.instant drop constraint instant_check",
        "alter domain core.instant add check (value >= '2000-01-01 00:00:00+00' and value < '2100-01-01 00:00:00+00')",
        "constraint instant_check of core.instant is missing",
    ),
    (
        "create or replace view analytics.removed_sessions as
         select r.removed_at::timestamptz as removed_at, r.session_id from ingest.removed_sessions r
          where r.session_id > 7",
        REMADE,
        "view analytics.removed_sessions differs",
    ),
    ("drop view analytics.removed_sessions", REMADE, "view analytics.removed_sessions is missing"),
    (
        "create or replace function analytics.rounded_minutes(minutes numeric, by_connection numeric, rounding text,
                                                              step_minutes int) returns numeric
           language sql immutable parallel safe return minutes",
        REMADE,
        "function analytics.rounded_minutes(",
    ),
];

/// The way out for views and functions of `analytics`.
const REMADE: &str = "delete from ingest.view_versions";

async fn run(world: &World, sql: &str) {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&world.db.pool).await.expect(sql);
}

/// Returns whether the schema is well, and what was found.
async fn found(world: &World) -> (bool, String) {
    let lines = checking::check(&world.app(), |_| ()).await.expect("it looks");
    let line = lines.into_iter().find(|line| line.subject == "schema").expect("a line");
    (line.is_well, line.finding)
}

async fn migrate(world: &World) {
    tributary::db::migrate(&world.db.pool, world.db.engine).await.expect("it migrates");
}

#[tokio::test]
async fn an_altered_schema_is_named_and_what_was_added_is_not() {
    let world = World::new().await;
    if citus::skips("the schema is not compared") {
        assert!(found(&world).await.0);
        return;
    }
    let (is_well, finding) = found(&world).await;
    assert!(is_well && finding.ends_with("objects are as the migrations left them"), "{finding}");
    run(
        &world,
        "create view analytics.of_an_analyst as select source, count(*) as n from analytics.sessions group by source;
         create index of_an_operator on core.sessions (completed_at); alter table core.sessions add column note text;
         create table core.kept_by_an_operator (n int primary key); alter table ingest.runs set (fillfactor = 70)",
    )
    .await;
    assert_eq!(found(&world).await, (true, finding), "additions");
    for (alter, undo, named) in CASES {
        run(&world, alter).await;
        let (is_well, found_now) = found(&world).await;
        assert!(!is_well, "{alter}");
        let text = found_now.strip_prefix("it was altered after its migration: ").expect("the reason");
        assert!(text.starts_with(named), "{alter}: {found_now}");
        assert!(text.contains("ingest.schema_objects") && text.contains(REMADE), "{found_now}");
        run(&world, undo).await;
        if undo == REMADE {
            migrate(&world).await;
        }
        assert!(found(&world).await.0, "{undo}: {:?}", found(&world).await);
    }
}

#[tokio::test]
async fn neither_an_upgrade_nor_another_version_of_postgres_hides_an_alteration() {
    let world = World::new().await;
    if citus::skips("the schema is not compared") {
        return;
    }
    let index: String = sqlx::query_scalar(
        "select substr(object_name, 7) from ingest.schema_objects where object_name like 'index core.%' limit 1",
    )
    .fetch_one(&world.db.pool)
    .await
    .expect("an index");
    run(&world, &format!("drop index {index}")).await;
    let is_named =
        |(is_well, finding): (bool, String)| !is_well && finding.contains(&format!("index {index} is missing"));
    assert!(is_named(found(&world).await));
    // the views of another release
    run(&world, "update ingest.view_versions set text_hash = ''").await;
    migrate(&world).await;
    assert!(is_named(found(&world).await), "an upgrade");
    run(&world, "update ingest.schema_objects set server_major = 9, definition = 'as 9 writes it'").await;
    assert!(is_named(found(&world).await), "another version, by name");
    run(&world, "delete from ingest.schema_objects where definition = 'as 9 writes it' and object_name like 'index %'")
        .await;
    let (is_well, finding) = found(&world).await;
    assert!(is_well && finding.contains("were recorded by another version of Postgres"), "{finding}");
    migrate(&world).await;
    let (is_well, finding) = found(&world).await;
    assert!(is_well && finding.ends_with("objects are as the migrations left them"), "{finding}");
    run(&world, "alter table ingest.streams alter column fence drop not null").await;
    assert!(found(&world).await.1.contains("column ingest.streams.fence differs"));
}

#[tokio::test]
async fn a_restored_dump_has_the_schema_of_the_migrations() {
    let world = World::new().await;
    if citus::skips("the schema is not compared") {
        return;
    }
    let options = &world.db.options;
    let socket = options.get_socket().map(|folder| folder.display().to_string());
    let beside_server = |program: &str| db::binaries().map(|folder| folder.join(program)).filter(|path| path.is_file());
    let of_client = |program: &str| {
        let mut client = std::process::Command::new(beside_server(program).unwrap_or_else(|| program.into()));
        client.arg("-h").arg(socket.as_deref().unwrap_or(options.get_host()));
        client.arg("-p").arg(options.get_port().to_string()).arg("-U").arg(options.get_username());
        client
    };
    let database = options.get_database().expect("a database");
    let dumped = of_client("pg_dump").arg(database).output().expect("pg_dump is installed");
    let trouble = String::from_utf8_lossy(&dumped.stderr);
    // the server of a container, or of DATABASE_URL, may be newer than the clients of this machine
    if trouble.contains("server version mismatch") {
        eprintln!("SKIPPED: {trouble}");
        return;
    }
    assert!(dumped.status.success(), "{trouble}");
    let restored = format!("{database}_restored");
    run(&world, &format!("create database {restored}")).await;
    let file = std::env::temp_dir().join(&restored);
    std::fs::write(&file, &dumped.stdout).expect("it is written");
    let psql = of_client("psql")
        .args(["-q", "-v", "ON_ERROR_STOP=1", "-d", &restored, "-f"])
        .arg(&file)
        .output()
        .expect("it is restored");
    std::fs::remove_file(&file).expect("it is removed");
    assert!(psql.status.success(), "{}", String::from_utf8_lossy(&psql.stderr));
    let pool = sqlx::PgPool::connect_with(options.clone().database(&restored)).await.expect("a pool");
    let compared = tributary::db::schema_alterations(&pool).await.expect("it is compared");
    assert_eq!((compared.found, compared.foreign_count), (Vec::new(), 0));
    assert!(compared.recorded_count > 500, "{}", compared.recorded_count);
    pool.close().await;
    run(&world, &format!("drop database {restored} with (force)")).await;
}
