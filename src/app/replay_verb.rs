//! The command `replay`: its arguments, and its output.

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
    /// With --artifacts, only in these states, comma-separated; default: failed, expired, empty, incomplete
    #[arg(long, value_delimiter = ',', value_parser = RETRY_STATES, requires = "artifacts")]
    state: Vec<String>,
    /// With --artifacts, only this stream
    #[arg(long, value_parser = parse_session_stream, requires = "artifacts")]
    stream: Option<Stream>,
    /// With --artifacts, only of sessions that began on this date (midnight UTC) or at this RFC 3339 instant, or later
    #[arg(long, value_name = "DATE", value_parser = backfilling::parse_instant, requires = "artifacts")]
    from: Option<DateTime<Utc>>,
    /// With --artifacts, only of sessions that began before this date or instant
    #[arg(long, value_name = "DATE", value_parser = backfilling::parse_instant, requires = "artifacts")]
    to: Option<DateTime<Utc>>,
    /// Print the summary as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct ReplayChoice {
    /// Replay all open rejects with this version; exit 0 only if none is left
    #[arg(long)]
    rejects: bool,
    /// Rebuild all normalized rows from raw records; exit 0 only if every record has its rows
    #[arg(long)]
    from_raw: bool,
    /// Have the pollers retry session artifacts that were given up: resets their tries and makes them due now
    #[arg(long)]
    artifacts: bool,
}

/// Rebuilds rows from stored records, or makes the pollers fetch given-up artifacts again.
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

/// Parses the name of a stream.
pub fn parse_stream(text: &str) -> Result<Stream, String> {
    one_of(&Stream::ALL, text)
}

fn parse_session_stream(text: &str) -> Result<Stream, String> {
    one_of(&Stream::PER_SESSION, text)
}

fn one_of(streams: &[Stream], text: &str) -> Result<Stream, String> {
    let names = || streams.iter().map(|stream| stream.as_str()).collect::<Vec<_>>().join(", ");
    let found = streams.iter().copied().find(|stream| stream.as_str() == text);
    found.ok_or_else(|| format!("there is no such stream; the streams are: {}", names()))
}

/// Formats a summary for programs.
pub fn json(summary: &impl serde::Serialize) -> anyhow::Result<String> {
    Ok(serde_json::to_string_pretty(summary)? + "\n")
}
