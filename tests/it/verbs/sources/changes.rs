//! Rename, merge, remove: metric values are those of the one account, before and after.

use serde_json::{Value, json};
use tributary::app::App;
use tributary::store::operation::Operator;
use tributary::store::source_change::{Change, ChangeError, ChangeRequest, Changed};
use tributary_simulator::Platform;
use tributary_simulator::fixed_feed::{Depth, FixedFile, FixedRecord};
use tributary_simulator::quirks::Quirks;

use super::{feed, poll, service, source};
use crate::harness::{World, citus, noon, records};

/// The stored data of the account, without surrogate numbers and without its slug.
const FIGURES: &str = "select (
    (select count(*) || ' sessions, ' || count(distinct provider_session_id) || ' distinct, '
            || coalesce(sum(provider_minutes), 0) || ' minutes, ' || count(distinct person_id) || ' people in them'
       from core.sessions)
    || (select ', ' || count(*) || ' people' from core.people)
    || (select ', ' || count(*) || ' messages' from core.messages)
    || (select ', ' || count(*) || ' stats' from core.session_stats)
    || (select ', ' || count(*) || ' trail steps' from core.trail_steps)
    || (select ', ' || count(*) || ' raw' from ingest.raw_records)
    || (select ', ' || count(*) || ' in views' from analytics.sessions)
    || (select ', proven ' || string_agg(window_from || ' - ' || window_to, ' ' order by window_from) from ingest.windows)
  )::text";

const PEOPLE: &str = "select string_agg(provider_session_id || ' ' || person_id, ',' order by provider_session_id)
                        from core.sessions";

pub(super) const NO_MERGE: &str = "Citus moves no row to another source, and the service refuses a merge";

/// Returns the tables that contain rows of a missing source; by the catalogue, so that new tables are included.
async fn orphans(world: &World) -> Vec<String> {
    let tables: Vec<String> = sqlx::query_scalar(
        "select format('%I.%I', table_schema, table_name) from information_schema.columns
           join information_schema.tables using (table_schema, table_name)
          where table_schema in ('core', 'ingest') and table_type = 'BASE TABLE' and column_name = 'source_id'",
    )
    .fetch_all(&world.db.pool)
    .await
    .expect("tables");
    assert!(tables.len() > 30, "{tables:?}");
    let mut found = Vec::new();
    for table in tables {
        let sql = format!("select count(*) from {table} t where source_id not in (select source_id from core.sources)");
        let rows: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&world.db.pool).await.expect("a number");
        if rows > 0 {
            found.push(format!("{rows} in {table}"));
        }
    }
    found
}

pub(super) async fn change(
    app: &App,
    world: &World,
    slug: &str,
    change: Change<'_>,
    is_dry_run: bool,
) -> Result<Changed, ChangeError> {
    let configured: Vec<String> = app.config.sources.iter().map(|source| source.slug.to_string()).collect();
    let operator = Operator { requested_by: "ada, by the command line".to_owned(), request_id: None };
    let request =
        ChangeRequest { slug, change, is_dry_run, configured: Some(&configured), operator: &operator, now: noon() };
    app.source_changes(&world.db.pool).await.expect("a key").apply(&request).await
}

