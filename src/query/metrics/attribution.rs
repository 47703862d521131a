//! Attribution: the bucket of a session that spans several buckets.
//!
//! The three ways give the same total for sessions that have ended. Metrics with their own single instant (a message,
//! a joining) do not depend on the attribution. This module only defines the names.

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
