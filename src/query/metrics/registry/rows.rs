//! What one row of a metric is, and where such rows come from.
//!
//! Rows decide what a metric can be grouped by, and which metrics of a question are read in one scan. Under the name `s`
//! stand sessions, or, where rows belong to a source and to no session, these rows themselves.

/// What one row of a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// Sessions.
    Sessions,
    /// Messages.
    Messages,
    /// Replies of chats: one for each turn of the customer that was replied to.
    Replies,
    /// Presences in sessions.
    Presences,
    /// Speakers of transcripts.
    Speakers,
    /// Visits: a person in a session.
    Visits,
    /// People, once for each week after they came first.
    Cohorts,
    /// Late changes of minutes.
    Changes,
    /// Records that could not be read.
    Rejects,
    /// Values nobody expected.
    Drift,
    /// Runs of pollers.
    Runs,
    /// Comparisons with the provider's own counts.
    Comparisons,
    /// Streams that are polled.
    Streams,
}

impl Rows {
    /// Whether each belongs to a session, so that it has what sessions have and can be chosen by it.
    pub fn are_of_sessions(self) -> bool {
        !matches!(self, Self::Cohorts | Self::Rejects | Self::Drift | Self::Runs | Self::Comparisons | Self::Streams)
    }

    /// What it is, for people.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sessions => "sessions",
            Self::Messages => "messages",
            Self::Replies => "replies",
            Self::Presences => "presences",
            Self::Speakers => "speakers",
            Self::Visits => "visits",
            Self::Cohorts => "people",
            Self::Changes => "changes",
            Self::Rejects => "rejected records",
            Self::Drift => "unexpected values",
            Self::Runs => "runs",
            Self::Comparisons => "comparisons",
            Self::Streams => "streams",
        }
    }
}
