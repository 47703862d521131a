//! `analytics.metric`: for every metric and dimension it gives an analyst the value of the API.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use rust_decimal::Decimal;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Executor, PgConnection, Row};
use tributary::clock::Clock as _;
use tributary::query::metrics::measure::Metric;
use tributary::query::metrics::publish;
use tributary::query::metrics::query::MAX_METRICS;
use tributary::query::metrics::registry::metrics;

use super::every_metric::{become_analyst, known_world};
use crate::harness::Api;

/// The range and the present of the hand-counted world, for both sides.
const FROM: &str = "2025-01-01T00:00:00Z";
const TO: &str = "2025-10-27T12:00:00Z";
const PRESENT: &str = "2025-10-27T12:05:00Z";

/// How buckets are cut: the granularity of the API, the step and the zone of the function.
type Cut = (&'static str, &'static str, &'static str);

/// Values by bucket and group.
type Values = BTreeMap<(String, Option<String>), Numbers>;

/// Value, numerator, denominator, and number of rows without data.
type Numbers = [Option<Decimal>; 4];

fn decimal(value: &Value) -> Option<Decimal> {
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    Decimal::from_str(&text).ok().map(|number| number.normalize())
}

/// Returns the values of the API, by metric.
async fn of_api(
    api: &Api,
    asked: &[&Metric],
    dimension: Option<&str>,
    (granularity, _, zone): Cut,
) -> BTreeMap<String, Values> {
    let ids = asked.iter().map(|metric| metric.id).collect::<Vec<_>>().join(",");
    let by = dimension.map(|name| format!("&dimensions={name}")).unwrap_or_default();
    let path = format!("/v1/metrics/query?metrics={ids}&from={FROM}&to={TO}&granularity={granularity}&zone={zone}{by}");
    let answer = api.ok(&path).await;
    let mut values: BTreeMap<String, Values> = BTreeMap::new();
    for row in answer["rows"].as_array().expect("rows") {
        let start = row["bucket"]["start"].as_str().expect("a start");
        let start = crate::harness::at(start).to_rfc3339();
        let group = dimension.and_then(|name| row["dimensions"][name].as_str()).map(str::to_owned);
        for metric in asked {
            let figure = &row["values"][metric.id];
            if ["incomplete", "not_applicable", "not_fetched"].map(Value::from).contains(&figure["reason"]) {
                continue;
            }
            let unknown = decimal(&figure["unknown_count"]).or(Some(Decimal::ZERO));
            let numbers =
                [decimal(&figure["value"]), decimal(&figure["numerator"]), decimal(&figure["denominator"]), unknown];
            values.entry(metric.id.to_owned()).or_default().insert((start.clone(), group.clone()), numbers);
        }
    }
    values
}

/// Returns the values of the function.
async fn of_function(
    analyst: &mut PgConnection,
    id: &str,
    dimension: Option<&str>,
    (_, step, zone): Cut,
) -> Result<Values, sqlx::Error> {
    let step = if step.is_empty() { "null" } else { step };
    let sql = format!(
        "select bucket_start, dimension_value, value, numerator, denominator, unknown_count::numeric
           from metric('{id}', '{FROM}', '{TO}', {step}, '{zone}', $1, '{PRESENT}')"
    );
    let rows = sqlx::query(AssertSqlSafe(sql)).bind(dimension).fetch_all(analyst).await?;
    let number = |row: &sqlx::postgres::PgRow, column: usize| -> Option<Decimal> {
        row.get::<Option<Decimal>, _>(column).map(|number| number.normalize())
    };
    let key = |row: &sqlx::postgres::PgRow| (row.get::<chrono::DateTime<chrono::Utc>, _>(0).to_rfc3339(), row.get(1));
    Ok(rows.iter().map(|row| (key(row), [2, 3, 4, 5].map(|column| number(row, column)))).collect())
}

/// Whether two values are the same; the API gives no parts of a ratio that it does not know.
fn is_same(api: &Numbers, function: &Numbers) -> bool {
    let is_known = api[1].is_some();
    api[0] == function[0] && api[3] == function[3] && (!is_known || api[1..3] == function[1..3])
}

/// Whether a value tells of no row. The API lists the groups of all metrics that were asked together.
fn is_empty(numbers: &Numbers) -> bool {
    numbers.iter().all(|number| number.is_none_or(|number| number.is_zero()))
}

/// Compares each value of the API with that of the function.
fn faults(id: &str, by: &str, api: &Values, function: &Values) -> Vec<String> {
    let keys: BTreeSet<_> = api.keys().chain(function.keys()).collect();
    let is_right = |key: &(String, Option<String>)| match (api.get(key), function.get(key)) {
        (Some(told), Some(found)) => is_same(told, found),
        (Some(only), None) | (None, Some(only)) => is_empty(only),
        (None, None) => true,
    };
    let wrong = keys.into_iter().filter(|key| !is_right(key));
    wrong
        .map(|key| format!("{id} {by} {key:?}: the API says {:?}, the function {:?}", api.get(key), function.get(key)))
        .collect()
}

/// Whether the metric is asked by the dimension: always by those whose rows need joins of their own, and by some of the
/// others, each metric by other ones.
fn is_asked(metric: usize, dimension: (usize, &str)) -> bool {
    const ALWAYS: [&str; 10] = [
        "provider",
        "source",
        "preset_name",
        "country_code",
        "device_os",
        "network_type",
        "trail_step",
        "sender_role",
        "speaker_id",
        "age_weeks",
    ];
    ALWAYS.contains(&dimension.1) || (metric + dimension.0).is_multiple_of(12)
}

#[tokio::test]
async fn metric_gives_the_values_of_the_api_for_every_metric_and_dimension() {
    let world = known_world().await;
    let api = world.api().await;
    let mut analyst = world.db.pool.acquire().await.expect("a connection");
    become_analyst(&mut analyst).await;
    let all: Vec<&'static Metric> = metrics().collect();
    let mut asked: Vec<(Option<(usize, &str)>, Cut)> = vec![
        (None, ("none", "", "UTC")),
        (None, ("day", "'1 day'", "Europe/Berlin")),
        (None, ("week", "'1 week'", "America/New_York")),
    ];
    let mut dimensions: Vec<&str> = all.iter().flat_map(|metric| publish::dimensions(metric)).collect();
    dimensions.sort_unstable();
    dimensions.dedup();
    asked.extend(dimensions.iter().copied().enumerate().map(|one| (Some(one), ("none", "", "Europe/Berlin"))));
    let mut found = Vec::new();
    for (dimension, cut) in asked {
        let has = |metric: &Metric, name: &str| publish::dimensions(metric).contains(&name);
        let of_it = all.iter().copied().enumerate();
        let of_it =
            of_it.filter(|(place, metric)| dimension.is_none_or(|one| has(metric, one.1) && is_asked(*place, one)));
        let of_it: Vec<&Metric> = of_it.map(|(_, metric)| metric).collect();
        let dimension = dimension.map(|(_, name)| name);
        for some in of_it.chunks(MAX_METRICS) {
            let told = of_api(&api, some, dimension, cut).await;
            for metric in some {
                let by = format!("by {} {}", cut.0, dimension.unwrap_or_default());
                match of_function(&mut analyst, metric.id, dimension, cut).await {
                    Ok(function) => {
                        found.extend(faults(metric.id, &by, told.get(metric.id).unwrap_or(&Values::new()), &function));
                    }
                    Err(error) => found.push(format!("{} {by}: {error}", metric.id)),
                }
            }
        }
    }
    assert!(found.is_empty(), "{} faults\n{}", found.len(), found.join("\n"));
}

#[tokio::test]
async fn without_a_step_there_is_one_bucket() {
    let world = known_world().await;
    let mut analyst = world.db.pool.acquire().await.expect("a connection");
    become_analyst(&mut analyst).await;
    // the range ends at an earlier time of day than it begins, and the clocks go back within it
    for (from, to, zone) in [
        ("2025-10-25T12:00Z", "2025-10-27T10:00Z", "UTC"),
        ("2025-10-25T22:30Z", "2025-10-26T22:15Z", "Europe/Berlin"),
        ("2025-10-20", "2025-10-21", "Asia/Kathmandu"),
    ] {
        let sql = format!(
            "select count(distinct bucket_start), max(bucket_end) = max(analytics.instant('{to}', '{zone}'))
               from metric('sessions', '{from}', '{to}', null, '{zone}')"
        );
        let found: (i64, bool) = sqlx::query_as(AssertSqlSafe(sql)).fetch_one(&mut *analyst).await.expect("a row");
        assert_eq!(found, (1, true), "{from} to {to} in {zone}");
    }
}

#[tokio::test]
async fn the_published_statement_runs_as_it_stands_and_unknown_names_are_refused() {
    let world = known_world().await;
    publish::write_definitions(&world.db.pool, world.clock.now()).await.expect("written");
    let mut analyst = world.db.pool.acquire().await.expect("a connection");
    become_analyst(&mut analyst).await;
    let sql: String = sqlx::query_scalar("select sql from metric_definitions where metric_id = 'resolution_rate'")
        .fetch_one(&mut *analyst)
        .await
        .expect("the statement");
    let prepare = format!("prepare asked (timestamptz, timestamptz, interval, text, text, timestamptz) as {sql}");
    analyst.execute(AssertSqlSafe(prepare)).await.expect("a statement");
    let run = format!("execute asked ('{FROM}', '{TO}', '1 year', 'UTC', 'channel', '{PRESENT}')");
    let rows = sqlx::raw_sql(AssertSqlSafe(run)).fetch_all(&mut *analyst).await.expect("rows");
    let told: Vec<(Option<String>, Option<Decimal>)> =
        rows.iter().map(|row| (row.get(2), row.get::<Option<Decimal>, _>(3).map(|rate| rate.normalize()))).collect();
    // 205 · 202 and 206 · 201 203 204 207 resolved, 211 not · 210: neither channel nor outcome is known
    let expected =
        [(Some("email"), Some("1")), (Some("webchat"), Some("0")), (Some("whatsapp"), Some("0.8")), (None, None)];
    let expected: Vec<(Option<String>, Option<Decimal>)> = expected
        .iter()
        .map(|(channel, rate)| (channel.map(str::to_owned), rate.map(|rate| rate.parse().expect("a rate"))))
        .collect();
    assert_eq!(told, expected);
    for (id, by) in [("no_such_metric", "null"), ("resolution_rate", "'preset_names'")] {
        let sql = format!("select * from metric('{id}', '{FROM}', '{TO}', null, 'UTC', {by})");
        let refused = sqlx::query(AssertSqlSafe(sql)).execute(&mut *analyst).await.expect_err("refused");
        assert!(refused.to_string().contains(&format!("there is no metric {id} by")), "{refused}");
    }
}
