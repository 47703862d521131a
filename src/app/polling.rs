//! `tributary poll`: polls each listing stream once, now, independent of its schedule; then runs every due per-session
//! task, and retries failed ones within seconds. It reports what is still owed, even where nothing is due.

use std::fmt::Write;
use std::sync::Arc;

use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::app::sources::{check_selection, connect_sources, no_source};
use crate::db::Purpose;
use crate::ingest::artifact::pass::{self, StreamSummary};
use crate::ingest::{PlannedStream, Polled, Poller, Source, run_full, run_once};
use crate::model::stream::Stream;
use crate::model::verdict::SCHEMA_DRIFT;
use crate::store::StoreError;
use crate::store::artifact::enqueue;
use crate::store::run::Verdict;

/// The streams to poll.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Only this source; `None`: all sources.
    pub source: Option<String>,
    /// Only this stream; `None`: all streams.
    pub stream: Option<Stream>,
    /// Whether all of the past is read again, too.
    pub is_full: bool,
}

/// A line of the summary.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PollLine {
    /// Slug of the source.
    pub source: String,
    /// Stream.
    pub stream: &'static str,
    /// Verdict of the run, or why there was none: `held`, `parked`, `paused`, `crashed`.
    pub result: &'static str,
    /// Saved pages; in per-session streams, requested sessions.
    pub pages: u64,
    /// Sessions stored for the first time; in per-session streams, sessions with new content.
    pub inserted: i64,
    /// Changed sessions.
    pub updated: i64,
    /// Sessions that are stored already, byte for byte.
    pub unchanged: i64,
    /// Records that could not be normalized.
    pub rejected: i64,
    /// In per-session streams, sessions whose content a fault kept from being read: neither read nor given up.
    pub owed: i64,
    /// Time up to which the stream is proven complete.
    pub complete_through: Option<String>,
    /// Reason why the stream is not complete, or why there was no run.
    pub detail: Option<String>,
}

impl PollLine {
    /// Returns whether the run is proven complete.
    pub fn is_complete(&self) -> bool {
        self.result == Verdict::Complete.as_str()
    }
}

/// Polls the streams of `selection`, all sources concurrently: a slow provider never delays another.
pub async fn poll(app: &App, selection: &Selection, stop: CancellationToken) -> anyhow::Result<Vec<PollLine>> {
    if app.config.sources.is_empty() {
        return Err(no_source());
    }
    check_selection(app, selection.source.as_deref(), selection.stream, &Stream::ALL)?;
    let pool = app.pool_unless_stopped(Purpose::Poll, &stop).await?;
    app.migrate(&pool).await?;
    let mut sources = connect_sources(app, &pool).await?;
    if let Some(wanted) = &selection.source {
        sources.retain(|source| source.slug.as_str() == wanted);
    }
    let poller = Arc::new(app.poller(pool, stop).await?);
    let mut runs = Vec::new();
    for source in sources.into_iter().map(Arc::new) {
        let slug = source.slug.to_string();
        runs.push((slug, tokio::spawn(poll_source(Arc::clone(&poller), source, selection.clone()))));
    }
    let mut lines = Vec::with_capacity(runs.len());
    for (slug, run) in runs {
        match run.await {
            Ok(polled) => lines.extend(polled),
            Err(error) => {
                tracing::error!(source = slug, error = %error, "a run crashed");
                let stream = selection.stream.unwrap_or(Stream::Sessions);
                lines.push(PollLine { detail: Some(error.to_string()), ..line(slug, stream, "crashed") });
            }
        }
    }
    Ok(lines)
}

/// Polls the lists of one source, then fetches its per-session streams.
async fn poll_source(poller: Arc<Poller>, source: Arc<Source>, selection: Selection) -> Vec<PollLine> {
    let is_wanted = |stream: &Stream| selection.stream.is_none_or(|wanted| wanted == *stream);
    let slug = || source.slug.to_string();
    let mut lines = Vec::new();
    for stream in Stream::LISTING.into_iter().filter(is_wanted) {
        let polled = if selection.is_full {
            run_full(&poller, &source, stream).await
        } else {
            run_once(&poller, &source, stream).await
        };
        lines.extend(describe(slug(), stream, polled));
    }
    let wanted: Vec<PlannedStream> =
        source.session_streams.iter().copied().filter(|planned| is_wanted(&planned.stream)).collect();
    match fetch_depth(&poller, &source, &wanted).await {
        Ok(summaries) => lines.extend(summaries.into_iter().map(|summary| depth_line(slug(), &summary))),
        Err(error) => {
            let stream = wanted.first().map_or(Stream::Sessions, |planned| planned.stream);
            lines.extend(describe(slug(), stream, Err(error)));
        }
    }
    lines
}

async fn fetch_depth(
    poller: &Poller,
    source: &Source,
    wanted: &[PlannedStream],
) -> Result<Vec<StreamSummary>, StoreError> {
    enqueue::enqueue_stored(&poller.pool, source.id, &source.queued_streams(), poller.clock.now()).await?;
    pass::run_all(poller, source, wanted).await
}

