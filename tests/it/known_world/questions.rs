//! The fifteen questions of `docs/analysts.md`, to the letter, asked by an analyst of the hand-counted world.

use sqlx::{AssertSqlSafe, Executor};

use super::{become_analyst, known_world};

/// The statements of the page, by number.
fn questions() -> Vec<(usize, String)> {
    let page = include_str!("../../../docs/analysts.md");
    let blocks = page.split("```sql\n").skip(1).filter_map(|rest| rest.split("```").next());
    let numbered = blocks.filter_map(|block| {
        let number = block.strip_prefix("-- ")?.split('.').next()?.parse().ok()?;
        Some((number, block.trim().trim_end_matches(';').to_owned()))
    });
    numbered.collect()
}

/// What the world answers, worked out by hand; a row a line, null as `-`.
fn answers() -> Vec<(usize, &'static [&'static str])> {
    vec![
        // 109 · 308 · 104 105 106 108, 303 304 305 306 · 107, 307 311
        (
            1,
            &[
                "2025-10-24 konpro session_time 2.0",
                "2025-10-25 realtimekit participant_time 40.0",
                "2025-10-26 konpro session_time 410.0",
                "2025-10-26 realtimekit participant_time 290.0",
                "2025-10-27 konpro session_time 5.0",
                "2025-10-27 realtimekit participant_time 120.0",
            ],
        ),
        // 202 · 201 · 203 · 205 · 206 · 204 207 resolved, 211 not
        (
            2,
            &[
                "2025-03-24 webchat 1 0.0",
                "2025-03-24 whatsapp 1 100.0",
                "2025-03-31 whatsapp 1 100.0",
                "2025-10-20 email 1 100.0",
                "2025-10-20 webchat 1 0.0",
                "2025-10-20 whatsapp 3 66.7",
            ],
        ),
        // by now all five are old enough; persons 1 and 3 came back after 201 and 204
        (3, &["5 3 60.0"]),
        // 5 10 40 120, and 206 without a reply; 20 30 300 1200
        (4, &["CONCIERGE 4 1 25.0 96.0", "ORDER 4 0 165.0 930.0"]),
        // 206, 105 and 207 for half an hour each, 304 for two hours
        (
            5,
            &[
                "2025-10-26 00:00:00+00 konpro 1 0.50",
                "2025-10-26 00:00:00+00 konvo 1 0.50",
                "2025-10-26 00:00:00+00 realtimekit 1 1.00",
                "2025-10-26 01:00:00+00 konpro 1 0.50",
                "2025-10-26 01:00:00+00 konvo 1 0.50",
                "2025-10-26 01:00:00+00 realtimekit 1 1.00",
                "2025-10-26 02:00:00+00 konpro 0 0.00",
                "2025-10-26 02:00:00+00 konvo 0 0.00",
                "2025-10-26 02:00:00+00 realtimekit 0 0.00",
            ],
        ),
        (
            6,
            &[
                "1 7 1", "1 12 3", "5 10 1", "5 11 1", "5 12 1", "6 12 1", "7 0 2", "7 1 1", "7 2 3", "7 9 1",
                "7 10 1", "7 11 1", "7 13 1", "7 14 1", "7 16 1", "7 21 1",
            ],
        ),
        (7, &["2025-10-23 0", "2025-10-24 1", "2025-10-25 0", "2025-10-26 4"]),
        // 303 from half past ten to half past eleven, then 304 for two hours
        (
            8,
            &[
                "2025-10-25 22:00:00+00 30.0",
                "2025-10-25 23:00:00+00 30.0",
                "2025-10-26 00:00:00+00 60.0",
                "2025-10-26 01:00:00+00 60.0",
                "2025-10-26 02:00:00+00 0.0",
            ],
        ),
        (9, &["bert Bruno 3 361.5", "anna Aria 3 80.0"]),
        (10, &["2025-03-24 3 0.0", "2025-10-20 5 20.0", "2025-10-27 1 0.0"]),
        (11, &["CONCIERGE 8", "ORDER 4", "- 2", "REFUND 1"]),
        (12, &["301 person-ada 30 75.0", "301 person-ben 10 25.0", "304 person-ada 50 50.0", "304 person-dee 50 50.0"]),
        (13, &["0 1 80.0", "1 1 30.0", "3 1 120.0", "4 1 30.0"]),
        // persons 1 2 · 1 again · 3 4 5, and 2 again · 1 again
        (14, &["2025-03-24 2 0", "2025-03-31 1 1", "2025-10-20 4 1", "2025-10-27 1 1"]),
        // nothing was read for a long time, whenever this is asked
        (
            15,
            &[
                "konpro-main 2025-10-27 12:00:00+00 true 1 1",
                "konvo-main 2025-10-27 12:04:00+00 true 0 0",
                "rtk-main 2025-10-27 12:00:00+00 true - -",
            ],
        ),
    ]
}

#[tokio::test]
async fn the_fifteen_questions_are_answered_as_worked_out_by_hand() {
    let world = known_world().await;
    let mut analyst = world.db.pool.acquire().await.expect("a connection");
    become_analyst(&mut analyst).await;
    let questions = questions();
    let numbers: Vec<usize> = questions.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=15).collect::<Vec<_>>(), "the page holds fifteen questions, in order");
    for (number, expected) in answers() {
        let (_, question) = &questions[number - 1];
        if number == 5 && !has_concurrency(&mut analyst).await {
            continue;
        }
        let sql = format!(
            "select coalesce((select string_agg(coalesce(value, '-'), ' ' order by place)
                                from json_each_text(row_to_json(q)) with ordinality v (key, value, place)), '')
               from ({question}) q"
        );
        let rows: Vec<String> = sqlx::query_scalar(AssertSqlSafe(sql))
            .fetch_all(&mut *analyst)
            .await
            .unwrap_or_else(|error| panic!("question {number}: {error}"));
        // JSON writes instants with a T
        let rows: Vec<String> = rows.iter().map(|row| row.replace("T", " ").replace("+00:00", "+00")).collect();
        assert_eq!(rows, expected, "question {number}");
    }
}

/// Whether the schema counts sessions along time yet.
async fn has_concurrency(connection: &mut sqlx::PgConnection) -> bool {
    let sql = "select exists (select from pg_proc where pronamespace = 'analytics'::regnamespace and proname = 'concurrency')";
    sqlx::query_scalar(sql).fetch_one(connection).await.expect("the catalog")
}

#[tokio::test]
async fn an_analyst_can_neither_write_nor_see_what_is_personal() {
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
