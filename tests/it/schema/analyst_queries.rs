//! The fifteen queries of `docs/analysts.md`, run by an analyst: on the world of `query::every_metric`, compared with rows
//! computed by hand and with the API, and on data like the demo's.

use std::str::FromStr;

use rust_decimal::Decimal;
use sqlx::{AssertSqlSafe, Executor, PgConnection};
use tributary::clock::{Clock as _, SystemClock};
use tributary_simulator::Platform;
use tributary_simulator::quirks::Quirks;
use tributary_simulator::world::{Shape, Volume, World as Generated};

use crate::harness::{World, citus};
use crate::query::every_metric::{become_analyst, known_world};

/// Returns the statements of the page, by number.
fn questions() -> Vec<(usize, String)> {
    let page = include_str!("../../../docs/analysts.md");
    let blocks = page.split("```sql\n").skip(1).filter_map(|rest| rest.split("```").next());
    let numbered = blocks.filter_map(|block| {
        let number = block.strip_prefix("-- ")?.split('.').next()?.parse().ok()?;
        Some((number, block.trim().trim_end_matches(';').to_owned()))
    });
    numbered.collect()
}

/// Returns the expected rows by query, computed by hand.
fn answers() -> Vec<(usize, Vec<&'static str>)> {
    let blocks = include_str!("analyst_answers.txt").split("\n\n").skip(1);
    let read = |block: &'static str| {
        let (head, rows) = block.split_once('\n').expect("a head and rows");
        let number = head.split('.').next().and_then(|number| number.parse().ok()).expect("a number");
        (number, rows.lines().collect())
    };
    blocks.map(read).collect()
}

/// Returns the statements as asked at the present of the hand-counted world.
pub(super) fn questions_of_then() -> Vec<(usize, String)> {
    let then = |text: String| {
        text.replace("now()", "timestamptz '2025-10-27 12:05Z'")
            .replace("'now'", "'2025-10-27 12:05Z'")
            .replace("current_date", "date '2025-10-27'")
    };
    questions().into_iter().map(|(number, text)| (number, then(text))).collect()
}

pub(super) async fn rows(analyst: &mut PgConnection, number: usize, question: &str) -> Vec<String> {
    let sql = format!(
        "with q as materialized ({question})
         select coalesce((select string_agg(coalesce(value, '-'), ' ' order by place)
                            from json_each_text(row_to_json(q)) with ordinality v (key, value, place)), '')
           from q"
    );
    let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
        .fetch_all(analyst)
        .await
        .unwrap_or_else(|error| panic!("question {number}: {error}"));
    // JSON writes instants with a T
    rows.iter().map(|row| row.replace('T', " ").replace("+00:00", "+00")).collect()
}

#[tokio::test]
async fn the_fifteen_queries_return_the_rows_computed_by_hand() {
    let world = known_world().await;
    let mut analyst = world.db.pool.acquire().await.expect("a connection");
    become_analyst(&mut analyst).await;
    let questions = questions_of_then();
    let numbers: Vec<usize> = questions.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=15).collect::<Vec<_>>(), "the page holds fifteen questions, in order");
    let answers = answers();
    assert_eq!(answers.len(), questions.len());
    for (number, expected) in answers {
        assert_eq!(rows(&mut analyst, number, &questions[number - 1].1).await, expected, "question {number}");
    }
}

/// Sums over the rows of a question, and the metric of the API that must equal them over the days of the question.
pub(super) const COMPARED: [(usize, &str, &str, u32); 15] = [
    (1, "sum(minutes)", "minutes_consumed", 28),
    (2, "sum(completed)", "completed_sessions", 84),
    (2, "sum(round(completed * resolution_rate_percent / 100))", "resolved_sessions", 84),
    (3, "sum(durable) / sum(mature)", "durable_resolution_rate", 365),
    (4, "sum(unanswered)", "unanswered_sessions", 28),
    (4, "max(p50_seconds) filter (where skill_type = 'ORDER')", "first_response_p50_seconds&skill_type=ORDER", 28),
    (4, "max(p90_seconds) filter (where skill_type = 'ORDER')", "first_response_p90_seconds&skill_type=ORDER", 28),
    (5, "max(peak)", "peak_concurrent_sessions&dimensions=provider", 2),
    (6, "sum(sessions)", "sessions", 28),
    (7, "sum(sessions)", "sessions&provider=konpro", 6),
    (9, "sum(minutes)", "minutes_consumed&provider=konpro&session_state=ended", 28),
    (10, "max(never_started_percent) / 100", "never_started_rate&provider=konpro&granularity=week", 84),
    (10, "sum(attempts)", "sessions&provider=konpro", 84),
    (14, "(array_agg(people order by week))[1]", "unique_people&granularity=week", 84),
    (14, "(array_agg(returning_people order by week))[1]", "returning_people&granularity=week", 84),
];

