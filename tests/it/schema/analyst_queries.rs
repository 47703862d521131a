//! The fifteen queries of `docs/analysts.md`, literally, run by an analyst on the world of `query::every_metric`.

use sqlx::{AssertSqlSafe, Executor};

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

#[tokio::test]
async fn the_fifteen_queries_return_the_rows_computed_by_hand() {
    let world = known_world().await;
    let mut analyst = world.db.pool.acquire().await.expect("a connection");
    become_analyst(&mut analyst).await;
    let questions = questions();
    let numbers: Vec<usize> = questions.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, (1..=15).collect::<Vec<_>>(), "the page holds fifteen questions, in order");
    let answers = answers();
    assert_eq!(answers.len(), questions.len());
    for (number, expected) in answers {
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
        let rows: Vec<String> = rows.iter().map(|row| row.replace('T', " ").replace("+00:00", "+00")).collect();
        assert_eq!(rows, expected, "question {number}");
    }
}

/// Whether the schema has concurrency over time.
async fn has_concurrency(connection: &mut sqlx::PgConnection) -> bool {
    let sql = "select exists (select from pg_proc where pronamespace = 'analytics'::regnamespace and proname = 'concurrency')";
    sqlx::query_scalar(sql).fetch_one(connection).await.expect("the catalog")
}

#[tokio::test]
async fn an_analyst_can_neither_write_nor_see_personal_data() {
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
