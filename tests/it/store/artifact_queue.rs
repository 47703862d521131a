//! The artifact queue: the pages that a claim reads while the table has no statistics, and tasks saved together.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;
use sqlx::AssertSqlSafe;
use tributary::clock::Clock;
use tributary::model::id::SourceId;
use tributary::model::stream::Stream;
use tributary::store::artifact::queue::{self, CLAIM_BEGIN, ClaimLimit};
use tributary_simulator::Platform;
use tributary_simulator::faults::{Effect, Fault};
use tributary_simulator::quirks::Quirks;
use tributary_simulator::world::{Shape, Volume, World as Generated};
use uuid::Uuid;

use crate::harness::citus;
use crate::harness::db::TestDatabase;
use crate::harness::{World, at, noon};

/// Creates one source with ended sessions, one a second, and no statistics about them.
async fn sessions(count: i64) -> TestDatabase {
    let db = TestDatabase::new().await;
    for sql in [
        "alter table ingest.artifact_tasks set (autovacuum_enabled = false)".to_owned(),
        "insert into core.sources (source_id, source_slug, provider, account_ref, has_outcomes, message_support,
                                   history_from, schedule, session_kinds, is_enabled, pseudonym_slug)
         values (1, 's', 'p', 'a', false, 'none', '2026-01-01Z', '0 0 * * * *', '{}', true, 's')"
            .to_owned(),
        format!(
            "insert into core.sessions (session_id, created_at, started_at, ended_at, first_seen_at, last_changed_at,
                                        source_id, provider, session_kind, session_state, outcome, provider_session_id,
                                        row_hash, raw_hash)
             select n, at, at, at, at, at, 1, 'p', 'meeting', 'ended', 'not_applicable', 's' || n, '', ''
               from generate_series(1, {count}) n, lateral (select '2026-03-01Z'::timestamptz + n * interval '1 second' as at) x"
        ),
    ] {
        db.execute(&sql).await;
    }
    db
}

/// Creates tasks of `stream` for every session; `columns` are more columns and their values.
async fn tasks(db: &TestDatabase, stream: &str, columns: &str, values: &str) {
    db.execute(&format!(
        "insert into ingest.artifact_tasks (source_id, session_id, provider_session_id, stream, ended_at, expires_at, {columns})
         select s.source_id, s.session_id, s.provider_session_id, '{stream}', s.ended_at, s.ended_at + interval '90 days', {values}
           from core.sessions s"
    ))
    .await;
}

impl TestDatabase {
    async fn execute(&self, sql: &str) {
        sqlx::query(AssertSqlSafe(sql.to_owned())).execute(&self.pool).await.expect("it is executed");
    }

    async fn claim(&self, limits: &[ClaimLimit], now: &str) -> Vec<(Stream, i64)> {
        let claimed = queue::claim(&self.pool, SourceId(1), limits, Duration::from_mins(1), at(now)).await;
        let mut claimed = claimed.expect("claims");
        claimed.sort_by_key(|task| task.urgency(at(now)));
        claimed.iter().map(|task| (task.stream, task.session_id)).collect()
    }

    /// Returns how many pages a claim of 16 tasks of each stream touches, and how many tasks it takes.
    async fn claim_pages(&self, now: DateTime<Utc>) -> (i64, i64) {
        let claim = include_str!("../../../src/store/artifact/claim.sql");
        let streams: Vec<String> = Stream::PER_SESSION.iter().map(|stream| stream.as_str().to_owned()).collect();
        let mut tx = self.pool.begin_with(CLAIM_BEGIN).await.expect("a transaction");
        let explained: Value =
            sqlx::query_scalar(AssertSqlSafe(format!("explain (analyze, buffers, format json) {claim}")))
                .bind(1)
                .bind(now)
                .bind(&streams)
                .bind(vec![16_i64; streams.len()])
                .bind(now)
                .bind(60.0)
                .bind(Uuid::nil())
                .bind(64_i64)
                .fetch_one(&mut *tx)
                .await
                .expect("a plan");
        let plan = &explained[0]["Plan"];
        let number = |name: &str| plan[name].as_f64().expect("a number");
        #[expect(clippy::cast_possible_truncation, reason = "small numbers")]
        ((number("Shared Hit Blocks") + number("Shared Read Blocks")) as i64, number("Actual Rows") as i64)
    }
}

