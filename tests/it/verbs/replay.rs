//! `tributary replay --from-raw`: rows rebuilt from raw records equal those of polls, whole at every instant, without a
//! call.

mod irregular_histories;
pub(crate) mod rejects;

use std::process::{Command, Stdio};
use std::time::Duration;

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;
use tributary::app::replaying;
use tributary::ingest::replay::StreamReplay;
use tributary_simulator::quirks::Quirks;
use tributary_simulator::world::{Shape, Volume, World as Generated};
use tributary_simulator::{Platform, Simulator};

use crate::harness::orphans::remove_sessions;
use crate::harness::poller_process::Running;
use crate::harness::{World, noon, plain_feed};

/// Three days of all three providers, and sessions that begin and end while the clock advances.
fn generated() -> Generated {
    let volume = |history| Volume { history, per_hour_ahead: 6 };
    let shape = Shape { history_days: 3, hours_ahead: 3, avatars: volume(60), chats: volume(50), meetings: volume(14) };
    Generated::generate(&shape, 11, noon() - TimeDelta::hours(2))
}

/// Polls over two hours, so that sessions were seen live, ended, and settled.
async fn polled() -> (World, Vec<Simulator>) {
    let generated = generated();
    let mut world = World::new().await.with_depth();
    let mut simulators = Vec::new();
    for platform in [Platform::Konpro, Platform::Konvo, Platform::Realtimekit] {
        simulators.push(world.simulate(platform, generated.feed(platform), Quirks::default()).await);
    }
    for minutes in [-120, -110, -75, -40, 0] {
        world.clock.set(noon() + TimeDelta::minutes(minutes));
        world.poll().await;
        // a poll that waited for its second tries has moved the clock
        world.clock.set(noon() + TimeDelta::minutes(minutes));
    }
    (world, simulators)
}

impl World {
    /// Runs `tributary replay --from-raw`.
    pub(crate) async fn replay_from_raw(&self) -> Vec<StreamReplay> {
        replaying::from_raw(&self.app(), None, CancellationToken::new()).await.expect("the replay runs")
    }

    /// Returns every row of every normalized table, without surrogate numbers and times of the database's clock; sorted.
    pub(crate) async fn dump(&self) -> Vec<String> {
        let tables: Vec<(String, bool, String)> = sqlx::query_as(
            "select c.table_name::text, bool_or(c.column_name = 'session_id'),
                    string_agg(format('%L, t.%I', c.column_name, c.column_name), ', ' order by c.column_name)
                      filter (where c.column_name not in ('session_id', 'participant_id', 'changed_at'))
               from information_schema.columns c
               join information_schema.tables k using (table_schema, table_name)
              where c.table_schema = 'core' and k.table_type = 'BASE TABLE'
                and c.table_name not in ('sources', 'session_launches')
              group by c.table_name order by c.table_name",
        )
        .fetch_all(&self.db.pool)
        .await
        .expect("the catalog");
        assert!(tables.len() > 12, "{tables:?}");
        let mut rows = Vec::new();
        for (table, is_of_session, columns) in tables {
            let (name, join) = match (table.as_str(), is_of_session) {
                ("sessions" | "people", _) | (_, false) => ("''", String::new()),
                _ => ("s.provider_session_id", "join core.sessions s using (source_id, session_id)".to_owned()),
            };
            let sql =
                format!("select '{table} ' || {name} || json_build_array({columns})::text from core.{table} t {join}");
            let found: Vec<String> =
                sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_all(&self.db.pool).await.expect("rows");
            rows.extend(found);
        }
        rows.sort();
        rows
    }

    pub(crate) async fn empty(&self) {
        remove_sessions(&self.db.pool, "true").await;
        sqlx::query("delete from core.people").execute(&self.db.pool).await.expect("emptied");
    }
}

