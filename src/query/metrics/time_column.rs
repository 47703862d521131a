//! Time columns: the time at which a row of a metric counts, and the bucket of a session that spans several.
//!
//! The three attributions give the same total for sessions that have ended. Metrics whose rows have an instant of
//! their own (a message, a joining) do not depend on the attribution. This module only defines the names.

/// The time that puts a row into a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeColumn {
    /// Start of the session or the run.
    StartedAt,
    /// Completion of the chat.
    CompletedAt,
    /// Time the message was sent.
    SentAt,
    /// Start of the presence.
    JoinedAt,
    /// End of the session.
    EndedAt,
    /// End of the bucket, or now if that is earlier; the state at that instant counts.
    AsOf,
    /// First visit of the person.
    FirstVisitAt,
    /// Time the record was first seen.
    FirstSeenAt,
    /// Time the change became known.
    ChangedAt,
    /// Start of the compared window.
    WindowFrom,
}

impl TimeColumn {
    /// All time columns.
    pub const ALL: [Self; 10] = [
        Self::StartedAt,
        Self::CompletedAt,
        Self::SentAt,
        Self::JoinedAt,
        Self::EndedAt,
        Self::AsOf,
        Self::FirstVisitAt,
        Self::FirstSeenAt,
        Self::ChangedAt,
        Self::WindowFrom,
    ];

    /// Returns the name of the column.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::StartedAt => "started_at",
            Self::CompletedAt => "completed_at",
            Self::SentAt => "sent_at",
            Self::JoinedAt => "joined_at",
            Self::EndedAt => "ended_at",
            Self::AsOf => "as_of",
            Self::FirstVisitAt => "first_visit_at",
            Self::FirstSeenAt => "first_seen_at",
            Self::ChangedAt => "changed_at",
            Self::WindowFrom => "window_from",
        }
    }
}

/// The bucket in which the contribution of a session is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Attribution {
    /// The bucket in which the session began.
    #[default]
    Start,
    /// The bucket in which the session ended.
    End,
    /// Each bucket counts the part that lies in it.
    Spread,
}

impl Attribution {
    /// All attributions.
    pub const ALL: [Self; 3] = [Self::Start, Self::End, Self::Spread];

    /// Returns the name in requests and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::End => "end",
            Self::Spread => "spread",
        }
    }

    /// Returns the attribution of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|attribution| attribution.as_str() == text)
    }
}
