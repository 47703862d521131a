//! The report of a run that ended, in the log and in the metrics.
//!
//! A success is INFO; a failure is WARN, and ERROR where it makes a healthy stream failing. A run at whose end a stream
//! became stale is ERROR too: where the provider allows no calls, no run fails.

use crate::ingest::poller::Source;
use crate::model::stream::Stream;
use crate::model::verdict::{RunOutcome, Verdict};
use crate::store::run::Progress;
use crate::telemetry::metrics::{self, RecordCounts};
use crate::telemetry::traces;

/// A run that ended.
#[derive(Clone, Copy)]
pub(super) struct Ended<'a> {
    pub(super) source: &'a Source,
    pub(super) stream: Stream,
    pub(super) run_id: i64,
    pub(super) outcome: &'a RunOutcome,
    /// Requests that brought records: pages, or sessions tried.
    pub(super) pages: u64,
    pub(super) progress: Progress,
    pub(super) lag_seconds: Option<i64>,
    /// Whether the stream was healthy before; `None`: unknown.
    pub(super) was_well: Option<bool>,
    /// Whether the stream became stale since the run before.
    pub(super) has_become_stale: bool,
}

/// Writes the report.
pub(super) fn run_ended(ended: &Ended<'_>) {
    let Ended { source, stream, run_id, outcome, pages, progress, lag_seconds, was_well, has_become_stale } = *ended;
    let records = RecordCounts {
        inserted: progress.inserted_count,
        updated: progress.updated_count,
        unchanged: progress.unchanged_count,
        rejected: progress.rejected_count,
    };
    traces::run_ended(run_id, outcome.verdict.as_str());
    metrics::count_run(source.slug.as_str(), stream.as_str(), outcome.verdict.as_str(), records);
    let (class, detail) = outcome.error.as_ref().map(|(class, detail)| (class.as_str(), detail.as_str())).unzip();
    macro_rules! write {
        ($level:ident) => {
            tracing::$level!(
                source = %source.slug,
                stream = %stream,
                run_id,
                verdict = outcome.verdict.as_str(),
                class,
                status = outcome.http_status,
                detail,
                reason = outcome.reason,
                pages,
                inserted = records.inserted,
                updated = records.updated,
                unchanged = records.unchanged,
                rejected = records.rejected,
                lag_seconds,
                "run ended"
            )
        };
    }
    match outcome.verdict {
        _ if has_become_stale => write!(error),
        Verdict::Failed | Verdict::Incomplete if was_well == Some(true) => write!(error),
        Verdict::Failed | Verdict::Incomplete => write!(warn),
        Verdict::Complete | Verdict::RateLimited | Verdict::Cancelled => write!(info),
    }
}