fn assert_same_rows(made: &[String], polled: &[String]) {
    let missing: Vec<&String> = polled.iter().filter(|row| made.binary_search(row).is_err()).take(6).collect();
    let extra: Vec<&String> = made.iter().filter(|row| polled.binary_search(row).is_err()).take(6).collect();
    assert!(missing.is_empty() && extra.is_empty(), "missing: {missing:#?}\nextra: {extra:#?}");
    assert_eq!(made.len(), polled.len());
}

#[tokio::test]
async fn a16_all_tables_come_back_from_raw_records_alone() {
    let (world, simulators) = polled().await;
    let polled = world.dump().await;
    assert!(polled.len() > 1_000, "{} rows", polled.len());
    let tasks = "select string_agg(t.provider_session_id || t.stream || t.state || t.attempts, ' '
                                   order by t.provider_session_id, t.stream) from ingest.artifact_tasks t
                   join core.sessions s using (source_id, session_id)";
    let tasks_before = world.text(tasks).await;
    let calls = |simulators: &[Simulator]| simulators.iter().map(|one| one.requests().len()).sum::<usize>();
    let calls_before = calls(&simulators);

    world.empty().await;
    assert_eq!(world.dump().await.len(), 0);
    let lines = world.replay_from_raw().await;
    assert!(lines.iter().all(StreamReplay::is_complete), "{lines:?}");
    assert_same_rows(&world.dump().await, &polled);
    assert_eq!(calls(&simulators), calls_before, "no provider was asked");
    assert_eq!(world.text(tasks).await, tasks_before, "what is known of files stays known");

    // nothing is left to fetch
    let lines = world.poll().await;
    let fresh: i64 =
        lines.iter().filter(|line| line.stream == "sessions").map(|line| line.inserted + line.updated).sum();
    assert_eq!(fresh, 0, "{lines:?}");
}

#[tokio::test]
async fn a_replay_in_place_changes_nothing() {
    let (world, _simulators) = polled().await;
    let polled = world.dump().await;
    let written = world.tuples_written().await;
    let lines = world.replay_from_raw().await;
    assert_eq!(lines.iter().filter(|line| line.stream == "sessions").map(|line| line.written).sum::<u64>(), 0);
    assert!(lines.iter().all(|line| line.written == 0) && lines.iter().any(|line| line.unchanged > 40), "{lines:?}");
    assert_same_rows(&world.dump().await, &polled);
    assert_eq!(world.tuples_written().await, written, "no row was touched: {lines:?}");
    let asked = "select string_agg(kind || ' ' || target, ',' order by operation_id) from ingest.operations";
    assert_eq!(world.text(asked).await.as_deref(), Some("replay from_raw,replay from_raw,replay from_raw"));
}

#[tokio::test]
async fn a17_rows_of_an_older_mapping_are_rebuilt_and_keep_their_numbers() {
    let (world, _simulators) = polled().await;
    let polled = world.dump().await;
    let numbers =
        "select md5(string_agg(session_id || provider_session_id, ',' order by session_id)) from core.sessions";
    let before = world.text(numbers).await;
    // as an earlier version stored them with less knowledge, and one that was deleted at its provider since
    for sql in [
        "update core.sessions set row_hash = '\\x00', outcome = 'unknown', channel = null, provider_minutes = null",
        "update core.sessions set is_deleted_at_provider = true
          where session_id = (select min(session_id) from core.sessions)",
        "update core.participants set duration_ms = null",
        "update core.transcript_segments set body = '?'",
        "update ingest.artifact_tasks set content_hash = '\\x00' where content_hash is not null",
    ] {
        sqlx::query(sql).execute(&world.db.pool).await.expect(sql);
    }
    let now = noon() + TimeDelta::minutes(10);
    world.clock.set(now);
    let lines = world.replay_from_raw().await;
    assert!(lines.iter().all(StreamReplay::is_complete), "{lines:?}");
    assert_eq!(world.text(numbers).await, before);
    let deleted = world.number("select count(*) from core.sessions where is_deleted_at_provider").await;
    assert_eq!(deleted, 1, "reading a record again does not say that its provider lists it");
    let changed =
        world.number("select count(*) from core.sessions where last_changed_at = '2026-03-10T12:10:00Z'").await;
    assert_eq!(changed, world.number("select count(*) from core.sessions").await, "what changes now has changed now");
    sqlx::query("update core.sessions set is_deleted_at_provider = false, last_changed_at = first_seen_at")
        .execute(&world.db.pool)
        .await
        .expect("set back");
    let timeless = |rows: &[String]| -> Vec<String> {
        let mut rows: Vec<String> = rows
            .iter()
            .map(|row| match row.split_once("\"last_changed_at\", \"") {
                Some((head, tail)) => format!("{head}{}", &tail[25..]),
                None => row.clone(),
            })
            .collect();
        rows.sort();
        rows
    };
    assert_same_rows(&timeless(&world.dump().await), &timeless(&polled));
}

