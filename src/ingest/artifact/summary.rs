//! How a pass over one stream goes, and what is to be said of it at its end. No database, no network.

use chrono::{DateTime, Utc};

use crate::ingest::artifact::attempt::Tried;
use crate::model::stream::Stream;
use crate::store::run::Verdict;

/// Refusals in a row after which it is the stream that is refused, and not a session.
const MOST_REFUSALS: u32 = 3;

/// How the work on one stream went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamSummary {
    /// Which stream.
    pub stream: Stream,
    /// Its run in the journal.
    pub run_id: i64,
    /// How it ended.
    pub verdict: Verdict,
    /// Tasks tried.
    pub tried: u64,
    /// Tasks that brought something new.
    pub brought: u64,
    /// Tasks that failed; they are tried again by their calendar.
    pub failed: u64,
    /// The last failure: class and words.
    pub error: Option<(String, String)>,
    /// The provider wants no call before this.
    pub parked_until: Option<DateTime<Utc>>,
    /// Tries that the provider refused,
    refused: u64,
    /// and those of them since one was not.
    refused_in_a_row: u32,
}

impl StreamSummary {
    /// Nothing was tried yet.
    pub(super) fn new(stream: Stream, run_id: i64) -> Self {
        Self {
            stream,
            run_id,
            verdict: Verdict::Complete,
            tried: 0,
            brought: 0,
            failed: 0,
            error: None,
            parked_until: None,
            refused: 0,
            refused_in_a_row: 0,
        }
    }

    /// Counts one try.
    pub(super) fn count(&mut self, tried: &Tried) {
        match tried {
            Tried::Decided { failure } => {
                self.tried += 1;
                self.refused_in_a_row = 0;
                if let Some((class, detail)) = failure {
                    self.fail(class, detail);
                }
            }
            Tried::Refused(error) => {
                self.tried += 1;
                self.refused += 1;
                self.refused_in_a_row += 1;
                self.fail(error.kind.policy().class, &error.to_string());
                if self.refused_in_a_row >= MOST_REFUSALS {
                    self.verdict = Verdict::Failed;
                }
            }
            Tried::Closed(error) => {
                let is_wait = error.retry_at().is_some();
                self.verdict = if is_wait { Verdict::RateLimited } else { Verdict::Failed };
                self.error = Some((error.kind.policy().class.to_owned(), error.to_string()));
                self.parked_until = error.retry_at();
            }
        }
    }

    /// Counts what saving a try did: whether it stored something new, and why it could not store it as it was.
    pub(super) fn count_saved(&mut self, is_new: bool, failure: Option<(String, String)>) {
        self.brought += u64::from(is_new);
        if let Some((class, detail)) = failure {
            self.fail(&class, &detail);
        }
    }

    fn fail(&mut self, class: &str, detail: &str) {
        self.failed += 1;
        self.error = Some((class.to_owned(), detail.to_owned()));
        if self.verdict == Verdict::Complete {
            self.verdict = Verdict::Incomplete;
        }
    }

    /// The last word, once the pass is over.
    pub(super) fn conclude(&mut self, is_stopped: bool) {
        if self.tried > 0 && self.refused == self.tried && self.verdict == Verdict::Incomplete {
            self.verdict = Verdict::Failed;
        }
        if is_stopped && self.verdict == Verdict::Complete {
            self.verdict = Verdict::Cancelled;
        }
    }

    /// Why it is not complete.
    pub(super) fn reason(&self) -> Option<String> {
        let advice = || crate::ingest::advice_for(&self.error.as_ref()?.0);
        match self.verdict {
            Verdict::Incomplete => Some(format!(
                "{} of {} sessions could not be fetched; they are tried again by themselves",
                self.failed, self.tried
            )),
            Verdict::Cancelled => Some("the service was stopped; the next pass goes on".to_owned()),
            Verdict::RateLimited | Verdict::Failed => advice().map(str::to_owned),
            Verdict::Complete => None,
        }
    }

    /// Adds a later pass over the same stream.
    pub(super) fn add(&mut self, later: Self) {
        self.tried += later.tried;
        self.brought += later.brought;
        self.failed += later.failed;
        if later.verdict != Verdict::Complete {
            (self.verdict, self.error, self.parked_until) = (later.verdict, later.error, later.parked_until);
        }
        self.run_id = later.run_id;
    }

    /// Whether the provider refuses the calls of this stream, so that no more are made in this pass.
    pub(super) fn is_refused(&self) -> bool {
        self.verdict == Verdict::Failed
    }
}
