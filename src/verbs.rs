//! The verbs of the command line: parses arguments, calls the rooms, reports.
//!
//! They are part of the library, so that the compiler builds each future once and not again for the binary.

mod manual;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, LazyLock};

use crate::app::checking::CheckLine;
use crate::app::polling::Selection;
use crate::app::reloading::Reloads;
use crate::app::serving::{self, Role};
use crate::app::{
    self, App, alerts, backfilling, checking, erasing, freed_memory, keys, polling, pruning, reconciling, remark,
    replay_verb, say, source_changes, stopping, windows,
};
use crate::clock::{Dice, SystemClock, secret_bytes};
use crate::db::{Purpose, schema_version};
#[cfg(feature = "demo")]
use crate::demo;
use crate::embedded::{self, Build, FetchSettings, Server, ServerSettings};
use crate::model::stream::Stream;
use crate::telemetry::{COMMIT, VERSION};
use clap::{Args, CommandFactory, Parser, Subcommand};
use sqlx::postgres::PgConnectOptions;

/// Polls streaming avatars, AI chats and video meetings into one Postgres schema, and answers queries across
/// all of them.
#[derive(Parser)]
#[command(version = version(), about, max_term_width = 100)]
struct Cli {
    /// Configuration file; else `TRIBUTARY_CONFIG`, else tributary.toml
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Run a demo: a private Postgres, three simulated providers, pollers and the API, on this machine alone
    #[cfg(feature = "demo")]
    Demo(demo::DemoArgs),
    /// Run the service: pollers and API
    Serve(ServeArgs),
    /// Poll every source once, now; exit 0 only if every run is proven complete
    Poll(PollArgs),
    /// Rebuild all rows from raw records, or retry rejects or given-up artifacts; calls no provider
    Replay(replay_verb::ReplayArgs),
    /// Delete superseded raw records and old journal entries, as configured
    Prune(PruneArgs),
    /// Read a range of the past; exit 0 only if all of it is proven complete
    Backfill(backfilling::BackfillArgs),
    /// Compare the stored data with the providers' own counts and repair differences; exit 0 only if all is equal
    Reconcile(reconciling::ReconcileArgs),
    /// List the ranges that could not be proven complete, accept them with a note, or reopen them
    Windows(windows::WindowsArgs),
    /// List the stored sources; rename, merge or remove one
    #[command(subcommand)]
    Sources(source_changes::SourcesVerb),
    /// Erase a person: texts, names, contacts and raw bytes; exit 0 only if no identifier is found again
    Erase(erasing::EraseArgs),
    /// Print all stored rows of a person as JSON
    ExportPerson(erasing::PersonArgs),
    /// Make, list, rotate and revoke keys of the API
    #[command(subcommand)]
    Keys(keys::KeysVerb),
    /// List the alerts, or test their receivers
    #[command(subcommand)]
    Alerts(alerts::AlertsVerb),
    /// Migrate the database to this version's schema
    Migrate,
    /// Check configuration, database, credentials and clocks
    Check,
    /// Print the OpenAPI document
    Openapi,
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write manual pages for section 1: of the program and of each verb
    Man {
        /// Folder of the pages
        folder: PathBuf,
    },
    /// Run the three simulated providers alone
    #[cfg(feature = "demo")]
    Simulate(demo::SimulateArgs),
}

#[derive(Args)]
struct ServeArgs {
    /// Part of the service that this process runs
    #[arg(long, value_enum, default_value = "all")]
    role: Role,
    /// Run a private Postgres in the folder of --data, from local binaries or fetched ones
    #[arg(long)]
    embedded: bool,
    /// Folder of the private Postgres
    #[arg(long, value_name = "DIR", default_value = embedded::DEFAULT_DATA_DIR)]
    data: PathBuf,
    /// Check everything that a start needs, addresses included, and start nothing; exit 0 only if all is well
    #[arg(long, conflicts_with = "embedded")]
    dry_run: bool,
}

