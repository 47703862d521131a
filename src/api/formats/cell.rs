//! Cells: one value of a table, and the mapping of an item's fields to columns.
//!
//! A column knows its name, its kind and its field, so the columns of a list take one line each, and a null
//! stays a null. Each form decides how it writes a cell.

use chrono::{DateTime, FixedOffset, NaiveDate, Utc};
use chrono_tz::Tz;
use rust_decimal::Decimal;
use serde::ser::{Serialize, Serializer};

use crate::query::calendar::local_date;
use crate::query::number::{Number, Unrounded};

/// Type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Text,
    Integer,
    /// An exact decimal, at most nine digits after the point.
    Decimal,
    /// A decimal with all its digits; in Parquet, eighteen after the point.
    Unrounded,
    Boolean,
    Instant,
    /// A day on local clocks.
    Date,
}

/// Type of numbers with digits after the point, where the form has types.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Numbers {
    /// Double precision, which tools compute with.
    Double,
    /// Exact decimals.
    Decimal,
}

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cell {
    Null,
    Text(String),
    Integer(i64),
    Decimal(Decimal),
    Unrounded(Decimal),
    Boolean(bool),
    Instant(DateTime<FixedOffset>),
    Date(NaiveDate),
}

/// Name of the column of a local date.
pub(crate) const LOCAL_DATE: &str = "local_date";

/// Names and kinds of the columns.
pub(crate) type Head = Vec<(String, Kind)>;

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_none(),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Integer(number) => serializer.serialize_i64(*number),
            Self::Decimal(decimal) => Number(*decimal).serialize(serializer),
            Self::Unrounded(decimal) => Unrounded(*decimal).serialize(serializer),
            Self::Boolean(is) => serializer.serialize_bool(*is),
            Self::Instant(at) => serializer.serialize_str(&instant_text(at)),
            Self::Date(date) => serializer.collect_str(date),
        }
    }
}

/// Formats an instant as in JSON: RFC 3339, `Z` for UTC.
pub(super) fn instant_text(at: &DateTime<FixedOffset>) -> String {
    at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)
}

/// A field of an item.
pub(crate) trait Field {
    /// Type of the field's column.
    const KIND: Kind;
    /// Returns the value of the field.
    fn cell(&self) -> Cell;
}

macro_rules! fields {
    ($($type:ty: $kind:ident = |$value:ident| $cell:expr;)+) => {$(
        impl Field for $type {
            const KIND: Kind = Kind::$kind;
            fn cell(&self) -> Cell {
                let $value = self;
                Cell::$kind($cell)
            }
        }
    )+};
}

fields! {
    String: Text = |text| text.clone();
    &'static str: Text = |text| (*text).to_owned();
    i64: Integer = |number| *number;
    i32: Integer = |number| i64::from(*number);
    bool: Boolean = |is| *is;
    Number: Decimal = |number| number.0;
    Unrounded: Unrounded = |number| number.0;
    DateTime<Utc>: Instant = |at| at.fixed_offset();
}

impl<F: Field> Field for Option<F> {
    const KIND: Kind = F::KIND;
    fn cell(&self) -> Cell {
        self.as_ref().map_or(Cell::Null, Field::cell)
    }
}

type Getter<T> = Box<dyn Fn(&T) -> Cell + Send + Sync>;

/// One column of a list of `T`.
pub(crate) struct Column<T> {
    name: &'static str,
    kind: Kind,
    cell: Getter<T>,
}

impl<T> Column<T> {
    /// Creates the column of a field.
    pub(crate) fn of<F: Field + 'static>(name: &'static str, field: fn(&T) -> &F) -> Self
    where
        T: 'static,
    {
        Self { name, kind: F::KIND, cell: Box::new(move |item| field(item).cell()) }
    }
}

/// Adds the local date of an instant beside its column, for tools that group by days.
pub(crate) fn with_local_date<T: 'static>(
    mut columns: Vec<Column<T>>,
    beside: &str,
    zone: Tz,
    at: fn(&T) -> DateTime<Utc>,
) -> Vec<Column<T>> {
    let place = columns.iter().position(|column| column.name == beside).map_or(columns.len(), |place| place + 1);
    let cell: Getter<T> = Box::new(move |item| Cell::Date(local_date(zone, at(item))));
    columns.insert(place, Column { name: LOCAL_DATE, kind: Kind::Date, cell });
    columns
}

/// Creates the columns of a list whose items have these fields, in this order.
macro_rules! columns {
    ($item:ty { $($field:ident),+ $(,)? }) => {
        vec![$($crate::api::formats::cell::Column::<$item>::of(stringify!($field), |item| &item.$field)),+]
    };
}
pub(crate) use columns;

/// Returns the names and kinds of columns.
pub(crate) fn head<T>(columns: &[Column<T>]) -> Head {
    columns.iter().map(|column| (column.name.to_owned(), column.kind)).collect()
}

/// Returns the rows of items.
pub(crate) fn rows<T>(columns: &[Column<T>], items: &[T]) -> Vec<Vec<Cell>> {
    items.iter().map(|item| columns.iter().map(|column| (column.cell)(item)).collect()).collect()
}
