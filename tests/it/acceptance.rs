//! The acceptance list of a provider, run over all of them: a new adapter must pass it besides the conformance suite.
//!
//! A test's name begins with its number on the list. Replay from raw records and backfill are in separate files.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;
use tributary::app::polling::{self, Selection};
use tributary::app::{checking, parse_config};
use tributary::clock::Clock;
use tributary::connector::error::PullErrorKind;
use tributary::demo::simulator::Platform;
use tributary::demo::simulator::faults::{Effect, Fault, RetryAfter};
use tributary::demo::simulator::feed::FixedFeed;
use tributary::demo::simulator::quirks::Quirks;
use tributary::model::page::PageRequest;
use tributary::model::source::MessageSupport;
use tributary::model::stream::Stream;
use tributary::model::time::Window;
use tributary::providers;

use crate::conformance::over_all_providers;
use crate::harness::dump;
use crate::harness::{World, at, noon, plain_feed, records};

over_all_providers!(
    a01_a_key_means_the_same_in_file_and_environment,
    a03_a_check_of_a_throttled_provider_ends_soon_and_says_so,
    a07_p03_every_cursor_and_every_position_can_be_started_from_again,
    a08_a_position_in_the_far_future_is_an_alarm_and_is_taken_back,
    a09_a_pause_of_a_year_is_caught_up,
    a10_every_column_is_seen_in_the_samples,
    a11_ids_are_unique_and_never_null,
    a12_a_page_size_above_the_largest_is_none,
    a13_pages_may_be_counted_from_0_or_1,
    a18_a_check_changes_no_byte,
    a19_a_pause_in_the_middle_is_gone_on_from,
    a22_a_poll_that_is_told_to_stop_stops,
    a26_what_is_advertised_is_what_is_done,
);

/// The row that an operator's command to pause a stream writes.
const PAUSE: &str = "insert into ingest.controls (source_id, stream, paused_at, paused_by)
                     select source_id, stream, now(), 'a test' from ingest.streams";

async fn stored(world: &World) -> i64 {
    world.number("select count(*) from core.sessions").await
}

fn entry(platform: Platform) -> &'static tributary::connector::ProviderEntry {
    providers::entry(platform.as_str()).expect("a provider")
}

async fn a01_a_key_means_the_same_in_file_and_environment(platform: Platform) {
    let keys = [
        ("base_url", "\"http://127.0.0.1:9\""),
        ("schedule", "\"0 */7 * * * *\""),
        ("history_from", "\"2026-02-01T00:00:00Z\""),
        ("requests_per_minute", "17"),
        ("quota_share", "0.25"),
        ("page_size", "33"),
        ("account_id", "\"acc-9\""),
        ("app_id", "\"app-9\""),
    ];
    let has = |key: &str| !["account_id", "app_id"].contains(&key) || entry(platform).required_settings.contains(&key);
    let head = format!("[[sources]]\nslug = \"it\"\nprovider = \"{}\"\napi_key_env = \"KEY\"\n", platform.as_str());
    let (mut in_file, mut environment) = (head.clone(), BTreeMap::from([("KEY".to_owned(), "k".to_owned())]));
    let needed = entry(platform).required_settings.iter().map(|key| format!("{key} = \"to be replaced\"\n"));
    let beside = head + &needed.collect::<String>();
    let with_key = environment.clone();
    for (key, value) in keys.into_iter().filter(|(key, _)| has(key)) {
        in_file += &[key, " = ", value, "\n"].concat();
        let name = format!("TRIBUTARY_SOURCES__IT__{}", key.to_ascii_uppercase());
        environment.insert(name, value.trim_matches('"').to_owned());
    }
    let from_file = parse_config(&in_file, &with_key).expect("it is right");
    let from_environment = parse_config(&beside, &environment).expect("it is right");
    assert_eq!(format!("{from_file:?}"), format!("{from_environment:?}"));
    assert_ne!(format!("{from_file:?}"), format!("{:?}", parse_config(&beside, &with_key).expect("it is right")));
}

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

