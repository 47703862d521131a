//! Summary of a pass over one stream, and the report at its end. Uses no database and no network.

use chrono::{DateTime, Utc};

use crate::ingest::artifact::attempt::Tried;
use crate::ingest::artifact::retry_schedule::USUAL_ABSENCES;
use crate::model::stream::Stream;
use crate::store::artifact::owed::OwedTasks;
use crate::store::run::Verdict;

/// Refusals in a row after which the whole stream counts as refused, and not only a session.
const MOST_REFUSALS: u32 = 3;

/// Result of the work on one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamSummary {
    /// The stream.
    pub stream: Stream,
    /// Its run in the journal.
    pub run_id: i64,
    /// The verdict.
    pub verdict: Verdict,
    /// Tasks tried.
    pub tried: u64,
    /// Tasks that stored something new.
    pub brought: u64,
    /// Failed tries, whose artifacts are owed.
    pub failed: u64,
    /// Owed tasks at its end, by class.
    pub owed: Vec<OwedTasks>,
    /// The last failure: class and description.
    pub error: Option<(String, String)>,
    /// The provider allows no call before this instant.
    pub parked_until: Option<DateTime<Utc>>,
    /// Tries that the provider refused,
    refused: u64,
    /// and those in a row at the end.
    refused_in_a_row: u32,
    /// Confirmed absences of old sessions, in a row.
    confirmed_in_a_row: u32,
}

impl StreamSummary {
    /// Creates the summary of a stream without tries.
    pub(super) fn new(stream: Stream, run_id: i64) -> Self {
        Self {
            stream,
            run_id,
            verdict: Verdict::Complete,
            tried: 0,
            brought: 0,
            failed: 0,
            owed: Vec::new(),
            error: None,
            parked_until: None,
            refused: 0,
            refused_in_a_row: 0,
            confirmed_in_a_row: 0,
        }
    }

    /// Counts one try.
    pub(super) fn count(&mut self, tried: &Tried) {
        match tried {
            Tried::Decided { failure, confirms_absence } => {
                self.tried += 1;
                self.refused_in_a_row = 0;
                match confirms_absence {
                    Some(true) => self.confirmed_in_a_row += 1,
                    Some(false) => self.confirmed_in_a_row = 0,
                    None => {}
                }
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

    /// Counts the result of saving a try: whether it stored something new, and why it could not be stored as it
    /// was.
    pub(super) fn count_saved(&mut self, is_new: bool, failure: Option<(String, String)>) {
        self.brought += u64::from(is_new);
        if let Some((class, detail)) = failure {
            self.fail(&class, &detail);
        }
    }

    fn fail(&mut self, class: &str, detail: &str) {
        self.failed += 1;
        self.error = Some((class.to_owned(), detail.to_owned()));
    }

    /// Sets the final verdict once the pass is over; `owed` lists what the stream owes now.
    pub(super) fn conclude(&mut self, is_stopped: bool, owed: Vec<OwedTasks>) {
        self.owed = owed;
        if self.tried > 0 && self.refused == self.tried && self.verdict == Verdict::Complete {
            self.verdict = Verdict::Failed;
        }
        if self.verdict == Verdict::Complete && !self.owed.is_empty() {
            self.verdict = Verdict::Incomplete;
        }
        if is_stopped && self.verdict == Verdict::Complete {
            self.verdict = Verdict::Cancelled;
        }
        match (self.verdict, self.owed.first()) {
            // a later try read what had failed
            (Verdict::Complete, _) => self.error = None,
            (Verdict::Incomplete, Some(most)) if self.error.is_none() => {
                self.error = Some((most.class.clone(), self.owed_in_words()));
            }
            _ => {}
        }
    }

    /// Describes what is owed: how many tasks, of which kind, and when the next try is.
    fn owed_in_words(&self) -> String {
        let count: i64 = self.owed.iter().map(|owed| owed.count).sum();
        let classes: Vec<String> = self.owed.iter().map(|owed| format!("{} {}", owed.count, owed.class)).collect();
        let next = self.owed.iter().filter_map(|owed| owed.next_try_at).min();
        let next = next.map(|at| format!("; next try at {}", at.format("%Y-%m-%dT%H:%M:%SZ"))).unwrap_or_default();
        format!("{count} {} owed: {}{next}", self.stream, classes.join(", "))
    }

    /// Returns why it is not complete.
    pub(crate) fn reason(&self) -> Option<String> {
        let advice = || crate::ingest::advice_for(&self.error.as_ref()?.0);
        match self.verdict {
            Verdict::Incomplete => Some(self.owed_in_words()),
            Verdict::Cancelled => Some("the service was stopped; the next pass continues".to_owned()),
            Verdict::RateLimited | Verdict::Failed => advice().map(str::to_owned),
            Verdict::Complete => None,
        }
    }

    /// Adds a later pass over the same stream.
    pub(super) fn add(&mut self, later: Self) {
        self.tried += later.tried;
        self.brought += later.brought;
        self.failed += later.failed;
        // a later pass may have read what an earlier one owed
        if matches!(self.verdict, Verdict::Complete | Verdict::Incomplete) || later.verdict != Verdict::Complete {
            (self.verdict, self.error, self.parked_until) = (later.verdict, later.error, later.parked_until);
        }
        (self.run_id, self.owed) = (later.run_id, later.owed);
    }

    /// Whether so many old sessions in a row confirmed their absences that a further absence is assumed to be
    /// permanent.
    pub(super) fn is_absence_usual(&self) -> bool {
        self.confirmed_in_a_row >= USUAL_ABSENCES
    }

    /// Whether the provider refuses the calls of this stream, so that no more are made in this pass.
    pub(super) fn is_refused(&self) -> bool {
        self.verdict == Verdict::Failed
    }
}
