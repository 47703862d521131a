//! `changed_at`, the cursor of incremental copies: it rises with all that comes late, and a copy made by the recipe of
//! docs/analysts.md equals the views.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, PgPool};
use tributary::clock::Clock as _;
use tributary::store::closed_hours::{close, differing};
use tributary::store::operation::Operator;
use tributary::store::source_change::{Change, ChangeRequest};
use tributary_simulator::Platform;
use tributary_simulator::fixed_feed::{FixedFeed, FixedFile, FixedRecord};
use tributary_simulator::quirks::Quirks;

use crate::harness::{World, at, citus, noon, records};

/// Columns that depend on the time of reading, and those of tries that change no state.
const LEFT_OUT: [&str; 6] =
    ["effective_ended_at", "is_stale_open", "reason", "attempts", "last_attempt_at", "next_try_at"];

/// A copy of all views of facts: rows as JSON, by view and session.
#[derive(Default)]
struct Copy {
    /// Up to where it was read.
    through: Option<DateTime<Utc>>,
    rows: BTreeMap<(String, i64), Vec<Value>>,
}

/// Returns the views with rows of sessions and a cursor.
async fn views(pool: &PgPool) -> Vec<String> {
    let found: Vec<String> = sqlx::query_scalar(
        "select table_schema || '.' || table_name from information_schema.columns
          where table_schema in ('analytics', 'analytics_pii') and column_name in ('session_id', 'changed_at')
            and table_name <> 'session_changes'
          group by table_schema, table_name having count(*) = 2 order by 1",
    )
    .fetch_all(pool)
    .await
    .expect("the catalog");
    assert_eq!(found.len(), 20, "{found:?}");
    found
}

/// Returns the rows of a view: of these sessions, or of all.
async fn rows(pool: &PgPool, view: &str, sessions: Option<&[i64]>) -> Vec<(i64, Value)> {
    let sql = format!(
        "select v.session_id, to_jsonb(v) - $2::text[] from (select * from {view}) v
          where $1::bigint[] is null or v.session_id = any($1) order by v.session_id, to_jsonb(v)::text"
    );
    let read = sqlx::query_as(AssertSqlSafe(sql)).bind(sessions).bind(&LEFT_OUT[..]);
    read.fetch_all(pool).await.expect("a view can be read")
}

impl Copy {
    /// Reads what changed since the last time, as the page for analysts says.
    async fn refresh(&mut self, pool: &PgPool) {
        let bound: DateTime<Utc> =
            sqlx::query_scalar("select analytics.changes_complete_through()").fetch_one(pool).await.expect("a bound");
        let since = |sql: &'static str| {
            sqlx::query_scalar(sql).bind(self.through.unwrap_or_else(|| at("2000-01-01T00:00:00Z"))).bind(bound)
        };
        let changed = "select session_id from analytics.sessions where changed_at >= $1 and changed_at < $2";
        let changed: Vec<i64> = since(changed).fetch_all(pool).await.expect("changed sessions");
        let removed = "select session_id from analytics.removed_sessions where removed_at >= $1 and removed_at < $2";
        let removed: Vec<i64> = since(removed).fetch_all(pool).await.expect("removed sessions");
        self.rows.retain(|(_, session), _| !changed.contains(session) && !removed.contains(session));
        for view in views(pool).await {
            for (session, row) in rows(pool, &view, Some(&changed)).await {
                self.rows.entry((view.clone(), session)).or_default().push(row);
            }
        }
        self.through = Some(bound);
    }

    /// Compares the copy with all rows of all views.
    async fn assert_whole(&self, pool: &PgPool, event: &str) {
        let mut whole: BTreeMap<(String, i64), Vec<Value>> = BTreeMap::new();
        for view in views(pool).await {
            for (session, row) in rows(pool, &view, None).await {
                whole.entry((view.clone(), session)).or_default().push(row);
            }
        }
        let keys: BTreeSet<_> = whole.keys().chain(self.rows.keys()).collect();
        for key in keys {
            assert_eq!(self.rows.get(key), whole.get(key), "after {event}: {key:?}");
        }
    }
}

/// The sessions with the time of their last change.
async fn times(pool: &PgPool) -> BTreeMap<String, DateTime<Utc>> {
    let sql = "select provider_session_id, changed_at from analytics.sessions";
    let rows: Vec<(String, DateTime<Utc>)> = sqlx::query_as(sql).fetch_all(pool).await.expect("change times");
    rows.into_iter().collect()
}

struct Bench {
    world: World,
    chats: Arc<FixedFeed>,
    meetings: Arc<FixedFeed>,
    _simulators: [tributary_simulator::Simulator; 2],
    copy: Copy,
    times: BTreeMap<String, DateTime<Utc>>,
}

impl Bench {
    async fn new() -> Self {
        let mut world = World::new().await;
        let (chats, meetings) = (Arc::new(FixedFeed::new([])), Arc::new(FixedFeed::new([])));
        let simulators = [
            world.simulate(Platform::Konvo, chats.clone(), Quirks::default()).await,
            world.simulate(Platform::Realtimekit, meetings.clone(), Quirks::default()).await,
        ];
        Self { world, chats, meetings, _simulators: simulators, copy: Copy::default(), times: BTreeMap::new() }
    }