fn limits(count: usize) -> Vec<ClaimLimit> {
    Stream::PER_SESSION.iter().map(|stream| ClaimLimit { stream: *stream, count }).collect()
}

#[tokio::test]
async fn a_claim_reads_the_same_from_a_hundred_thousand_tasks_as_from_few() {
    if citus::skips("the plan of the coordinator does not say how many pages another node reads") {
        return;
    }
    let now = at("2026-04-01T00:00:00Z");
    let mut pages = Vec::new();
    for count in [2_000, 20_000] {
        let db = sessions(count).await;
        for stream in Stream::PER_SESSION {
            tasks(&db, stream.as_str(), "next_try_at, is_ready", "s.ended_at, true").await;
        }
        let (touched, claimed) = db.claim_pages(now).await;
        assert_eq!(claimed, 80);
        assert!(touched < 40 * 80, "{touched} pages for 80 of {} tasks", count * 5);
        pages.push(touched);
    }
    assert!(pages[1] < pages[0] * 3 / 2, "{pages:?}");
}

#[tokio::test]
async fn a_claim_reads_no_task_that_it_may_not_take() {
    let now = at("2026-04-01T00:00:00Z");
    let db = sessions(20_000).await;
    tasks(&db, "participants", "next_try_at", "'2026-05-01Z'").await;
    tasks(&db, "quality", "next_try_at, is_waiting", "s.ended_at, true").await;
    tasks(
        &db,
        "chat",
        "next_try_at, claimed_until, claim_token",
        "s.ended_at, now() + interval '1 hour', gen_random_uuid()",
    )
    .await;
    tasks(&db, "transcript", "next_try_at, is_ready", "s.ended_at, true").await;
    tasks(&db, "summary", "state, settled_at", "'available', s.ended_at").await;
    db.execute(
        "insert into ingest.controls (source_id, stream, paused_at, paused_by) values (1, 'transcript', now(), 'x')",
    )
    .await;
    let (touched, claimed) = db.claim_pages(now).await;
    assert_eq!(claimed, 0);
    assert!(touched < 100, "{touched} pages to find that nothing is to be taken");
}

/// Ten sessions that ended one after another; those that expire soon go first, then the newest, and each is taken once.
#[tokio::test]
async fn a_claim_takes_files_that_expire_soon_and_then_the_newest() {
    let db = sessions(10).await;
    tasks(&db, "chat", "next_try_at, is_ready", "s.ended_at, true").await;
    // found due by the claim, like all tasks that were made due by hand
    tasks(&db, "summary", "next_try_at", "'2026-04-01Z'").await;
    db.execute(
        "update ingest.artifact_tasks set expires_at = '2026-04-01 01:00Z' where stream = 'chat' and session_id = 3",
    )
    .await;
    db.execute(
        "update ingest.artifact_tasks set expires_at = '2026-04-01 02:00Z' where stream = 'chat' and session_id = 2",
    )
    .await;
    let one = |stream: Stream, count| vec![ClaimLimit { stream, count }];
    let chats = |ids: &[i64]| ids.iter().map(|id| (Stream::Chat, *id)).collect::<Vec<_>>();
    let now = "2026-04-01T00:00:00Z";
    assert_eq!(db.claim(&one(Stream::Chat, 4), now).await, chats(&[3, 2, 10, 9]));
    assert_eq!(db.claim(&one(Stream::Chat, 3), now).await, chats(&[8, 7, 6]));
    let both = db.claim(&limits(3), now).await;
    assert_eq!(both.iter().filter(|(stream, _)| *stream == Stream::Chat).count(), 3);
    assert_eq!(
        both.iter().filter(|(stream, _)| *stream == Stream::Summary).map(|(_, id)| *id).collect::<Vec<_>>(),
        [10, 9, 8]
    );
    // a claim that expired is found by the next one
    db.execute("update ingest.artifact_tasks set claimed_until = now() - interval '1 second' where stream = 'chat' and session_id = 7")
        .await;
    assert_eq!(db.claim(&one(Stream::Chat, 9), now).await, chats(&[7]));
    assert_eq!(db.claim(&one(Stream::Summary, 9), now).await.len(), 7);
    assert!(db.claim(&limits(9), now).await.is_empty(), "all are claimed");
}