#[tokio::test]
async fn a_renamed_source_keeps_values_people_and_proven_windows() {
    let mut world = World::new().await;
    let chats = feed(Platform::Konvo, 12);
    let provider = world.simulate(Platform::Konvo, chats.clone(), Quirks::default()).await;
    let old = service(&world, &source("kv", Platform::Konvo, &provider.base_url(), "KEY"));
    let new = service(&world, &source("kv-eu", Platform::Konvo, &provider.base_url(), "KEY"));
    poll(&old).await.expect("it runs");
    let (figures, people) = (world.text(FIGURES).await, world.text(PEOPLE).await);

    let planned = change(&new, &world, "kv", Change::Rename { to: "kv-eu" }, true).await.expect("a plan");
    assert_eq!((planned.operation_id, planned.rows["core.sessions"]), (None, 12));
    poll(&new).await.expect_err("nothing was done yet");
    let done = change(&new, &world, "kv", Change::Rename { to: "kv-eu" }, false).await.expect("it is done");
    assert!(done.operation_id.is_some());
    assert_eq!((world.text(FIGURES).await, world.text(PEOPLE).await), (figures, people.clone()));

    // the next chat of a known person belongs to that person
    let known = chats.get("00000003-0c1d-4e2f-8a3b-000000000003").expect("a chat");
    let again = records::record(Platform::Konvo, "a-chat-of-later-0001", noon() - chrono::TimeDelta::hours(1));
    let again =
        FixedRecord { json: again.json.replace("\"c-a-chat-of-later-0001\"", &format!("\"c-{}\"", known.id)), ..again };
    chats.insert(again);
    let lines = poll(&new).await.expect("it runs");
    assert!(lines[0].is_complete() && lines[0].inserted == 1 && lines[0].updated == 0, "{lines:?}");
    assert_eq!(world.number("select count(*) from core.sessions").await, 13);
    assert_eq!(world.number("select count(distinct person_id) from core.sessions").await, 12);
    assert_eq!(world.text("select string_agg(source_slug, ',') from core.sources").await.as_deref(), Some("kv-eu"));
    let journal = world.text("select kind || ': ' || target || ', by ' || requested_by from ingest.operations").await;
    assert_eq!(journal.as_deref(), Some("rename: kv to kv-eu, by ada, by the command line"));
    // and the old name is refused now
    assert!(format!("{:#}", poll(&old).await.expect_err("refused")).contains("stored as `kv-eu`"));
}

/// The account stored twice, as an earlier version did: the provider of the first is hidden from the second's start.
pub(super) async fn store_twice(world: &World, first: &App, second: &App) {
    poll(first).await.expect("it runs");
    let hide = "update core.sources set provider = 'hidden' where source_slug = 'kv'";
    sqlx::query(hide).execute(&world.db.pool).await.expect("hidden");
    poll(second).await.expect("it runs");
    let show = "update core.sources s set provider = o.provider from core.sources o
                 where s.source_slug = 'kv' and o.source_slug = 'kv-eu'";
    sqlx::query(show).execute(&world.db.pool).await.expect("shown");
}

#[tokio::test]
async fn an_account_that_was_stored_twice_is_merged_and_counted_once() {
    if citus::skips(NO_MERGE) {
        return;
    }
    let mut world = World::new().await;
    let chats = feed(Platform::Konvo, 12);
    let provider = world.simulate(Platform::Konvo, chats.clone(), Quirks::default()).await;
    let (old, new) = ("kv", "kv-eu");
    let first = service(&world, &source(old, Platform::Konvo, &provider.base_url(), "KEY"));
    let second = service(&world, &source(new, Platform::Konvo, &provider.base_url(), "KEY"));
    // the final data of a single source
    let alone = World::new().await;
    alone.clock.set(noon());
    store_twice(&world, &first, &second).await;
    assert_eq!(world.number("select count(*) from core.sessions").await, 24);
    // one that only the first one ever saw, and one whose change the second one never saw
    let gone = records::record(Platform::Konvo, "only-in-the-first-01", noon() - chrono::TimeDelta::hours(5));
    chats.insert(gone);
    sqlx::query("delete from ingest.windows").execute(&world.db.pool).await.expect("read again");
    let hide = "update core.sources set provider = 'hidden' where source_slug = 'kv-eu'";
    sqlx::query(hide).execute(&world.db.pool).await.expect("hidden");
    let lines = poll(&first).await.expect("it runs");
    assert_eq!(lines[0].inserted, 1, "{lines:?}");
    sqlx::query("update core.sources set provider = 'konvo'").execute(&world.db.pool).await.expect("shown");
    let refused = change(&first, &world, old, Change::Merge { into: new }, false).await.expect_err("it is configured");
    assert!(refused.to_string().contains("take it out of the configuration"), "{refused}");

    let planned = change(&second, &world, old, Change::Merge { into: new }, true).await.expect("a plan");
    assert_eq!((planned.rows["core.sessions"], planned.sessions_stored_twice), (13, 12));
    assert_eq!(world.number("select count(*) from core.sessions").await, 25, "a plan changes nothing");
    change(&second, &world, old, Change::Merge { into: new }, false).await.expect("it is done");

    let expected_app = service(&alone, &source(new, Platform::Konvo, &provider.base_url(), "KEY"));
    poll(&expected_app).await.expect("it runs");
    let counts = FIGURES;
    let (merged, expected) = (world.text(counts).await, alone.text(counts).await);
    assert_eq!(merged, expected, "as if it had been one source from the beginning");
    assert_eq!(merged.as_deref().map(|text| text.starts_with("13 sessions, 13 distinct")), Some(true), "{merged:?}");
    assert_eq!(orphans(&world).await, Vec::<String>::new());
    assert_eq!(world.number("select count(*) from core.sources").await, 1);
    // people of the removed source are those of the remaining one
    let lines = poll(&second).await.expect("it runs");
    assert!(lines[0].is_complete() && lines[0].inserted == 0, "{lines:?}");
    let from_raw = tributary::app::replaying::from_raw(&second, None, tokio_util::sync::CancellationToken::new());
    let before = world.text(PEOPLE).await;
    from_raw.await.expect("it is rebuilt");
    assert_eq!(world.text(PEOPLE).await, before, "and what raw records say agrees");
}

