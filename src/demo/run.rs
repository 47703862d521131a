//! `tributary demo`: the whole service on this machine, with nothing configured.
//!
//! A private Postgres, three simulated providers over real HTTP, the pollers and the API, wired exactly as `serve`
//! wires them. The printed values come from the service's own API: the demo has no other access to the data than a
//! user has.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Write, stdout};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};
use secrecy::ExposeSecret;
use sqlx::postgres::PgConnectOptions;
use tokio::sync::oneshot;
use tributary_simulator::world::{Shape, World};

use crate::app::reloading::Reloads;
use crate::app::serving::{self, Role};
use crate::app::{self, App, stopping};
use crate::clock::{Clock, Dice, SystemClock};
use crate::db::{self, DatabaseTrouble, Engine, Purpose, Route};
use crate::demo::display::Display;
use crate::demo::simulate::{API_KEY, Providers};
use crate::embedded::{self, Build, FetchSettings, PostgresError, RandomPassword, Server, ServerSettings, TcpSettings};
use crate::store::source;

/// Default address of the demo's API, if it is free.
const DEFAULT_LISTEN: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 8080);
/// The same seed everywhere, so that the simulated history is the same on every machine.
const SEED: u64 = 20_260_101;
/// Length of the simulated future, hours: a demo that is started again next week still shows new sessions.
const HOURS_AHEAD: u32 = 24 * 7;

/// Arguments of `tributary demo`.
#[derive(Debug, clap::Args)]
pub struct DemoArgs {
    /// Folder of the private Postgres; a second start continues where the first stopped
    #[arg(long, value_name = "DIR", default_value = embedded::DEFAULT_DATA_DIR)]
    data: PathBuf,
    /// Address of the API [default: 127.0.0.1:8080, or a free port if that is taken]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// Folder of the Postgres binaries, if they are not found automatically
    #[arg(long, value_name = "DIR")]
    pg_bin: Option<PathBuf>,
    /// TCP port of the private Postgres for analysts, on 127.0.0.1 [default: the last one, or a free port]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    pg_port: Option<u16>,
}

/// Runs the demo until Ctrl-C. Call it from `main`: the database server lives as long as this thread.
pub fn run(args: &DemoArgs, environment: &BTreeMap<String, String>) -> anyhow::Result<ExitCode> {
    match run_while_read(args, environment) {
        // the reader of the output, such as `| head`, has seen enough
        Err(error) if error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == ErrorKind::BrokenPipe) => {
            Ok(ExitCode::SUCCESS)
        }
        ended => ended,
    }
}

