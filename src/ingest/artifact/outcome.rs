//! How a try at a task went. Plain data: what it means is decided in the retry schedule.

use chrono::{DateTime, Utc};

use crate::connector::error::PullError;
use crate::model::artifact::Absence;

/// How a try went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Something was stored.
    Found,
    /// It was there, well-formed, and holds nothing.
    FoundEmpty,
    /// Part of it was stored; the rest is known to be missing.
    FoundPart {
        /// What is missing, for people.
        detail: String,
    },
    /// Some of its parts were stored; the provider does not know of the others.
    FoundWithout(Absence),
    /// More of it can be asked for at once.
    MoreToAsk,
    /// It was not there.
    Absent(Absence),
    /// It could not be fetched or read.
    Failed {
        /// Class, for programs.
        class: String,
        /// In words.
        detail: String,
        /// The same bytes would fail again.
        is_lasting: bool,
    },
    /// The provider would not answer this call: it refused the credential or the request, or asked for patience.
    Refused {
        /// Class, for programs.
        class: &'static str,
        /// In words.
        detail: String,
        /// No call before this.
        until: Option<DateTime<Utc>>,
    },
}

impl Outcome {
    /// The provider would not answer.
    pub(super) fn refused(error: &PullError) -> Self {
        let class = error.kind.policy().class;
        Self::Refused { class, detail: error.to_string(), until: error.retry_at() }
    }
}

/// What a decision depends on besides the task and the answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// The present.
    pub(super) now: DateTime<Utc>,
    /// Jitter, in `[0, 1)`.
    pub(super) chance: f64,
    /// The absences of many old sessions in a row were confirmed: one more is believed to last.
    pub(super) is_usual_absence: bool,
}
