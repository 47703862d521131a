//! Polls: which ranges are read, when a list has ended, and what a crash, a rival or a wrong clock cannot break.

use std::process::{Command, Stdio};
use std::time::Duration;

use chrono::TimeDelta;
use tributary::demo::simulator::Platform;
use tributary::demo::simulator::faults::{Effect, Fault};
use tributary::demo::simulator::feed::FixedRecord;
use tributary::demo::simulator::quirks::{FilterMeaning, KonproShape, Quirks};

use crate::harness::{World, at, noon, plain_feed, plain_record, records};

#[tokio::test]
async fn f72_p07_two_polls_at_once_and_the_second_says_who_holds_the_lease() {
    let mut world = World::new().await;
    let provider = world.simulate(Platform::Konvo, plain_feed(Platform::Konvo, 3), Quirks::default()).await;
    provider.script(vec![Fault::new(Effect::Delay(Duration::from_millis(800)))]);
    let (first, second) = tokio::join!(world.poll_one(), async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        world.poll_one().await
    });
    assert!(first.is_complete(), "{first:?}");
    assert_eq!(second.result, "held", "{second:?}");
    let detail = second.detail.unwrap_or_default();
    assert!(detail.contains(&format!(":{} holds the lease until", std::process::id())), "{detail}");
    assert_eq!(world.number("select count(*) from core.sessions").await, 3);
}

#[tokio::test]
async fn f72_p07_a_poller_whose_lease_was_taken_over_writes_nothing_more() {
    let mut world = World::new().await.with_settings("page_size = 50");
    let provider = world.simulate(Platform::Konvo, plain_feed(Platform::Konvo, 180), Quirks::default()).await;
    let pool = world.db.pool.clone();
    let take_over = move || {
        let pool = pool.clone();
        // another poller was granted the stream while this one slept
        tokio::spawn(async move {
            sqlx::query(
                "update ingest.streams set fence = fence + 1, lease_token = gen_random_uuid(), lease_owner = 'other:1'",
            )
            .execute(&pool)
            .await
            .expect("taken over");
        });
    };
    provider.script(vec![
        Fault::new(Effect::before(take_over)).from_request(3),
        Fault::new(Effect::Delay(Duration::from_millis(300))).from_request(4).forever(),
    ]);
    let line = world.poll_one().await;
    assert_eq!(line.result, "failed", "{line:?}");
    assert!(line.detail.unwrap_or_default().contains("lease"), "it says why");
    let stored = world.number("select count(*) from core.sessions").await;
    assert!(stored < 180, "{stored} were written");
    assert_eq!(
        world.text("select lease_owner from ingest.streams").await.as_deref(),
        Some("other:1"),
        "the new holder keeps it"
    );
}

#[tokio::test]
async fn f73_a_database_that_goes_away_in_the_middle_costs_nothing() {
    let mut world = World::new().await.with_settings("page_size = 20");
    let provider = world.simulate(Platform::Konvo, plain_feed(Platform::Konvo, 200), Quirks::default()).await;
    let options = world.db.options.clone();
    let cut = move || {
        let options = options.clone();
        tokio::spawn(async move {
            use sqlx::ConnectOptions;
            let mut admin = options.application_name("saboteur").connect().await.expect("connected");
            sqlx::query(
                "select pg_terminate_backend(pid) from pg_stat_activity
                  where datname = current_database() and application_name like 'tributary%'",
            )
            .execute(&mut admin)
            .await
            .expect("terminated");
        });
    };
    provider.script(vec![
        Fault::new(Effect::before(cut.clone())).from_request(3),
        Fault::new(Effect::before(cut)).from_request(6),
        Fault::new(Effect::Delay(Duration::from_millis(60))).from_request(4).forever(),
    ]);
    let line = world.poll_one().await;
    assert!(line.is_complete(), "{line:?}");
    assert_eq!(world.number("select count(*) from core.sessions").await, 200);
    assert_eq!(world.number("select count(*) from core.messages").await, 400);
}

#[tokio::test]
async fn f73_a_database_that_is_down_at_the_start_is_waited_for() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_tributary"))
        .args(["migrate"])
        .env_clear()
        .env("DATABASE_URL", "postgres://nobody:secret-password@127.0.0.1:1/none")
        .env("TRIBUTARY_CONFIG", "/dev/null")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(child.try_wait().expect("its state").is_none(), "it waits for a server that may be starting");
    child.kill().expect("ended");
    child.wait().expect("ended");
}

