//! When a row counts, and how figures of different cells go together.
//!
//! Two properties of a metric that decide how it is read: the time that puts its rows into a bucket, and whether what
//! was read of two cells may be added. Knows no SQL but the names of columns.

/// The time that puts a row into a bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// When the session, or the run, began.
    StartedAt,
    /// When the chat was completed.
    CompletedAt,
    /// When the message was sent.
    SentAt,
    /// When the presence began.
    JoinedAt,
    /// When the session ended.
    EndedAt,
    /// The end of the bucket, or now if that is earlier: what is true then.
    AsOf,
    /// When the person came first.
    FirstVisitAt,
    /// When the record was first met.
    FirstSeenAt,
    /// When the change became known.
    ChangedAt,
    /// When the window that was compared begins.
    WindowFrom,
}

impl Anchor {
    /// All of them.
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

    /// The name of the column.
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

/// How figures of different cells go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Additivity {
    /// They may be added.
    Sum,
    /// Their parts may be added, never the figures.
    RatioOfSums,
    /// Nothing may be added: the most of a whole is not the sum of the most of its parts. Swept along time.
    Maximum,
    /// May be added over groups; over time it is weighted by the length of the buckets. Swept along time.
    TimeAverage,
    /// The same as a maximum, of a state at one instant.
    MaximumAsOf,
    /// A state at one instant: it may be added over groups, and over time only the last one holds.
    StateAsOf,
    /// Different people: nobody counts twice, so nothing may be added.
    Distinct,
    /// A value that a share of all values does not exceed: nothing may be added.
    Percentile,
}

impl Additivity {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sum => "sum",
            Self::RatioOfSums => "ratio_of_sums",
            Self::Maximum | Self::MaximumAsOf => "maximum",
            Self::TimeAverage => "time_average",
            Self::StateAsOf => "state_as_of",
            Self::Distinct => "distinct",
            Self::Percentile => "percentile",
        }
    }

    /// Whether it is swept along time.
    pub fn is_along_time(self) -> bool {
        matches!(self, Self::Maximum | Self::TimeAverage)
    }

    /// Whether the whole is what its parts add up to, source by source and bucket by bucket.
    pub fn adds_up(self) -> bool {
        matches!(self, Self::Sum | Self::RatioOfSums)
    }
}
