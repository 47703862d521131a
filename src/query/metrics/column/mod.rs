//! Columns of the views, and expressions over them.
//!
//! An expression is a list of pieces, each a column or SQL text without columns, so that the tables that a statement
//! needs, and whether earlier values are recorded, follow from the expression and never from its text. A test
//! compares the columns with the views.

pub mod prelude;

use std::fmt;

/// A table of a statement. Its alias is the same in every statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// Sessions, or the rows themselves if they belong to a source and to no session.
    Session,
    /// Messages.
    Message,
    /// Presences.
    Presence,
    /// Quality reports of presences.
    Report,
    /// Visits: a person in a session.
    Visit,
    /// Weeks after the first visit.
    Week,
    /// Whether a person came again in such a week.
    Return,
    /// Speakers of a transcript.
    Speaker,
    /// Replies in a chat.
    Reply,
    /// Steps of a chat.
    Step,
    /// Late changes of minutes.
    Change,
    /// Cost of a session.
    Cost,
    /// Whether an open session is stale.
    Staleness,
    /// The instant of a state.
    Instant,
    /// The current time and the zone of the query.
    Moment,
    /// The bucket of a row.
    Bucket,
    /// The time of a row.
    Placed,
    /// A view that an expression reads on its own: rows that belong to no row of the statement.
    Elsewhere,
}

impl Table {
    fn alias(self) -> &'static str {
        match self {
            Self::Session => "s",
            Self::Message => "m",
            Self::Presence => "p",
            Self::Report => "q",
            Self::Visit => "v",
            Self::Week | Self::Cost | Self::Instant => "c",
            Self::Return => "n",
            Self::Speaker => "w",
            Self::Reply => "r",
            Self::Step => "d",
            Self::Change => "h",
            Self::Staleness => "o",
            Self::Moment => "t",
            Self::Bucket => "b",
            Self::Placed => "a",
            Self::Elsewhere => "analytics",
        }
    }
}

/// A column of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// The table.
    pub of: Table,
    /// The name.
    pub name: &'static str,
    /// Whether the row itself or its source holds it, so that a range scan of one table answers the statement.
    pub is_own: bool,
    /// Whether `ingest.narrow_sessions` has it, if it is a column of sessions.
    pub is_narrow: bool,
    /// Whether its earlier values are recorded.
    pub is_kept: bool,
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.of.alias(), self.name)
    }
}

/// A piece of an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece {
    /// SQL that names no column.
    Text(&'static str),
    /// A column.
    Column(Column),
    /// A part of an expression.
    Part(Expr),
}

/// An SQL expression over columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expr {
    /// The pieces, in order.
    pub pieces: &'static [Piece],
}

impl Expr {
    /// Returns whether a column of the expression passes a test.
    pub fn any(self, test: &impl Fn(Column) -> bool) -> bool {
        self.pieces.iter().any(|piece| match piece {
            Piece::Text(_) => false,
            Piece::Column(column) => test(*column),
            Piece::Part(part) => part.any(test),
        })
    }

    /// Returns its text with the names of columns alone, for readers.
    pub fn unqualified(self) -> String {
        let text = |piece: &Piece| match piece {
            Piece::Text(text) => (*text).to_owned(),
            Piece::Column(column) if column.of == Table::Elsewhere => column.to_string(),
            Piece::Column(column) => column.name.to_owned(),
            Piece::Part(part) => part.unqualified(),
        };
        self.pieces.iter().map(text).collect()
    }

    /// Returns whether it uses a column of a table.
    pub fn reads(self, table: Table) -> bool {
        self.any(&|column| column.of == table)
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pieces.iter().try_for_each(|piece| match piece {
            Piece::Text(text) => f.write_str(text),
            Piece::Column(column) => column.fmt(f),
            Piece::Part(part) => part.fmt(f),
        })
    }
}

/// Returns an expression of literal SQL and of the names of columns and expressions.
macro_rules! expr {
    (@ $text:literal) => { $crate::query::metrics::column::Piece::Text($text) };
    (@ $part:ident) => { $crate::query::metrics::column::Piece::Part($part) };
    ($($piece:tt)+) => { $crate::query::metrics::column::Expr { pieces: &[$($crate::query::metrics::column::expr!(@ $piece)),+] } };
}
pub(crate) use expr;