async fn a07_p03_every_cursor_and_every_position_can_be_started_from_again(platform: Platform) {
    let mut world = World::new().await.with_settings("page_size = 20");
    let provider = world.simulate(platform, plain_feed(platform, 90), Quirks::default()).await;
    // pages: any of them fetched again, in any order, is the same page
    let connector = crate::providers::connect_with(platform.as_str(), &provider.base_url(), |settings| {
        settings.page_size = Some(20);
        settings.api.api_key = crate::harness::API_KEY.into();
    });
    let window = Window { from: at("2026-03-01T00:00:00Z"), to: noon() };
    let fetch = async |cursor: Option<&_>| {
        let request = PageRequest { window: &window, cursor, now: noon() };
        connector.fetch_page(Stream::Sessions, request).await.expect("a page")
    };
    let mut pages = vec![(None, fetch(None).await)];
    while let Some(cursor) = pages.last().and_then(|(_, page)| page.next.clone()) {
        let page = fetch(Some(&cursor)).await;
        pages.push((Some(cursor), page));
    }
    assert!(pages.len() >= 5, "{} pages", pages.len());
    for (cursor, page) in pages.iter().rev().chain(&pages) {
        let ids = |page: &tributary::model::page::Page| {
            let ids = page.records.iter().map(|record| record.session.provider_session_id.to_string());
            ids.collect::<Vec<_>>()
        };
        assert_eq!(ids(&fetch(cursor.as_ref()).await), ids(page));
    }
    // positions: wherever the proof ends, the next run continues there and writes nothing new
    assert!(world.poll_one().await.is_complete());
    let before = dump::of_source(&world.db.pool, platform.as_str()).await;
    for hours in [1, 2, 3, 48, 24 * 365] {
        sqlx::query("update ingest.windows set window_to = $1")
            .bind(noon() - TimeDelta::hours(hours))
            .execute(&world.db.pool)
            .await
            .expect("set back");
        let line = world.poll_one().await;
        assert!(line.is_complete() && line.inserted + line.updated == 0, "{hours} hours back: {line:?}");
        assert_eq!(line.complete_through.as_deref(), Some("2026-03-10T12:00:00+00:00"));
    }
    assert_eq!(dump::of_source(&world.db.pool, platform.as_str()).await, before);
}

async fn a08_a_position_in_the_far_future_is_an_alarm_and_is_taken_back(platform: Platform) {
    let mut world = World::new().await;
    let feed = plain_feed(platform, 3);
    let _provider = world.simulate(platform, feed.clone(), Quirks::default()).await;
    assert!(world.poll_one().await.is_complete());
    sqlx::query("update ingest.windows set window_to = '2098-01-01'").execute(&world.db.pool).await.expect("set");
    let line = world.poll_one().await;
    assert_eq!((line.result, line.inserted), ("incomplete", 0), "{line:?}");
    assert!(line.detail.as_deref().unwrap_or_default().contains("future"), "{line:?}");
    assert_eq!(line.complete_through.as_deref(), Some("2026-03-10T12:00:00+00:00"), "the claim is taken back");
    feed.insert(records::record(platform, "newcomer", noon() + TimeDelta::minutes(1)));
    world.clock.set(noon() + TimeDelta::minutes(5));
    let line = world.poll_one().await;
    assert!(line.is_complete() && line.inserted == 1, "{line:?}");
}

async fn a09_a_pause_of_a_year_is_caught_up(platform: Platform) {
    let mut world = World::new().await;
    let feed = plain_feed(platform, 3);
    let _provider = world.simulate(platform, feed.clone(), Quirks::default()).await;
    assert!(world.poll_one().await.is_complete());
    for day in 1..=400 {
        feed.insert(records::record(platform, &format!("day-{day:03}"), noon() + TimeDelta::days(day)));
    }
    world.clock.set(noon() + TimeDelta::days(401));
    let line = world.poll_one().await;
    assert!(line.is_complete() && line.inserted == 400, "{line:?}");
    assert_eq!(world.number("select count(*) from ingest.windows where is_complete").await, 1, "without a gap");
}