#[derive(Args)]
struct PollArgs {
    /// Only this source
    #[arg(long)]
    source: Option<String>,
    /// Only this stream
    #[arg(long, value_parser = replay_verb::parse_stream)]
    stream: Option<Stream>,
    /// Read all of the past again, due or not; exit 0 only if all of it was read
    #[arg(long)]
    full: bool,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Args)]
struct PruneArgs {
    /// Print what was removed as JSON
    #[arg(long)]
    json: bool,
}

/// Returns version, commit and schema version.
fn version() -> &'static str {
    static TEXT: LazyLock<String> =
        LazyLock::new(|| format!("{VERSION} (commit {COMMIT}, schema {})", schema_version()));
    &TEXT
}

/// Runs the verb of the command line; returns the exit code of the process.
#[expect(clippy::disallowed_methods, reason = "the one place that reads the environment")]
pub fn run_command_line() -> ExitCode {
    freed_memory::give_back_large_blocks();
    let cli = Cli::parse();
    let environment: BTreeMap<String, String> = std::env::vars().collect();
    let level = match &cli.verb {
        Verb::Serve(_) => "info",
        _ => "warn",
    };
    crate::failpoint::arm();
    let random = u32::from_ne_bytes(secret_bytes());
    let filter = environment.get("TRIBUTARY_LOG").map(String::as_str);
    let exports_traces = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];
    let exports_traces = exports_traces.iter().any(|name| environment.get(*name).is_some_and(|url| !url.is_empty()));
    let _log = crate::telemetry::start(filter, level, random, exports_traces);
    match run(cli, &environment) {
        Ok(code) => code,
        // the error chain on one line without a backtrace: this text is for operators
        Err(error) => {
            remark(&format!("tributary: {}", app::on_one_line(&error)));
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli, environment: &BTreeMap<String, String>) -> anyhow::Result<ExitCode> {
    let path = cli.config.as_deref();
    let app = || configured(path, environment, None);
    let user = user(environment);
    match cli.verb {
        Verb::Openapi => {
            say(&format!("{}\n", crate::api::document_text()?))?;
            Ok(ExitCode::SUCCESS)
        }
        Verb::Completions { shell } => manual::print_completions(Cli::command(), shell),
        Verb::Man { folder } => manual::write_pages(Cli::command(), &folder),
        #[cfg(feature = "demo")]
        Verb::Demo(args) => demo::run(&args, environment),
        #[cfg(feature = "demo")]
        Verb::Simulate(args) => block_on(demo::simulate(args)),
        Verb::Serve(args) => serve(path, &args, environment),
        Verb::Poll(args) => block_on(async {
            let selection = Selection { source: args.source, stream: args.stream, is_full: args.full };
            let lines = polling::poll(&app()?, &selection, stopping::on_signal_or_hangup()?).await?;
            say(&if args.json { replay_verb::json(&lines)? } else { polling::table(&lines) })?;
            let is_complete = lines.iter().all(polling::PollLine::is_complete);
            Ok(if is_complete { ExitCode::SUCCESS } else { ExitCode::FAILURE })
        }),
        Verb::Replay(args) => {
            block_on(async { replay_verb::run(&app()?, args, &user, stopping::on_signal_or_hangup()?).await })
        }
        Verb::Prune(args) => block_on(async { prune(app()?, args).await }),
        Verb::Backfill(args) => {
            block_on(async { backfilling::run(&app()?, &args, &user, stopping::on_signal_or_hangup()?).await })
        }
        Verb::Reconcile(args) => {
            block_on(async { reconciling::run(&app()?, &args, &user, stopping::on_signal_or_hangup()?).await })
        }
        Verb::Windows(args) => block_on(async { windows::run(&app()?, &args, &user).await }),
        Verb::Sources(verb) => block_on(async { source_changes::run(&app()?, &verb, &user).await }),
        Verb::Erase(args) => {
            block_on(async { erasing::erase(&app()?, &args, &user, stopping::on_signal_or_hangup()?).await })
        }
        Verb::ExportPerson(args) => block_on(async { erasing::export(&app()?, &args, &user).await }),
        Verb::Keys(verb) => block_on(async { keys::run(&app()?, verb, &user).await }),
        Verb::Alerts(verb) => block_on(async { alerts::run(&app()?, &verb).await }),
        Verb::Migrate => block_on(async {
            let app = app()?;
            app.migrate(&app.pool(Purpose::Poll).await?).await?;
            say("the database has this version's schema\n")?;
            Ok(ExitCode::SUCCESS)
        }),
        Verb::Check => block_on(async { Ok(exit_code(&checking::check(&app()?, print).await?)) }),
    }
}

async fn prune(app: App, args: PruneArgs) -> anyhow::Result<ExitCode> {
    let pruned = pruning::prune_once(&app, stopping::on_signal_or_hangup()?).await?;
    say(&if args.json { replay_verb::json(&pruned)? } else { pruning::in_words(&pruned) })?;
    Ok(ExitCode::SUCCESS)
}

/// Prints a line of a check.
fn print(line: &CheckLine) {
    let mark = if line.is_well { "ok  " } else { "FAIL" };
    // a line that cannot be written changes no finding
    let _ = say(&format!("{mark} {}: {}\n", line.subject, line.finding));
}

/// Fails if a line of a check does.
fn exit_code(lines: &[CheckLine]) -> ExitCode {
    if lines.iter().all(|line| line.is_well) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn serve(path: Option<&Path>, args: &ServeArgs, environment: &BTreeMap<String, String>) -> anyhow::Result<ExitCode> {
    if args.dry_run {
        let app = configured(path, environment, None)?;
        return block_on(async move {
            let mut lines = checking::check_start(&app, print).await?;
            let addresses = serving::check_addresses(&app, args.role).await;
            addresses.iter().for_each(print);
            lines.extend(addresses);
            Ok(exit_code(&lines))
        });
    }
    let mut server = None;
    if args.embedded {
        let search_path = embedded::search_path(environment);
        server = Some(Server::start(&ServerSettings {
            data_dir: args.data.clone(),
            bin_dir: None,
            search_path,
            fetch: Some(FetchSettings::new(Build::pinned(), environment, |line| tracing::info!("{line}"))),
            tcp: None,
            durable: true,
        })?);
    }
    let embedded = server.as_ref().map(Server::connect_options);
    let mut app = configured(path, environment, embedded)?;
    // a service that owns its Postgres ends with it
    app.ends_on_full_disk = args.embedded;
    let served = block_on(async move {
        if let Some(server) = &server {
            server.create_database().await?;
        }
        let serve = serving::serve(&app, args.role, stopping::on_signal()?, reloads(path, environment)?, |_| {});
        Box::pin(embedded::beside(server.as_mut(), serve)).await??;
        Ok((ExitCode::SUCCESS, server))
    });
    // the database server stops last, after its clients
    served.map(|(code, _server)| code)
}

/// Returns reloads of the same file on SIGHUP.
fn reloads(path: Option<&Path>, environment: &BTreeMap<String, String>) -> anyhow::Result<Reloads> {
    let (path, environment) = (path.map(Path::to_owned), environment.clone());
    Reloads::on_hangup(move || app::read_config(path.as_deref(), &environment))
}

fn configured(
    path: Option<&Path>,
    environment: &BTreeMap<String, String>,
    embedded: Option<PgConnectOptions>,
) -> anyhow::Result<App> {
    let config = app::read_config(path, environment)?;
    App::new(config, embedded, Arc::new(SystemClock), Arc::new(Dice::from_entropy()))
}

/// Returns the user who runs a command, for the journal of operations.
fn user(environment: &BTreeMap<String, String>) -> String {
    let name = environment.get("USER").or_else(|| environment.get("LOGNAME"));
    format!("{}, by the command line", name.map_or("unknown", String::as_str))
}

fn block_on<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(work)
}
