//! The expected value of every metric (`every_metric.toml`) over a hand-counted world (`every_metric.sql`).
//!
//! The tests query the API over HTTP, and the views as an analyst, in a transaction of a role that may read them only.

use std::collections::BTreeSet;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Executor, PgConnection};
use tributary::query::metrics::publish;

use crate::harness::{Api, World, at, citus};

const RANGE: &str = "from=2025-01-01T00:00:00Z&to=2025-10-27T12:00:00Z";

/// The world, at its current time.
pub(crate) async fn known_world() -> World {
    let world = World::new().await;
    sqlx::raw_sql(include_str!("../worlds/every_metric.sql")).execute(&world.db.pool).await.expect("the world");
    world.clock.set(at("2025-10-27T12:05:00Z"));
    world
}

/// Gives this connection the analyst's role, with the settings that docs/analysts.md requires.
pub(crate) async fn become_analyst(connection: &mut PgConnection) {
    citus::set_analyst_role(connection).await;
    connection
        .execute("set default_transaction_read_only = on; set search_path = analytics; set timezone = 'UTC'")
        .await
        .expect("it is set");
}

fn expected() -> toml::Table {
    include_str!("../worlds/every_metric.toml").parse().expect("a table")
}

fn text<'a>(table: &'a toml::Table, key: &str) -> Option<&'a str> {
    table.get(key).map(|value| value.as_str().expect("figures are text"))
}

/// Returns how a value differs from the expected one; `None`: it is equal.
pub(crate) fn fault(figure: &Value, expected: &str) -> Option<String> {
    let is_right = match expected.strip_prefix("null") {
        Some(reason) => {
            figure["value"].is_null() && (reason.is_empty() || figure["reason"].as_str() == Some(reason.trim()))
        }
        None => number(&figure["value"]) == Some(decimal(expected)),
    };
    (!is_right).then(|| format!("must be {expected}, is {figure}"))
}

/// Returns how numerator and denominator differ from the expected ones; `None`: they are equal.
fn parts_fault(figure: &Value, expected: &str) -> Option<String> {
    let (above, below) = expected.split_once('/').expect("a fraction");
    let given = number(&figure["numerator"]).zip(number(&figure["denominator"]));
    (given != Some((decimal(above), decimal(below)))).then(|| format!("must be {expected}, is {figure}"))
}

pub(crate) fn number(value: &Value) -> Option<Decimal> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Decimal::from_str(&text).ok().map(|number| number.round_dp(9).normalize())
}

pub(crate) fn decimal(text: &str) -> Decimal {
    Decimal::from_str(text).expect("a number").normalize()
}

/// Returns the metrics of the service.
async fn registered(api: &Api) -> BTreeSet<String> {
    let list = api.ok("/v1/metrics").await;
    let items = list["items"].as_array().expect("a list");
    let id = |item: &Value| item["id"].as_str().or_else(|| item["metric_id"].as_str()).expect("an id").to_owned();
    items.iter().map(id).collect()
}

async fn figure(api: &Api, metric: &str, rest: &str) -> Result<Value, String> {
    let path = format!("/v1/metrics/query?metrics={metric}&{rest}");
    let (status, answer) = api.get(&path).await;
    if status == 200 { Ok(answer) } else { Err(format!("{metric}: {path} is answered with {status}: {answer}")) }
}

/// Metrics without an expected value, and the reason. Must stay empty.
const WITHOUT_A_FIGURE: [&str; 0] = [];

#[tokio::test]
async fn every_metric_has_a_value_computed_by_hand() {
    let world = known_world().await;
    let api = world.api().await;
    let expected = expected();
    let is_known = |metric: &&String| expected.contains_key(*metric) || WITHOUT_A_FIGURE.contains(&metric.as_str());
    let registered = registered(&api).await;
    let missing: Vec<&String> = registered.iter().filter(|metric| !is_known(metric)).collect();
    assert!(missing.is_empty(), "write down what they must be: {missing:?}");
}