/// Summarizes the tasks of one stream. A task that waits for its session to reach an age is no failure; a task
/// that waits for a retry after a fault is owed.
fn depth_line(source: String, summary: &StreamSummary) -> PollLine {
    let count = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let outcome = &summary.outcome;
    let error = outcome.error.as_ref().map(|(class, detail)| format!("{class}: {detail}"));
    let is_drift = outcome.error.as_ref().is_some_and(|(class, _)| class == SCHEMA_DRIFT);
    let detail = match (outcome.verdict, outcome.reason.clone()) {
        (Verdict::Incomplete, _) if is_drift => error,
        (Verdict::Incomplete, Some(owed)) if summary.failed > 0 => {
            Some(error.map_or(owed.clone(), |error| format!("{owed}. Last: {error}")))
        }
        (Verdict::Incomplete, owed) => owed,
        _ => error,
    };
    PollLine {
        pages: summary.tried,
        inserted: count(summary.brought),
        unchanged: count(summary.tried.saturating_sub(summary.brought)),
        rejected: summary.rejected,
        owed: summary.owed.iter().map(|owed| owed.count).sum(),
        detail,
        ..line(source, summary.stream, outcome.verdict.as_str())
    }
}

fn describe(slug: String, stream: Stream, polled: Result<Polled, StoreError>) -> Option<PollLine> {
    Some(match polled {
        Ok(Polled::NotOffered) => return None,
        Ok(Polled::Ran(summary)) => PollLine {
            pages: summary.page_count,
            inserted: summary.progress.inserted_count,
            updated: summary.progress.updated_count,
            unchanged: summary.progress.unchanged_count,
            rejected: summary.progress.rejected_count,
            complete_through: summary.complete_through.map(|at| at.to_rfc3339()),
            detail: match (summary.outcome.error, summary.outcome.reason) {
                (Some((class, detail)), _) if summary.outcome.parked_until.is_some() => {
                    let until = summary.outcome.parked_until.map(|until| until.to_rfc3339()).unwrap_or_default();
                    Some(format!("{class}: {detail}. No call is made before {until}."))
                }
                (Some((class, detail)), Some(reason)) if detail != reason => {
                    Some(format!("{class}: {detail}. {reason}"))
                }
                (Some((class, detail)), _) => Some(format!("{class}: {detail}")),
                (None, reason) => reason,
            },
            ..line(slug, stream, summary.outcome.verdict.as_str())
        },
        Ok(Polled::Held { owner, until }) => PollLine {
            detail: Some(format!("{owner} holds the lease until {}, unless it renews it", until.to_rfc3339())),
            ..line(slug, stream, "held")
        },
        Ok(Polled::Parked { until }) => PollLine {
            detail: Some(format!("the provider allows no call before {}", until.to_rfc3339())),
            ..line(slug, stream, "parked")
        },
        Ok(Polled::Paused) => {
            PollLine { detail: Some("an operator paused the stream".to_owned()), ..line(slug, stream, "paused") }
        }
        // only a scheduled poll returns this
        Ok(Polled::NotDue) => line(slug, stream, "not_due"),
        Err(error) => {
            let error = anyhow::Error::from(error);
            PollLine { detail: Some(format!("{error:#}")), ..line(slug, stream, Verdict::Failed.as_str()) }
        }
    })
}

fn line(source: String, stream: Stream, result: &'static str) -> PollLine {
    PollLine {
        source,
        stream: stream.as_str(),
        result,
        pages: 0,
        inserted: 0,
        updated: 0,
        unchanged: 0,
        rejected: 0,
        owed: 0,
        complete_through: None,
        detail: None,
    }
}

/// Formats the summary as a table for people.
pub fn table(lines: &[PollLine]) -> String {
    let head = [
        "source",
        "stream",
        "result",
        "pages",
        "inserted",
        "updated",
        "unchanged",
        "rejected",
        "owed",
        "complete through",
    ];
    let rows = lines.iter().map(|line| {
        [
            line.source.clone(),
            line.stream.to_owned(),
            line.result.to_owned(),
            line.pages.to_string(),
            line.inserted.to_string(),
            line.updated.to_string(),
            line.unchanged.to_string(),
            line.rejected.to_string(),
            line.owed.to_string(),
            line.complete_through.clone().unwrap_or_else(|| "-".to_owned()),
        ]
    });
    let rows: Vec<[String; 10]> = std::iter::once(head.map(str::to_owned)).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..head.len()).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(&widths).enumerate().map(|(column, (cell, width))| {
            // numbers are right-aligned
            if (3..9).contains(&column) { format!("{cell:>width$}") } else { format!("{cell:<width$}") }
        });
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    for line in lines.iter().filter(|line| !line.is_complete()) {
        let detail = line.detail.as_deref().unwrap_or("not complete");
        // writing to a string cannot fail
        let _ = writeln!(text, "{}/{}: {detail}", line.source, line.stream);
    }
    text
}
