//! Rings: which part of the past is read again how often, where a list goes by creation.
//!
//! Such a list does not name an old session that changes, so that the past must be read again: what is young often, all
//! of it once a week.

use std::fmt;

use chrono::TimeDelta;

/// A part of the past that is read again in one go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ring {
    /// By every poll: what was created lately.
    Poll,
    /// Hourly: the last month.
    Hourly,
    /// Daily: what is known to be open, of any age.
    Daily,
    /// Weekly: everything.
    Weekly,
}

impl Ring {
    /// All rings, the innermost first.
    pub const ALL: [Self; 4] = [Self::Poll, Self::Hourly, Self::Daily, Self::Weekly];

    /// The name in the database and in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Poll => "poll",
            Self::Hourly => "hourly",
            Self::Daily => "daily",
            Self::Weekly => "weekly",
        }
    }

    /// The ring of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ring| ring.as_str() == text)
    }

    /// How often it is read; `None`: by every poll.
    pub fn period(self) -> Option<TimeDelta> {
        match self {
            Self::Poll => None,
            Self::Hourly => Some(TimeDelta::hours(1)),
            Self::Daily => Some(TimeDelta::days(1)),
            Self::Weekly => Some(TimeDelta::days(7)),
        }
    }

    /// How far back it reaches; `None`: as far as there is anything to be read.
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
