//! The outcome of a session: five values, because zero, unknown and not applicable are three different things.

/// The outcome of a conversation, as far as its provider reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SessionOutcome {
    /// Completed, and not flagged unresolved.
    Resolved,
    /// Completed, and flagged unresolved.
    Unresolved,
    /// Not completed yet. It may carry the unresolved flag already.
    Open,
    /// The provider has outcomes, but did not send this one.
    Unknown,
    /// The provider has no outcomes.
    NotApplicable,
}

impl SessionOutcome {
    /// All outcomes.
    pub const ALL: [Self; 5] = [Self::Resolved, Self::Unresolved, Self::Open, Self::Unknown, Self::NotApplicable];

    /// Returns the value in `core.sessions.outcome`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Resolved => "resolved",
            Self::Unresolved => "unresolved",
            Self::Open => "open",
            Self::Unknown => "unknown",
            Self::NotApplicable => "not_applicable",
        }
    }

    /// Derives the outcome for providers that report two flags: completed and unresolved.
    pub fn from_flags(completed: Option<bool>, unresolved: Option<bool>) -> Self {
        match (completed, unresolved) {
            (Some(true), Some(false)) => Self::Resolved,
            (Some(true), Some(true)) => Self::Unresolved,
            (Some(false), _) => Self::Open,
            (Some(true), None) | (None, _) => Self::Unknown,
        }
    }
}
