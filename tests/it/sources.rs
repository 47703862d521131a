//! One account, one slug: refusals and their remedies, by the command line and over the API.

mod accounts;
mod changes;
mod clocks;

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;
use tributary::app::polling::{self, PollLine, Selection};
use tributary::app::{self, App};
use tributary::clock::{Clock, Dice};
use tributary::demo::simulator::Platform;
use tributary::demo::simulator::feed::FixedFeed;

use crate::harness::{API_KEY, World, noon, records};

/// `[[sources]]` of a simulated provider under `slug`, with the credential in the variable `key`.
fn source(slug: &str, platform: Platform, base_url: &str, key: &str) -> String {
    let account = if platform == Platform::Realtimekit { "account_id = \"acc\"\napp_id = \"app\"\n" } else { "" };
    format!(
        "[[sources]]\nslug = \"{slug}\"\nprovider = \"{}\"\nbase_url = \"{base_url}\"\napi_key_env = \"{key}\"\n\
         requests_per_minute = 100000\n{account}",
        platform.as_str()
    )
}

fn service(world: &World, toml: &str) -> App {
    let keys = [("KEY", API_KEY), ("OTHER_KEY", "another-key-of-the-same-account")];
    let environment: BTreeMap<String, String> =
        keys.into_iter().map(|(name, key)| (name.to_owned(), key.to_owned())).collect();
    let config = app::parse_config(toml, &environment).expect("the configuration is right");
    let clock = Arc::clone(&world.clock) as Arc<dyn Clock>;
    App::new(config, Some(world.db.options.clone()), clock, Arc::new(Dice::seeded(7))).expect("an app")
}

async fn poll(app: &App) -> anyhow::Result<Vec<PollLine>> {
    polling::poll(app, &Selection::default(), CancellationToken::new()).await
}

/// Creates `count` sessions with ids as providers make them, a minute apart.
fn feed(platform: Platform, count: usize) -> Arc<FixedFeed> {
    let record = |number: usize| {
        let age = TimeDelta::minutes(i64::try_from(count - number).expect("a small count"));
        let id = format!("{number:08x}-0c1d-4e2f-8a3b-{number:012x}");
        records::record(platform, &id, noon() - TimeDelta::hours(2) - age)
    };
    Arc::new(FixedFeed::new((0..count).map(record)))
}