    /// Polls at that time after noon.
    async fn poll_at(&self, hours: i64, minutes: i64) {
        self.world.clock.set(noon() + TimeDelta::hours(hours) + TimeDelta::minutes(minutes));
        self.world.poll().await;
    }

    /// The change times of these sessions, and of no others, must have risen since the last call, and the copy must
    /// equal the views.
    async fn assert_risen(&mut self, event: &str, sessions: &[&str]) {
        let pool = self.world.db.pool.clone();
        let now = times(&pool).await;
        let risen: Vec<&str> = now
            .iter()
            .filter(|(id, at)| self.times.get(*id).is_none_or(|before| before < *at))
            .map(|(id, _)| id.as_str())
            // tasks of the breakout room end at their own times, and find nothing
            .filter(|id| *id != "side" || sessions.contains(id))
            .collect();
        assert_eq!(risen, sessions, "after {event}");
        self.times = now;
        self.copy.refresh(&pool).await;
        self.copy.assert_whole(&pool, event).await;
        // closed hours find what changed in the same way
        close(&pool).await.expect("closed");
        assert_eq!(differing(&pool).await.expect("compared"), Some(0), "after {event}");
    }
}

fn chat(id: &str, created_at: DateTime<Utc>) -> FixedRecord {
    let record = records::record(Platform::Konvo, id, created_at);
    // all chats are of one contact
    let json = record.json.replace(&format!("\"contact_id\":\"c-{id}\""), "\"contact_id\":\"ada\"");
    FixedRecord { json, ..record }
}

/// Returns a completed chat with a completion two days later.
fn completed_again(chat: &FixedRecord, is_closed: &str) -> FixedRecord {
    let completed_at = |at: &str| format!("\"completed_at\":\"{at}");
    let json = is_closed
        .replace(&completed_at("2026-03-10T11:31:30"), &completed_at("2026-03-12T13:01:30"))
        .replace("2026-03-10T12:01:30", "2026-03-12T13:01:30");
    FixedRecord { json, updated_at: noon() + TimeDelta::hours(49), ..chat.clone() }
}

fn meeting(id: &str, parent: Option<&str>) -> FixedRecord {
    let record = records::record(Platform::Realtimekit, id, at("2026-03-10T11:00:00Z"));
    let mut json: Value = serde_json::from_str(&record.json).expect("a record");
    json["parent_session_id"] = parent.into();
    FixedRecord { json: json.to_string(), ..record }
}

fn participant() -> String {
    json!({
        "id": "peer", "user_id": "user", "custom_participant_id": "ada", "display_name": "Ada", "preset_name": "host",
        "joined_at": "2026-03-10T11:00:00Z", "left_at": "2026-03-10T11:01:30Z", "duration": 1.5,
        "created_at": "2026-03-10T11:00:00Z", "updated_at": "2026-03-10T11:01:30Z"
    })
    .to_string()
}

