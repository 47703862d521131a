//! `tributary check`: it ends soon, changes nothing, and names clocks that differ.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tributary::app::checking;
use tributary::clock::{Clock, SystemClock};
use tributary_simulator::Platform;
use tributary_simulator::faults::{Effect, Fault, RetryAfter};
use tributary_simulator::quirks::Quirks;

use crate::harness::{World, plain_feed};
use crate::ingest::clocks::{Ahead, app, undated};
use crate::providers::conformance::over_all_providers;

over_all_providers!(a03_a_check_of_a_throttled_provider_ends_soon_and_says_so, a18_a_check_changes_no_byte);

async fn a03_a_check_of_a_throttled_provider_ends_soon_and_says_so(platform: Platform) {
    for retry_after in [RetryAfter::Seconds(3_600), RetryAfter::Absent, RetryAfter::Seconds(2)] {
        let mut world = World::new().await;
        let provider = world.simulate(platform, plain_feed(platform, 3), Quirks::default()).await;
        provider.script(vec![Fault::new(Effect::RateLimited(retry_after)).forever()]);
        let started = Instant::now();
        let lines = checking::check(&world.app_at(Arc::new(tributary::clock::SystemClock))).await.expect("it looks");
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
        checking::check(&world.app()).await.expect("it looks");
        assert_eq!(fingerprint(&world).await, before);
    }
}

#[tokio::test]
async fn f67_a_check_names_the_clocks_that_differ_and_those_that_are_unknown() {
    let world = World::new().await;
    let wire = undated(&world, SystemClock.now()).await;
    let check = async |clock: Arc<dyn Clock>| {
        let lines = checking::check(&app(&world, &wire.base_url(), clock)).await.expect("it looks");
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
        let lines = checking::check(&world.app()).await.expect("it looks");
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
