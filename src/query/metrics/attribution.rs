//! Which bucket a session belongs to that reaches over several.
//!
//! The three ways give the same total for sessions that have ended. Metrics that are anchored on a single instant of
//! their own (a message, a joining) are the same whichever is asked for. Only the word is decided here.

/// Where what a session gave is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Attribution {
    /// All of it in the bucket in which the session began.
    #[default]
    Start,
    /// All of it in the bucket in which it ended.
    End,
    /// Each bucket has the part that lies in it.
    Spread,
}

impl Attribution {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Start, Self::End, Self::Spread];

    /// The name in questions and answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::End => "end",
            Self::Spread => "spread",
        }
    }

    /// The attribution of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|attribution| attribution.as_str() == text)
    }
}
