//! Time columns: the time at which a row of a metric counts, and the bucket of a session that spans several.
//!
//! The three attributions give the same total for sessions that have ended. Metrics whose rows have an instant of
//! their own (a message, a joining) do not depend on the attribution. A row that should have a time and has none is
//! unknown, and counts where its session began.

use crate::query::metrics::column::prelude::*;
use crate::query::metrics::grain::Grain;

/// The start or the end of a presence is unknown. While its session runs, a presence without an end lasts until now.
pub const STAY_UNKNOWN: Expr = expr!("(" JOINED_AT " is null or " LEFT_AT " is null and not " IS_PROVISIONAL ")");

/// The session has no end: it runs, never started, or ended at an unknown time. Where sessions are counted by their
/// end, these are unknown.
pub const NO_END: Expr = expr!(ENDED_AT " is null");

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

    /// Returns the column in rows of a grain. States at an instant do not use it.
    pub fn column(self, grain: Grain) -> Expr {
        match self {
            _ if matches!(grain, Grain::Visits | Grain::Cohorts) => VISITED_AT,
            Self::StartedAt | Self::AsOf | Self::FirstVisitAt => STARTED_AT,
            Self::CompletedAt => COMPLETED_AT,
            Self::SentAt => SENT_AT,
            Self::JoinedAt => JOINED_AT,
            Self::EndedAt => ENDED_AT,
            Self::FirstSeenAt => FIRST_SEEN_AT,
            Self::ChangedAt => CHANGED_AT,
            Self::WindowFrom => WINDOW_FROM,
        }
    }

    /// Returns the rule for rows whose time is unknown, in words; empty: every row has it.
    pub fn unknown_rule(self) -> &'static str {
        match self {
            Self::StartedAt | Self::FirstVisitAt | Self::FirstSeenAt | Self::ChangedAt | Self::WindowFrom => "",
            Self::CompletedAt => {
                " A session that was or may have been completed at an unknown time is in unknown_count where it began."
            }
            Self::SentAt => " A message without a time is in unknown_count where its session began.",
            Self::JoinedAt => " A presence without a start is in unknown_count where its session began.",
            Self::EndedAt | Self::AsOf => {
                " A session that ended at an unknown time is in unknown_count where it began."
            }
        }
    }

    /// Returns the condition for rows whose time is unknown; `None`: every row has it. A session that is not over yet,
    /// or not completed, has no such time.
    pub fn is_unknown(self) -> Option<Expr> {
        match self {
            Self::StartedAt | Self::FirstVisitAt | Self::FirstSeenAt | Self::ChangedAt | Self::WindowFrom => None,
            Self::CompletedAt => {
                Some(expr!(COMPLETED_AT " is null and " OUTCOME " in ('resolved', 'unresolved', 'unknown')"))
            }
            Self::SentAt => Some(expr!(SENT_AT " is null")),
            Self::JoinedAt => Some(expr!(JOINED_AT " is null")),
            // A state depends on the end of a session.
            Self::EndedAt | Self::AsOf => {
                Some(expr!(ENDED_AT " is null and " SESSION_STATE " not in ('live', 'open', 'never_started')"))
            }
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
