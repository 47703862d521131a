//! The verb `replay`: what it is asked for, and what it prints.

use std::process::ExitCode;

use chrono::{DateTime, Utc};
use clap::Args;
use tokio_util::sync::CancellationToken;

use crate::app::{App, backfilling, replaying, retrying, say};
use crate::ingest::replay::StreamReplay;
use crate::model::artifact::RETRY_STATES;
use crate::model::stream::Stream;

/// Arguments of `tributary replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    #[command(flatten)]
    what: ReplayChoice,
    /// Only this source
    #[arg(long)]
    source: Option<String>,
    /// With --artifacts, only in these states, comma list; default: failed, expired, empty, incomplete
    #[arg(long, value_delimiter = ',', value_parser = RETRY_STATES, requires = "artifacts")]
    state: Vec<String>,
    /// With --artifacts, only this stream
    #[arg(long, value_parser = parse_stream, requires = "artifacts")]
    stream: Option<Stream>,
    /// With --artifacts, only of sessions that began on this date (midnight UTC) or at this RFC 3339 instant, or later
    #[arg(long, value_name = "DATE", value_parser = backfilling::parse_instant, requires = "artifacts")]
    from: Option<DateTime<Utc>>,
    /// With --artifacts, only of sessions that began before it
    #[arg(long, value_name = "DATE", value_parser = backfilling::parse_instant, requires = "artifacts")]
    to: Option<DateTime<Utc>>,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct ReplayChoice {
    /// Try all open rejects by this version; exit 0 only if none is left
    #[arg(long)]
    rejects: bool,
    /// Make all normalized rows from raw records; exit 0 only if every record has its rows
    #[arg(long)]
    from_raw: bool,
    /// Have what was given up of sessions' artifacts tried again by the pollers: resets its tries and makes it due now
    #[arg(long)]
    artifacts: bool,
}

/// Reads again what was fetched before, or has the pollers fetch again what was given up.
pub async fn run(app: &App, args: ReplayArgs, user: &str, stop: CancellationToken) -> anyhow::Result<ExitCode> {
    let only = args.source.as_deref();
    let is_whole = if args.what.artifacts {
        let ReplayArgs { source, stream, state: states, from, to, json: is_json, .. } = args;
        let selection = retrying::RetrySelection { source, stream, states, from, to };
        let lines = retrying::retry(app, &selection, user, stop).await?;
        say(&if is_json { json(&lines)? } else { retrying::table(&lines) })?;
        true
    } else if args.what.rejects {
        let lines = replaying::rejects(app, only, stop).await?;
        say(&if args.json { json(&lines)? } else { replaying::reject_table(&lines) })?;
        lines.iter().all(|line| line.outcome != "still_rejected")
    } else {
        let lines = replaying::from_raw(app, only, stop).await?;
        say(&if args.json { json(&lines)? } else { replaying::table(&lines) })?;
        lines.iter().all(StreamReplay::is_complete)
    };
    Ok(if is_whole { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The stream of this name.
pub fn parse_stream(text: &str) -> Result<Stream, String> {
    let names = Stream::ALL.map(Stream::as_str).join(", ");
    Stream::parse(text).ok_or_else(|| format!("there is no such stream; there are: {names}"))
}

/// A summary for programs.
pub fn json(summary: &impl serde::Serialize) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(summary)? + "\n")
}
