//! `tributary backfill`: reads a range of the past, unit by unit, and continues where an earlier run stopped.
//!
//! The plan is in the database. This process works on it in the foreground and shows its progress. Other processes with
//! the same command, and the pollers of a service, share the work. Stopping this process stops only its own part.

use std::fmt::Write;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::app::progress::Progress;
use crate::app::sources::connect_sources;
use crate::app::{App, remark};
use crate::db::Purpose;
use crate::ingest::Source;
use crate::ingest::backfill::{self, Ended, planning};
use crate::model::time::{self, Window};
use crate::query::backfills::{self, Backfill, BackfillFilter, BackfillUnit};
use crate::store::backfill::state::{self, Command, Commanded};
use crate::store::operation::{Operation, Operator};

/// Arguments of `tributary backfill`.
#[derive(Debug, Clone, clap::Args)]
#[command(group(clap::ArgGroup::new("command").required(true).multiple(true).args(["source", "status", "pause", "resume", "cancel"])))]
pub struct BackfillArgs {
    /// The source; with --status only its backfills
    #[arg(long)]
    pub source: Option<String>,
    /// First instant of the range: a date (midnight UTC) or an RFC 3339 instant
    #[arg(long, value_name = "DATE", value_parser = parse_instant, requires = "to")]
    pub from: Option<DateTime<Utc>>,
    /// First instant after the range, not in the future
    #[arg(long, value_name = "DATE", value_parser = parse_instant, requires = "from")]
    pub to: Option<DateTime<Utc>>,
    /// Units read at the same time by this process
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u8).range(1..=16))]
    pub parallel: u8,
    /// Only plan the backfill, and leave the work to the pollers of a service
    #[arg(long)]
    pub detach: bool,
    /// Show the backfills and their progress
    #[arg(long, conflicts_with_all = ["from", "pause", "resume", "cancel", "detach"])]
    pub status: bool,
    /// Pause this backfill until it is resumed
    #[arg(long, value_name = "ID", conflicts_with_all = ["source", "resume", "cancel", "detach"])]
    pub pause: Option<i64>,
    /// Resume this backfill; its failed units are retried
    #[arg(long, value_name = "ID", conflicts_with_all = ["source", "cancel"])]
    pub resume: Option<i64>,
    /// Cancel this backfill; what was read stays
    #[arg(long, value_name = "ID", conflicts_with_all = ["source", "detach"])]
    pub cancel: Option<i64>,
    /// Print the outcome as JSON
    #[arg(long)]
    pub json: bool,
}

/// Parses an instant, or a date, which means its midnight UTC.
pub fn parse_instant(text: &str) -> Result<DateTime<Utc>, String> {
    let midnight = || time::from_text(&format!("{}T00:00:00Z", text.trim()));
    time::from_text(text)
        .or_else(midnight)
        .ok_or_else(|| "not a date: write 2026-01-31, which means midnight UTC, or 2026-01-31T08:00:00Z".to_owned())
}

/// The outcome of a backfill.
#[derive(Debug, Serialize)]
pub struct BackfillOutcome {
    /// Progress of the backfill.
    pub backfill: Backfill,
    /// Whether every unit is proven.
    pub is_proven: bool,
    /// Reason why this process stopped before that.
    pub detail: Option<String>,
    /// Doubtful and failed units, at most a hundred.
    pub troubled_units: Vec<BackfillUnit>,
}