#[tokio::test]
async fn the_api_gives_the_same_answers() {
    let world = known_world().await;
    let api = world.api().await;
    let mut analyst = world.db.pool.acquire().await.expect("a connection");
    become_analyst(&mut analyst).await;
    let questions = questions_of_then();
    for (number, sum, metric, days) in COMPARED {
        let sql = format!("select round(({sum})::numeric, 9) from ({}) q", questions[number - 1].1);
        let found: Decimal = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *analyst).await.expect(metric);
        let from = "2025-10-27".parse::<chrono::NaiveDate>().expect("a date") - chrono::Days::new(u64::from(days));
        let id = metric.split('&').next().expect("a name");
        let range = format!("from={from}&to=2025-10-27T12:05:00Z&zone=Europe/Berlin");
        let answer = api.ok(&format!("/v1/metrics/query?metrics={metric}&{range}")).await;
        let values = answer["rows"].as_array().expect("rows").iter().map(|row| &row["values"][id]["value"]);
        let values: Vec<Decimal> = values.filter_map(|value| Decimal::from_str(&value.to_string()).ok()).collect();
        let told = match id {
            "peak_concurrent_sessions" | "never_started_rate" => values.into_iter().max(),
            "unique_people" | "returning_people" => values.into_iter().find(|value| !value.is_zero()),
            _ => Decimal::from_str(&answer["totals"][id]["value"].to_string()).ok(),
        };
        assert_eq!(told.map(|told| told.normalize()), Some(found.normalize()), "question {number}, {metric}");
    }
}

#[tokio::test]
async fn every_query_shows_rows_on_data_like_the_demos() {
    let mut world = World::new().await.with_depth();
    let now = SystemClock.now();
    world.clock.set(now);
    let volume = Volume { history: 60, per_hour_ahead: 0 };
    let shape = Shape { history_days: 20, hours_ahead: 1, avatars: volume, chats: volume, meetings: volume };
    let generated = Generated::generate(&shape, 7, now);
    let mut simulators = Vec::new();
    for platform in Platform::ALL {
        simulators.push(world.simulate(platform, generated.feed(platform), Quirks::default()).await);
    }
    world.poll().await;
    let mut analyst = world.db.pool.acquire().await.expect("a connection");
    become_analyst(&mut analyst).await;
    for (number, question) in questions() {
        assert!(!rows(&mut analyst, number, &question).await.is_empty(), "question {number} shows nothing");
    }
}

#[tokio::test]
async fn an_analyst_can_neither_write_nor_see_personal_data() {
    if citus::skips("a login without rights on the tables cannot read the views") {
        return;
    }
    let world = known_world().await;
    let mut analyst = world.db.pool.acquire().await.expect("a connection");
    become_analyst(&mut analyst).await;
    for forbidden in [
        "select * from core.konvo_sessions",
        "select * from core.messages",
        "select * from ingest.raw_records",
        "select * from ingest.secrets",
        "select * from analytics_pii.messages",
        "select * from analytics_pii.session_contacts",
        "update analytics.people set identity_kind = 'x'",
        "create table analytics.mine (x int)",
        "create function analytics.mine() returns int language sql return 1",
        "create table public.mine (x int)",
    ] {
        let refused = analyst.execute(forbidden).await.expect_err(forbidden);
        let code = refused.as_database_error().and_then(sqlx::error::DatabaseError::code).unwrap_or_default();
        // no right to it, not a table, or read only
        assert!(["42501", "55000", "25006"].contains(&code.as_ref()), "{forbidden}: {refused}");
    }
}

#[tokio::test]
async fn views_made_later_are_open_to_analysts_at_once() {
    let world = known_world().await;
    let mut connection = world.db.pool.acquire().await.expect("a connection");
    connection.execute("create view analytics.later as select 1 as one").await.expect("a view");
    for role in ["tributary_analyst", "tributary_analyst_pii"] {
        let sql = format!("select has_table_privilege('{role}', 'analytics.later', 'select')");
        let may: bool = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *connection).await.expect(role);
        assert!(may, "{role}");
    }
    let may: bool =
        sqlx::query_scalar("select has_table_privilege('tributary_analyst', 'analytics_pii.messages', 'select')")
            .fetch_one(&mut *connection)
            .await
            .expect("an answer");
    assert!(!may);
}
