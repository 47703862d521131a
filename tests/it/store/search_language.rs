//! The language of a source: texts are stored with it, and follow a change of the configuration.

use tributary_simulator::Platform;
use tributary_simulator::quirks::Quirks;

use crate::harness::World;
use crate::verbs::sources::{feed, poll, service, source};

/// Texts by their language.
const LANGUAGES: &str = "select coalesce(string_agg(distinct coalesce(search_language, 'simple'), ','), '') from (
    select search_language from core.messages union all select search_language from core.transcript_segments
    union all select search_language from core.session_summaries) x";

async fn languages(world: &World) -> String {
    sqlx::query_scalar(LANGUAGES).fetch_one(&world.db.pool).await.expect("read")
}

#[tokio::test]
async fn stored_texts_follow_a_change_of_language() {
    let mut world = World::new().await;
    // enough messages for each way of writing them
    let provider = world.simulate(Platform::Konvo, feed(Platform::Konvo, 120), Quirks::default()).await;
    let plain = source("kv", Platform::Konvo, &provider.base_url(), "KEY");
    let with = |language: &str| format!("{plain}language = \"{language}\"\n");
    for (toml, expected) in [(with("german"), "german"), (with("english"), "english"), (plain.clone(), "simple")] {
        poll(&service(&world, &toml)).await.expect("it runs");
        assert!(world.number("select count(*) from core.messages where body is not null").await > 100);
        assert_eq!(languages(&world).await, expected);
    }
}
