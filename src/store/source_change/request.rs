//! The request to change a source, and the reasons to refuse it.

use chrono::{DateTime, Utc};

use crate::store::StoreError;
use crate::store::operation::Operator;

/// Kinds of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change<'a> {
    /// Give the source another slug.
    Rename {
        /// The new slug.
        to: &'a str,
    },
    /// Move its data to another source, which is the same account.
    Merge {
        /// Slug of that source.
        into: &'a str,
    },
    /// Delete its data.
    Remove,
}

impl Change<'_> {
    /// Returns the name of the kind in the journal.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Rename { .. } => "rename",
            Self::Merge { .. } => "merge",
            Self::Remove => "remove",
        }
    }
}

/// A change of a source that an operator requests.
#[derive(Debug, Clone, Copy)]
pub struct ChangeRequest<'a> {
    /// Slug of the source.
    pub slug: &'a str,
    /// The change.
    pub change: Change<'a>,
    /// Whether to only count the affected rows.
    pub is_dry_run: bool,
    /// The slugs of the configuration; `None`: a source counts as configured while it is enabled.
    pub configured: Option<&'a [String]>,
    /// The author.
    pub operator: &'a Operator,
    /// The present.
    pub now: DateTime<Utc>,
}

/// The reason why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// There is no such source.
    #[error("there is no source `{0}`")]
    NoSource(String),
    /// It is impossible now, or in general.
    #[error("{0}")]
    Refused(String),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

pub(super) fn refused<T>(reason: String) -> Result<T, ChangeError> {
    Err(ChangeError::Refused(reason))
}