/// Columns that no sample of a provider fills, with the reason.
const NEVER_SEEN: [(&str, &[&str]); 3] = [
    // the vendor states neither change times, nor participants, nor messages; nothing is resolved
    (
        "konpro",
        &[
            "sessions.completed_at",
            "sessions.provider_updated_at",
            "sessions.max_concurrent_participants",
            "sessions.is_flagged_unresolved",
            "sessions.channel",
            "sessions.person_id",
            "sessions.parent_provider_session_id",
        ],
    ),
    // the vendor meters nothing, and a chat has no status word, no parent and no participants
    (
        "konvo",
        &[
            "sessions.max_concurrent_participants",
            "sessions.provider_minutes",
            "sessions.parent_provider_session_id",
            "sessions.provider_status",
        ],
    ),
    // the list names no person, and a meeting has no outcome; only a test of F57, not the samples, has a breakout room
    (
        "realtimekit",
        &[
            "sessions.completed_at",
            "sessions.is_flagged_unresolved",
            "sessions.channel",
            "sessions.person_id",
            "sessions.parent_provider_session_id",
        ],
    ),
];

async fn a10_every_column_is_seen_in_the_samples(platform: Platform) {
    let mut world = World::new().await;
    let files: &[&str] = match platform {
        Platform::Konpro => &["history.page1.token.json", "history.page2.token.json", "history.page3.last.json"],
        Platform::Konvo => {
            &["ai-sessions.page-first.json", "ai-sessions.page-second.json", "ai-sessions.page-third.json"]
        }
        Platform::Realtimekit => &["sessions.page1.asc.json", "sessions.page2.asc.json"],
    };
    let mut samples = records::of_samples(platform, files);
    if platform == Platform::Realtimekit {
        samples.extend(details());
    }
    let feed = Arc::new(FixedFeed::new(samples));
    let _provider = world.simulate(platform, feed, Quirks::default()).await;
    world.poll_one().await;
    let own = format!("{}_sessions", platform.as_str());
    let columns: Vec<(String, String)> = sqlx::query_as(
        "select table_name::text, column_name::text from information_schema.columns
          where table_schema = 'core' and table_name in ('sessions', $1)",
    )
    .bind(&own)
    .fetch_all(&world.db.pool)
    .await
    .expect("the catalog");
    let mut never = BTreeSet::new();
    for (table, column) in columns {
        let sql = format!("select count({column}) from core.{table}");
        let seen: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&world.db.pool).await.expect("a count");
        if seen == 0 {
            never.insert(format!("{table}.{column}"));
        }
    }
    let known = NEVER_SEEN.iter().find(|(name, _)| *name == platform.as_str()).expect("a row").1;
    let known: BTreeSet<String> = known.iter().map(|&name| name.to_owned()).collect();
    assert_eq!(never, known, "a column that no sample fills is not tested: add a sample, or its reason");
}

/// RealtimeKit returns more fields for a single session than in its list.
fn details() -> Vec<tributary::demo::simulator::feed::FixedRecord> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/providers/realtimekit/samples");
    let one = |file: &str| {
        let text = std::fs::read_to_string(folder.join(file)).expect("a sample");
        let answer: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let data = if answer["data"]["session"].is_object() { &answer["data"]["session"] } else { &answer["data"] };
        let created_at = data["created_at"].as_str().expect("a time").parse().expect("an instant");
        tributary::demo::simulator::feed::FixedRecord {
            id: data["id"].as_str().expect("an id").to_owned(),
            created_at,
            updated_at: created_at,
            json: data.to_string(),
        }
    };
    vec![one("session.detail.breakouts.json"), one("session.detail.ended.json")]
}

async fn a11_ids_are_unique_and_never_null(platform: Platform) {
    let mut world = World::new().await.with_settings("page_size = 20");
    let feed = plain_feed(platform, 50);
    for number in [3, 30] {
        feed.insert(crate::harness::plain_record(platform, number, 50));
    }
    let _provider = world.simulate(platform, feed, Quirks::default()).await;
    world.poll_one().await;
    let distinct = "select count(distinct (source_id, provider_session_id)) from core.sessions";
    assert_eq!((stored(&world).await, world.number(distinct).await), (50, 50));
    let without_key = "select count(*) from information_schema.tables t
                        where table_schema in ('core', 'ingest') and table_type = 'BASE TABLE'
                          and not exists (select from information_schema.table_constraints c
                                           where c.table_schema = t.table_schema and c.table_name = t.table_name
                                             and c.constraint_type = 'PRIMARY KEY')";
    assert_eq!(world.number(without_key).await, 0, "every table has a primary key");
}