/// Meetings of the last six days, all of whose files are ready.
fn meetings(history: usize) -> Generated {
    let none = Volume { history: 0, per_hour_ahead: 0 };
    let meetings = Volume { history, per_hour_ahead: 0 };
    let shape = Shape { history_days: 6, hours_ahead: 1, avatars: none, chats: none, meetings };
    Generated::generate(&shape, 7, noon() - TimeDelta::hours(6))
}

/// One artifact of a batch has a value that does not fit: it becomes a reject, and no other is lost.
#[tokio::test]
async fn p05_an_artifact_the_database_refuses_costs_no_other_of_its_batch() {
    let generated = meetings(30);
    let mut world = World::new().await.with_depth();
    let _simulator =
        world.simulate(Platform::Realtimekit, generated.feed(Platform::Realtimekit), Quirks::default()).await;
    tributary::app::sources::connect_sources(&world.app(), &world.db.pool).await.expect("the schema");
    let refuse = "alter table core.transcripts add constraint refused check (session_id % 7 <> 3)";
    sqlx::raw_sql(refuse).execute(&world.db.pool).await.expect("a rule");
    let lines = world.poll().await;
    let refused =
        "select count(*) from ingest.rejects where stream = 'transcript' and reason_code = 'refused_by_database'";
    let refused = world.number(refused).await;
    assert!(refused > 0, "{lines:?}");
    let asked =
        "select count(*) from ingest.artifact_tasks where stream = 'transcript' and reason = 'refused_by_database'";
    assert_eq!(world.number(asked).await, refused);
    for (stream, table) in [
        ("transcript", "core.transcripts"),
        ("chat", "core.session_stats"),
        ("summary", "core.session_summaries"),
        ("participants", "core.session_participation"),
    ] {
        let available = format!(
            "select (select count(*) from ingest.artifact_tasks where stream = '{stream}' and content_hash is not null)
                    - (select count(*) from {table})"
        );
        let missing: i64 =
            sqlx::query_scalar(AssertSqlSafe(available)).fetch_one(&world.db.pool).await.expect("a number");
        assert_eq!(missing, 0, "{stream}");
    }
    assert!(world.number("select count(*) from core.transcripts").await > 0);
    let others = "select count(*) from ingest.artifact_tasks
                   where stream <> 'transcript' and (attempts = 0 or reason = 'refused_by_database' or is_waiting)";
    assert_eq!(world.number(others).await, 0, "all others were asked for and stored");
}

/// Reports wait for the list of participants, and are fetched as soon as it is known.
#[tokio::test]
async fn reports_wait_for_participants_outside_the_due_tasks() {
    let generated = meetings(12);
    let mut world = World::new().await.with_depth();
    let simulator =
        world.simulate(Platform::Realtimekit, generated.feed(Platform::Realtimekit), Quirks::default()).await;
    let broken = Fault::new(Effect::json(500, "{}")).only("/participants").forever();
    simulator.script(vec![broken]);
    world.poll().await;
    let waiting = "select count(*) from ingest.artifact_tasks where stream = 'quality' and is_waiting and attempts = 0";
    assert_eq!(world.number(waiting).await, 12);
    assert_eq!(world.number("select count(*) from ingest.artifact_tasks where is_waiting and is_ready").await, 0);
    simulator.script(Vec::new());
    world.clock.set(world.clock.now() + TimeDelta::days(1));
    world.poll().await;
    assert_eq!(world.number(waiting).await, 0);
    let asked =
        "select count(*) from ingest.artifact_tasks where stream = 'quality' and not is_waiting and attempts > 0";
    assert_eq!(world.number(asked).await, 12);
}