#[tokio::test]
async fn a_session_has_changed_whatever_of_it_came_late_and_a_copy_follows() {
    let mut bench = Bench::new().await;
    // two chats of one person, of which the later one comes first
    bench.chats.insert(chat("later", at("2026-03-10T11:20:00Z")));
    let open = chat("open", at("2026-03-10T11:30:00Z"));
    let is_open = open
        .json
        .replace("\"completed\":true", "\"completed\":false")
        .replace("\"contact_id\":\"ada\"", "\"contact_id\":\"ben\"");
    bench.chats.insert(FixedRecord { json: is_open.clone(), ..open.clone() });
    bench.meetings.insert(meeting("side", Some("room")));
    bench.poll_at(0, 0).await;
    bench.assert_risen("the first load", &["later", "open", "side"]).await;
    bench.poll_at(0, 1).await;
    bench.assert_risen("an unchanged poll", &[]).await;

    let is_closed =
        is_open.replace("\"completed\":false", "\"completed\":true").replace("11:31:30.000Z\"}", "12:01:30.000Z\"}");
    let again = completed_again(&open, &is_closed);
    bench.chats.replace(FixedRecord { json: is_closed, updated_at: noon() + TimeDelta::seconds(90), ..open });
    bench.poll_at(0, 2).await;
    bench.assert_risen("an outcome", &["open"]).await;
    bench.chats.insert(chat("first", at("2026-03-10T11:10:00Z")));
    bench.poll_at(0, 3).await;
    bench.assert_risen("an earlier first visit", &["first", "later"]).await;
    bench.meetings.insert(meeting("room", None));
    bench.poll_at(0, 4).await;
    bench.assert_risen("a parent", &["room", "side"]).await;

    bench.meetings.edit_depth("room", |depth| depth.participants = vec![participant()]);
    bench.meetings.edit_depth("side", |depth| depth.participants = vec![participant()]);
    bench.world = bench.world.with_depth();
    bench.poll_at(0, 5).await;
    bench.assert_risen("participants, which are fetched from now on", &["room", "side"]).await;
    bench.meetings.edit_depth("room", |depth| {
        depth.chat = FixedFile::ready("id,participantId,payloadType,payload\n1,peer,TEXT_MESSAGE,Hello\n");
    });
    bench.poll_at(2, 0).await;
    bench.assert_risen("a chat", &["room"]).await;
    bench.meetings.edit_depth("room", |depth| {
        depth.transcript = FixedFile::ready(
            json!([{"startTime": 1000, "endTime": 2000, "sentence": "Hello", "name": "Ada", "peerData": {"id": "peer"}}])
                .to_string(),
        );
    });
    bench.poll_at(12, 0).await;
    bench.assert_risen("a transcript", &["room"]).await;
    bench.meetings.edit_depth("room", |depth| depth.summary = FixedFile::ready("# Hello"));
    bench.poll_at(25, 0).await;
    bench.assert_risen("a summary", &["room"]).await;
    let report = json!({"participant": {"id": "peer", "peer_report": {
        "metadata": {"ip_information": {"country": "DE"}},
        "quality": {"audio_producer_cumulative": {"quality_mos": {"avg": 4.1}}}}}});
    bench.meetings.edit_depth("room", |depth| {
        depth.peer_reports = BTreeMap::from([("peer".to_owned(), report.to_string())]);
    });
    bench.poll_at(49, 0).await;
    bench.assert_risen("a quality report", &["room"]).await;
    bench.chats.replace(again);
    bench.poll_at(51, 0).await;
    bench.assert_risen("another completion, two days later", &["open"]).await;
    let completed: Vec<(DateTime<Utc>, i32)> = sqlx::query_as(
        "select hour, session_count from ingest.closed_hours where counted_by = 'completed_at' order by hour",
    )
    .fetch_all(&bench.world.db.pool)
    .await
    .expect("closed hours");
    let hours = [("2026-03-10T11:00:00Z", 2), ("2026-03-12T13:00:00Z", 1)];
    assert_eq!(completed, hours.map(|(hour, count)| (at(hour), count)), "the former hour has lost its session");
}

#[tokio::test]
async fn a_deletion_a_renamed_source_and_a_removed_session_reach_a_copy() {
    let mut bench = Bench::new().await;
    let recent = |id: &str, minutes| chat(id, noon() - TimeDelta::minutes(minutes));
    for (id, minutes) in [("gone", 10), ("other", 8)] {
        bench.chats.insert(recent(id, minutes));
    }
    bench.poll_at(0, 0).await;
    bench.assert_risen("the first load", &["gone", "other"]).await;
    bench.chats.remove("gone");
    bench.poll_at(0, 1).await;
    bench.assert_risen("a session that was missed once", &[]).await;
    bench.poll_at(0, 7).await;
    bench.assert_risen("a deletion", &["gone"]).await;
    bench.chats.insert(recent("gone", 10));
    bench.poll_at(0, 9).await;
    bench.assert_risen("a return", &["gone"]).await;

    let operator = Operator { requested_by: "ada".to_owned(), request_id: None };
    let changes = bench.world.app().source_changes(&bench.world.db.pool).await.expect("a key");
    for (change, slug, risen) in
        [(Change::Rename { to: "chats" }, "konvo", &["gone", "other"][..]), (Change::Remove, "chats", &[])]
    {
        let (configured, now) = (Some(&[][..]), bench.world.clock.now());
        let request = ChangeRequest { slug, change, is_dry_run: false, configured, operator: &operator, now };
        changes.apply(&request).await.expect("it is done");
        bench.assert_risen(request.change.kind(), risen).await;
    }
    assert_eq!(bench.world.number("select count(*) from analytics.removed_sessions").await, 2);
    assert_eq!(bench.copy.rows.len(), 0);
}

#[tokio::test]
async fn no_change_that_is_committed_later_lies_before_the_bound() {
    let world = World::new().await;
    let pool = &world.db.pool;
    let bound = async || {
        let sql = "select analytics.changes_complete_through()";
        sqlx::query_scalar::<_, DateTime<Utc>>(sql).fetch_one(pool).await.expect("a bound")
    };
    let before = bound().await;
    let mut writer = pool.begin().await.expect("a transaction");
    let mut analyst = pool.begin().await.expect("a transaction");
    citus::set_analyst_role(&mut analyst).await;
    let seen: DateTime<Utc> = sqlx::query_scalar("select analytics.changes_complete_through()")
        .fetch_one(&mut *analyst)
        .await
        .expect("an analyst may ask");
    analyst.rollback().await.expect("ended");
    let written: DateTime<Utc> = sqlx::query_scalar(
        "insert into core.session_change_times (source_id, session_id, changed_at) values (1, 1, statement_timestamp())
         returning changed_at",
    )
    .fetch_one(&mut *writer)
    .await
    .expect("written");
    let open = bound().await;
    assert!(before < seen && seen < written && open < written, "{before} {seen} {open} {written}");
    writer.commit().await.expect("committed");
    assert!(bound().await > written);
}
