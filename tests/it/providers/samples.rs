//! Every column is filled by some sample of a provider, or has a reason.

use std::collections::BTreeSet;
use std::sync::Arc;

use tributary_simulator::Platform;
use tributary_simulator::fixed_feed::FixedFeed;
use tributary_simulator::quirks::Quirks;

use super::conformance::over_all_providers;
use crate::harness::{World, records};

over_all_providers!(a10_every_column_is_seen_in_the_samples);

/// Columns that no sample of a provider fills, with the reason.
const NEVER_SEEN: [(&str, &[&str]); 3] = [
    // the vendor states neither change times, nor participants, nor messages; nothing is resolved
    (
        "konpro",
        &[
            "sessions.completed_at",
            "sessions.provider_updated_at",
            "sessions.max_concurrent_participants",
            "sessions.is_flagged_unresolved",
            "sessions.channel",
            "sessions.person_id",
            "sessions.parent_provider_session_id",
        ],
    ),
    // the vendor meters nothing, and a chat has no status word, no parent and no participants
    (
        "konvo",
        &[
            "sessions.max_concurrent_participants",
            "sessions.provider_minutes",
            "sessions.parent_provider_session_id",
            "sessions.provider_status",
        ],
    ),
    // the list names no person, and a meeting has no outcome; only a test of F57, not the samples, has a breakout room
    (
        "realtimekit",
        &[
            "sessions.completed_at",
            "sessions.is_flagged_unresolved",
            "sessions.channel",
            "sessions.person_id",
            "sessions.parent_provider_session_id",
        ],
    ),
];

async fn a10_every_column_is_seen_in_the_samples(platform: Platform) {
    let mut world = World::new().await;
    let files: &[&str] = match platform {
        Platform::Konpro => &["history.page1.token.json", "history.page2.token.json", "history.page3.last.json"],
        Platform::Konvo => {
            &["ai-sessions.page-first.json", "ai-sessions.page-second.json", "ai-sessions.page-third.json"]
        }
        Platform::Realtimekit => &["sessions.page1.asc.json", "sessions.page2.asc.json"],
    };
    let mut samples = records::of_samples(platform, files);
    if platform == Platform::Realtimekit {
        samples.extend(details());
    }
    let feed = Arc::new(FixedFeed::new(samples));
    let _provider = world.simulate(platform, feed, Quirks::default()).await;
    world.poll_one().await;
    let own = format!("{}_sessions", platform.as_str());
    let columns: Vec<(String, String)> = sqlx::query_as(
        "select table_name::text, column_name::text from information_schema.columns
          where table_schema = 'core' and table_name in ('sessions', $1)
            and column_name <> 'content_erased_at' -- no provider states it",
    )
    .bind(&own)
    .fetch_all(&world.db.pool)
    .await
    .expect("the catalog");
    let mut never = BTreeSet::new();
    for (table, column) in columns {
        let sql = format!("select count({column}) from core.{table}");
        let seen: i64 = sqlx::query_scalar(sqlx::AssertSqlSafe(sql)).fetch_one(&world.db.pool).await.expect("a count");
        if seen == 0 {
            never.insert(format!("{table}.{column}"));
        }
    }
    let known = NEVER_SEEN.iter().find(|(name, _)| *name == platform.as_str()).expect("a row").1;
    let known: BTreeSet<String> = known.iter().map(|&name| name.to_owned()).collect();
    assert_eq!(never, known, "a column that no sample fills is not tested: add a sample, or its reason");
}

/// RealtimeKit returns more fields for a single session than in its list.
fn details() -> Vec<tributary_simulator::fixed_feed::FixedRecord> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/providers/realtimekit/samples");
    let one = |file: &str| {
        let text = std::fs::read_to_string(folder.join(file)).expect("a sample");
        let answer: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        let data = if answer["data"]["session"].is_object() { &answer["data"]["session"] } else { &answer["data"] };
        let created_at = data["created_at"].as_str().expect("a time").parse().expect("an instant");
        tributary_simulator::fixed_feed::FixedRecord {
            id: data["id"].as_str().expect("an id").to_owned(),
            created_at,
            updated_at: created_at,
            json: data.to_string(),
        }
    };
    vec![one("session.detail.breakouts.json"), one("session.detail.ended.json")]
}
