//! `/v1/metrics`: every metric can be queried by each dimension that it lists, and its definition is the same in SQL.

use std::collections::BTreeMap;

use sqlx::Row;
use tributary::query::catalog::Catalog;
use tributary::query::metrics::dimension::Dimension;
use tributary::query::metrics::publish;
use tributary::query::metrics::registry::metrics;
use tributary::query::metrics::requires::{Applicability, Requires};

use super::*;

const SPAN: &str = "from=2026-11-14&to=2026-11-21&zone=UTC";

#[tokio::test]
async fn every_metric_can_be_queried_by_each_of_its_dimensions() {
    let api = Api::in_depth().await;
    let list = api.get("/v1/metrics").await;
    let list = list["items"].as_array().unwrap();
    assert!(list.len() >= 75, "{} metrics", list.len());
    let ids: Vec<&str> = list.iter().map(|metric| metric["id"].as_str().unwrap()).collect();
    let whole = ask(&api, &ids, SPAN).await;
    for dimension in Dimension::ALL.map(Dimension::as_str) {
        let can = |metric: &&Value| metric["dimensions"].as_array().unwrap().contains(&json!(dimension));
        let ids: Vec<&str> = list.iter().filter(can).map(|metric| metric["id"].as_str().unwrap()).collect();
        assert!(!ids.is_empty(), "nothing can be grouped by {dimension}");
        // the total is the same for every bucket and group
        for (id, told) in ask(&api, &ids, &format!("dimensions={dimension}&granularity=day&{SPAN}")).await {
            assert_eq!(told, whole[&id], "{id} by {dimension}");
        }
    }
    assert_eq!(&api.get("/v1/metrics/sessions").await, &list[0]);
    api.problem("/v1/metrics/sesions", 404).await;
}

/// Returns the totals of metrics, queried ten at a time.
async fn ask(api: &Api, ids: &[&str], choice: &str) -> BTreeMap<String, Value> {
    let mut totals = BTreeMap::new();
    for part in ids.chunks(10) {
        let answer = api.get(&format!("/v1/metrics/query?metrics={}&{choice}", part.join(","))).await;
        totals.extend(answer["totals"].as_object().unwrap().clone());
    }
    totals
}

#[tokio::test]
async fn what_a_metric_requires_is_the_same_in_sql() {
    let api = Api::in_depth().await;
    let catalog = Catalog::load(api.pool(), &tributary::model::source_access::SourceAccess::All, None).await.unwrap();
    for requires in Requires::ALL {
        let Some(condition) = requires.condition_sql() else { continue };
        let sql = format!("select source_id from analytics.sources src where {condition} order by 1");
        let in_sql: Vec<i32> = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_all(api.pool()).await.unwrap();
        let told = catalog.sources.iter().filter(|source| requires.of(source) == Applicability::Applicable);
        let mut told: Vec<i32> = told.map(|source| source.source_id).collect();
        told.sort_unstable();
        assert_eq!(in_sql, told, "{requires:?}");
    }
}

#[tokio::test]
async fn definitions_name_the_providers_that_a_metric_applies_to() {
    let api = Api::in_depth().await;
    let sql = "update core.sources set human_steps = '{agent}' where source_slug = 'konvo-eu'";
    sqlx::raw_sql(sql).execute(api.pool()).await.unwrap();
    publish::write_definitions(api.pool(), NOW.parse().unwrap()).await.unwrap();
    let catalog = Catalog::load(api.pool(), &tributary::model::source_access::SourceAccess::All, None).await.unwrap();
    let sql = "select metric_id, providers from analytics.metric_definitions where is_current";
    let in_sql: BTreeMap<String, Vec<String>> =
        sqlx::query_as(sql).fetch_all(api.pool()).await.unwrap().into_iter().collect();
    let mut seen = 0;
    for metric in metrics() {
        let sources = catalog.sources.iter();
        let applicable = sources.filter(|source| metric.requires.of(source) == Applicability::Applicable);
        let mut providers: Vec<String> = applicable.map(|source| source.provider.clone()).collect();
        providers.sort_unstable();
        providers.dedup();
        seen += usize::from(metric.requires == Requires::HumanSteps && providers == ["konvo"]);
        assert_eq!(in_sql[metric.id], providers, "{}", metric.id);
    }
    assert!(seen > 0, "no metric requires human steps");
}

#[tokio::test]
async fn definitions_are_written_once_and_read_by_analysts() {
    let api = Api::in_depth().await;
    let now = NOW.parse().unwrap();
    let all = u64::try_from(metrics().count()).unwrap();
    assert_eq!(publish::write_definitions(api.pool(), now).await.unwrap(), all);
    assert_eq!(publish::write_definitions(api.pool(), now).await.unwrap(), 0, "nothing changed");
    sqlx::query("update ingest.metric_definitions set label = 'old' where metric_id = 'sessions'")
        .execute(api.pool())
        .await
        .unwrap();
    assert_eq!(publish::write_definitions(api.pool(), now).await.unwrap(), 1);
    let row = sqlx::query(
        "select label, definition_version, providers, dimensions, is_current from analytics.metric_definitions
          where metric_id = 'minutes_consumed'",
    )
    .fetch_one(api.pool())
    .await
    .unwrap();
    assert_eq!(row.get::<String, _>("label"), "Minutes consumed");
    assert_eq!(row.get::<i32, _>("definition_version"), 1);
    assert_eq!(row.get::<Vec<String>, _>("providers"), ["konpro", "realtimekit"]);
    assert!(row.get::<Vec<String>, _>("dimensions").contains(&"channel".to_owned()));
    assert!(row.get::<bool, _>("is_current"));
    // the lists of the API and of the database name the same providers
    for metric in api.get("/v1/metrics").await["items"].as_array().unwrap() {
        let id = metric["id"].as_str().unwrap();
        let stored: Vec<String> =
            sqlx::query_scalar("select providers from analytics.metric_definitions where metric_id = $1")
                .bind(id)
                .fetch_one(api.pool())
                .await
                .unwrap();
        assert_eq!(metric["providers"], json!(stored), "{id}");
    }
}
