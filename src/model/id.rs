//! Identifiers: distinct types with one constructor each, so that each value is checked only once.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Our number for a configured source (`core.sources.source_id`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub i32);

/// The name of a source in configuration, links and answers: 1 to 40 of `a-z`, `0-9`, `-`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct SourceSlug(String);

/// The reason why a text is not a valid identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not a source slug.
    #[error("`{0}` is not a source slug: use 1 to 40 of a-z, 0-9 and -, starting with a letter")]
    Slug(String),
    /// A provider's id is empty, too long, or holds control characters.
    #[error("a record id of {chars} characters is not usable: it must have 1 to {max} and no control characters")]
    Record {
        /// Length found, characters.
        chars: usize,
        /// Longest accepted, characters.
        max: usize,
    },
    /// A word that programs write for no id, or an id that lost characters.
    #[error("`{0}` is no record id: programs write it where they have none, or it lost characters")]
    Placeholder(String),
}

/// Words that programs write for no id, in lower case.
const PLACEHOLDERS: [&str; 12] = [
    "undefined",
    "null",
    "nil",
    "none",
    "nan",
    "n/a",
    "-",
    "false",
    "true",
    "\\n", // of dumps of databases
    "[object object]",
    "00000000-0000-0000-0000-000000000000",
];

impl SourceSlug {
    /// Checks a text and creates a slug.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let starts_well = text.starts_with(|c: char| c.is_ascii_lowercase());
        let all_well = text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        if starts_well && all_well && text.len() <= 40 {
            Ok(Self(text.to_owned()))
        } else {
            Err(IdError::Slug(text.to_owned()))
        }
    }

    /// Returns the slug as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for SourceSlug {
    type Error = IdError;

    fn try_from(text: String) -> Result<Self, IdError> {
        Self::parse(&text)
    }
}

impl From<SourceSlug> for String {
    fn from(slug: SourceSlug) -> Self {
        slug.0
    }
}

impl fmt::Display for SourceSlug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The id that a provider gave a record. Kept verbatim, case included; never parsed as a UUID, since providers
/// document it as text only.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProviderRecordId(String);

impl ProviderRecordId {
    /// Longest accepted id, characters. Longer ones would not fit an index entry.
    pub const MAX_CHARS: usize = 512;

    /// Checks a text and creates an id.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        let chars = text.chars().count();
        if chars == 0 || chars > Self::MAX_CHARS || text.chars().any(char::is_control) {
            return Err(IdError::Record { chars, max: Self::MAX_CHARS });
        }
        if Self::is_none(text) {
            return Err(IdError::Placeholder(text.to_owned()));
        }
        Ok(Self(text.to_owned()))
    }

    /// Whether a text stands for no id: several records have it, and would become one.
    pub fn is_placeholder(text: &str) -> bool {
        PLACEHOLDERS.contains(&text.trim().to_ascii_lowercase().as_str())
    }

    /// Whether a text identifies nothing: a placeholder, or an id that lost characters.
    pub fn is_none(text: &str) -> bool {
        Self::is_placeholder(text) || text.contains(char::REPLACEMENT_CHARACTER)
    }

    /// Returns the id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProviderRecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
