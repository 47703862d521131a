//! `tributary check`: it ends soon, changes nothing, and names clocks that differ and sums that do.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tributary::app::{self, App, checking};
use tributary::clock::{Clock, Dice, SystemClock};
use tributary::store::closed_hours::close;
use tributary_simulator::Platform;
use tributary_simulator::faults::{Effect, Fault, RetryAfter};
use tributary_simulator::quirks::Quirks;

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
    assert!(found.contains("use up to 403 each") && found.contains("lower database.max_connections"), "{found}");
    std::fs::remove_file(&key).expect("cleaned up");
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
    assert_eq!(line().await, (true, "none is closed yet: questions read each session".to_owned()));
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
