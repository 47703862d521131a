//! The simulated providers as a group: for the demo, and alone for `tributary simulate`.

use std::fmt::Write;
use std::fs::{File, Permissions};
use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use tributary_simulator::quirks::Quirks;
use tributary_simulator::world::{Shape, Volume, World};
use tributary_simulator::{Now, Platform, Simulator, SimulatorSettings};

use crate::app::{say, stopping};
use crate::clock::{Clock, SettableClock, SystemClock};

/// The key that the simulated providers accept. It is not a secret.
pub(super) const API_KEY: &str = "simulated-key";
/// Calls a minute in the generated configuration, by provider. The simulated RealtimeKit allows fifty times as many
/// as the real one: each of its meetings needs several calls, which would otherwise take half an hour.
const REQUESTS_PER_MINUTE: [u32; 3] = [6_000, 6_000, 12_000];
/// Calls that the simulated RealtimeKit allows in its own window of five minutes.
const CALLS_PER_WINDOW: u32 = 60_000;

/// Arguments of `tributary simulate`.
#[derive(Debug, clap::Args)]
pub struct SimulateArgs {
    /// First of four consecutive ports: three providers and RealtimeKit's file host; 0 takes free ones
    #[arg(long, default_value_t = 18_101, value_parser = clap::value_parser!(u16).range(..=65_532))]
    port: u16,
    /// Seed of the simulated world: the same seed gives the same sessions
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Freeze the world: nothing starts, continues or ends, so that metric values can be compared
    #[arg(long)]
    frozen: bool,
    /// Number of past avatar sessions
    #[arg(long, value_name = "N", default_value_t = Shape::default().avatars.history)]
    avatars: usize,
    /// Number of past chats
    #[arg(long, value_name = "N", default_value_t = Shape::default().chats.history)]
    chats: usize,
    /// Number of past meetings
    #[arg(long, value_name = "N", default_value_t = Shape::default().meetings.history)]
    meetings: usize,
    /// Length of the past, days
    #[arg(long, value_name = "N", default_value_t = Shape::default().history_days)]
    history_days: u32,
    /// Write a configuration for these providers to this file, and their key beside it
    #[arg(long, value_name = "FILE")]
    write_config: Option<PathBuf>,
}

/// Three running simulated providers.
#[derive(Debug)]
pub(super) struct Providers(Vec<(Platform, Simulator)>);

impl Providers {
    /// Starts the providers on `ports`, the last of which is for RealtimeKit's files; 0 takes a free port.
    pub(super) async fn start(world: &World, clock: &Arc<dyn Clock>, ports: [u16; 4]) -> anyhow::Result<Self> {
        let mut providers = Vec::with_capacity(Platform::ALL.len());
        let [provider_ports @ .., files_port] = ports;
        let files_listen = SocketAddr::from(([127, 0, 0, 1], files_port));
        for (platform, port) in Platform::ALL.into_iter().zip(provider_ports) {
            let listen = SocketAddr::from(([127, 0, 0, 1], port));
            let settings = SimulatorSettings {
                platform,
                feed: world.feed(platform),
                now: Now::new({
                    let clock = Arc::clone(clock);
                    move || clock.now()
                }),
                api_key: API_KEY.to_owned(),
                listen,
                quirks: Quirks { calls_per_window: CALLS_PER_WINDOW, ..Quirks::default() },
            };
            let simulator = Simulator::start_with_files_at(settings, files_listen)
                .await
                .with_context(|| format!("the simulated {} cannot listen on {listen}", platform.as_str()))?;
            providers.push((platform, simulator));
        }
        Ok(Self(providers))
    }

    /// Returns the address of RealtimeKit's file host.
    pub(super) fn files_address(&self) -> Option<SocketAddr> {
        self.0.iter().find_map(|(_, simulator)| simulator.files_address())
    }

    pub(super) fn addresses(&self) -> impl Iterator<Item = (&'static str, SocketAddr)> {
        let name = |platform| match platform {
            Platform::Konpro => "KonPro",
            Platform::Konvo => "Konvo AI",
            Platform::Realtimekit => "RealtimeKit",
        };
        self.0.iter().map(move |(platform, simulator)| (name(*platform), simulator.address()))
    }

    /// Returns a configuration that polls these providers.
    pub(super) fn toml(&self, listen: SocketAddr, schedule: &str) -> String {
        let mut toml = format!("[server]\nlisten = \"{listen}\"\n");
        for ((platform, simulator), rate) in self.0.iter().zip(REQUESTS_PER_MINUTE) {
            let name = platform.as_str();
            let base_url = simulator.base_url();
            let account = match platform {
                Platform::Realtimekit => "account_id = \"demo-account\"\napp_id = \"demo-app\"\n",
                Platform::Konpro | Platform::Konvo => "",
            };
            // Writing to a `String` cannot fail.
            let _ = write!(
                toml,
                "\n[[sources]]\nslug = \"{name}-demo\"\nprovider = \"{name}\"\nbase_url = \"{base_url}\"\n\
                 api_key_env = \"SIMULATED_KEY\"\nschedule = \"{schedule}\"\nrequests_per_minute = {rate}\n{account}"
            );
        }
        toml
    }
}

/// Runs the simulated providers alone, until Ctrl-C.
pub async fn simulate(args: SimulateArgs) -> anyhow::Result<ExitCode> {
    let clock: Arc<dyn Clock> =
        if args.frozen { Arc::new(SettableClock::at(SystemClock.now())) } else { Arc::new(SystemClock) };
    let usual = Shape::default();
    let shape = Shape {
        history_days: args.history_days.max(1),
        avatars: Volume { history: args.avatars, ..usual.avatars },
        chats: Volume { history: args.chats, ..usual.chats },
        meetings: Volume { history: args.meetings, ..usual.meetings },
        ..usual
    };
    let world = World::generate(&shape, args.seed, clock.now());
    let ports = [0, 1, 2, 3].map(|number| if args.port == 0 { 0 } else { args.port + number });
    let providers = Providers::start(&world, &clock, ports).await?;
    for (name, address) in providers.addresses() {
        say(&format!("{name:<12} http://{address}   its own totals: curl -s http://{address}/truth\n"))?;
    }
    if let Some(address) = providers.files_address() {
        say(&format!(
            "{:<12} http://{address}   files of meetings, through the links that RealtimeKit returns; no key\n",
            "its files"
        ))?;
    }
    say(&format!("the key of all three is {API_KEY}\n"))?;
    if let Some(path) = &args.write_config {
        let mut key_path = path.clone().into_os_string();
        key_path.push(".key");
        let key_path = PathBuf::from(key_path);
        let toml = providers.toml(([127, 0, 0, 1], 8080).into(), "*/15 * * * * *");
        let by_file = format!("api_key_file = {:?}", std::path::absolute(&key_path)?.display().to_string());
        let toml = toml.replace("api_key_env = \"SIMULATED_KEY\"", &by_file);
        std::fs::write(path, toml).with_context(|| format!("{} cannot be written", path.display()))?;
        write_private(&key_path, API_KEY).with_context(|| format!("{} cannot be written", key_path.display()))?;
        say(&format!("configuration written to {}\n", path.display()))?;
    }
    stopping::on_signal_or_hangup()?.cancelled().await;
    Ok(ExitCode::SUCCESS)
}

/// Writes a file that only its owner can read.
fn write_private(path: &Path, text: &str) -> io::Result<()> {
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(path)?;
    // a file that was there keeps its mode when it is opened
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(text.as_bytes())
}
