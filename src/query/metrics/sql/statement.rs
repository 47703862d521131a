//! SQL statements whose values can be bound or written as literals.
//!
//! The SQL that the service runs and the SQL that it shows must be the same text. It is built once, and rendered
//! either with its values as parameters or, for display, with its values as literals. Values never become part of the
//! text in another way, so a value cannot become SQL. This module does not depend on metrics.

use std::collections::BTreeMap;
use std::fmt::Write;

use chrono::{DateTime, SecondsFormat, Utc};
use chrono_tz::Tz;
use rust_decimal::Decimal;
use sqlx::postgres::PgRow;
use sqlx::{Postgres, QueryBuilder};

use crate::query::snapshot::Snapshot;

/// A value in a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Operand {
    /// A string.
    Text(String),
    /// Any of these strings.
    Texts(Vec<String>),
    /// A whole number.
    Integer(i64),
    /// Any of these source ids.
    Integers(Vec<i32>),
    /// An exact decimal.
    Decimal(Decimal),
    /// An instant.
    Instant(DateTime<Utc>),
    /// Instants in order.
    Instants(Vec<DateTime<Utc>>),
}

macro_rules! operands {
    ($($from:ty => $variant:ident),+ $(,)?) => {
        $(impl From<$from> for Operand {
            fn from(value: $from) -> Self {
                Self::$variant(value.into())
            }
        })+
    };
}
operands! {
    String => Text, &str => Text, Vec<String> => Texts, i64 => Integer, i32 => Integer, Vec<i32> => Integers,
    Decimal => Decimal, DateTime<Utc> => Instant, Vec<DateTime<Utc>> => Instants,
}

#[derive(Debug, Clone)]
enum Piece {
    Sql(String),
    Value(Operand),
}

/// A statement under construction: pieces of SQL and values.
#[derive(Debug, Clone, Default)]
pub struct Statement {
    pieces: Vec<Piece>,
}

impl Statement {
    /// Creates a statement that begins with `sql`.
    pub fn new(sql: &str) -> Self {
        Self { pieces: vec![Piece::Sql(sql.to_owned())] }
    }

    /// Returns a statement from a template, whose holes `{name}` are filled with the parts of these names.
    pub fn fill<const N: usize>(template: &str, parts: [(&str, Self); N]) -> Self {
        let parts = BTreeMap::from(parts);
        let mut holes = template.split('{');
        let mut sql = Self::new(holes.next().unwrap_or_default());
        for hole in holes {
            let end = hole.find('}').unwrap_or(hole.len());
            let part = parts.get(&hole[..end]);
            debug_assert!(part.is_some(), "nothing fills {{{hole}");
            if let Some(part) = part {
                sql.append(part.clone());
            }
            sql.push(hole.get(end + 1..).unwrap_or_default());
        }
        sql
    }

    /// Returns a value as a statement.
    pub fn value(value: impl Into<Operand>) -> Self {
        Self { pieces: vec![Piece::Value(value.into())] }
    }

    /// Returns whether it has neither SQL nor values.
    pub(crate) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Appends constant SQL.
    pub fn push(&mut self, sql: impl AsRef<str>) -> &mut Self {
        if let Some(Piece::Sql(last)) = self.pieces.last_mut() {
            last.push_str(sql.as_ref());
        } else {
            self.pieces.push(Piece::Sql(sql.as_ref().to_owned()));
        }
        self
    }

    /// Appends a value.
    pub fn push_bind(&mut self, value: impl Into<Operand>) -> &mut Self {
        self.pieces.push(Piece::Value(value.into()));
        self
    }

    /// Appends a condition: the column has this value, or none. Of an outer join the planner expects `is null` to hold
    /// for a single row.
    pub fn push_equal(&mut self, column: impl AsRef<str>, value: Option<&str>) -> &mut Self {
        let column = column.as_ref();
        match value {
            Some(value) => self.push(format!(" and {column} = ")).push_bind(value),
            None => self.push(format!(" and num_nulls({column}) = 1")),
        }
    }

    /// Appends another statement.
    pub fn append(&mut self, other: Self) -> &mut Self {
        for piece in other.pieces {
            match piece {
                Piece::Sql(sql) => _ = self.push(sql),
                value @ Piece::Value(_) => self.pieces.push(value),
            }
        }
        self
    }