async fn a12_a_page_size_above_the_largest_is_none(platform: Platform) {
    let largest = if platform == Platform::Konvo { 200 } else { 100 };
    for (settings, expected) in [
        (format!("page_size = {}", largest - 1), 2),
        (format!("page_size = {largest}"), 2),
        (format!("page_size = {}", largest + 1), 2),
    ] {
        let mut world = World::new().await.with_settings(&settings);
        let provider = world.simulate(platform, plain_feed(platform, largest + 1), Quirks::default()).await;
        let line = world.poll_one().await;
        if line.result == "failed" {
            // no maximum is documented: the error names the key that the vendor refuses
            assert_eq!(platform, Platform::Konpro, "{settings}: {line:?}");
            assert!(settings.ends_with("101") && line.detail.unwrap_or_default().contains("page_size"));
            continue;
        }
        assert!(line.is_complete(), "{settings}: {line:?}");
        assert_eq!(stored(&world).await, i64::try_from(largest + 1).expect("few"), "{settings}");
        assert!(provider.requests().len() <= expected + 1, "{settings}: {} calls", provider.requests().len());
    }
}

async fn a13_pages_may_be_counted_from_0_or_1(platform: Platform) {
    for first_page in [0, 1] {
        let mut world = World::new().await.with_settings("page_size = 20");
        let quirks = Quirks { first_page, ..Quirks::default() };
        let _provider = world.simulate(platform, plain_feed(platform, 70), quirks).await;
        for inserted in [70, 0] {
            let line = world.poll_one().await;
            assert!(line.is_complete() && line.inserted == inserted, "{first_page}: {line:?}");
        }
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

async fn a19_a_pause_in_the_middle_is_gone_on_from(platform: Platform) {
    let mut world = World::new().await.with_settings("page_size = 20");
    let provider = world.simulate(platform, plain_feed(platform, 120), Quirks::default()).await;
    let pool = world.db.pool.clone();
    let pause = move || {
        let pool = pool.clone();
        tokio::spawn(async move {
            sqlx::query(PAUSE).execute(&pool).await.expect("paused");
        });
    };
    provider.script(vec![
        Fault::new(Effect::before(pause)).from_request(3),
        Fault::new(Effect::Delay(Duration::from_millis(100))).from_request(4).times(1),
    ]);
    let line = world.poll_one().await;
    assert!(["complete", "paused", "cancelled", "incomplete"].contains(&line.result), "{line:?}");
    let (calls, kept) = (provider.requests().len(), stored(&world).await);
    let line = world.poll_one().await;
    assert_eq!((line.result, provider.requests().len()), ("paused", calls), "{line:?}");
    assert_eq!(stored(&world).await, kept, "pausing deletes nothing");
    sqlx::query("delete from ingest.controls").execute(&world.db.pool).await.expect("resumed");
    let line = world.poll_one().await;
    assert!(line.is_complete(), "{line:?}");
    assert_eq!(stored(&world).await, 120);
}

async fn a22_a_poll_that_is_told_to_stop_stops(platform: Platform) {
    let mut world = World::new().await.with_settings("page_size = 20");
    let provider = world.simulate(platform, plain_feed(platform, 120), Quirks::default()).await;
    let stop = CancellationToken::new();
    let told = stop.clone();
    provider.script(vec![
        Fault::new(Effect::before(move || told.cancel())).from_request(4),
        Fault::new(Effect::Delay(Duration::from_secs(30))).from_request(5).forever(),
    ]);
    let started = Instant::now();
    let line = polling::poll(&world.app(), &Selection::default(), stop).await.expect("it ends").remove(0);
    assert!(started.elapsed() < Duration::from_secs(10), "{:?}", started.elapsed());
    assert_eq!((line.result, line.complete_through), ("cancelled", None));
    assert!(stored(&world).await >= 40, "pages that were read are kept");
    assert_eq!(world.number("select count(*) from ingest.streams where lease_until > now()").await, 0);
    provider.script(Vec::new());
    let line = world.poll_one().await;
    assert!(line.is_complete(), "{line:?}");
    assert_eq!(stored(&world).await, 120);
}

#[tokio::test]
async fn a24_every_documented_path_is_answered_and_no_other() {
    let world = World::new().await;
    let api = world.api().await;
    let document: serde_json::Value =
        serde_json::from_str(&tributary::api::document().to_json().expect("a document")).expect("JSON");
    let paths = document["paths"].as_object().expect("paths");
    assert!(paths.len() > 15, "{}", paths.len());
    for (path, methods) in paths {
        if methods.get("get").is_none() {
            continue;
        }
        let path = path.replace("{session_id}", "1").replace("{slug}", "none").replace("{provider_session_id}", "none");
        let (status, body) = api.get(&path).await;
        assert_ne!(status, 405, "{path}");
        assert_ne!(body["code"], "no_such_path", "{path}: {body:#}");
    }
    for path in ["/v1", "/v1/session", "/v1/sessions/1/nothing", "/metric"] {
        let (status, body) = api.get(path).await;
        assert_eq!((status, body["code"].as_str()), (404, Some("no_such_path")), "{path}: {body:#}");
    }
}

#[tokio::test]
async fn a25_every_error_a_run_can_end_with_has_its_advice() {
    let kinds = [
        PullErrorKind::Transient,
        PullErrorKind::Unreached,
        PullErrorKind::OwnResources,
        PullErrorKind::Database,
        PullErrorKind::RateLimited { until: noon() },
        PullErrorKind::Auth,
        PullErrorKind::NotFound,
        PullErrorKind::Config,
        PullErrorKind::Contract,
        PullErrorKind::FileCut,
        PullErrorKind::ErrorPage,
        PullErrorKind::TooLarge,
    ];
    let ours = ["incomplete", "schema_drift", "lease_lost", "crashed"];
    for class in kinds.iter().map(|kind| kind.policy().class).chain(ours) {
        let advice = tributary::ingest::advice_for(class).unwrap_or_else(|| panic!("no advice for {class}"));
        assert!(advice.len() > 20 && advice.ends_with('.'), "{class}: {advice}");
    }
    // error classes as written in the code: a class that is missing above has no advice here
    let sources = [include_str!("../../src/connector/error.rs"), include_str!("../../src/store/run.rs")];
    for source in sources {
        for part in source.split("class: \"").skip(1) {
            let class = part.split('"').next().expect("a class");
            assert!(tributary::ingest::advice_for(class).is_some(), "{class}");
        }
        for part in source.split("error_class = '").skip(1) {
            let class = part.split('\'').next().expect("a class");
            assert!(tributary::ingest::advice_for(class).is_some(), "{class}");
        }
    }
}

async fn a26_what_is_advertised_is_what_is_done(platform: Platform) {
    let capabilities = entry(platform).capabilities;
    let mut world = World::new().await;
    let provider = world.simulate(platform, plain_feed(platform, 20), Quirks::default()).await;
    assert!(world.poll_one().await.is_complete());
    let with_minutes = world.number("select count(*) from core.sessions where provider_minutes is not null").await;
    assert_eq!(with_minutes == 20, capabilities.minutes_basis.is_some());
    assert!(with_minutes == 20 || with_minutes == 0, "{with_minutes}");
    let with_outcome = world.number("select count(*) from core.sessions where outcome <> 'not_applicable'").await;
    assert_eq!(with_outcome, if capabilities.has_outcomes { 20 } else { 0 });
    let messages = world.number("select count(*) from core.messages").await;
    assert_eq!(messages > 0, capabilities.messages == MessageSupport::Inline);
    let kinds: Vec<String> = sqlx::query_scalar("select distinct session_kind from core.sessions")
        .fetch_all(&world.db.pool)
        .await
        .expect("kinds");
    let known: Vec<&str> = capabilities.session_kinds.iter().map(|kind| kind.as_str()).collect();
    assert!(kinds.iter().all(|kind| known.contains(&kind.as_str())), "{kinds:?} of {known:?}");
    let connector = crate::providers::connect(platform.as_str(), &provider.base_url());
    for stream in Stream::PER_SESSION {
        let offered = capabilities.session_streams.contains(&stream);
        assert_eq!(connector.artifact_policy(stream).is_some(), offered, "{stream:?}");
        assert!(connector.policy(stream).is_none(), "{stream:?} is no list");
    }
    let day = world.clock.now().timestamp();
    assert!(day > 0 && connector.policy(Stream::Sessions).is_some());
}
