//! The facts about a pass over one stream, and its summary. Uses no database and no network.

use crate::connector::error::PullError;
use crate::ingest::artifact::attempt::Tried;
use crate::ingest::artifact::retry_schedule::USUAL_ABSENCES;
use crate::ingest::artifact::stream_run::StreamRun;
use crate::ingest::verdict::{Halt, RunFacts, judge};
use crate::model::stream::Stream;
use crate::model::verdict::{RunOutcome, Verdict};
use crate::store::artifact::owed::OwedTasks;
use crate::store::field_presence::MissingField;

/// Refusals in a row after which the whole stream counts as refused, and not only a session.
const MOST_REFUSALS: u32 = 3;

/// The facts about a pass over one stream so far.
#[derive(Debug, Default)]
pub(super) struct PassFacts {
    /// Its run.
    pub(super) run: StreamRun,
    /// Tasks tried.
    tried: u64,
    /// Tasks that stored something new.
    brought: u64,
    /// Records that could not be normalized.
    rejected: i64,
    /// Failed tries, whose artifacts are owed.
    failed: u64,
    /// The last failed try: class and description.
    failure: Option<(String, String)>,
    /// Tries that the provider refused,
    refused: u64,
    /// and those in a row at the end.
    refused_in_a_row: u32,
    /// Confirmed absences of old sessions, in a row.
    confirmed_in_a_row: u32,
    /// The last refusal.
    refusal: Option<PullError>,
    /// The answer after which no more calls are made for the stream.
    halt: Option<PullError>,
}

impl PassFacts {
    /// Begins a pass without tries.
    pub(super) fn of_run(run: StreamRun) -> Self {
        Self { run, ..Self::default() }
    }

    /// Counts one try.
    pub(super) fn count(&mut self, tried: Tried) {
        match tried {
            Tried::Decided { failure, confirms_absence } => {
                self.tried += 1;
                self.refused_in_a_row = 0;
                match confirms_absence {
                    Some(true) => self.confirmed_in_a_row += 1,
                    Some(false) => self.confirmed_in_a_row = 0,
                    None => {}
                }
                self.fail(failure);
            }
            Tried::Refused(error) => {
                self.tried += 1;
                self.refused += 1;
                self.refused_in_a_row += 1;
                self.fail(Some((error.kind.policy().class.to_owned(), error.to_string())));
                if self.refused_in_a_row >= MOST_REFUSALS && self.halt.is_none() {
                    self.halt = Some(error);
                } else {
                    self.refusal = Some(error);
                }
            }
            Tried::Closed(error) => self.halt = Some(error),
        }
    }

    /// Counts the result of saving a try: whether it stored something new, its rejects, and why it could not be stored
    /// as it was.
    pub(super) fn count_saved(&mut self, is_new: bool, rejected: i64, failure: Option<(String, String)>) {
        self.brought += u64::from(is_new);
        self.rejected += rejected;
        self.fail(failure);
    }

    fn fail(&mut self, failure: Option<(String, String)>) {
        if failure.is_some() {
            self.failed += 1;
            self.failure = failure;
        }
    }

    /// Whether so many old sessions in a row confirmed their absences that a further absence is assumed to be
    /// permanent.
    pub(super) fn is_absence_usual(&self) -> bool {
        self.confirmed_in_a_row >= USUAL_ABSENCES
    }

    /// Whether no more calls are made for the stream in this pass.
    pub(super) fn is_halted(&self) -> bool {
        self.halt.is_some()
    }

    /// Ends the pass; `owed` is what the stream owes now, and `missing_fields` are those that its records lack.
    pub(super) fn conclude(
        self,
        stream: Stream,
        is_stopped: bool,
        owed: Vec<OwedTasks>,
        missing_fields: &[MissingField],
    ) -> StreamSummary {
        let all_refused = self.refusal.filter(|_| self.refused == self.tried);
        let halt = self.halt.or(all_refused).map(Halt::Pull).or(is_stopped.then_some(Halt::Cancelled));
        let failure = self.failure.as_ref();
        let facts = RunFacts { halt: halt.as_ref(), owed: &owed, failure, missing_fields, ..RunFacts::default() };
        let outcome = judge(&facts);
        let Self { run: StreamRun { id: run_id, .. }, tried, brought, rejected, failed, .. } = self;
        StreamSummary { stream, run_id, outcome, tried, brought, rejected, failed, owed }
    }
}

/// Result of the work on one stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StreamSummary {
    /// The stream.
    pub stream: Stream,
    /// Its run in the journal.
    pub run_id: i64,
    /// How it ended.
    pub outcome: RunOutcome,
    /// Tasks tried.
    pub tried: u64,
    /// Tasks that stored something new.
    pub brought: u64,
    /// Records that could not be normalized.
    pub rejected: i64,
    /// Failed tries, whose artifacts are owed.
    pub failed: u64,
    /// Owed tasks at its end, by class.
    pub owed: Vec<OwedTasks>,
}

impl StreamSummary {
    /// Adds a later pass over the same stream.
    pub(super) fn add(&mut self, later: Self) {
        self.tried += later.tried;
        self.brought += later.brought;
        self.rejected += later.rejected;
        self.failed += later.failed;
        // a later pass may have read what an earlier one owed
        let is_open = matches!(self.outcome.verdict, Verdict::Complete | Verdict::Incomplete);
        if is_open || later.outcome.verdict != Verdict::Complete {
            self.outcome = later.outcome;
        }
        (self.run_id, self.owed) = (later.run_id, later.owed);
    }

    /// Whether the provider refused the calls of this stream.
    pub(super) fn is_refused(&self) -> bool {
        self.outcome.verdict == Verdict::Failed
    }
}
