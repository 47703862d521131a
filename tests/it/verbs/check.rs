//! `tributary check`: it ends soon, changes nothing, and names clocks that differ and sums that do.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sqlx::ConnectOptions;
use tributary::app::{self, App, checking};
use tributary::clock::{Clock, Dice, SystemClock};
use tributary::store::closed_hours::close;
use tributary_simulator::Platform;
use tributary_simulator::faults::{Effect, Fault, RetryAfter};
use tributary_simulator::quirks::Quirks;

use crate::harness::db::TestDatabase;
use crate::harness::{API_KEY, World, plain_feed};
use crate::ingest::clocks::{Ahead, app as app_over, undated};
use crate::providers::conformance::over_all_providers;

over_all_providers!(a03_a_check_of_a_throttled_provider_ends_soon_and_says_so, a18_a_check_changes_no_byte);

async fn a03_a_check_of_a_throttled_provider_ends_soon_and_says_so(platform: Platform) {
    for retry_after in [RetryAfter::Seconds(3_600), RetryAfter::Absent, RetryAfter::Seconds(2)] {
        let mut world = World::new().await;
        let provider = world.simulate(platform, plain_feed(platform, 3), Quirks::default()).await;
        provider.script(vec![Fault::new(Effect::RateLimited(retry_after)).forever()]);
        let started = Instant::now();
        let lines =
            checking::check(&world.app_at(Arc::new(tributary::clock::SystemClock)), |_| ()).await.expect("it looks");
        assert!(started.elapsed() < Duration::from_secs(10), "{retry_after:?}: {:?}", started.elapsed());
        let line = lines.iter().find(|line| line.subject == platform.as_str()).expect("a line");
        assert!(!line.is_well && line.finding.contains("call budget"), "{line:?}");
    }
}

/// Reduces every row of our tables to one number a table; sequences too.
async fn fingerprint(world: &World) -> BTreeMap<String, String> {
    let tables: Vec<(String, bool)> = sqlx::query_as(
        "select quote_ident(schemaname) || '.' || quote_ident(tablename), false from pg_tables
          where schemaname not in ('pg_catalog', 'information_schema')
         union all
         select quote_ident(schemaname) || '.' || quote_ident(sequencename), true from pg_sequences",
    )
    .fetch_all(&world.db.pool)
    .await
    .expect("the catalog");
    let mut prints = BTreeMap::new();
    for (table, is_sequence) in tables {
        let sql = if is_sequence {
            format!("select last_value || ' ' || is_called from {table}")
        } else {
            format!("select coalesce(md5(string_agg(t::text, '|' order by t::text)), '') from {table} t")
        };
        let print: String =
            sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&world.db.pool).await.expect("a print");
        prints.insert(table, print);
    }
    prints
}

async fn a18_a_check_changes_no_byte(platform: Platform) {
    let mut world = World::new().await;
    let provider = world.simulate(platform, plain_feed(platform, 30), Quirks::default()).await;
    assert!(world.poll_one().await.is_complete());
    let before = fingerprint(&world).await;
    assert!(before.len() > 15, "{before:?}");
    for fault in [None, Some(Effect::html()), Some(Effect::RateLimited(RetryAfter::Seconds(3_600)))] {
        provider.script(fault.into_iter().map(|effect| Fault::new(effect).forever()).collect());
        checking::check(&world.app(), |_| ()).await.expect("it looks");
        assert_eq!(fingerprint(&world).await, before);
    }
}

#[tokio::test]
async fn f67_a_check_names_the_clocks_that_differ_and_those_that_are_unknown() {
    let world = World::new().await;
    let wire = undated(&world, SystemClock.now()).await;
    let check = async |clock: Arc<dyn Clock>| {
        let lines = checking::check(&app_over(&world, &wire.base_url(), clock), |_| ()).await.expect("it looks");
        let find = |subject: &str| lines.iter().find(|line| line.subject == subject).cloned().expect("a line");
        (find("clock"), find("kv"))
    };
    let (clock, provider) = check(Arc::new(Ahead)).await;
    assert!(!clock.is_well, "{clock:?}");
    assert!(
        clock.finding.contains("differs from this machine's by -1080") && clock.finding.contains("NTP"),
        "{clock:?}"
    );
    assert!(provider.is_well && provider.finding.contains("no Date header"), "{provider:?}");
    assert!(!provider.finding.contains("0 s"), "an unknown clock is no clock that is right: {provider:?}");
    let (clock, _) = check(Arc::new(SystemClock)).await;
    assert!(clock.is_well, "{clock:?}");
    assert!(clock.finding.contains("differ by 0.") || clock.finding.contains("differ by -0."), "{clock:?}");
    assert!(!clock.finding.contains("-0.0"), "no difference has no sign: {clock:?}");
}

