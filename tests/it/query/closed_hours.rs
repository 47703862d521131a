//! Closed hours change no answer, and are what answers read where nothing changed since.

use std::time::Duration;

use serde_json::Value;
use sqlx::PgPool;
use tributary::clock::Clock as _;
use tributary::store::closed_hours::{close, differing};
use tributary::store::operation::Operator;
use tributary::store::source_change::{Change, ChangeRequest};

use crate::harness::World;
use crate::query::every_metric::known_world;

/// Ranges whose ends and days cut hours, or do not; the clocks change in each.
const RANGES: [&str; 4] = [
    "from=2025-01-01T00:00:00Z&to=2025-10-27T12:05:00Z&granularity=month&zone=UTC",
    "from=2025-10-20T10:30:00Z&to=2025-10-27T12:05:00Z&granularity=day&zone=Europe/Berlin",
    "from=2025-03-20&to=2025-05-10&granularity=week&zone=Asia/Kathmandu",
    "from=2025-10-01&to=2025-11-01&granularity=none&zone=America/Havana&compare=previous_period",
];

/// Groups and filters; some can be read from closed hours, some cannot.
const GROUPS: [&str; 8] = [
    "",
    "&dimensions=provider",
    "&dimensions=session_kind,session_state",
    "&dimensions=channel,outcome",
    "&channel=whatsapp",
    "&source=konvo-main",
    "&attribution=end",
    "&dimensions=local_hour",
];

async fn world() -> World {
    let world = known_world().await;
    sqlx::raw_sql(include_str!("../worlds/missing_times.sql")).execute(&world.db.pool).await.expect("the world");
    world
}

/// Answers of all metrics to all questions; refusals are the same with and without closed hours.
async fn answers(world: &World) -> Vec<(String, Value)> {
    let api = world.api().await;
    let metrics = api.ok("/v1/metrics").await;
    let ids: Vec<&str> =
        metrics["items"].as_array().expect("a list").iter().filter_map(|it| it["id"].as_str()).collect();
    let mut answers = Vec::new();
    for (place, id) in ids.iter().enumerate() {
        for range in RANGES {
            // each metric with two of the groups; neighbours differ
            for group in GROUPS.iter().skip(place % 4).step_by(4) {
                let path = format!("/v1/metrics/query?metrics={id}&{range}{group}");
                let (_, mut answer) = api.get(&path).await;
                if let Some(problem) = answer.as_object_mut() {
                    problem.remove("instance");
                }
                answers.push((path, answer));
            }
        }
    }
    for range in RANGES {
        let path = format!("/v1/metrics/query?metrics=sessions,minutes_consumed,messages,resolution_rate&{range}");
        answers.push((path.clone(), api.get(&path).await.1));
    }
    answers
}

async fn execute(pool: &PgPool, sql: &'static str) {
    sqlx::raw_sql(sql).execute(pool).await.expect("written");
}

#[tokio::test]
async fn answers_are_the_same_with_and_without_closed_hours() {
    let world = world().await;
    let before = answers(&world).await;
    assert_eq!(differing(&world.db.pool).await.expect("compared"), None);
    assert!(close(&world.db.pool).await.expect("closed").is_some());
    assert_eq!(differing(&world.db.pool).await.expect("compared"), Some(0));
    let after = answers(&world).await;
    let differ = before.iter().zip(&after).filter(|(before, after)| before != after);
    let differ: Vec<String> =
        differ.map(|(before, after)| format!("{}\n{}\n{}", before.0, before.1, after.1)).collect();
    assert!(differ.is_empty(), "{} of {}: {}", differ.len(), before.len(), differ[..differ.len().min(3)].join("\n"));
    assert!(before.iter().filter(|(_, answer)| answer["rows"].is_array()).count() > 500, "most are answered");
}

async fn figure(world: &World, metric: &str, rest: &str) -> Value {
    let path =
        format!("/v1/metrics/query?metrics={metric}&from=2025-10-01&to=2025-10-27&zone=UTC&granularity=none{rest}");
    world.api().await.ok(&path).await["totals"][metric]["value"].clone()
}

