//! Accounts: one that is stored under another slug is refused, at the start or by the first sessions that it lists.

use tributary::app::checking;
use tributary_simulator::Platform;
use tributary_simulator::quirks::Quirks;

use crate::harness::{API_KEY, World, plain_feed, records};
use crate::providers::conformance::over_all_providers;
use crate::verbs::sources::{feed, poll, service, source};

over_all_providers!(
    f81_an_account_under_another_slug_is_refused_at_the_start,
    f81_an_account_is_recognized_by_its_data_where_slug_and_key_change_together,
);

const SESSIONS: &str = "select count(*) from core.sessions";

async fn f81_an_account_under_another_slug_is_refused_at_the_start(platform: Platform) {
    let mut world = World::new().await;
    let provider = world.simulate(platform, feed(platform, 12), Quirks::default()).await;
    let (old, new) = ("kv", "kv-eu");
    let first = service(&world, &source(old, platform, &provider.base_url(), "KEY"));
    assert!(poll(&first).await.expect("it runs").iter().any(|line| line.stream == "sessions" && line.is_complete()));
    let asked = provider.requests().len();

    let renamed = service(&world, &source(new, platform, &provider.base_url(), "KEY"));
    let refusal = format!("{:#}", poll(&renamed).await.expect_err("it is refused"));
    for expected in [
        "the source `kv-eu` is the account that is stored as `kv`",
        "tributary sources rename kv kv-eu",
        "tributary sources merge kv kv-eu",
        "tributary sources remove kv",
    ] {
        assert!(refusal.contains(expected), "`{expected}` is missing in: {refusal}");
    }
    assert_eq!(provider.requests().len(), asked, "the provider was not asked");
    assert_eq!(world.number(SESSIONS).await, 12);
    assert_eq!(world.number("select count(*) from core.sources").await, 1, "nothing was registered");
    let lines = checking::check(&renamed, |_| ()).await.expect("it looks");
    let found = lines.iter().find(|line| line.subject == new && !line.is_well).expect("a finding");
    assert!(found.finding.contains("tributary sources rename kv kv-eu"), "{found:?}");

    // the old slug still works, also after its address became a proxy's
    poll(&first).await.expect("it runs");
    assert_eq!(world.number(SESSIONS).await, 12);
}

async fn f81_an_account_is_recognized_by_its_data_where_slug_and_key_change_together(platform: Platform) {
    // RealtimeKit names its accounts: a rotated key changes nothing
    if platform == Platform::Realtimekit {
        return;
    }
    let mut world = World::new().await;
    let provider = world.simulate(platform, feed(platform, 12), Quirks::default()).await;
    let first = service(&world, &source("kv", platform, &provider.base_url(), "KEY"));
    poll(&first).await.expect("it runs");
    // the stored fingerprint is that of the old key: as if it had been rotated before the slug changed
    sqlx::query("update core.sources set credential_fingerprint = 'of another'")
        .execute(&world.db.pool)
        .await
        .expect("done");
    let renamed = service(&world, &source("kv-eu", platform, &provider.base_url(), "KEY"));
    let lines = poll(&renamed).await.expect("it runs");
    let line = lines.iter().find(|line| line.stream == "sessions").expect("a line");
    assert_eq!(line.result, "failed", "{line:?}");
    let detail = line.detail.clone().unwrap_or_default();
    assert!(detail.contains("12 of the 12 sessions that `kv-eu` lists are stored as sessions of `kv`"), "{detail}");
    assert!(detail.contains("tributary sources rename kv kv-eu"), "{detail}");
    assert_eq!(world.number(SESSIONS).await, 12, "nothing of it was stored");
    assert_eq!(world.number("select count(*) from ingest.raw_records").await, 12);
    let api = world.api().await;
    let health = api.ok("/v1/health/pollers").await;
    let items = health["items"].as_array().expect("a list");
    let item = items.iter().find(|item| item["source"] == "kv-eu").expect("its health");
    assert_eq!(
        (&item["state"], &item["last_error"]["class"]),
        (&"config_error".into(), &"same_account".into()),
        "{item}"
    );
}

#[tokio::test]
async fn f81_a_rotated_key_of_the_same_slug_is_no_new_account() {
    let mut world = World::new().await;
    let provider = world.simulate(Platform::Konvo, feed(Platform::Konvo, 12), Quirks::default()).await;
    let fingerprint = "select credential_fingerprint from core.sources";
    let toml = source("kv", Platform::Konvo, &provider.base_url(), "KEY");
    poll(&service(&world, &toml)).await.expect("it runs");
    let before = world.text(fingerprint).await.expect("it is known");
    let rotated = toml.replace("\"KEY\"", "\"OTHER_KEY\"");
    // the provider does not know the new key, and the error states that; the source is the same
    let lines = poll(&service(&world, &rotated)).await.expect("it is no new account");
    assert_eq!(lines[0].result, "failed", "{lines:?}");
    let after = world.text(fingerprint).await.expect("it is known");
    assert_ne!(before, after);
    assert_eq!(before.len(), 12, "too short to tell a right guess");
    assert!(!API_KEY.contains(&before) && !after.contains("another"), "{before} {after}");
    assert!(poll(&service(&world, &toml)).await.expect("it runs")[0].is_complete());
}

