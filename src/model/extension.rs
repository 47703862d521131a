//! Provider-specific data: extra columns in a table of its own, one row a session.
//!
//! A provider describes its table once, and the store writes every such table by its description. So a further
//! provider needs a migration and its own folder, and no change elsewhere.

/// A one-to-one table beside `core.sessions`, keyed by source and session.
#[derive(Debug, PartialEq, Eq)]
pub struct ExtensionTable {
    /// Table in the schema `core`.
    pub name: &'static str,
    /// Columns and their Postgres types, in the order of [`Extension::values`].
    pub columns: &'static [(&'static str, &'static str)],
}

/// One session's row in its provider's table. Values are texts that Postgres casts to the column's type; the
/// provider has checked that they cast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// Target table.
    pub table: &'static ExtensionTable,
    /// Values, one for each column of the table.
    pub values: Vec<Option<String>>,
}
