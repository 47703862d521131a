//! Grains: what one row of a metric is.
//!
//! The grain decides what a metric can be grouped by, and which metrics of a query are read in one scan. The alias `s`
//! stands for sessions or, if rows belong to a source and to no session, for these rows themselves.

/// What one row of a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grain {
    /// Sessions.
    Sessions,
    /// Messages.
    Messages,
    /// Replies in chats: one for each turn of the customer that received a reply.
    Replies,
    /// Presences in sessions.
    Presences,
    /// Speakers of transcripts.
    Speakers,
    /// Visits: a person in a session.
    Visits,
    /// People, once for each week after their first visit.
    Cohorts,
    /// Late changes of minutes.
    Changes,
    /// Records that could not be read.
    Rejects,
    /// Unexpected provider values.
    Drift,
    /// Runs of pollers.
    Runs,
    /// Comparisons with the provider's own counts.
    Comparisons,
    /// Streams that are polled.
    Streams,
}

impl Grain {
    /// Returns whether each row belongs to a session, so that it has the session's attributes and can be filtered by
    /// them.
    pub fn is_of_sessions(self) -> bool {
        !matches!(self, Self::Cohorts | Self::Rejects | Self::Drift | Self::Runs | Self::Comparisons | Self::Streams)
    }

    /// Returns where rows that belong to no session are listed; `None`: they belong to sessions.
    pub fn listed_at(self) -> Option<&'static str> {
        match self {
            Self::Rejects => Some("/v1/sync/rejections"),
            Self::Drift => Some("/v1/sync/drift"),
            Self::Runs => Some("/v1/sync/runs"),
            Self::Comparisons => Some("/v1/reconciliation"),
            Self::Streams => Some("/v1/freshness"),
            Self::Sessions
            | Self::Messages
            | Self::Replies
            | Self::Presences
            | Self::Speakers
            | Self::Visits
            | Self::Cohorts
            | Self::Changes => None,
        }
    }

    /// Returns the display name.
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
