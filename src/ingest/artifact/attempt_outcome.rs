//! Outcome of a try at a task. Plain data: the retry schedule decides its meaning.

use chrono::{DateTime, Utc};

use crate::connector::error::PullError;
use crate::model::artifact::Absence;
use crate::store::artifact::task::Task;

/// Outcome of a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum AttemptOutcome {
    /// Something was stored.
    Found,
    /// Something was stored, and nothing shows that it was whole.
    FoundOpen {
        /// Whether the same was stored before.
        is_same: bool,
    },
    /// It was there and well-formed, and has no content.
    FoundEmpty,
    /// Part of it was stored; the rest is known to be missing.
    FoundPart {
        /// What is missing, for people.
        detail: String,
    },
    /// Some of its parts were stored; the provider does not know the others.
    FoundWithout(Absence),
    /// More of it can be requested at once.
    MoreToAsk,
    /// It was not there.
    Absent(Absence),
    /// It could not be fetched or read.
    Failed {
        /// Class, for programs.
        class: String,
        /// Description for people.
        detail: String,
        /// The same bytes would fail again.
        is_lasting: bool,
    },
    /// The provider refused this call: the credential, the request, or the rate.
    Refused {
        /// Class, for programs.
        class: &'static str,
        /// Description for people.
        detail: String,
        /// Earliest instant of the next call.
        until: Option<DateTime<Utc>>,
    },
}

impl AttemptOutcome {
    /// Returns the outcome of a refused call.
    pub(super) fn refused(error: &PullError) -> Self {
        let class = error.kind.policy().class;
        Self::Refused { class, detail: error.to_string(), until: error.retry_at() }
    }

    /// Returns whether a try confirms (`Some(true)`) or disproves (`Some(false)`) the absence that the previous tries
    /// found.
    pub(super) fn confirms_absence(&self, task: &Task) -> Option<bool> {
        let absences = [Absence::NotFound, Absence::NoLink, Absence::LinkDead, Absence::ZeroBytes];
        let was_absent = absences.iter().any(|absence| task.reason.as_deref() == Some(absence.as_str()));
        if task.owed.since.is_none() || !was_absent {
            return None;
        }
        match self {
            Self::Absent(absence) => Some(task.reason.as_deref() == Some(absence.as_str())),
            Self::Found | Self::FoundOpen { .. } | Self::FoundEmpty => Some(false),
            _ => None,
        }
    }
}

/// Inputs of a decision besides the task and the answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// The present.
    pub(super) now: DateTime<Utc>,
    /// Jitter, in `[0, 1)`.
    pub(super) chance: f64,
    /// Whether the absences of many old sessions in a row were confirmed: another one is then assumed to be
    /// permanent.
    pub(super) is_usual_absence: bool,
}
