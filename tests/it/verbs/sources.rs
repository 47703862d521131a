//! `tributary sources`: stored sources are renamed, merged and removed, by the command line and over the API.

mod changes;
mod guards;

use std::sync::Arc;

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;
use tributary::app::polling::{self, PollLine, Selection};
use tributary::app::{self, App};
use tributary::clock::{Clock, Dice};
use tributary_simulator::Platform;
use tributary_simulator::fixed_feed::FixedFeed;

use crate::harness::processes::{ONCE_A_YEAR, Providers};
use crate::harness::{API_KEY, World, noon, records};

// the providers answer on the other thread while a command is awaited
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sources_are_renamed_on_the_command_line_and_a_dry_run_changes_nothing() {
    let providers = Providers::start(&[Platform::Konvo], 20, 0).await;
    let stage = providers.stage(ONCE_A_YEAR, 10).await;
    assert!(stage.world.poll().await[0].is_complete());
    stage.configure(&stage.world.toml().replace("slug = \"konvo\"", "slug = \"konvo-eu\""));
    let run = |arguments: &[&str]| {
        let output = stage.command(arguments).stdout(std::process::Stdio::piped()).output().expect("it runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.success(), text(&output.stdout) + &text(&output.stderr))
    };
    let (is_well, refusal) = run(&["serve", "--role", "poller"]);
    assert!(!is_well && refusal.contains("tributary sources rename konvo konvo-eu"), "{refusal}");
    let (is_well, plan) = run(&["sources", "rename", "konvo", "konvo-eu"]);
    assert!(is_well && plan.contains("20  core.sessions") && plan.contains("Nothing was changed"), "{plan}");
    let slug = "select string_agg(source_slug, ',') from core.sources";
    assert_eq!(stage.world.text(slug).await.as_deref(), Some("konvo"));
    let (is_well, done) = run(&["sources", "rename", "konvo", "konvo-eu", "--yes", "--json"]);
    assert!(is_well, "{done}");
    assert!(done.contains("\"change\": \"rename\"") && done.contains("\"is_dry_run\": false"), "{done}");
    let (is_well, list) = run(&["sources", "list"]);
    assert!(is_well && list.contains("konvo-eu") && list.contains("20 sessions  configured"), "{list}");
    let (is_well, polled) = run(&["poll"]);
    assert!(is_well, "{polled}");
    assert_eq!(stage.number("select count(*) from core.sessions").await, 20);
    let (is_well, refusal) = run(&["sources", "remove", "konvo-eu", "--yes"]);
    assert!(!is_well && refusal.contains("take it out of the configuration"), "{refusal}");
}

/// `[[sources]]` of a simulated provider under `slug`, with the credential in the variable `key`.
pub(crate) fn source(slug: &str, platform: Platform, base_url: &str, key: &str) -> String {
    let account = if platform == Platform::Realtimekit { "account_id = \"acc\"\napp_id = \"app\"\n" } else { "" };
    format!(
        "[[sources]]\nslug = \"{slug}\"\nprovider = \"{}\"\nbase_url = \"{base_url}\"\napi_key_env = \"{key}\"\n\
         requests_per_minute = 100000\n{account}",
        platform.as_str()
    )
}

pub(crate) fn service(world: &World, toml: &str) -> App {
    let keys = [("KEY", API_KEY), ("OTHER_KEY", "another-key-of-the-same-account")];
    let mut environment = world.environment();
    environment.extend(keys.map(|(name, key)| (name.to_owned(), key.to_owned())));
    let config = app::parse_config(toml, &environment).expect("the configuration is right");
    let clock = Arc::clone(&world.clock) as Arc<dyn Clock>;
    App::new(config, Some(world.db.options.clone()), clock, Arc::new(Dice::seeded(7))).expect("an app")
}

pub(crate) async fn poll(app: &App) -> anyhow::Result<Vec<PollLine>> {
    polling::poll(app, &Selection::default(), CancellationToken::new()).await
}

/// Creates `count` sessions with ids as providers make them, a minute apart.
pub(crate) fn feed(platform: Platform, count: usize) -> Arc<FixedFeed> {
    let record = |number: usize| {
        let age = TimeDelta::minutes(i64::try_from(count - number).expect("a small count"));
        let id = format!("{number:08x}-0c1d-4e2f-8a3b-{number:012x}");
        records::record(platform, &id, noon() - TimeDelta::hours(2) - age)
    };
    Arc::new(FixedFeed::new((0..count).map(record)))
}