#[tokio::test]
async fn sessions_without_a_raw_record_are_removed_unless_all_records_are_missing() {
    let mut world = World::new().await;
    let _simulator = world.simulate(Platform::Konvo, plain_feed(Platform::Konvo, 5), Quirks::default()).await;
    world.poll_one().await;
    let run = async |sql: &'static str| sqlx::query(sql).execute(&world.db.pool).await.expect(sql);
    run("delete from ingest.raw_records where provider_record_id = 'konvo-00003'").await;
    let lines = world.replay_from_raw().await;
    assert_eq!((lines[0].removed, lines[0].is_complete()), (1, true), "{lines:?}");
    assert_eq!(world.number("select count(*) from core.sessions").await, 4);
    run("delete from ingest.raw_records").await;
    let lines = world.replay_from_raw().await;
    assert!(!lines[0].is_complete() && lines[0].removed == 0, "{lines:?}");
    assert_eq!(world.number("select count(*) from core.sessions").await, 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_replay_leaves_whole_sessions_and_is_resumed() {
    let mut world = World::new().await;
    let _simulator = world.simulate(Platform::Konvo, plain_feed(Platform::Konvo, 900), Quirks::default()).await;
    world.poll_one().await;
    let polled = world.dump().await;
    world.empty().await;
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("replay-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let config = folder.join("tributary.toml");
    std::fs::write(&config, world.toml()).expect("a config file");
    let replay = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tributary"));
        command.arg("--config").arg(&config).args(["replay", "--from-raw", "--json"]).env_clear();
        command.envs(world.environment()).env("DATABASE_URL", &world.db.url).stdin(Stdio::null());
        command
    };
    let (mut killed_within, mut stored) = (0, 0);
    // killed once a part is stored, at any point
    for _ in 0..40 {
        let mut child = Running(replay().stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts"));
        while child.try_wait().expect("its state").is_none() {
            let now = world.number("select count(*) from core.sessions").await;
            let halves = world
                .number(
                    "select count(*)
                       from core.sessions s
                       left join (select source_id, session_id, count(*) as number from core.messages group by 1, 2) m
                            using (source_id, session_id)
                       left join core.konvo_sessions k using (source_id, session_id)
                       left join core.session_stats c using (source_id, session_id)
                      where m.number is distinct from 2 or k.session_id is null or c.session_id is null",
                )
                .await;
            assert_eq!(halves, 0, "a reader saw half a session");
            if now > stored && now < 900 {
                child.kill().expect("killed");
                killed_within += 1;
                stored = now;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        if killed_within > 0 {
            break;
        }
        if world.number("select count(*) from core.sessions").await == 900 {
            world.empty().await;
            stored = 0;
        }
    }
    assert!(killed_within > 0, "it was never killed in the middle");
    let end = replay().output().expect("it runs");
    assert!(end.status.success(), "{}", String::from_utf8_lossy(&end.stderr));
    let told: serde_json::Value = serde_json::from_slice(&end.stdout).expect("JSON");
    assert_eq!(told[0]["records"], 900, "{told:#}");
    assert!(told[0]["unchanged"].as_u64() >= Some(1), "it went on: {told:#}");
    // people have the same pseudonyms only with the stored key
    assert_same_rows(&world.dump().await, &polled);
}