/// The child polls through a config file, as a user would.
fn poll_in_child(world: &World, folder: &std::path::Path) -> Command {
    let config = folder.join("tributary.toml");
    std::fs::write(&config, world.toml()).expect("a config file");
    let mut command = Command::new(env!("CARGO_BIN_EXE_tributary"));
    command.arg("--config").arg(config).args(["poll", "--json"]).env_clear();
    command.envs(world.environment()).env("DATABASE_URL", &world.db.url).stdin(Stdio::null());
    command
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f71_p01_p02_p08_sigkill_at_any_instant_loses_and_doubles_nothing() {
    let mut world = World::new().await.with_settings("page_size = 20");
    let mut providers = Vec::new();
    for platform in Platform::ALL {
        let provider = world.simulate(platform, plain_feed(platform, 240), Quirks::default()).await;
        provider.script(vec![Fault::new(Effect::Delay(Duration::from_millis(15))).forever()]);
        providers.push(provider);
    }
    let folder = std::env::temp_dir().join(format!("tributary-kill-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    for round in 0..4_u64 {
        let mut child = poll_in_child(&world, &folder).stdout(Stdio::null()).spawn().expect("it starts");
        tokio::time::sleep(Duration::from_millis(120 + 90 * round)).await;
        child.kill().expect("killed");
        child.wait().expect("gone");
        // the lease of a killed poller expires; the test does not wait for that
        sqlx::query(
            "update ingest.streams set lease_until = now() - interval '1 second' where lease_until is not null",
        )
        .execute(&world.db.pool)
        .await
        .expect("the leases run out");
    }
    let output = poll_in_child(&world, &folder).output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    for (what, sql, expected) in [
        ("sessions", "select count(*) from core.sessions", 720),
        ("raw records", "select count(*) from ingest.raw_records", 720),
        ("messages", "select count(*) from core.messages", 480),
        ("open runs", "select count(*) from ingest.runs where finished_at is null", 0),
        (
            "sessions without their raw record",
            "select count(*) from core.sessions s where not exists (select from ingest.raw_records r
              where r.source_id = s.source_id and r.provider_record_id = s.provider_session_id
                and r.content_hash = s.raw_hash)",
            0,
        ),
    ] {
        assert_eq!(world.number(sql).await, expected, "{what}");
    }
    std::fs::remove_dir_all(&folder).expect("cleaned up");
}

#[tokio::test]
async fn f06_p02_much_history_is_cut_into_windows_and_a_failed_run_goes_on_where_it_was() {
    let mut world = World::new().await.with_settings("page_size = 100");
    let feed = plain_feed(Platform::Realtimekit, 5_000);
    let quirks = Quirks { calls_per_window: 100_000, ..Quirks::default() };
    let provider = world.simulate(Platform::Realtimekit, feed, quirks).await;
    provider.script(vec![Fault::new(Effect::json(500, "{}")).from_request(45).forever()]);
    let line = world.poll_one().await;
    assert_eq!(line.result, "failed", "{line:?}");
    let reached = line.complete_through.expect("the windows before the failure are proven");
    assert!(at(&reached) > at("2020-01-01T00:00:00Z"), "{reached}");
    provider.script(Vec::new());
    let line = world.poll_one().await;
    assert!(line.is_complete(), "{line:?}");
    assert_eq!(world.number("select count(*) from core.sessions").await, 5_000);
    assert_eq!(world.number("select count(*) from ingest.windows").await, 1, "proven windows are merged");
}

#[tokio::test]
async fn f45_p04_a_missing_record_is_cornered_and_the_rest_is_proven() {
    let mut world = World::new().await;
    let feed = plain_feed(Platform::Konpro, 40);
    // two records of one id: the provider counts both, and lists one session
    let twin = records::record(Platform::Konpro, "konpro-00007", noon() - TimeDelta::days(900));
    feed.insert(FixedRecord { id: "twin".to_owned(), ..twin.clone() });
    feed.insert(FixedRecord { id: "twin-2".to_owned(), ..twin });
    let _provider = world.simulate(Platform::Konpro, feed, Quirks::default()).await;
    let mut denied_days = i64::MAX;
    for run in 0..5 {
        let line = world.poll_one().await;
        assert_eq!(line.result, "incomplete", "{line:?}");
        let sum = "select coalesce(sum(extract(epoch from window_to - window_from)) / 86400, 0)::bigint
                     from ingest.windows where not is_complete";
        let days = world.number(sum).await;
        assert!(days < denied_days || days == 0, "run {run}: {days} days, before {denied_days}");
        denied_days = days;
    }
    let to = world.text("select max(window_to)::text from ingest.windows where is_complete").await;
    assert!(to.unwrap_or_default().starts_with("2026-03-10 12:00"), "today is proven although the past has a hole");
}

#[tokio::test]
async fn a_window_that_cannot_be_read_keeps_no_other_from_being_read() {
    let mut world = World::new().await.with_settings("page_size = 100");
    let feed = plain_feed(Platform::Realtimekit, 5_000);
    let quirks = Quirks { calls_per_window: 100_000, ..Quirks::default() };
    let provider = world.simulate(Platform::Realtimekit, feed, quirks).await;
    provider.script(vec![Fault::new(Effect::html()).from_request(45).times(1)]);
    let line = world.poll_one().await;
    assert_eq!(line.result, "incomplete", "{line:?}");
    let to = world.text("select max(window_to)::text from ingest.windows where is_complete").await;
    assert!(to.unwrap_or_default().starts_with("2026-03-10 12:00"), "what comes after it is read");
    let line = world.poll_one().await;
    assert!(line.is_complete(), "the next run reads the gap: {line:?}");
    assert_eq!(world.number("select count(*) from core.sessions").await, 5_000);
    assert_eq!(world.number("select count(*) from ingest.windows").await, 1);
}

#[tokio::test]
async fn f67_a_provider_whose_clock_lies_before_all_that_is_asked_proves_nothing() {
    let mut world = World::new().await.with_settings("history_from = \"2026-03-10T00:00:00Z\"");
    let quirks = Quirks { clock_skew_seconds: -86_400, ..Quirks::default() };
    let _provider = world.simulate(Platform::Konvo, plain_feed(Platform::Konvo, 3), quirks).await;
    let line = world.poll_one().await;
    assert_eq!((line.result, line.complete_through.as_deref()), ("incomplete", None), "{line:?}");
    assert_eq!(world.number("select count(*) from core.sessions").await, 3, "what came is kept");
}

#[tokio::test]
async fn p06_a_live_meeting_is_read_again_until_it_ends() {
    let mut world = World::new().await;
    let started = noon() - TimeDelta::hours(1);
    let live = |status: &str, minutes: &str, ended: &str, updated: &str| FixedRecord {
        id: "m".to_owned(),
        created_at: started,
        updated_at: started,
        json: format!(
            r#"{{"id":"m","associated_id":"a","type":"meeting","status":"{status}","minutes_consumed":{minutes},"started_at":"{0}","created_at":"{0}","ended_at":{ended},"updated_at":"{updated}"}}"#,
            records::iso(started)
        ),
    };
    let feed = plain_feed(Platform::Realtimekit, 0);
    feed.insert(live("LIVE", "3.5", "null", "2026-03-10T11:10:00.000Z"));
    let _provider = world.simulate(Platform::Realtimekit, feed.clone(), Quirks::default()).await;
    world.poll_one().await;
    assert_eq!(world.text("select session_state from core.sessions").await.as_deref(), Some("live"));
    // two days later it is no longer in the listed range
    world.clock.set(noon() + TimeDelta::hours(50));
    world.poll_one().await;
    assert!(feed.replace(live("ENDED", "34.4375", "\"2026-03-10T19:00:00.000Z\"", "2026-03-10T19:00:01.000Z")));
    world.clock.set(noon() + TimeDelta::hours(50) + TimeDelta::minutes(5));
    let line = world.poll_one().await;
    assert!(line.is_complete(), "{line:?}");
    assert_eq!(
        world.text("select session_state || ' ' || provider_minutes from core.sessions").await.as_deref(),
        Some("ended 34.4375")
    );
    // a response of an older cache does not revert it
    assert!(feed.replace(live("LIVE", "3.5", "null", "2026-03-10T11:10:00.000Z")));
    world.poll_one().await;
    assert_eq!(world.text("select session_state from core.sessions").await.as_deref(), Some("ended"));
}

#[tokio::test]
async fn a14_a_chat_completed_days_later_is_found_under_both_meanings_of_the_filter() {
    for filter_meaning in [FilterMeaning::Created, FilterMeaning::Updated] {
        let mut world = World::new().await;
        let feed = plain_feed(Platform::Konvo, 5);
        feed.insert(records::record(Platform::Konvo, "settled", noon() - TimeDelta::days(3)));
        let done = records::record(Platform::Konvo, "late", noon() - TimeDelta::minutes(30));
        let open_json = done.json.replace(r#""completed":true"#, r#""completed":false"#);
        feed.insert(FixedRecord { json: open_json, ..done.clone() });
        let quirks = Quirks { filter_meaning, ..Quirks::default() };
        let _provider = world.simulate(Platform::Konvo, feed.clone(), quirks).await;
        world.poll_one().await;
        let open = "select count(*) from core.sessions where outcome = 'open'";
        assert_eq!(world.number(open).await, 1);
        for day in 1..=4 {
            world.clock.set(noon() + TimeDelta::days(day));
            if day == 4 {
                let updated_at = noon() + TimeDelta::days(4) - TimeDelta::minutes(5);
                // the open chat is completed, and one that was settled long ago changes
                for touched in [done.clone(), records::record(Platform::Konvo, "settled", noon() - TimeDelta::days(3))]
                {
                    let now = format!("\"last_updated\":\"{}\",\"before\":\"", records::iso(updated_at));
                    let json = touched.json.replace("\"last_updated\":\"", &now);
                    assert!(feed.replace(FixedRecord { json, updated_at, ..touched }));
                }
            }
            let line = world.poll_one().await;
            assert!(line.is_complete(), "{filter_meaning:?}: {line:?}");
        }
        assert_eq!(world.number(open).await, 0, "{filter_meaning:?}");
        assert_eq!(world.number("select count(*) from core.sessions where outcome = 'resolved'").await, 7);
        let learnt = world.text("select min(value) from ingest.source_facts where name = 'filter_meaning'").await;
        let expected = (filter_meaning == FilterMeaning::Updated).then_some("updated");
        assert_eq!(learnt.as_deref(), expected);
    }
}

#[tokio::test]
async fn an_old_open_chat_is_listed_again_once_an_hour() {
    let mut world = World::new().await;
    let feed = plain_feed(Platform::Konvo, 1);
    let open = records::record(Platform::Konvo, "open", noon() - TimeDelta::days(20));
    let json = open.json.replace(r#""completed":true"#, r#""completed":false"#);
    feed.insert(FixedRecord { json, ..open });
    let provider = world.simulate(Platform::Konvo, feed, Quirks::default()).await;
    world.poll_one().await;
    let mut lists = Vec::new();
    for minutes in [70, 75, 80, 140] {
        world.clock.set(noon() + TimeDelta::minutes(minutes));
        let asked = provider.requests().len();
        world.poll_one().await;
        lists.push(provider.requests().len() - asked);
    }
    assert_eq!(lists, [2, 1, 1, 2], "the present, and once an hour the last month");
}

#[tokio::test]
async fn a_message_that_is_gone_is_gone_and_new_ones_come() {
    let mut world = World::new().await;
    let feed = plain_feed(Platform::Konvo, 1);
    let _provider = world.simulate(Platform::Konvo, feed.clone(), Quirks::default()).await;
    world.poll_one().await;
    let plain = plain_record(Platform::Konvo, 0, 1);
    let json = plain.json.replace("konvo-00000-2", "konvo-00000-3").replace("How can I help?", "Hi. What is it?");
    assert!(feed.replace(FixedRecord { json, ..plain }));
    let line = world.poll_one().await;
    assert_eq!(line.updated, 1, "{line:?}");
    let ids =
        world.text("select string_agg(provider_message_id || '=' || word_count, ',' order by 1) from core.messages");
    assert_eq!(ids.await.as_deref(), Some("konvo-00000-1=2,konvo-00000-3=4"));
    assert_eq!(world.number("select message_count::bigint from core.session_stats").await, 2);
}

#[tokio::test]
async fn the_short_form_of_a_list_updates_state_only_and_proves_nothing() {
    let mut world = World::new().await;
    let provider = world.simulate(Platform::Konpro, plain_feed(Platform::Konpro, 3), Quirks::default()).await;
    world.poll_one().await;
    provider.set_quirks(Quirks { konpro_shape: KonproShape::Sessions, ..Quirks::default() });
    world.clock.set(noon() + TimeDelta::minutes(1));
    let line = world.poll_one().await;
    assert_eq!(line.result, "incomplete", "{line:?}");
    let kept = world.number("select count(*) from core.sessions s join core.konpro_sessions k using (source_id, session_id) where provider_minutes = 1.5 and avatar_id = 'anna'");
    assert_eq!(kept.await, 3, "duration and avatar are not blanked out");
    assert_eq!(line.complete_through.as_deref(), Some("2026-03-10T12:00:00+00:00"), "nothing new is claimed");
}

#[tokio::test]
async fn f26_f28_f40_hostile_texts_are_stored_and_counted() {
    let mut world = World::new().await;
    let feed = plain_feed(Platform::Konvo, 2);
    let plain = plain_record(Platform::Konvo, 0, 2);
    let hostile = r"nul \u0000 lone \ud800 rtl \u202e robert'); drop table core.sessions;-- %s";
    let json = plain.json.replace("Hello there", hostile).replace("whatsapp", "carrier-pigeon");
    assert!(feed.replace(FixedRecord { json: json.clone(), ..plain }));
    let _provider = world.simulate(Platform::Konvo, feed, Quirks::default()).await;
    let line = world.poll_one().await;
    assert!(line.is_complete(), "{line:?}");
    let body = world.text("select body from core.messages where provider_message_id = 'konvo-00000-1'").await;
    let body = body.expect("it is stored");
    assert!(body.starts_with("nul \u{fffd} lone \u{fffd}") && body.contains("drop table"), "{body:?}");
    let raw = world
        .text("select convert_from(body, 'UTF8') from ingest.raw_records where provider_record_id = 'konvo-00000'");
    assert_eq!(raw.await.as_deref(), Some(json.as_str()), "the bytes are kept as received");
    let counted = world.number("select record_count from ingest.oddities where kind = 'replaced_text'").await;
    assert_eq!(counted, 1);
    assert_eq!(
        world.text("select channel from core.sessions where provider_session_id = 'konvo-00000'").await.as_deref(),
        Some("carrier-pigeon")
    );
}

#[tokio::test]
async fn people_are_pseudonyms() {
    let mut world = World::new().await;
    let _provider = world.simulate(Platform::Konvo, plain_feed(Platform::Konvo, 2), Quirks::default()).await;
    world.poll_one().await;
    assert_eq!(world.number("select count(distinct person_id) from analytics.people").await, 2);
    let views: Vec<String> = sqlx::query_scalar("select viewname::text from pg_views where schemaname = 'analytics'")
        .fetch_all(&world.db.pool)
        .await
        .expect("the catalog");
    for view in views {
        for canary in ["4915100000000", "c-konvo-00000", "Hello there"] {
            let sql = format!("select count(*) from analytics.{view} v where v::text like '%{canary}%'");
            let found: i64 =
                sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&world.db.pool).await.expect("a count");
            assert_eq!(found, 0, "{canary} is in analytics.{view}");
        }
    }
}

#[tokio::test]
async fn one_provider_s_trouble_does_not_touch_another() {
    let mut world = World::new().await;
    let down = world.simulate(Platform::Konpro, plain_feed(Platform::Konpro, 3), Quirks::default()).await;
    let _konvo = world.simulate(Platform::Konvo, plain_feed(Platform::Konvo, 3), Quirks::default()).await;
    let _meetings =
        world.simulate(Platform::Realtimekit, plain_feed(Platform::Realtimekit, 3), Quirks::default()).await;
    down.script(vec![Fault::new(Effect::json(503, "{}")).forever()]);
    let lines = world.poll().await;
    let results: Vec<(&str, &str)> = lines.iter().map(|line| (line.source.as_str(), line.result)).collect();
    assert_eq!(results, [("konpro", "failed"), ("konvo", "complete"), ("realtimekit", "complete")]);
}

#[tokio::test]
async fn f56_the_same_session_in_two_accounts_is_two_sessions() {
    let mut world = World::new().await;
    let feed = plain_feed(Platform::Realtimekit, 2);
    let _one = world.simulate(Platform::Realtimekit, feed.clone(), Quirks::default()).await;
    let _two = world.simulate(Platform::Realtimekit, feed, Quirks::default()).await;
    let lines = world.poll().await;
    assert!(lines.iter().all(tributary::app::polling::PollLine::is_complete), "{lines:?}");
    assert_eq!(world.number("select count(*) from core.sessions").await, 4);
}

#[tokio::test]
async fn f16_p10_a_body_over_the_cap_is_refused() {
    let mut world = World::new().await;
    let provider = world.simulate(Platform::Konvo, plain_feed(Platform::Konvo, 2), Quirks::default()).await;
    provider.script(vec![Fault::new(Effect::OversizedBody { bytes: 3_000_000 }).forever()]);
    world.set_http("max_body_bytes = 2000000");
    let line = world.poll_one().await;
    assert_eq!(line.result, "failed");
    assert!(line.detail.unwrap_or_default().starts_with("too_large"));
}