#[tokio::test]
async fn meetings_that_were_stored_twice_keep_the_artifacts_of_both() {
    if citus::skips(NO_MERGE) {
        return;
    }
    let mut world = World::new().await;
    let platform = Platform::Realtimekit;
    let meetings = feed(platform, 2);
    let ids = [0, 1].map(|number| format!("{number:08x}-0c1d-4e2f-8a3b-{number:012x}"));
    let chat = include_bytes!("../../../../src/providers/realtimekit/samples/files/chat.csv");
    for id in &ids {
        assert!(meetings.get(id).is_some());
        meetings.set_depth(id, Depth { chat: FixedFile::ready(chat.to_vec()), ..Depth::default() });
    }
    let provider = world.simulate(platform, meetings.clone(), Quirks::default()).await;
    let first = service(&world, &source("kv", platform, &provider.base_url(), "KEY"));
    let second = service(&world, &source("kv-eu", platform, &provider.base_url(), "KEY"));
    poll(&first).await.expect("it runs");
    let chats = "select count(*) from core.messages";
    let once = world.number(chats).await;
    assert!(once > 0, "the first one has the chats");
    // the second one no longer finds any chat
    for id in &ids {
        meetings.set_depth(id, Depth::default());
    }
    store_twice(&world, &first, &second).await;
    assert_eq!(world.number("select count(*) from core.sessions").await, 4);
    change(&second, &world, "kv", Change::Merge { into: "kv-eu" }, false).await.expect("it is done");
    assert_eq!(world.number("select count(*) from core.sessions").await, 2);
    assert_eq!(world.number(chats).await, once, "the chats of the one that went came along");
    let tasks = "select count(*) from ingest.artifact_tasks where stream = 'chat' and state = 'available'";
    assert_eq!(world.number(tasks).await, 2);
    assert_eq!(world.number("select count(*) from ingest.artifact_tasks").await, 10);
    assert_eq!(orphans(&world).await, Vec::<String>::new());
}

#[tokio::test]
async fn on_citus_a_merge_is_refused_with_the_way_out_and_changes_nothing() {
    let mut world = World::new().await;
    let provider = world.simulate(Platform::Konvo, feed(Platform::Konvo, 3), Quirks::default()).await;
    let first = service(&world, &source("kv", Platform::Konvo, &provider.base_url(), "KEY"));
    let mut second = service(&world, &source("kv-eu", Platform::Konvo, &provider.base_url(), "KEY"));
    store_twice(&world, &first, &second).await;
    second.config.database.is_citus = true;
    for is_dry_run in [true, false] {
        let merge = Change::Merge { into: "kv-eu" };
        let refused = change(&second, &world, "kv", merge, is_dry_run).await.expect_err("it is refused").to_string();
        assert!(refused.contains("moves no row from `kv` to `kv-eu`"), "{refused}");
        assert!(refused.contains("`tributary backfill`, and then remove `kv`"), "{refused}");
    }
    assert_eq!(world.number("select count(*) from core.sessions").await, 6);
    assert_eq!(world.number("select count(*) from core.sources").await, 2);
    assert_eq!(world.number("select count(*) from ingest.operations").await, 0);
}