#[tokio::test]
async fn every_value_of_the_api_is_the_one_computed_by_hand() {
    let world = known_world().await;
    let api = world.api().await;
    let registered = registered(&api).await;
    let mut faults = Vec::new();
    for (metric, line) in expected().iter().filter(|(metric, _)| registered.contains(*metric)) {
        let line = line.as_table().expect("a table");
        faults.extend(faults_of(&api, metric, line).await);
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

async fn faults_of(api: &Api, metric: &str, line: &toml::Table) -> Vec<String> {
    let mut faults = Vec::new();
    let named = |what: &str| {
        let what = format!("{metric}, {what}");
        move |fault: String| format!("{what}: {fault}")
    };
    match figure(api, metric, &format!("{RANGE}&granularity=none&zone=UTC")).await {
        Err(fault) => faults.push(fault),
        Ok(answer) => {
            let total = &answer["totals"][metric];
            faults.extend(text(line, "total").and_then(|figure| fault(total, figure)).map(named("total")));
            faults.extend(text(line, "parts").and_then(|parts| parts_fault(total, parts)).map(named("parts")));
        }
    }
    let providers = ["konpro", "konvo", "realtimekit"].map(|provider| (provider, text(line, provider)));
    if providers.iter().any(|(_, figure)| figure.is_some()) {
        match figure(api, metric, &format!("{RANGE}&granularity=none&zone=UTC&dimensions=provider")).await {
            Err(fault) => faults.push(fault),
            Ok(answer) => {
                for (provider, figure) in providers.iter().filter_map(|(name, figure)| Some((*name, (*figure)?))) {
                    let rows = answer["rows"].as_array().into_iter().flatten();
                    let cell = rows.into_iter().find(|row| row["dimensions"]["provider"] == provider);
                    let cell = cell.map_or(&Value::Null, |row| &row["values"][metric]);
                    faults.extend(fault(cell, figure).map(named(provider)));
                }
            }
        }
    }
    for (zone, days) in line.get("days").and_then(toml::Value::as_table).into_iter().flatten() {
        faults.extend(faults_of_days(api, metric, zone, days.as_table().expect("days")).await);
    }
    faults
}

/// Compares each day of the range in the zone; the last one is running, so that its zero would be unknown.
async fn faults_of_days(api: &Api, metric: &str, zone: &str, days: &toml::Table) -> Vec<String> {
    let answer = match figure(api, metric, &format!("{RANGE}&granularity=day&zone={zone}")).await {
        Err(fault) => return vec![fault],
        Ok(answer) => answer,
    };
    let rows = answer["rows"].as_array().expect("rows");
    let fault_of = |(day, expected): (&String, &toml::Value)| {
        let is_of_day =
            |row: &&Value| row["bucket"]["start"].as_str().is_some_and(|start| start.starts_with(day.as_str()));
        let cell = rows.iter().find(is_of_day).map_or(&Value::Null, |row| &row["values"][metric]);
        fault(cell, expected.as_str().expect("figures are text"))
            .map(|fault| format!("{metric}, {day} {zone}: {fault}"))
    };
    days.iter().filter_map(fault_of).collect()
}

#[tokio::test]
async fn the_views_give_an_analyst_the_same_values() {
    let world = known_world().await;
    let mut analyst = world.db.pool.acquire().await.expect("a connection");
    become_analyst(&mut analyst).await;
    let mut faults = Vec::new();
    let mut asked = 0;
    for (metric, line) in &expected() {
        let Some(sql) = line.get("sql").and_then(toml::Value::as_str) else { continue };
        let total = line["total"].as_str().expect("a figure");
        let sql = format!("select round(({sql})::numeric, 9)");
        asked += 1;
        let found: Decimal = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&mut *analyst).await.expect(metric);
        if found.normalize() != decimal(total) {
            faults.push(format!("{metric} must be {total}, the views say {}", found.normalize()));
        }
    }
    assert!(asked > 15, "only {asked} figures have a statement");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test]
async fn the_function_of_every_ratio_gives_an_analyst_the_same() {
    let world = known_world().await;
    let mut analyst = world.db.pool.acquire().await.expect("a connection");
    // these depend on the time of the query, which is not that of the world
    let of_today = [
        "transcript_coverage_rate",
        "durable_resolution_rate",
        "repeat_contact_rate",
        "abandonment_rate",
        "retention_rate",
    ];
    become_analyst(&mut analyst).await;
    let expected = expected();
    let (mut faults, mut asked) = (Vec::new(), 0);
    for metric in publish::ratios().filter(|metric| !of_today.contains(&metric.id)) {
        let line = &expected[metric.id];
        for step in ["1 day', 'Europe/Berlin", "6 hours', 'Asia/Kathmandu", "1 month', 'America/New_York", "1 week"] {
            let sql = format!(
                "select sum(numerator), sum(denominator), round(sum(numerator) / nullif(sum(denominator), 0), 9)
                   from {}('2025-01-01Z', '2025-10-27 12:00Z', '{step}')",
                metric.id
            );
            let found = sqlx::query_as(AssertSqlSafe(sql)).fetch_one(&mut *analyst).await;
            let found: (Option<Decimal>, Option<Decimal>, Option<Decimal>) = found.expect(metric.id);
            asked += 1;
            let total = line["total"].as_str().expect("a figure");
            let is_value =
                found.2.map(|value| value.normalize()) == (!total.starts_with("null")).then(|| decimal(total));
            let parts = line.get("parts").and_then(toml::Value::as_str).and_then(|parts| parts.split_once('/'));
            let is_of = |part: Option<Decimal>, text: &str| part.map(|part| part.normalize()) == Some(decimal(text));
            if !is_value || parts.is_some_and(|(above, below)| !is_of(found.0, above) || !is_of(found.1, below)) {
                faults.push(format!("{} by {step}: must be {total}, is {found:?}", metric.id));
            }
        }
    }
    assert!(asked > 60, "only {asked} were asked");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[tokio::test]
async fn functions_are_written_once_and_again_only_where_they_differ() {
    let db = crate::harness::db::TestDatabase::new().await;
    let all = u64::try_from(publish::ratios().count()).expect("few");
    for ratio in publish::ratios() {
        let drop = format!("drop function analytics.{}", ratio.id);
        sqlx::raw_sql(AssertSqlSafe(drop)).execute(&db.pool).await.expect("the template has it");
    }
    assert_eq!(publish::write_functions(&db.pool).await.expect("written"), all);
    sqlx::raw_sql("comment on function analytics.resolution_rate is 'old'").execute(&db.pool).await.expect("a comment");
    assert_eq!(publish::write_functions(&db.pool).await.expect("written"), 1);
    assert_eq!(publish::write_functions(&db.pool).await.expect("written"), 0);
}

#[tokio::test]
async fn the_sql_that_explains_a_value_returns_it_to_an_analyst() {
    let world = known_world().await;
    let api = world.api().await;
    let registered = registered(&api).await;
    if api.ok("/openapi.json").await["paths"].get("/v1/metrics/explain").is_none() {
        return; // figures are not explained yet
    }
    let mut analyst = world.db.pool.acquire().await.expect("a connection");
    become_analyst(&mut analyst).await;
    let mut faults = Vec::new();
    for (metric, line) in expected().iter().filter(|(metric, _)| registered.contains(*metric)) {
        let Some(total) = line.get("total").and_then(toml::Value::as_str) else { continue };
        let (status, answer) = api.get(&format!("/v1/metrics/explain?metrics={metric}&{RANGE}&zone=UTC")).await;
        let Some(sql) = answer["sql"].as_str() else {
            faults.push(format!("{metric} is answered with {status}: {answer}"));
            continue;
        };
        let sql = format!("select round(value::numeric, 9) from ({}) figure", sql.trim_end().trim_end_matches(';'));
        let found = sqlx::query_scalar::<_, Option<Decimal>>(AssertSqlSafe(sql.clone())).fetch_one(&mut *analyst).await;
        let is_right = match (&found, total.starts_with("null")) {
            (Ok(found), is_null) => found.map(|found| found.normalize()) == (!is_null).then(|| decimal(total)),
            (Err(_), _) => false,
        };
        if !is_right {
            faults.push(format!("{metric} must be {total}, is {found:?} by {sql}"));
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