#[tokio::test]
async fn a_check_tries_what_a_start_needs() {
    let mut world = World::new().await;
    let _provider = world.simulate(Platform::Konvo, plain_feed(Platform::Konvo, 3), Quirks::default()).await;
    let line = async |subject: &str| {
        let lines = checking::check(&world.app(), |_| ()).await.expect("it looks");
        lines.iter().find(|line| line.subject == subject).cloned().expect("a line")
    };
    let run = async |sql: &str| {
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&world.db.pool).await.expect("done");
    };
    assert!(line("writes").await.is_well && line("connections").await.is_well && line("database").await.is_well);
    let name = world.text("select current_database()::text").await.expect("a name");
    run(&format!("alter database {name} set default_transaction_read_only = on")).await;
    let writes = line("writes").await;
    assert!(!writes.is_well && writes.finding.contains("primary"), "{writes:?}");
    run(&format!("alter database {name} reset default_transaction_read_only")).await;
    run("update public._sqlx_migrations set version = 999").await;
    let newer = line("database").await;
    assert!(!newer.is_well && newer.finding.contains("schema 999 of a later version"), "{newer:?}");
}

#[tokio::test]
async fn a_check_finds_keys_that_all_can_read_and_more_connections_than_the_server_has() {
    let mut world = World::new().await;
    let _provider = world.simulate(Platform::Konvo, plain_feed(Platform::Konvo, 3), Quirks::default()).await;
    let key = std::env::temp_dir().join(format!("tributary-check-{}.key", std::process::id()));
    std::fs::write(&key, API_KEY).expect("a key file");
    let by_file = world.toml().replace("api_key_env = \"TEST_KEY\"", &format!("api_key_file = {key:?}"));
    let finding = async |settings: &str, subject: &str| {
        let config = app::parse_config(&format!("{settings}{by_file}"), &world.environment()).expect("a configuration");
        let database = Some(world.db.options.clone());
        let app = App::new(config, database, Arc::new(SystemClock), Arc::new(Dice::seeded(7))).expect("an app");
        let lines = checking::check(&app, |_| ()).await.expect("it looks");
        lines.into_iter().find(|line| line.subject == subject && !line.is_well).map(|line| line.finding)
    };
    for (mode, is_open) in [(0o644, true), (0o604, true), (0o640, false), (0o600, false)] {
        std::fs::set_permissions(&key, std::fs::Permissions::from_mode(mode)).expect("a mode");
        let found = finding("", "files").await;
        assert_eq!(found.is_some(), is_open, "{mode:o}: {found:?}");
        assert!(found.is_none_or(|found| found.contains("chmod o=") && found.contains("tributary-check-")), "{mode:o}");
    }
    assert_eq!(finding("", "connections").await, None);
    let found = finding("[database]\nmax_connections = 200\n", "connections").await.expect("a fault");
    assert!(
        found.contains("1 instance uses up to 403,") && found.contains("lower database.max_connections"),
        "{found}"
    );
    std::fs::remove_file(&key).expect("cleaned up");
    // instances of another database of the server need connections too
    let other = TestDatabase::new().await;
    let _held = other.options.clone().application_name("tributary-api").connect().await.expect("connected");
    let others = async || {
        let lines = checking::check(&world.app(), |_| ()).await.expect("it looks");
        let line = lines.into_iter().find(|line| line.subject == "connections").expect("a line");
        let (_, rest) = line.finding.split_once("other programs ").expect("a number");
        (line.finding.split(' ').next().map(str::to_owned), rest.split(' ').next().map(str::to_owned))
    };
    let count = "select count(*) from pg_stat_activity where datid is not null and usesysid is not null
                  and not (application_name like 'tributary-%' and datname = current_database())";
    let (mut counted, mut expected) = (others().await, world.number(count).await.to_string());
    for _ in 0..50 {
        // other tests connect and disconnect meanwhile
        if counted == (Some("1".to_owned()), Some(expected.clone())) {
            break;
        }
        (counted, expected) = (others().await, world.number(count).await.to_string());
    }
    assert_eq!(counted, (Some("1".to_owned()), Some(expected)));
    let lines = checking::check(&world.app(), |_| ()).await.expect("it looks");
    assert!(lines.iter().any(|line| line.finding.starts_with("1 instance uses up to ")), "{lines:?}");
    let alive = "insert into ingest.instances (instance_id, role, version, commit_hash, started_at, last_seen_at)
                 select 'host:' || n, 'all', '', '', now(), now() from generate_series(1, 2) n";
    sqlx::raw_sql(alive).execute(&world.db.pool).await.expect("two instances");
    assert_eq!(others().await.0.as_deref(), Some("2"), "the check itself serves nothing");
    let lines = checking::check_start(&world.app(), |_| ()).await.expect("it looks");
    let line = lines.iter().find(|line| line.subject == "connections").expect("a line");
    assert!(line.finding.starts_with("3 instances use"), "{line:?}");
}

