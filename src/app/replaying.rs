//! `tributary replay`: rebuilds rows from raw records, or replays rejects. It calls no provider.
//!
//! It works beside a running service. Its user is journaled before it begins. Sources that are no longer
//! configured are skipped: nothing here can read their records.

use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::sync::{Mutex, PoisonError};

use anyhow::bail;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::app::sources::connect_sources;
use crate::app::{App, remark};
use crate::db::Purpose;
use crate::ingest::replay::{self, StreamReplay, Watcher};
use crate::ingest::{Poller, Source};
use crate::model::replay::ReplayOutcome;
use crate::store::operation::{Operation, Operator};
use crate::store::reject;

/// The result of replaying a reject.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RejectLine {
    /// Number of the reject.
    pub reject_id: i64,
    /// Slug of the source.
    pub source: String,
    /// Stream.
    pub stream: &'static str,
    /// `stored`, `unchanged`, `stale` or `still_rejected`.
    pub outcome: &'static str,
    /// Code of the reason why it is still rejected.
    pub reason_code: Option<String>,
    /// Location in the record.
    pub json_pointer: Option<String>,
    /// Description of the reason, for people.
    pub detail: Option<String>,
}

/// The poller and the sources of a replay.
struct Workplace {
    poller: Poller,
    sources: Vec<Source>,
}

async fn workplace(app: &App, only: Option<&str>, stop: CancellationToken) -> anyhow::Result<Workplace> {
    let pool = app.pool_unless_stopped(Purpose::Poll, &stop).await?;
    app.migrate(&pool).await?;
    let mut sources = connect_sources(app, &pool).await?;
    if let Some(wanted) = only {
        sources.retain(|source| source.slug.as_str() == wanted);
        if sources.is_empty() {
            let known: Vec<&str> = app.config.sources.iter().map(|source| source.slug.as_str()).collect();
            bail!("there is no source `{wanted}`; the configured sources are: {}", known.join(", "));
        }
    }
    if sources.is_empty() {
        bail!("no source is configured: add a [[sources]] section, which names the provider of the raw records");
    }
    Ok(Workplace { poller: app.poller(pool, stop).await?, sources })
}

impl Workplace {
    async fn record(&self, source: &Source, target: &str) -> anyhow::Result<()> {
        let operator = Operator { requested_by: self.poller.owner.clone(), request_id: None };
        let operation = Operation {
            source_id: Some(source.id),
            stream: None,
            kind: "replay",
            target: Some(target),
            operator: &operator,
            now: self.poller.clock.now(),
        };
        reject::record(&self.poller.pool, &operation).await?;
        Ok(())
    }
}

/// Rebuilds all normalized rows from raw records; of one source, or of all.
pub async fn from_raw(app: &App, only: Option<&str>, stop: CancellationToken) -> anyhow::Result<Vec<StreamReplay>> {
    let place = workplace(app, only, stop).await?;
    let bar = Bar::new();
    let mut lines = Vec::new();
    for source in &place.sources {
        place.record(source, "from_raw").await?;
        lines.extend(replay::from_raw(&place.poller, source, &bar).await?);
    }
    bar.drawn.finish_and_clear();
    place.poller.pool.close().await;
    Ok(lines)
}

/// Replays all open rejects; of one source, or of all.
pub async fn rejects(app: &App, only: Option<&str>, stop: CancellationToken) -> anyhow::Result<Vec<RejectLine>> {
    let place = workplace(app, only, stop).await?;
    let mut lines = Vec::new();
    for source in &place.sources {
        place.record(source, "rejects").await?;
        replay::all_rejects(&place.poller, source, |stored, outcome| {
            let why = match outcome {
                ReplayOutcome::StillRejected(why) => Some(why),
                _ => None,
            };
            lines.push(RejectLine {
                reject_id: stored.reject_id,
                source: stored.source.clone(),
                stream: stored.stream_key.stream.as_str(),
                outcome: outcome.as_str(),
                reason_code: why.map(|why| why.reason_code.to_owned()),
                json_pointer: why.map(|why| why.json_pointer.clone()),
                detail: why.map(|why| why.detail.clone()),
            });
        })
        .await?;
    }
    if place.poller.stop.is_cancelled() {
        bail!("stopped; the results so far are stored, and the same command continues");
    }
    place.poller.pool.close().await;
    Ok(lines)
}

/// A bar on a terminal; elsewhere, a plain line for each tenth.
struct Bar {
    drawn: ProgressBar,
    is_terminal: bool,
    said: Mutex<(String, u64)>,
}

impl Bar {
    fn new() -> Self {
        let is_terminal = std::io::stderr().is_terminal();
        let target = if is_terminal { ProgressDrawTarget::stderr() } else { ProgressDrawTarget::hidden() };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        if let Ok(style) = ProgressStyle::with_template("{msg:28} {bar:30} {pos}/{len} {per_sec} {eta}") {
            bar.set_style(style);
        }
        Self { drawn: bar, is_terminal, said: Mutex::default() }
    }
}

impl Watcher for Bar {
    fn at(&self, source: &str, what: &str, done: u64, total: u64) {
        if self.is_terminal {
            self.drawn.set_length(total);
            self.drawn.set_position(done);
            self.drawn.set_message(format!("{source}: {what}"));
            return;
        }
        let about = format!("{source}: {what}");
        let tenth = done.saturating_mul(10).checked_div(total).unwrap_or(10);
        let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
        if *said != (about.clone(), tenth) {
            remark(&format!("{about} {done}/{total}"));
            *said = (about, tenth);
        }
    }
}

/// Formats the summary of a replay from raw records as a table for people.
pub fn table(lines: &[StreamReplay]) -> String {
    let mut rows =
        vec![["source", "stream", "records", "written", "unchanged", "refused", "removed"].map(str::to_owned)];
    rows.extend(lines.iter().map(|line| {
        let numbers = [line.records, line.written, line.unchanged, line.refused, line.removed].map(|n| n.to_string());
        let [records, written, unchanged, refused, removed] = numbers;
        [line.source.clone(), line.stream.to_owned(), records, written, unchanged, refused, removed]
    }));
    let mut text = aligned(&rows, 2);
    for line in lines {
        if let Some(detail) = &line.detail {
            let _ = writeln!(text, "{}/{}: {detail}", line.source, line.stream);
        }
    }
    text
}

/// Formats the results of replayed rejects as a table for people.
pub fn reject_table(lines: &[RejectLine]) -> String {
    if lines.is_empty() {
        return "there are no open rejects\n".to_owned();
    }
    let mut rows = vec![["reject", "source", "stream", "outcome", "reason", "where"].map(str::to_owned)];
    rows.extend(lines.iter().map(|line| {
        [
            line.reject_id.to_string(),
            line.source.clone(),
            line.stream.to_owned(),
            line.outcome.to_owned(),
            line.reason_code.clone().unwrap_or_default(),
            line.json_pointer.clone().unwrap_or_default(),
        ]
    }));
    let open = lines.iter().filter(|line| line.outcome == "still_rejected").count();
    let mut text = aligned(&rows, usize::MAX);
    let _ = writeln!(text, "{} resolved, {open} still rejected", lines.len() - open);
    text
}

/// Aligns the columns; those from `right` on are right-aligned.
fn aligned<const N: usize>(rows: &[[String; N]], right: usize) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            if column >= right { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    text
}
