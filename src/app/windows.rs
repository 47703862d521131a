//! `tributary windows`: lists the ranges that are not proven complete, accepts them with a note, or reopens them.

use std::fmt::Write;
use std::process::ExitCode;

use anyhow::{Context, bail};
use chrono::{DateTime, Utc};
use clap::{Args, Subcommand};
use sqlx::PgPool;

use crate::app::backfilling::parse_instant;
use crate::app::{App, say};
use crate::db::Purpose;
use crate::model::id::SourceId;
use crate::model::source_access::SourceAccess;
use crate::model::stream::Stream;
use crate::model::time::Window;
use crate::query::catalog::Catalog;
use crate::query::windows::{self, CoveredWindow, WindowFilter};
use crate::store::accepted_gap;
use crate::store::operation::{Operation, Operator};
use crate::store::window;

/// Most ranges to list.
const MAX_LISTED: i64 = 1_000;

/// Arguments of `tributary windows`.
#[derive(Debug, Clone, Args)]
pub struct WindowsArgs {
    #[command(subcommand)]
    verb: WindowsVerb,
}

#[derive(Debug, Clone, Subcommand)]
enum WindowsVerb {
    /// List the ranges that were read and are not proven complete, including accepted ones
    List {
        /// Only this source
        #[arg(long)]
        source: Option<String>,
        /// Print the list as JSON
        #[arg(long)]
        json: bool,
    },
    /// Accept the unproven parts of a range: `complete_through` advances beyond them, and answers that touch
    /// them say so
    Accept {
        #[command(flatten)]
        range: RangeArgs,
        /// Reason for accepting it
        #[arg(long, value_parser = parse_note)]
        note: String,
    },
    /// Revoke an acceptance: the range is read again, and holds back `complete_through` until it is proven
    Reopen {
        #[command(flatten)]
        range: RangeArgs,
    },
}

#[derive(Debug, Clone, Args)]
struct RangeArgs {
    /// The source
    #[arg(long)]
    source: String,
    /// The stream
    #[arg(long, default_value = "sessions", value_parser = parse_stream)]
    stream: Stream,
    /// First instant of the range: a date (midnight UTC) or an RFC 3339 instant
    #[arg(long, value_name = "DATE", value_parser = parse_instant)]
    from: DateTime<Utc>,
    /// End of the range, exclusive
    #[arg(long, value_name = "DATE", value_parser = parse_instant)]
    to: DateTime<Utc>,
}

fn parse_stream(text: &str) -> Result<Stream, String> {
    let names = Stream::LISTING.map(Stream::as_str).join(", ");
    let stream = Stream::parse(text).filter(|stream| Stream::LISTING.contains(stream));
    stream.ok_or_else(|| format!("no listing stream has this name; the listing streams are: {names}"))
}

fn parse_note(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() { Err("state why the range is accepted".to_owned()) } else { Ok(text.to_owned()) }
}

/// Runs the command that `args` give; `user` is written into the journal.
pub async fn run(app: &App, args: &WindowsArgs, user: &str) -> anyhow::Result<ExitCode> {
    let pool = app.pool(Purpose::Poll).await?;
    app.migrate(&pool).await?;
    let operator = Operator { requested_by: user.to_owned(), request_id: None };
    match &args.verb {
        WindowsVerb::List { source, json } => {
            let filter = WindowFilter {
                sources: source.iter().cloned().collect(),
                states: vec!["doubtful".to_owned(), "accepted".to_owned()],
                ..WindowFilter::default()
            };
            let found = windows::list(&pool, &filter, MAX_LISTED).await?;
            say(&if *json { serde_json::to_string_pretty(&found)? + "\n" } else { table(&found) })?;
            Ok(ExitCode::SUCCESS)
        }
        WindowsVerb::Accept { range, note } => change(app, &pool, range, Some(note), &operator).await,
        WindowsVerb::Reopen { range } => change(app, &pool, range, None, &operator).await,
    }
}

/// Accepts the range if there is a `note`, and reopens it otherwise.
async fn change(
    app: &App,
    pool: &PgPool,
    range: &RangeArgs,
    note: Option<&String>,
    operator: &Operator,
) -> anyhow::Result<ExitCode> {
    let RangeArgs { source, stream, from, to } = range;
    if from >= to {
        bail!("--from must lie before --to");
    }
    let catalog = Catalog::load(pool, &SourceAccess::All, None).await?;
    let found = catalog.sources.iter().find(|known| known.source == *source);
    let source_id = found.map(|found| SourceId(found.source_id));
    let source_id = source_id.with_context(|| format!("there is no source `{source}`"))?;
    let operation = Operation {
        source_id: Some(source_id),
        stream: Some(*stream),
        kind: if note.is_some() { "accept_windows" } else { "reopen_windows" },
        target: None,
        operator,
        now: app.clock.now(),
    };
    let window = Window { from: *from, to: *to };
    let changed = match note {
        Some(note) => accepted_gap::accept(pool, &operation, *stream, &window, note).await?,
        None => accepted_gap::reopen(pool, &operation, *stream, &window).await?,
    };
    let Some(changed) = changed else {
        say("nothing was changed: no such window overlaps the range; `tributary windows list` lists the windows\n")?;
        return Ok(ExitCode::FAILURE);
    };
    let done = if note.is_some() { "accepted" } else { "reopened" };
    for window in &changed.windows {
        say(&format!("{done}: {source}/{stream} {window}\n"))?;
    }
    let through = window::complete_through(pool, source_id, *stream).await?;
    let through = through.map_or_else(|| "nothing yet".to_owned(), |at| at.to_rfc3339());
    say(&format!("complete through {through}\n"))?;
    Ok(ExitCode::SUCCESS)
}

fn table(found: &[CoveredWindow]) -> String {
    if found.is_empty() {
        return "every range that was read is proven complete\n".to_owned();
    }
    let mut text = String::new();
    for window in found {
        let (from, to) = (window.window_from.to_rfc3339(), window.window_to.to_rfc3339());
        let state = match (&window.accepted_note, &window.accepted_by) {
            (Some(note), Some(by)) => format!("accepted by {by}: {note}"),
            _ => format!("doubtful: {}", window.reason.as_deref().unwrap_or("not proven")),
        };
        // writing to a string cannot fail
        let _ = writeln!(text, "{}/{} [{from}, {to}) {state}", window.source, window.stream);
    }
    text
}
