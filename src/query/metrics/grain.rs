//! Grains: what one row of a metric is.
//!
//! The grain decides what a metric can be grouped by, and which metrics of a query are read in one scan. The alias `s`
//! stands for sessions or, if rows belong to a source and to no session, for these rows themselves.

use crate::query::catalog::Source;
use crate::query::metrics::column::prelude::*;

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

    /// Returns the condition for sessions of which rows were never read, or have no value because a time is missing;
    /// `None`: the rows of a session are read with it.
    pub fn is_unread(self) -> Option<Expr> {
        match self {
            Self::Messages => Some(expr!(
                MESSAGE_SUPPORT " <> 'none' and " MESSAGE_COUNT " is null and " CHAT_STATE " is distinct from 'not_enabled'"
            )),
            Self::Replies => Some(expr!(
                SESSION_KIND " = 'chat' and (" MESSAGE_COUNT " is null or " TURN_COUNT " > cardinality(" REPLY_SECONDS "))"
            )),
            Self::Presences | Self::Visits => {
                Some(expr!(SESSION_KIND " in ('meeting', 'livestream') and " PARTICIPANT_COUNT " is null"))
            }
            _ => None,
        }
    }

    /// Returns whether a source can have such sessions: participants are of meetings, also where people of chats count.
    pub(super) fn can_be_unknown_at(self, source: &Source) -> bool {
        !matches!(self, Self::Presences | Self::Visits) || source.has_meetings()
    }

    /// Returns the number of rows that such a session stands for; `None`: one.
    pub fn unread_items(self) -> Option<Expr> {
        let replies = expr!("case when " MESSAGE_COUNT " is null then 1 else " TURN_COUNT " - cardinality(" REPLY_SECONDS ") end");
        (self == Self::Replies).then_some(replies)
    }

    /// Returns the SQL that counts rows that fulfil a condition. A person has one row for each visit at the same time.
    pub(super) fn count(self, condition: Option<&str>) -> String {
        let what = if self == Self::Cohorts { "distinct (v.source_id, v.person_id)" } else { "*" };
        match condition {
            Some(condition) => format!("count({what}) filter (where {condition})"),
            None => format!("count({what})"),
        }
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