/// Runs the command that `args` give; `user` is written into the journal. Succeeds only if every unit is proven.
pub async fn run(app: &App, args: &BackfillArgs, user: &str, stop: CancellationToken) -> anyhow::Result<ExitCode> {
    let pool = app.pool_unless_stopped(Purpose::Poll, &stop).await?;
    app.migrate(&pool).await?;
    let operator = Operator { requested_by: user.to_owned(), request_id: None };
    if args.status {
        return show(app, &pool, args).await;
    }
    let wished = [(args.pause, Command::Pause), (args.cancel, Command::Cancel)];
    if let Some((backfill_id, wish)) = wished.into_iter().find_map(|(id, wish)| Some((id?, wish))) {
        let is_done = command(app, &pool, backfill_id, wish, &operator).await?;
        let outcome = outcome(app, &pool, backfill_id, None).await?;
        print(args.json, &outcome)?;
        return Ok(if is_done { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let progress = Progress::start(args.json);
    let outcome = work(app, pool, args, &operator, stop, progress).await?;
    print(args.json, &outcome)?;
    Ok(if outcome.is_proven || args.detach { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Plans or resumes the requested backfill, and works on it until it is over or `stop` is cancelled.
pub async fn work(
    app: &App,
    pool: PgPool,
    args: &BackfillArgs,
    operator: &Operator,
    stop: CancellationToken,
    progress: Progress,
) -> anyhow::Result<BackfillOutcome> {
    let sources = connect_sources(app, &pool).await?;
    let poller = app.poller(pool.clone(), stop).await?;
    let (source, planned) = if let Some(backfill_id) = args.resume {
        command(app, &pool, backfill_id, Command::Resume, operator).await?;
        let planned = state::find(&pool, backfill_id).await?.context("the backfill no longer exists")?;
        let source = sources.iter().find(|source| source.id == planned.stream_key.source_id);
        (source.with_context(|| format!("the source of backfill {backfill_id} is not configured"))?, planned)
    } else {
        let source = named(&sources, args.source.as_deref())?;
        let range = range(args, app.clock.now())?;
        let (planned, is_resumed) = planning::plan_backfill(&poller, source, range, operator).await?;
        progress.say(&format!(
            "{} backfill {} of {}: {range}",
            if is_resumed { "resumed" } else { "planned" },
            planned.backfill_id,
            source.slug
        ));
        (source, planned)
    };
    if args.detach {
        return outcome(app, &pool, planned.backfill_id, None).await;
    }
    let detail = {
        let shown = progress.follow(&pool, Arc::clone(&app.clock), planned.backfill_id);
        let ended = backfill::work_off(&poller, source, &planned, usize::from(args.parallel), true);
        tokio::select! {
            ended = ended => explain(ended?, planned.backfill_id),
            () = shown => None,
        }
    };
    progress.finish();
    outcome(app, &pool, planned.backfill_id, detail).await
}

fn explain(ended: Ended, backfill_id: i64) -> Option<String> {
    match ended {
        Ended::Over(_) => None,
        Ended::Stopped => Some("stopped; the same command continues where this one stopped".to_owned()),
        Ended::StreamPaused => Some("the whole stream is paused; resume the stream first".to_owned()),
        Ended::GaveUp(reason) => Some(format!(
            "{reason} Then continue with `tributary backfill --resume {backfill_id}`, or the same command."
        )),
    }
}

fn named<'a>(sources: &'a [Source], wanted: Option<&str>) -> anyhow::Result<&'a Source> {
    let wanted = wanted.context("--source is missing: name the source to read")?;
    let found = sources.iter().find(|source| source.slug.as_str() == wanted);
    found.with_context(|| {
        let known: Vec<&str> = sources.iter().map(|source| source.slug.as_str()).collect();
        format!("--source: there is no source `{wanted}`; the configured sources are: {}", known.join(", "))
    })
}

fn range(args: &BackfillArgs, now: DateTime<Utc>) -> anyhow::Result<Window> {
    let (Some(from), Some(to)) = (args.from, args.to) else {
        bail!("--from and --to are missing: name the range, for example --from 2025-01-01 --to 2026-01-01")
    };
    check_range(Some(from), Some(to))?;
    check_past("--to", to, now)?;
    Ok(Window { from, to })
}

/// Fails if the range of a command is empty.
pub(super) fn check_range(from: Option<DateTime<Utc>>, to: Option<DateTime<Utc>>) -> anyhow::Result<()> {
    if let (Some(from), Some(to)) = (from, to)
        && from >= to
    {
        bail!("--to: {to} is not after --from: the range is half-open, and --to is the first instant after it");
    }
    Ok(())
}

/// Fails if the instant of an option is in the future.
pub(super) fn check_past(option: &str, at: DateTime<Utc>, now: DateTime<Utc>) -> anyhow::Result<()> {
    if at > now {
        bail!("{option}: {at} is in the future; name an instant up to {}", now - TimeDelta::seconds(1));
    }
    Ok(())
}

async fn command(
    app: &App,
    pool: &PgPool,
    backfill_id: i64,
    command: Command,
    operator: &Operator,
) -> anyhow::Result<bool> {
    let target = backfill_id.to_string();
    let now = app.clock.now();
    let operation =
        Operation { source_id: None, stream: None, kind: command.kind(), target: Some(&target), operator, now };
    if backfills::find(pool, backfill_id, now).await?.is_none() {
        bail!("there is no backfill {backfill_id}; `tributary backfill --status` lists them");
    }
    match state::command(pool, backfill_id, command, &operation).await? {
        Commanded::Done => Ok(true),
        Commanded::Unchanged(state) => {
            remark(&format!("tributary: backfill {backfill_id} is {}: nothing was changed", state.as_str()));
            Ok(false)
        }
        Commanded::NotFound => bail!("there is no backfill {backfill_id}; `tributary backfill --status` lists them"),
    }
}

async fn outcome(
    app: &App,
    pool: &PgPool,
    backfill_id: i64,
    detail: Option<String>,
) -> anyhow::Result<BackfillOutcome> {
    let found = backfills::find(pool, backfill_id, app.clock.now()).await?;
    let backfill = found.with_context(|| format!("there is no backfill {backfill_id}"))?;
    let troubled_units = backfills::units(pool, backfill_id, true, None, 100).await?;
    Ok(BackfillOutcome { is_proven: backfill.state == "done", backfill, detail, troubled_units })
}

async fn show(app: &App, pool: &PgPool, args: &BackfillArgs) -> anyhow::Result<ExitCode> {
    let filter = BackfillFilter { sources: args.source.iter().cloned().collect(), ..BackfillFilter::default() };
    let all = backfills::list(pool, &filter, app.clock.now(), 50).await?;
    if args.json {
        super::say(&(serde_json::to_string_pretty(&all)? + "\n"))?;
    } else if all.is_empty() {
        super::say("there are no backfills\n")?;
    } else {
        super::say(&all.iter().map(line).collect::<String>())?;
    }
    Ok(ExitCode::SUCCESS)
}

fn line(backfill: &Backfill) -> String {
    let day = |at: DateTime<Utc>| at.format("%Y-%m-%dT%H:%MZ");
    let troubled = backfill.doubtful_count + backfill.failed_count;
    let trouble = if troubled > 0 { format!(", {troubled} not proven") } else { String::new() };
    let eta = backfill.eta_seconds.map(|seconds| format!(", about {seconds} s left")).unwrap_or_default();
    let reason = backfill.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    format!(
        "{}  {}  {} .. {}  {}{reason}: {} of {} units proven{trouble}, {} records, {} new, {} changed{eta}\n",
        backfill.backfill_id,
        backfill.source,
        day(backfill.range_from),
        day(backfill.range_to),
        backfill.state,
        backfill.proven_count,
        backfill.unit_count,
        backfill.record_count,
        backfill.inserted_count,
        backfill.updated_count,
    )
}

fn print(as_json: bool, outcome: &BackfillOutcome) -> anyhow::Result<()> {
    if as_json {
        return super::say(&(serde_json::to_string_pretty(outcome)? + "\n"));
    }
    let mut text = line(&outcome.backfill);
    for unit in &outcome.troubled_units {
        let why = unit.doubt.as_deref().unwrap_or("not proven");
        // writing to a string cannot fail
        let _ = writeln!(text, "  {} [{}, {}): {why}", unit.state, unit.window_from, unit.window_to);
    }
    if let Some(detail) = &outcome.detail {
        let _ = writeln!(text, "{detail}");
    }
    super::say(&text)
}
