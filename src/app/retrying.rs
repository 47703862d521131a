//! `tributary replay --artifacts`: retries given-up artifacts. It calls no provider: the pollers do, or the next poll.

use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::app::backfilling::check_range;
use crate::app::sources::check_selection;
use crate::db::Purpose;
use crate::model::artifact::GIVEN_UP_STATES;
use crate::model::stream::Stream;
use crate::store::action;
use crate::store::artifact::owed::{self, RetryFilter};
use crate::store::operation::{Operation, Operator};

/// The artifacts to retry.
#[derive(Debug, Clone, Default)]
pub struct RetrySelection {
    /// Only of this source; `None`: of all.
    pub source: Option<String>,
    /// Only of this stream; `None`: of all.
    pub stream: Option<Stream>,
    /// Only in these states; empty: all that were given up.
    pub states: Vec<String>,
    /// Only of sessions that began at this instant or later.
    pub from: Option<DateTime<Utc>>,
    /// Only of sessions that began before this instant.
    pub to: Option<DateTime<Utc>>,
}

/// A line of the summary.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RetryLine {
    /// Slug of the source.
    pub source: String,
    /// Stream.
    pub stream: &'static str,
    /// Tasks that are due now.
    pub made_due: i64,
}

/// Makes the tasks of `selection` due now and resets their tries; `user` is written into the journal.
pub async fn retry(
    app: &App,
    selection: &RetrySelection,
    user: &str,
    stop: CancellationToken,
) -> anyhow::Result<Vec<RetryLine>> {
    check_selection(app, selection.source.as_deref(), selection.stream, &Stream::PER_SESSION)?;
    check_range(selection.from, selection.to)?;
    let pool = app.pool_unless_stopped(Purpose::Poll, &stop).await?;
    app.migrate(&pool).await?;
    let slugs: Vec<&str> = app.config.sources.iter().map(|source| source.slug.as_str()).collect();
    let operator = Operator { requested_by: user.to_owned(), request_id: None };
    let states: Vec<&str> = selection.states.iter().map(String::as_str).collect();
    let states = if states.is_empty() { GIVEN_UP_STATES.to_vec() } else { states };
    let streams = selection.stream.map_or(Stream::PER_SESSION.to_vec(), |stream| vec![stream]);
    let mut lines = Vec::new();
    for slug in slugs.into_iter().filter(|slug| selection.source.as_deref().is_none_or(|wanted| wanted == *slug)) {
        // a source that was never polled has no tasks
        let Some(source_id) = action::source_id(&pool, slug).await? else { continue };
        let filter =
            RetryFilter { source_id, streams: &streams, states: &states, from: selection.from, to: selection.to };
        let target = filter.in_words();
        let operation = Operation {
            source_id: Some(source_id),
            stream: selection.stream,
            kind: "retry",
            target: Some(&target),
            operator: &operator,
            now: app.clock.now(),
        };
        let (_, made_due) = owed::retry(&pool, &operation, &filter).await?;
        let line = |(stream, made_due): (Stream, i64)| RetryLine {
            source: slug.to_owned(),
            stream: stream.as_str(),
            made_due,
        };
        lines.extend(made_due.into_iter().map(line));
    }
    pool.close().await;
    Ok(lines)
}

/// Formats the summary for people.
pub fn table(lines: &[RetryLine]) -> String {
    let mut text = String::new();
    for line in lines.iter().filter(|line| line.made_due > 0) {
        let RetryLine { source, stream, made_due } = line;
        // writing to a string cannot fail
        let _ = writeln!(text, "{source}/{stream}: {made_due} due now");
    }
    let total: i64 = lines.iter().map(|line| line.made_due).sum();
    let _ = writeln!(text, "{total} tasks are tried again by the pollers, or by the next `tributary poll`");
    text
}