#[tokio::test]
async fn sources_are_renamed_and_removed_over_the_api_and_every_change_is_journaled() {
    let mut world = World::new().await;
    let provider = world.simulate(Platform::Konvo, feed(Platform::Konvo, 12), Quirks::default()).await;
    let other = world.simulate(Platform::Konpro, feed(Platform::Konpro, 3), Quirks::default()).await;
    let rest = source("kp", Platform::Konpro, &other.base_url(), "KEY");
    let both = service(&world, &(source("kv", Platform::Konvo, &provider.base_url(), "KEY") + &rest));
    poll(&both).await.expect("it runs");
    let api = world.api().await;
    let version = async || api.ok("/v1/freshness").await["data_version"].as_str().unwrap_or_default().to_owned();
    let number = |version: String| version.trim_start_matches('d').parse::<i64>().expect("a number");
    let before = number(version().await);

    let (status, planned) = api.post("/v1/sync/sources/kv/rename?to=kv-eu", &[]).await;
    assert_eq!(
        (status, &planned["is_dry_run"], &planned["operation_id"]),
        (200, &json!(true), &Value::Null),
        "{planned}"
    );
    assert_eq!(planned["rows"]["core.sessions"], 12);
    let (status, done) = api.post("/v1/sync/sources/kv/rename?to=kv-eu&dry_run=false", &[]).await;
    assert_eq!((status, &done["is_dry_run"]), (200, &json!(false)), "{done}");
    assert!(done["operation_id"].is_i64(), "{done}");
    let (status, problem) = api.post("/v1/sync/sources/kv/rename?to=kv-eu", &[]).await;
    assert_eq!((status, &problem["code"]), (404, &json!("not_found")), "{problem}");
    let (status, problem) = api.post("/v1/sync/sources/kv-eu/rename", &[]).await;
    assert_eq!(status, 422, "{problem}");
    let (status, problem) = api.post("/v1/sync/sources/kv-eu/merge?into=kp&dry_run=false", &[]).await;
    assert_eq!((status, &problem["code"]), (409, &json!("source_not_changed")), "{problem}");
    let (status, problem) = api.post("/v1/sync/sources/kv-eu/remove?dry_run=false", &[]).await;
    assert_eq!((status, &problem["code"]), (409, &json!("source_not_changed")), "{problem}");
    let cross = [("origin", "https://elsewhere.example")];
    assert_eq!(api.post("/v1/sync/sources/kv-eu/remove?dry_run=false", &cross).await.0, 403);

    // no longer configured, but a poller still works on it
    poll(&service(&world, &rest)).await.expect("it runs");
    let hold = "update ingest.streams set lease_until = now() + interval '1 minute', lease_owner = 'host:7'
                 where source_id = $1";
    let held = world.number("select source_id::bigint from core.sources where source_slug = 'kv-eu'").await;
    sqlx::query(hold).bind(held).execute(&world.db.pool).await.expect("held");
    let (status, problem) = api.post("/v1/sync/sources/kv-eu/remove?dry_run=false", &[]).await;
    assert_eq!(status, 409, "{problem}");
    assert!(problem["detail"].as_str().unwrap_or_default().contains("host:7"), "{problem}");
    sqlx::query("update ingest.streams set lease_until = now()").execute(&world.db.pool).await.expect("let go");
    let (status, done) = api.post("/v1/sync/sources/kv-eu/remove?dry_run=false", &[]).await;
    assert_eq!(status, 200, "{done}");
    assert_eq!(orphans(&world).await, Vec::<String>::new());
    assert_eq!(world.text("select string_agg(source_slug, ',') from core.sources").await.as_deref(), Some("kp"));
    assert_eq!(world.number("select count(*) from core.sessions").await, 3);
    assert!(number(version().await) > before, "the version of the data never goes back");
    let journal = api.ok("/v1/sync/operations").await;
    let kinds: Vec<&str> =
        journal["items"].as_array().expect("a list").iter().filter_map(|item| item["target"].as_str()).collect();
    assert_eq!(kinds, ["kv-eu", "kv to kv-eu, source kv-eu"], "{journal}");
}
