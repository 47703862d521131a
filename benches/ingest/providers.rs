//! The simulated providers, in a separate process.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};
use tributary_simulator::quirks::Quirks;
use tributary_simulator::world::{Shape, World};
use tributary_simulator::{Now, Platform, Simulator, SimulatorSettings};

/// First argument of the simulating process.
pub(crate) const VERB: &str = "simulate-providers";
/// The key that the simulated providers accept.
pub(crate) const API_KEY: &str = "bench";

/// The simulating process; it ends when this is dropped.
pub(crate) struct Providers {
    child: Child,
    addresses: BTreeMap<&'static str, String>,
}

impl Providers {
    /// Starts the process, with a world of `shape` that stands still at `now`.
    pub(crate) fn start(shape: &Shape, now: DateTime<Utc>) -> anyhow::Result<Self> {
        let counts = [shape.avatars, shape.chats, shape.meetings].map(|volume| volume.history.to_string());
        let mut child = Command::new(std::env::current_exe()?)
            .arg(VERB)
            .args(counts)
            .args([shape.history_days.to_string(), now.to_rfc3339()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let said = BufReader::new(child.stdout.take().context("the simulators say nothing")?).lines();
        let mut addresses = BTreeMap::new();
        for (platform, line) in Platform::ALL.into_iter().zip(said) {
            addresses.insert(platform.as_str(), line?);
        }
        if addresses.len() != Platform::ALL.len() {
            bail!("the simulators did not start");
        }
        Ok(Self { child, addresses })
    }

    /// Returns a configuration that polls the providers.
    pub(crate) fn toml(&self, lists_only: bool) -> anyhow::Result<String> {
        let streams = if lists_only { "session_streams = []\n" } else { "" };
        let mut toml = String::new();
        for (name, base_url) in &self.addresses {
            let account = if *name == "realtimekit" { "account_id = \"a\"\napp_id = \"b\"\n" } else { "" };
            write!(
                toml,
                "[[sources]]\nslug = \"{name}\"\nprovider = \"{name}\"\nbase_url = \"{base_url}\"\n\
                 api_key_env = \"BENCH_KEY\"\nrequests_per_minute = 100000\n{account}{streams}"
            )?;
        }
        Ok(toml)
    }
}

impl Drop for Providers {
    fn drop(&mut self) {
        // the process ends at the end of its input
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Runs the simulating process: prints an address a line, and runs until its input ends.
pub(crate) fn simulate(words: &[String]) -> anyhow::Result<()> {
    let [avatars, chats, meetings, days, now] = words else { bail!("five values are wanted") };
    let shape =
        Shape { history_days: days.parse()?, ..crate::shape(avatars.parse()?, chats.parse()?, meetings.parse()?) };
    let now: DateTime<Utc> = now.parse()?;
    let world = World::generate(&shape, 1, now);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let mut simulators = Vec::new();
    for platform in Platform::ALL {
        let simulator = runtime.block_on(Simulator::start(SimulatorSettings {
            platform,
            feed: world.feed(platform),
            now: Now::new(move || now),
            api_key: API_KEY.to_owned(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            quirks: Quirks { calls_per_window: u32::MAX, ..Quirks::default() },
        }))?;
        println!("{}", simulator.base_url());
        simulators.push(simulator);
    }
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
