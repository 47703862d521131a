//! A database whose table of time zones lacks names: old spellings are mapped, names without equivalent are refused.

use serde_json::json;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use tributary::app::checking;
use tributary::query::zones::Zones;

use crate::harness::World;

/// Creates a world whose connections see a table of zones with these names alone.
async fn world_with_zones(names: &[&str]) -> World {
    let mut world = World::new().await;
    world.zones = Zones::default();
    let list = names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ");
    let sql = format!(
        "create schema reduced;
         create view reduced.pg_timezone_names as
           select * from pg_catalog.pg_timezone_names where name in ({list});"
    );
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&world.db.pool).await.expect("a reduced table");
    let options: PgConnectOptions = world.db.options.clone();
    world.db.options = options.options([("search_path", "reduced,pg_catalog,public")]);
    let pool = PgPoolOptions::new().max_connections(4).connect_with(world.db.options.clone()).await;
    world.db.pool = pool.expect("the test database answers");
    sqlx::raw_sql(include_str!("../worlds/every_metric.sql")).execute(&world.db.pool).await.expect("the world");
    world.clock.set(crate::harness::at("2025-10-27T12:05:00Z"));
    world
}

const RANGE: &str = "from=2025-10-24T00:00:00Z&to=2025-10-27T12:00:00Z";

#[tokio::test]
async fn an_old_name_of_a_zone_is_answered_by_one_that_the_database_has() {
    let known = ["America/Los_Angeles", "Asia/Kolkata", "Asia/Singapore", "Europe/Kyiv", "Europe/Athens", "UTC"];
    let world = world_with_zones(&known).await;
    let api = world.api().await;
    for (old, new) in [
        ("US/Pacific", "America/Los_Angeles"),
        ("Asia/Calcutta", "Asia/Kolkata"),
        ("Singapore", "Asia/Singapore"),
        ("Europe/Kiev", "Europe/Kyiv"),
        ("Etc/UTC", "UTC"),
    ] {
        let path = |zone: &str| {
            format!("/v1/metrics/query?metrics=sessions&dimensions=local_weekday,local_hour&{RANGE}&zone={zone}")
        };
        let (by_old, by_new) = (api.ok(&path(old)).await, api.ok(&path(new)).await);
        assert_eq!(by_old["rows"], by_new["rows"], "{old}");
        assert!(by_old["rows"].as_array().is_some_and(|rows| rows.len() > 5), "{by_old:#}");
        assert_eq!(by_old["query"]["zone"], old, "the question is repeated as it was asked");
        let path = format!("/v1/metrics/explain?metrics=restated_minutes&{RANGE}&zone={old}");
        let explained = api.ok(&path).await;
        let sql = explained["sql"].as_str().expect("a statement");
        assert!(sql.contains(&format!("'{new}'")) && !sql.contains(&format!("'{old}'")), "{sql}");
    }
}

#[tokio::test]
async fn a_zone_that_the_database_lacks_altogether_is_refused_at_its_parameter() {
    let world = world_with_zones(&["America/Los_Angeles", "UTC"]).await;
    let api = world.api().await;
    for path in [
        format!("/v1/metrics/query?metrics=sessions&dimensions=local_hour&{RANGE}&zone=Asia/Kolkata"),
        format!("/v1/metrics/explain?metrics=sessions&{RANGE}&zone=Asia/Kolkata"),
        format!("/v1/metrics/rows?metrics=sessions&{RANGE}&zone=Asia/Kolkata"),
    ] {
        let (status, problem) = api.get(&path).await;
        assert_eq!(status, 422, "{path}: {problem:#}");
        let fault = &problem["errors"][0];
        assert_eq!((&fault["parameter"], &fault["code"]), (&json!("zone"), &json!("zone_not_in_database")));
    }
    let question =
        json!({"metrics": ["sessions"], "time": {"from": "2025-10-24", "to": "2025-10-25", "zone": "Asia/Kolkata"}});
    let (status, problem) = api.ask("/v1/metrics/query", &question).await;
    assert_eq!((status, &problem["errors"][0]["pointer"]), (422, &json!("/time/zone")), "{problem:#}");
}

#[tokio::test]
async fn check_names_the_zones_that_the_database_lacks() {
    let line = async |world: &World| {
        let lines = checking::check(&world.app(), |_| ()).await.expect("it looks");
        lines.into_iter().find(|line| line.subject == "time zones").expect("a line")
    };
    let reduced = line(&world_with_zones(&["America/Los_Angeles", "UTC"]).await).await;
    assert!(reduced.is_well, "{reduced:?}");
    assert!(reduced.finding.contains("the database has server.default_zone UTC"), "{reduced:?}");
    assert!(reduced.finding.contains("that it lacks") && reduced.finding.contains("(tzdata)"), "{reduced:?}");
    let none = line(&world_with_zones(&["America/Los_Angeles"]).await).await;
    assert!(!none.is_well && none.finding.contains("tzdata"), "{none:?}");
}