fn run_while_read(args: &DemoArgs, environment: &BTreeMap<String, String>) -> anyhow::Result<ExitCode> {
    writeln!(stdout(), "Tributary demo: everything stays on this machine. Ctrl-C stops it.\n")?;
    let given = environment.get("DATABASE_URL").map(|url| url.trim()).filter(|url| !url.is_empty());
    let mut home = match given {
        Some(url) => Home::Given {
            options: Box::new(PgConnectOptions::from_str(url).context("DATABASE_URL")?),
            folder: args.data.clone(),
        },
        None => Home::Private(Box::new(Server::start(&ServerSettings {
            data_dir: args.data.clone(),
            bin_dir: args.pg_bin.clone(),
            search_path: embedded::search_path(environment),
            fetch: Some(FetchSettings::new(Build::pinned(), environment, |line| {
                // the next line of the demo finds out that nothing reads them
                let _ = writeln!(stdout(), "  {line}");
            })),
            tcp: Some(TcpSettings { port: args.pg_port, password: RandomPassword::draw(&mut rand::rng()) }),
            durable: false,
        })?)),
    };
    match &home {
        Home::Private(server) => {
            writeln!(
                stdout(),
                "  Postgres     private server, process {}, data in {}",
                server.pid(),
                server.data_dir().display()
            )?;
        }
        Home::Given { .. } => writeln!(stdout(), "  Postgres     the database in DATABASE_URL")?,
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let driven = runtime.block_on(drive(args, &mut home));
    drop(runtime);
    // The private server ends here, after its clients.
    let folder = home.folder().to_owned();
    let is_private = matches!(home, Home::Private(_));
    drop(home);
    driven.map_err(|error| match DatabaseTrouble::of(error.as_ref()) {
        Some(DatabaseTrouble::DiskFull) if is_private => PostgresError::DiskFull(folder.clone()).into(),
        _ => error,
    })?;
    writeln!(stdout(), "\nStopped. The data stays ({}); the next start continues from there.", folder.display())?;
    Ok(ExitCode::SUCCESS)
}

/// The database of the demo.
enum Home {
    /// A server that the demo starts.
    Private(Box<Server>),
    /// A database given by `DATABASE_URL`, and a folder for the other state of the demo.
    Given { options: Box<PgConnectOptions>, folder: PathBuf },
}

impl Home {
    fn folder(&self) -> &Path {
        match self {
            Self::Private(server) => server.data_dir(),
            Self::Given { folder, .. } => folder,
        }
    }

    /// Migrates the database and returns its options. A database that holds other sources is refused: the demo would
    /// mark them as no longer configured.
    async fn prepare(&self) -> anyhow::Result<PgConnectOptions> {
        let options = match self {
            Self::Private(server) => {
                server.create_database().await?;
                server.connect_options()
            }
            Self::Given { options, .. } => PgConnectOptions::clone(options),
        };
        let pool = db::connect(options.clone(), Route::Direct, Purpose::Poll, 2).await?;
        db::migrate(&pool, Engine::Postgres).await?;
        let others = source::slugs(&pool).await?.into_iter().find(|slug| !slug.ends_with("-demo"));
        if let Some(other) = others {
            bail!(
                "the database in DATABASE_URL contains the source `{other}`: the demo does not use it; give another database or none"
            );
        }
        if let Self::Private(server) = self {
            server.let_analyst_read().await?;
        }
        pool.close().await;
        Ok(options)
    }

    /// Prints the connection URL for analysts' tools. The password goes to the terminal only, never to a log.
    fn print_analyst_url(&self) -> io::Result<()> {
        if let Self::Private(server) = self
            && let Some(url) = server.analyst_url()
        {
            writeln!(stdout(), "  {:<12} {}   read-only, schema analytics", "BI tools", url.expose_secret())?;
        }
        Ok(())
    }

    /// Returns the shell command with which an analyst connects.
    fn psql(&self) -> String {
        match self {
            Self::Private(server) => {
                format!("psql \"host={} dbname=tributary user=analyst\"", server.socket_dir().display())
            }
            Self::Given { .. } => "psql \"$DATABASE_URL\"".to_owned(),
        }
    }
}

async fn drive(args: &DemoArgs, home: &mut Home) -> anyhow::Result<()> {
    let options = home.prepare().await?;
    home.print_analyst_url()?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let made_at = world_made_at(home.folder(), clock.now())?;
    let shape = Shape { hours_ahead: HOURS_AHEAD, ..Shape::default() };
    let world = World::generate(&shape, SEED, made_at);
    let providers = Providers::start(&world, &clock, [0; 4]).await?;
    for (name, address) in providers.addresses() {
        writeln!(stdout(), "  {name:<12} simulated at http://{address}")?;
    }
    if let Some(address) = providers.files_address() {
        writeln!(stdout(), "  {:<12} at http://{address}", "  its files")?;
    }
    let listen = args.listen.unwrap_or_else(free_default);
    let toml = providers.toml(listen, "*/15 * * * * *");
    let environment = BTreeMap::from([("SIMULATED_KEY".to_owned(), API_KEY.to_owned())]);
    let config = app::parse_config(&toml, &environment)?;
    let mut app = App::new(config, Some(options), Arc::clone(&clock), Arc::new(Dice::from_entropy()))?;
    // a demo that cannot store anything shows nothing new
    app.ends_on_full_disk = true;
    let stop = stopping::on_signal_or_hangup()?;
    let (ready, address) = oneshot::channel();
    let began = clock.now();
    let served = serving::serve(&app, Role::All, stop.clone(), Reloads::none(), |address| {
        let _ = ready.send(address);
    });
    let psql = home.psql();
    let shown = async {
        let Ok(address) = address.await else { return Ok(()) };
        let display = Display::new(address, psql, &world, began)?;
        tokio::select! {
            () = stop.cancelled() => Ok(()),
            shown = display.show() => {
                stop.cancel();
                shown
            }
        }
    };
    let private = match home {
        Home::Private(server) => Some(server.as_mut()),
        Home::Given { .. } => None,
    };
    let (served, shown) = Box::pin(embedded::beside(private, async { tokio::join!(served, shown) })).await?;
    served.and(shown)
}

/// Returns when the simulated world was created. The time is stored beside the data, so that a second start generates
/// the same history.
fn world_made_at(data_dir: &Path, now: DateTime<Utc>) -> anyhow::Result<DateTime<Utc>> {
    let path = data_dir.join("world-made-at");
    if let Ok(text) = std::fs::read_to_string(&path)
        && let Ok(made_at) = text.trim().parse()
    {
        return Ok(made_at);
    }
    std::fs::create_dir_all(data_dir).with_context(|| format!("{} cannot be created", data_dir.display()))?;
    std::fs::write(&path, now.to_rfc3339()).with_context(|| format!("{} cannot be written", path.display()))?;
    Ok(now)
}

fn free_default() -> SocketAddr {
    if TcpListener::bind(DEFAULT_LISTEN).is_ok() { DEFAULT_LISTEN } else { SocketAddr::new(DEFAULT_LISTEN.ip(), 0) }
}