#[tokio::test]
async fn a_check_finds_every_file_with_a_secret_that_all_can_read() {
    let folder = std::env::temp_dir().join(format!("tributary-check-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let write = |name: &str, text: &str| {
        std::fs::write(folder.join(name), text).expect("a file");
        std::fs::set_permissions(folder.join(name), std::fs::Permissions::from_mode(0o644)).expect("a mode");
    };
    write("person", "a secret of more than sixteen bytes");
    write("receiver", "https://hooks.example/secret");
    write("signature", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    write("replica", "postgres://reader:secret@127.0.0.1:1/none");
    let at = |name: &str| folder.join(name).display().to_string();
    let settings = |url: &str| {
        format!(
            "[database]\nurl = \"{url}\"\nread_url_file = \"{}\"\n[privacy]\nperson_key_file = \"{}\"\n\
             [[alerts]]\nname = \"many\"\nquery = \"metrics=sessions\"\nabove = 1\n\
             url_file = \"{}\"\nsecret_file = \"{}\"\n",
            at("replica"),
            at("person"),
            at("receiver"),
            at("signature"),
        )
    };
    let found = async |url: &str| {
        write("tributary.toml", &settings(url));
        let config = app::read_config(Some(&folder.join("tributary.toml")), &BTreeMap::new()).expect("it is right");
        let files: Vec<PathBuf> = config.secret_files().into_iter().map(Path::to_owned).collect();
        let names = files.iter().filter_map(|path| path.file_name()?.to_str()).map(str::to_owned);
        names.collect::<BTreeSet<String>>()
    };
    let all = ["person", "receiver", "replica", "signature"];
    assert_eq!(found("postgres://app@127.0.0.1:5432/main").await, all.map(str::to_owned).into());
    let with_password: BTreeSet<String> =
        all.iter().chain(&["tributary.toml"]).map(|name| (*name).to_owned()).collect();
    for url in ["postgres://app:secret@127.0.0.1:5432/main", "postgres://localhost/main?host=/tmp&password=secret"] {
        assert_eq!(found(url).await, with_password, "{url}");
    }
    std::fs::remove_dir_all(folder).expect("cleaned up");
}

#[tokio::test]
async fn a_check_of_an_empty_database_asks_no_alert_and_blames_none() {
    let db = TestDatabase::new().await;
    let name: String = sqlx::query_scalar("select current_database()").fetch_one(&db.pool).await.expect("a name");
    let create = format!("create database {name}_empty");
    sqlx::raw_sql(sqlx::AssertSqlSafe(create)).execute(&db.pool).await.expect("created");
    let toml = "[[alerts]]\nname = \"many\"\nquery = \"metrics=sessions\"\nabove = 1\n\
                url = \"http://127.0.0.1:1/\"\nsecret_env = \"SIGNATURE\"\n";
    let signature = ("SIGNATURE".to_owned(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
    let config = app::parse_config(toml, &BTreeMap::from([signature])).expect("it is right");
    let database = Some(db.options.clone().database(&format!("{name}_empty")));
    let app = App::new(config, database, Arc::new(SystemClock), Arc::new(Dice::seeded(7))).expect("an app");
    let lines = checking::check(&app, |_| ()).await.expect("it looks");
    let drop = format!("drop database {name}_empty with (force)");
    sqlx::raw_sql(sqlx::AssertSqlSafe(drop)).execute(&db.pool).await.expect("dropped");
    let faulty: Vec<&str> = lines.iter().filter(|line| !line.is_well).map(|line| line.subject.as_str()).collect();
    assert_eq!(faulty, ["sources"], "{lines:#?}");
    assert!(lines[0].finding.contains("the next start applies"), "{lines:#?}");
}

#[tokio::test]
async fn a_check_without_a_free_connection_says_so_once_and_soon() {
    let mut world = World::new().await;
    let _provider = world.simulate(Platform::Konvo, plain_feed(Platform::Konvo, 3), Quirks::default()).await;
    let role = format!("tributary_test_used_up_{}", std::process::id());
    let create = format!("create role {role} login password 'x' connection limit 0");
    sqlx::raw_sql(sqlx::AssertSqlSafe(create)).execute(&world.db.pool).await.expect("created");
    let app = App { database: world.db.options.clone().username(&role).password("x"), ..world.app() };
    let started = Instant::now();
    let lines = checking::check(&app, |_| ()).await.expect("it looks");
    let took = started.elapsed();
    sqlx::raw_sql(sqlx::AssertSqlSafe(format!("drop role {role}"))).execute(&world.db.pool).await.expect("dropped");
    let subjects: Vec<&str> = lines.iter().map(|line| line.subject.as_str()).collect();
    assert_eq!(subjects, ["database", "konvo"], "{lines:#?}");
    assert!(
        !lines[0].is_well && lines[0].finding.contains("All connections of the database are in use."),
        "{lines:#?}"
    );
    assert!(lines[0].finding.contains("max_connections") && lines[1].is_well, "{lines:#?}");
    assert!(took < Duration::from_secs(45), "{took:?}");
}

#[tokio::test]
async fn a_check_compares_closed_hours_with_their_sessions() {
    let mut world = World::new().await;
    let _provider = world.simulate(Platform::Konpro, plain_feed(Platform::Konpro, 30), Quirks::default()).await;
    assert!(world.poll_one().await.is_complete());
    let line = async || {
        let lines = checking::check(&world.app(), |_| ()).await.expect("it looks");
        let line = lines.into_iter().find(|line| line.subject == "closed hours").expect("a line");
        (line.is_well, line.finding)
    };
    assert_eq!(line().await, (true, "no hour is summed yet: queries read sessions".to_owned()));
    close(&world.db.pool).await.expect("closed");
    assert_eq!(line().await, (true, "they equal their sessions".to_owned()));
    let miscounted = "update ingest.closed_hours set session_count = session_count + 1
                       where hour = (select max(hour) from ingest.closed_hours)";
    sqlx::query(miscounted).execute(&world.db.pool).await.expect("written");
    let (is_well, finding) = line().await;
    assert!(!is_well && finding.starts_with("1 differ from their sessions"), "{finding}");
}

#[tokio::test]
async fn a_check_reports_each_line_when_it_is_known() {
    let mut world = World::new().await;
    let slow = world.simulate(Platform::Konvo, plain_feed(Platform::Konvo, 3), Quirks::default()).await;
    slow.script(vec![Fault::new(Effect::Delay(Duration::from_millis(1_500))).forever()]);
    let _fast = world.simulate(Platform::Konpro, plain_feed(Platform::Konpro, 3), Quirks::default()).await;
    let (mut seen, mut calls_before_database) = (Vec::new(), usize::MAX);
    let app = world.app();
    let lines = checking::check(&app, |line| {
        if line.subject == "database" {
            calls_before_database = slow.requests().len();
        }
        seen.push(line.clone());
    });
    let lines = lines.await.expect("it looks");
    let at = |subject: &str| seen.iter().position(|line| line.subject == subject).expect("a line");
    assert_eq!((seen.clone(), calls_before_database), (lines, 0));
    assert!(at("database") < at("konpro") && at("konpro") < at("konvo"), "{seen:?}");
}
