//! Numbers that common tools can read: no decimal of a view has more than 28 digits, and sums of quotients are right.

use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;
use sqlx::{AssertSqlSafe, PgPool};
use tributary_simulator::Platform;
use tributary_simulator::fixed_feed::{FixedFeed, FixedRecord};
use tributary_simulator::quirks::Quirks;

use crate::harness::{World, noon, records};

/// Six avatar sessions of 100 seconds, billed at an odd price.
async fn six_sessions() -> (World, tributary_simulator::Simulator) {
    let record = |number: i32| {
        let created_at = noon() - TimeDelta::hours(2) - TimeDelta::minutes(1) * number;
        let record = records::record(Platform::Konpro, &format!("k-{number}"), created_at);
        FixedRecord { json: record.json.replace("\"duration\":90", "\"duration\":100"), ..record }
    };
    let mut world = World::new().await;
    let feed = Arc::new(FixedFeed::new((0..6).map(record)));
    let simulator = world.simulate(Platform::Konpro, feed, Quirks::default()).await;
    assert!(world.poll_one().await.is_complete());
    sqlx::raw_sql(
        "insert into core.rate_cards (source_id, valid_from, recorded_at, unit_price, scenario, unit, currency, preset_pattern, rounding)
         select source_id, '2026-01-01Z', '2026-01-01Z', 0.123456789012, 'actual', 'minute', 'EUR', '*', 'none' from core.sources",
    )
    .execute(&world.db.pool)
    .await
    .expect("a price");
    (world, simulator)
}

/// Returns the widest value of each numeric column of both schemas that has more than 28 digits; lists included.
async fn too_wide(pool: &PgPool) -> Vec<String> {
    let columns: Vec<(String, String, String)> = sqlx::query_as(
        "select a.attrelid::regclass::text, quote_ident(a.attname), t.typname::text
           from pg_attribute a
           join pg_class c on c.oid = a.attrelid and c.relkind = 'v'
           join pg_namespace n on n.oid = c.relnamespace and n.nspname in ('analytics', 'analytics_pii')
           join pg_type t on t.oid = a.atttypid and t.typname in ('numeric', '_numeric')
          where a.attnum > 0 and not a.attisdropped
          order by 1, a.attnum",
    )
    .fetch_all(pool)
    .await
    .expect("columns");
    assert!(columns.len() > 50, "only {} columns were found", columns.len());
    let mut found = Vec::new();
    for (view, column, kind) in columns {
        let values = if kind == "_numeric" {
            format!("(select unnest({column}) as v from {view}) x")
        } else {
            format!("(select {column} as v from {view}) x")
        };
        let sql = format!(
            "select v::text from {values} where length(translate(abs(v)::text, '.', '')) > 28 or scale(v) > 20
              order by length(v::text) desc limit 1"
        );
        let widest: Option<String> =
            sqlx::query_scalar(AssertSqlSafe(sql)).fetch_optional(pool).await.expect("a view can be read");
        found.extend(widest.map(|value| format!("{view}.{column}: {value}")));
    }
    found
}

async fn decimal(pool: &PgPool, sql: &'static str) -> Decimal {
    sqlx::query_scalar(sql).fetch_one(pool).await.expect(sql)
}

#[tokio::test]
async fn six_times_a_hundred_seconds_are_ten_minutes() {
    let (world, _simulator) = six_sessions().await;
    let pool = &world.db.pool;
    let api = world.api().await;
    let metrics = "minutes_consumed,elapsed_minutes,estimated_cost";
    let answer = api.ok(&format!("/v1/metrics/query?metrics={metrics}&from=2026-03-10&to=2026-03-11&zone=UTC")).await;
    assert_eq!(answer["totals"]["minutes_consumed"]["value"], 10);
    assert_eq!(answer["totals"]["elapsed_minutes"]["value"], 10);
    // 10 x 0.123456789012, to nine digits
    assert_eq!(answer["totals"]["estimated_cost"]["value"], 1.234_567_89);
    let ten = Decimal::from(10);
    assert_eq!(decimal(pool, "select sum(minutes_consumed) from analytics.sessions_daily").await, ten);
    assert_eq!(decimal(pool, "select sum(wall_clock_minutes) from analytics.sessions_daily").await, ten);
    let by_day = "select sum(minutes_consumed)
                    from analytics.sessions_by_day('2026-03-10Z', '2026-03-11Z', 'Europe/Berlin')";
    assert_eq!(decimal(pool, by_day).await, ten);
    // a row is rounded to 18 digits, so that the sum of six is off by at most three units of the last
    let sum = decimal(pool, "select sum(minutes_consumed) from analytics.sessions").await;
    assert!((sum - ten).abs() <= Decimal::new(3, 18), "{sum}");
    let rounded = "select round(sum(minutes), 15) from analytics.session_minutes where minutes_kind = 'consumed'";
    assert_eq!(decimal(pool, rounded).await, ten);
    let cost = "select round(sum(list_cost), 15) from analytics.session_costs";
    assert_eq!(decimal(pool, cost).await, "1.23456789012".parse::<Decimal>().expect("a number"));
    assert_eq!(too_wide(pool).await, Vec::<String>::new());
}

#[tokio::test]
async fn no_number_of_a_view_is_wider_than_tools_can_read() {
    let world = World::new().await;
    let pool = &world.db.pool;
    sqlx::raw_sql(include_str!("../worlds/every_metric.sql")).execute(pool).await.expect("the world");
    // a price for each preset, so that minutes of presences are divided too; a presence of a seventh of a second
    sqlx::raw_sql(
        "insert into core.rate_cards (source_id, valid_from, recorded_at, unit_price, scenario, unit, currency, preset_pattern, rounding)
         values (1, '2025-01-01Z', '2025-01-01Z', 0.000123456789, 'actual', 'minute', 'EUR', 'h*', 'none'),
                (2, '2025-01-01Z', '2025-01-01Z', 0.000123456789, 'actual', 'minute', 'EUR', '*', 'none');
         update core.participants set duration_ms = 142 where participant_id = 1;
         update core.session_participation set participant_ms = 4500142 where session_id = 301;
         update core.sessions set duration_seconds = 0.142857142857142857 where session_id = 103",
    )
    .execute(pool)
    .await
    .expect("odd numbers");
    let seconds = "select source_id, session_id, provider_message_id, sent_at from core.messages
                    where position = 1 and sent_at is not null";
    let seconds: Vec<(i32, i64, String, DateTime<Utc>)> =
        sqlx::query_as(seconds).fetch_all(pool).await.expect("a list");
    assert!(!seconds.is_empty());
    for (source, session, message, sent_at) in seconds {
        sqlx::query(
            "update core.messages set sent_at = $4
              where source_id = $1 and session_id = $2 and provider_message_id = $3",
        )
        .bind(source)
        .bind(session)
        .bind(message)
        .bind(sent_at + TimeDelta::microseconds(142_857))
        .execute(pool)
        .await
        .expect("an odd time");
    }
    assert_eq!(too_wide(pool).await, Vec::<String>::new());
}
