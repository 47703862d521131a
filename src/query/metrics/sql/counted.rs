//! What the rows of a scan count for: one session each, or as many as a closed hour stands for.

use crate::query::metrics::grain::Grain;
use crate::query::metrics::plan::Scan;

/// What is counted: rows, or the sessions that a closed hour stands for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Counted {
    /// Each row once.
    Rows(Grain),
    /// `session_count` of each row.
    Hours,
}

impl Counted {
    /// Sessions, one by one.
    pub(super) const SESSIONS: Self = Self::Rows(Grain::Sessions);

    /// Returns what is counted in the rows of a scan.
    pub(super) fn of(scan: &Scan) -> Self {
        if scan.open_hours.is_some() { Self::Hours } else { Self::Rows(scan.grain) }
    }

    /// Returns the SQL that counts what fulfils a condition.
    pub(super) fn count(self, condition: Option<&str>) -> String {
        match (self, condition) {
            (Self::Rows(grain), condition) => grain.count(condition),
            (Self::Hours, None) => "coalesce(sum(s.session_count), 0)".to_owned(),
            (Self::Hours, Some(condition)) => {
                format!("coalesce(sum(s.session_count) filter (where {condition}), 0)")
            }
        }
    }
}
