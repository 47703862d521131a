//! Time columns: the time at which a row of a metric counts.

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
