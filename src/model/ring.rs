//! Rings: the parts of the past that are read again, and how often, where a list is sorted by creation.
//!
//! Such a list does not show that an old session changed, so the past must be read again: recent sessions
//! often, all of them once a week.

use std::fmt;

use chrono::TimeDelta;

/// A part of the past that is read again in one go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ring {
    /// Every poll: recently created sessions.
    Poll,
    /// Hourly: the last month.
    Hourly,
    /// Daily: sessions that are known to be open, of any age.
    Daily,
    /// Weekly: all sessions.
    Weekly,
}

impl Ring {
    /// All rings, the most recent part first.
    pub const ALL: [Self; 4] = [Self::Poll, Self::Hourly, Self::Daily, Self::Weekly];

    /// Returns the name in the database and in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Poll => "poll",
            Self::Hourly => "hourly",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
        }
    }

    /// Returns the ring of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ring| ring.as_str() == text)
    }

    /// Returns the interval between readings; `None`: every poll.
    pub fn period(self) -> Option<TimeDelta> {
        match self {
            Self::Poll => None,
            Self::Hourly => Some(TimeDelta::hours(1)),
            Self::Daily => Some(TimeDelta::days(1)),
            Self::Weekly => Some(TimeDelta::days(7)),
        }
    }

    /// Returns how far back the ring reaches; `None`: to the start of the history.
    pub fn reach(self) -> Option<TimeDelta> {
        match self {
            Self::Poll => Some(TimeDelta::hours(48)),
            Self::Hourly => Some(TimeDelta::days(30)),
            Self::Daily | Self::Weekly => None,
        }
    }
}

impl fmt::Display for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
