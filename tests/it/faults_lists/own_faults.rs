//! Faults on our side are never reported as the provider's.

use tributary::demo::simulator::Platform;
use tributary::demo::simulator::quirks::Quirks;

use crate::harness::{World, plain_feed};

const BLAME: &str = "The provider or the network failed";

#[tokio::test]
async fn f74_a_database_that_cannot_give_leave_to_call_is_the_database() {
    let mut world = World::new().await;
    let provider = world.simulate(Platform::Konvo, plain_feed(Platform::Konvo, 3), Quirks::default()).await;
    sqlx::query("drop function ingest.reserve_call").execute(&world.db.pool).await.expect("it is gone");
    let line = world.poll_one().await;
    let detail = line.detail.clone().unwrap_or_default();
    assert!(line.result == "failed" && detail.starts_with("database: "), "{line:?}");
    assert!(detail.contains("Postgres") && !detail.contains(BLAME), "{detail}");
    assert_eq!(provider.requests().len(), 0);
    let health = world.api().await.ok("/v1/health/pollers").await;
    let error = &health["items"][0]["last_error"];
    assert_eq!(error["class"], "database");
    assert!(error["advice"].as_str().is_some_and(|advice| advice.contains("Postgres")), "{error:#}");
}