#[tokio::test]
async fn hours_are_read_where_nothing_changed_and_sessions_where_something_did() {
    let world = world().await;
    let pool = &world.db.pool;
    assert_eq!(figure(&world, "sessions", "").await, 17);
    assert_eq!(figure(&world, "completed_sessions", "").await, 5);
    close(pool).await.expect("closed");
    // a mark that shows what is read: 100 sessions more in each row
    execute(pool, "update ingest.closed_hours set session_count = session_count + 100").await;
    let marked = figure(&world, "sessions", "").await.as_i64().expect("a number");
    assert!(marked > 1000, "the sums are read: {marked}");
    assert!(figure(&world, "completed_sessions", "").await.as_i64().is_some_and(|count| count > 500));
    // a range that begins and ends within hours reads these from sessions
    let cut = "/v1/metrics/query?metrics=sessions&from=2025-10-23T10:30:00Z&to=2025-10-25T22:30:00Z&granularity=none&zone=UTC";
    let cut = world.api().await.ok(cut).await["totals"]["sessions"]["value"].as_i64().expect("a number");
    assert!(differing(pool).await.expect("compared").is_some_and(|hours| hours > 20));
    assert_eq!(cut % 100, 5, "24 October 08:00, 09:00 and 10:00, and 25 October 22:10 which is not 100 more: {cut}");
    // every session changes: nothing is read from hours
    execute(
        pool,
        "insert into core.session_change_times (source_id, session_id, changed_at)
         select source_id, session_id, clock_timestamp() from core.sessions",
    )
    .await;
    assert_eq!(figure(&world, "sessions", "").await, 17);
    assert_eq!(differing(pool).await.expect("compared"), Some(0));
    // and the next closing makes them right
    close(pool).await.expect("closed");
    execute(pool, "truncate core.session_change_times").await;
    assert_eq!(figure(&world, "sessions", "").await, 17);
    assert_eq!(differing(pool).await.expect("compared"), Some(0));
}

#[tokio::test]
async fn a_database_whose_clock_is_set_back_closes_all_hours_again() {
    let world = world().await;
    let pool = &world.db.pool;
    close(pool).await.expect("closed");
    execute(
        pool,
        "update ingest.closed_hours set session_count = session_count + 100;
         update ingest.closed_hours_state set complete_through = complete_through + interval '10 minutes'",
    )
    .await;
    assert_eq!(figure(&world, "sessions", "").await, 17, "hours of the future are not read");
    close(pool).await.expect("closed");
    assert_eq!(differing(pool).await.expect("compared"), Some(0));
    assert_eq!(figure(&world, "sessions", "").await, 17);
}

#[tokio::test]
async fn two_instances_do_not_close_hours_at_once() {
    let world = world().await;
    let pool = &world.db.pool;
    let mut other = pool.begin().await.expect("a transaction");
    sqlx::query("select from ingest.closed_hours_state for update").execute(&mut *other).await.expect("locked");
    assert_eq!(close(pool).await.expect("not an error"), None);
    other.rollback().await.expect("ended");
    assert!(close(pool).await.expect("closed").is_some());
}

#[tokio::test]
async fn a_source_that_is_removed_while_its_hours_are_first_closed_leaves_no_closed_hour() {
    let world = world().await;
    let pool = &world.db.pool;
    let waiting = async || {
        let sql = "select count(*) from pg_stat_activity
                    where datname = current_database() and wait_event_type = 'Lock'";
        tokio::time::sleep(Duration::from_millis(10)).await;
        sqlx::query_scalar::<_, i64>(sql).fetch_one(pool).await.expect("a number")
    };
    // the closing has its snapshot, and cannot write yet
    let mut holder = pool.begin().await.expect("a transaction");
    sqlx::query("lock table ingest.closed_hours in share mode").execute(&mut *holder).await.expect("locked");
    let closing = tokio::spawn({
        let pool = pool.clone();
        async move { close(&pool).await.expect("closed") }
    });
    while waiting().await < 1 {}
    let changes = world.app().source_changes(pool).await.expect("a key");
    let now = world.clock.now();
    let removal = tokio::spawn(async move {
        let operator = Operator { requested_by: "ada".to_owned(), request_id: None };
        let (change, configured) = (Change::Remove, Some(&[][..]));
        let request =
            ChangeRequest { slug: "konvo-main", change, is_dry_run: false, configured, operator: &operator, now };
        changes.apply(&request).await.expect("removed")
    });
    while !removal.is_finished() && waiting().await < 2 {}
    holder.rollback().await.expect("released");
    assert!(closing.await.expect("no panic").is_some());
    removal.await.expect("no panic");
    assert_eq!(differing(pool).await.expect("compared"), None, "the hours have sessions that are gone");
    close(pool).await.expect("closed");
    assert_eq!(differing(pool).await.expect("compared"), Some(0));
}
