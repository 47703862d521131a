//! What only one provider has: extra columns in a table of its own, one row a session.
//!
//! A provider describes its table once; the store writes any of them by that description, so that a
//! further provider needs a migration and its own folder, and no line elsewhere.

/// A one-to-one table beside `core.sessions`, keyed by source and session.
#[derive(Debug, PartialEq, Eq)]
pub struct ExtensionTable {
    /// Table in the schema `core`.
    pub name: &'static str,
    /// Columns and their Postgres types, in the order of [`Extension::values`].
    pub columns: &'static [(&'static str, &'static str)],
}

/// One session's row in its provider's table. Values are texts that Postgres casts to the column's
/// type; a provider has checked that they cast.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Extension {
    /// Where it goes.
    pub table: &'static ExtensionTable,
    /// As many values as the table has columns.
    pub values: Vec<Option<String>>,
}
