//! `tributary demo`: the whole service on this machine, with nothing configured.
//!
//! A private Postgres, three simulated providers over real HTTP, the pollers and the API, wired exactly
//! as `serve` wires them. What is printed comes from the service's own API: the demo knows no more than
//! a user would.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use chrono::{DateTime, Utc};
use tokio::sync::oneshot;

use crate::app::serving::{self, Role};
use crate::app::{self, App};
use crate::clock::{Clock, Dice, SystemClock};
use crate::db::{self, Purpose};
use crate::demo::display::Display;
use crate::demo::postgres::{Server, ServerSettings};
use crate::demo::simulate::{API_KEY, Providers};
use crate::demo::simulator::world::{Shape, World};

/// Where the demo keeps its database, unless told.
pub const DEFAULT_DATA_DIR: &str = "tributary-data";
/// Where the demo answers, unless told or taken.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);
/// The simulated past is the same on every machine.
const SEED: u64 = 20_260_101;
/// How far the simulated future goes, hours: a demo that is started again next week still lives.
const HOURS_AHEAD: u32 = 24 * 7;

/// Arguments of `tributary demo`.
#[derive(Debug, clap::Args)]
pub struct DemoArgs {
    /// Folder of the private Postgres; a second start goes on where the first stopped
    #[arg(long, value_name = "DIR", default_value = DEFAULT_DATA_DIR)]
    data: PathBuf,
    /// Where to answer [default: 127.0.0.1:8080, or a free port where that is taken]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Folder of the Postgres binaries, where they are not found by themselves
    #[arg(long, value_name = "DIR")]
    pg_bin: Option<PathBuf>,
}

/// The folders programs are looked for in.
pub fn search_path(environment: &BTreeMap<String, String>) -> Vec<PathBuf> {
    environment.get("PATH").map(|path| std::env::split_paths(path).collect()).unwrap_or_default()
}

/// Runs the demo until Ctrl-C. Call it from `main`: the database server lives as long as this thread.
pub fn run(args: &DemoArgs, environment: &BTreeMap<String, String>) -> anyhow::Result<ExitCode> {
    println!("Tributary demo: everything stays on this machine. Ctrl-C stops it.\n");
    let settings = ServerSettings {
        data_dir: args.data.clone(),
        bin_dir: args.pg_bin.clone(),
        search_path: search_path(environment),
        durable: false,
    };
    let mut server = Server::start(&settings)?;
    println!("  Postgres     private server, process {}, data in {}", server.pid(), server.data_dir().display());
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let driven = runtime.block_on(drive(args, &server));
    drop(runtime);
    server.stop();
    driven?;
    println!("\nStopped. The data stays in {}; the next start goes on from there.", server.data_dir().display());
    Ok(ExitCode::SUCCESS)
}

async fn drive(args: &DemoArgs, server: &Server) -> anyhow::Result<()> {
    server.create_database().await?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let made_at = world_made_at(server.data_dir(), clock.now())?;
    let shape = Shape { hours_ahead: HOURS_AHEAD, ..Shape::default() };
    let world = World::generate(&shape, SEED, made_at);
    let providers = Providers::start(&world, &clock, [0; 3]).await?;
    for (name, address) in providers.addresses() {
        println!("  {name:<12} simulated at http://{address}");
    }
    let listen = args.listen.unwrap_or_else(free_default);
    let toml = providers.toml(listen, "*/15 * * * * *");
    let environment = BTreeMap::from([("SIMULATED_KEY".to_owned(), API_KEY.to_owned())]);
    let config = app::parse_config(&toml, &environment)?;
    let app = App::new(config, Some(server.connect_options()), Arc::clone(&clock), Arc::new(Dice::from_entropy()))?;
    let pool = app.pool(Purpose::Poll).await?;
    db::migrate(&pool).await?;
    server.let_analyst_read().await?;
    pool.close().await;
    let stop = serving::stop_on_signal()?;
    let (ready, address) = oneshot::channel();
    let served = serving::serve(&app, Role::All, stop.clone(), |address| {
        let _ = ready.send(address);
    });
    let shown = async {
        let Ok(address) = address.await else { return Ok(()) };
        let display = Display::new(address, server, &world, clock.now())?;
        tokio::select! {
            () = stop.cancelled() => Ok(()),
            shown = display.show() => shown,
        }
    };
    let (served, shown) = tokio::join!(served, shown);
    served.and(shown)
}

/// When the simulated world was made: kept beside the data, so that a second start finds the same past.
fn world_made_at(data_dir: &Path, now: DateTime<Utc>) -> anyhow::Result<DateTime<Utc>> {
    let path = data_dir.join("world-made-at");
    if let Ok(text) = std::fs::read_to_string(&path)
        && let Ok(made_at) = text.trim().parse()
    {
        return Ok(made_at);
    }
    std::fs::write(&path, now.to_rfc3339()).with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(now)
}

fn free_default() -> SocketAddr {
    if TcpListener::bind(DEFAULT_LISTEN).is_ok() { DEFAULT_LISTEN } else { SocketAddr::new(DEFAULT_LISTEN.ip(), 0) }
}
