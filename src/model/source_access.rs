//! The sources that a caller may see.
//!
//! It names slugs, since answers do. An empty list of slugs is not "all": it allows nothing.

/// The sources that a caller may see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceAccess {
    /// All sources, also those to come.
    All,
    /// Only the sources with these slugs.
    Only(Vec<String>),
}

impl SourceAccess {
    /// Returns whether the caller may see the source with this slug.
    pub fn allows(&self, slug: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(slugs) => slugs.iter().any(|allowed| allowed == slug),
        }
    }

    /// Returns the slugs to filter by, of those that a caller named; none named means all that it may see.
    pub fn filter(&self, named: Vec<String>) -> Vec<String> {
        match self {
            Self::Only(slugs) if named.is_empty() => slugs.clone(),
            _ => named,
        }
    }

    /// Returns the slugs of a limited caller; `None`: all sources.
    pub fn limit(&self) -> Option<&[String]> {
        match self {
            Self::All => None,
            Self::Only(slugs) => Some(slugs),
        }
    }
}
