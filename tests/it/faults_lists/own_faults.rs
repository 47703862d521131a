//! What fails on our side is never reported as the provider's fault.

use std::process::Command;

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

/// A poll in a process that may open few files: ever fewer, until it has its database and not a socket for each provider.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn f74_a_process_without_sockets_blames_itself() {
    let mut world = World::new().await;
    let mut providers = Vec::new();
    for platform in Platform::ALL {
        providers.push(world.simulate(platform, plain_feed(platform, 3), Quirks::default()).await);
    }
    let folder = std::env::temp_dir().join(format!("tributary-limit-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    let config = folder.join("tributary.toml");
    std::fs::write(&config, world.toml()).expect("a config file");
    let mut texts = Vec::new();
    for limit in (9..60).rev() {
        let mut command = Command::new("/bin/sh");
        command
            .args([
                "-c",
                &format!("ulimit -n {limit}; exec \"$0\" --config \"$1\" poll"),
                env!("CARGO_BIN_EXE_tributary"),
            ])
            .arg(&config)
            .env_clear()
            .envs(world.environment())
            .env("DATABASE_URL", &world.db.url);
        let output = tokio::task::spawn_blocking(move || command.output()).await.expect("it ends").expect("it runs");
        let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
        assert!(!text.contains(BLAME), "{limit} files: {text}");
        let is_short = text.contains("own_resources: ");
        let is_too_short = !is_short && !output.status.success();
        texts.push(text);
        if is_short || is_too_short {
            break;
        }
    }
    std::fs::remove_dir_all(&folder).expect("cleaned up");
    assert!(texts.len() > 1, "with many files it succeeds: {texts:#?}");
    assert!(texts.last().is_some_and(|text| text.contains("own_resources: ")), "{texts:#?}");
}