/// A source that holds its own data is compared too, of any size.
async fn exchanged_keys(count: usize) {
    let mut world = World::new().await;
    let here = world.simulate(Platform::Konvo, feed(Platform::Konvo, count), Quirks::default()).await;
    let there = world.simulate(Platform::Konvo, ids_of_another(count), Quirks::default()).await;
    let toml = |one: &str, other: &str| {
        source("one", Platform::Konvo, one, "KEY") + &source("other", Platform::Konvo, other, "KEY")
    };
    let right = service(&world, &toml(&here.base_url(), &there.base_url()));
    let lines = poll(&right).await.expect("it runs");
    assert!(lines.iter().all(tributary::app::polling::PollLine::is_complete), "{lines:?}");
    // what is at the addresses is exchanged, as if the two files with the keys had been
    let wrong = service(&world, &toml(&there.base_url(), &here.base_url()));
    for line in poll(&wrong).await.expect("it runs") {
        assert_eq!(line.result, "failed", "{line:?}");
        let detail = line.detail.clone().unwrap_or_default();
        assert!(detail.contains("give each of the two sources its own credential again"), "{detail}");
    }
    assert_eq!(world.number(SESSIONS).await, i64::try_from(2 * count).expect("a small count"));
    let lines = poll(&right).await.expect("it runs");
    assert!(lines.iter().all(tributary::app::polling::PollLine::is_complete), "{lines:?}");
}

/// Chats of another account, each with an id of its own.
fn ids_of_another(count: usize) -> std::sync::Arc<tributary_simulator::fixed_feed::FixedFeed> {
    let record = |number: usize| {
        let age = chrono::TimeDelta::minutes(i64::try_from(count - number).expect("a small count"));
        let id = format!("{number:08x}-aaaa-4e2f-8a3b-{number:012x}");
        records::record(Platform::Konvo, &id, crate::harness::noon() - chrono::TimeDelta::hours(2) - age)
    };
    std::sync::Arc::new(tributary_simulator::fixed_feed::FixedFeed::new((0..count).map(record)))
}

#[tokio::test]
async fn f81_two_small_accounts_whose_keys_are_exchanged_store_nothing() {
    exchanged_keys(12).await;
}

#[tokio::test]
async fn f81_two_large_accounts_whose_keys_are_exchanged_store_nothing() {
    exchanged_keys(1_010).await;
}

#[tokio::test]
async fn f81_exchanged_keys_are_refused_at_the_start() {
    let mut world = World::new().await;
    let here = world.simulate(Platform::Konvo, feed(Platform::Konvo, 12), Quirks::default()).await;
    let there = world.simulate(Platform::Konvo, ids_of_another(12), Quirks::default()).await;
    let one = source("one", Platform::Konvo, &here.base_url(), "KEY");
    poll(&service(&world, &one)).await.expect("it runs");
    let both = one.replace("\"KEY\"", "\"OTHER_KEY\"") + &source("other", Platform::Konvo, &there.base_url(), "KEY");
    let refusal = format!("{:#}", poll(&service(&world, &both)).await.expect_err("it is refused"));
    assert!(refusal.contains("`other` is configured with the account that is stored as `one`"), "{refusal}");
    assert!(refusal.contains("give each of the two sources its own credential again"), "{refusal}");
}

#[tokio::test]
async fn two_accounts_with_the_same_small_numbers_as_ids_are_two() {
    let mut world = World::new().await;
    let one = world.simulate(Platform::Konvo, plain_feed(Platform::Konvo, 30), Quirks::default()).await;
    // the same ids, each created a second later, and one chat that both list
    let shifted = (0..30).map(|number| {
        let mut record = crate::harness::plain_record(Platform::Konvo, number, 30);
        if number > 0 {
            record = records::record(Platform::Konvo, &record.id, record.created_at + chrono::TimeDelta::seconds(1));
        }
        record
    });
    let feed = std::sync::Arc::new(tributary_simulator::fixed_feed::FixedFeed::new(shifted));
    let other = world.simulate(Platform::Konvo, feed, Quirks::default()).await;
    let toml = [
        source("one", Platform::Konvo, &one.base_url(), "KEY"),
        source("other", Platform::Konvo, &other.base_url(), "KEY"),
    ];
    let app = service(&world, &toml.concat());
    for _ in 0..2 {
        let lines = poll(&app).await.expect("it runs");
        assert!(lines.iter().all(tributary::app::polling::PollLine::is_complete), "{lines:?}");
    }
    assert_eq!(world.number(SESSIONS).await, 60);
}
