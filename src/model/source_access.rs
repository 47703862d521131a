//! The sources that a caller may see, and those that it asks for.
//!
//! Both name slugs, since answers do. A filter without slugs means all; access to no slugs allows nothing.

/// The sources that a caller may see.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
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

/// Filter of sources. Empty lists mean all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceFilter {
    /// Any of these providers.
    pub providers: Vec<String>,
    /// Any of these slugs.
    pub sources: Vec<String>,
}

impl SourceFilter {
    /// Returns whether the filter selects every source.
    pub fn is_empty(&self) -> bool {
        self.providers.is_empty() && self.sources.is_empty()
    }
}