    /// Runs the statement with bound values. It is planned for these values, since a generic plan would fit no range
    /// well.
    pub async fn fetch_all(self, snapshot: &Snapshot) -> Result<Vec<PgRow>, sqlx::Error> {
        snapshot.fetch_all(self.bound()).await
    }

    /// Returns the statement with bound values.
    pub(crate) fn bound(self) -> QueryBuilder<Postgres> {
        let mut sql = QueryBuilder::new("");
        for piece in self.pieces {
            match piece {
                Piece::Sql(text) => sql.push(text),
                Piece::Value(Operand::Text(value)) => sql.push_bind(value),
                Piece::Value(Operand::Texts(values)) => sql.push_bind(values),
                Piece::Value(Operand::Integer(value)) => sql.push_bind(value),
                Piece::Value(Operand::Integers(values)) => sql.push_bind(values),
                Piece::Value(Operand::Decimal(value)) => sql.push_bind(value),
                Piece::Value(Operand::Instant(value)) => sql.push_bind(value),
                Piece::Value(Operand::Instants(values)) => sql.push_bind(values),
            };
        }
        sql
    }

    /// Returns the text with its values as literals; instants have the offset of `zone`.
    pub fn literal(&self, zone: Tz) -> String {
        let mut text = String::new();
        for piece in &self.pieces {
            match piece {
                Piece::Sql(sql) => text.push_str(sql),
                Piece::Value(value) => push_literal(&mut text, value, zone),
            }
        }
        text
    }
}

impl<T: AsRef<str>> From<T> for Statement {
    fn from(sql: T) -> Self {
        Self::new(sql.as_ref())
    }
}

fn push_literal(text: &mut String, value: &Operand, zone: Tz) {
    match value {
        Operand::Text(value) => text.push_str(&quoted(value)),
        Operand::Texts(values) => push_array(text, values.iter().map(|value| quoted(value)), "text[]"),
        Operand::Integer(value) => push_display(text, value),
        Operand::Integers(values) => push_array(text, values.iter().map(ToString::to_string), "int[]"),
        Operand::Decimal(value) => push_display(text, value),
        Operand::Instant(value) => text.push_str(&instant(*value, zone)),
        Operand::Instants(values) => push_array(text, values.iter().map(|at| instant(*at, zone)), "timestamptz[]"),
    }
}

fn push_display(text: &mut String, value: impl std::fmt::Display) {
    // Writing to a `String` cannot fail.
    let _ = write!(text, "{value}");
}

fn push_array(text: &mut String, values: impl Iterator<Item = String>, type_name: &str) {
    let values: Vec<String> = values.collect();
    if values.is_empty() {
        push_display(text, format_args!("array[]::{type_name}"));
    } else {
        push_display(text, format_args!("array[{}]", values.join(", ")));
    }
}

/// Returns a string literal that does not depend on `standard_conforming_strings`.
pub fn quoted(value: &str) -> String {
    let doubled = value.replace('\'', "''");
    if doubled.contains('\\') { format!("e'{}'", doubled.replace('\\', "\\\\")) } else { format!("'{doubled}'") }
}

fn instant(at: DateTime<Utc>, zone: Tz) -> String {
    format!("timestamptz '{}'", at.with_timezone(&zone).to_rfc3339_opts(SecondsFormat::AutoSi, true))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_literals_and_never_become_sql() {
        let mut sql = Statement::new("select ");
        sql.push_bind("it's").push(", ").push_bind("a\\'b").push(", ").push_bind(vec!["x'y".to_owned()]);
        sql.push(", ").push_bind(Vec::<i32>::new()).push(", ").push_bind(vec![1, -2]);
        let at: DateTime<Utc> = "2026-11-18T23:00:00.5Z".parse().unwrap();
        sql.push(", ").push_bind(at);
        assert_eq!(
            sql.literal(chrono_tz::Europe::Berlin),
            "select 'it''s', e'a\\\\''b', array['x''y'], array[]::int[], array[1, -2], \
             timestamptz '2026-11-19T00:00:00.500+01:00'"
        );
    }
}
