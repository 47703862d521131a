//! Parquet: typed columns, compressed, with nulls.
//!
//! Numbers with digits after the point are doubles or, where requested, exact decimals (38 digits, nine or eighteen
//! after the point). Instants are microseconds of UTC. Rows are buffered up to the size of a row group, so memory is
//! bounded for a table of any length. This module uses the crate's own column writers: its bridge to Arrow would take
//! longer to compile than all of them.

use std::sync::Arc;

use chrono::{DateTime, FixedOffset, NaiveDate};
use parquet::basic::Compression;
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FixedLenByteArray, FixedLenByteArrayType, Int32Type,
    Int64Type,
};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::parser::parse_message_type;
use rust_decimal::prelude::ToPrimitive;
use rust_decimal::{Decimal, RoundingStrategy};

use crate::api::formats::cell::{Cell, Head, Kind, Numbers};
use crate::query::number::Number;

/// Rows in a row group.
const GROUP_ROWS: usize = 5_000;

/// Digits after the point of unrounded decimals: with as many before it, more than the database has.
const UNROUNDED_DIGITS: u32 = 18;

/// A file that is being written.
pub(crate) struct ParquetTable {
    writer: SerializedFileWriter<Vec<u8>>,
    numbers: Numbers,
    kinds: Vec<Kind>,
    held: Vec<Vec<Cell>>,
}

impl ParquetTable {
    /// Begins a file with these columns.
    pub(super) fn begin(head: &Head, numbers: Numbers) -> Result<Self, ParquetError> {
        let columns: String = head.iter().map(|(name, kind)| column(name, *kind, numbers)).collect();
        let schema = parse_message_type(&format!("message table {{ {columns} }}"))?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::SNAPPY)
            .set_created_by(concat!("tributary ", env!("CARGO_PKG_VERSION")).to_owned());
        let writer = SerializedFileWriter::new(Vec::new(), Arc::new(schema), Arc::new(properties.build()))?;
        Ok(Self { writer, numbers, kinds: head.iter().map(|(_, kind)| *kind).collect(), held: Vec::new() })
    }

    /// Adds rows and returns the bytes that are ready.
    pub(super) fn add(&mut self, rows: &[Vec<Cell>]) -> Result<Vec<u8>, ParquetError> {
        self.held.extend_from_slice(rows);
        if self.held.len() >= GROUP_ROWS {
            self.write_group()?;
        }
        Ok(std::mem::take(self.writer.inner_mut()))
    }

    /// Ends the file and returns its last bytes.
    pub(super) fn end(mut self) -> Result<Vec<u8>, ParquetError> {
        if !self.held.is_empty() {
            self.write_group()?;
        }
        self.writer.finish()?;
        self.writer.flush().map_err(ParquetError::from)?;
        Ok(std::mem::take(self.writer.inner_mut()))
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        let rows = std::mem::take(&mut self.held);
        let mut group = self.writer.next_row_group()?;
        for (place, kind) in self.kinds.iter().enumerate() {
            let Some(mut column) = group.next_column()? else { break };
            let cells: Vec<&Cell> = rows.iter().filter_map(|row| row.get(place)).collect();
            write_column(&mut column, *kind, self.numbers, &cells)?;
            column.close()?;
        }
        group.close()?;
        self.writer.flush().map_err(ParquetError::from)?;
        Ok(())
    }
}

fn column(name: &str, kind: Kind, numbers: Numbers) -> String {
    let (physical, logical) = match kind {
        Kind::Decimal | Kind::Unrounded if numbers == Numbers::Double => ("double", String::new()),
        Kind::Text => ("binary", "(UTF8)".to_owned()),
        Kind::Integer => ("int64", String::new()),
        Kind::Decimal => ("fixed_len_byte_array (16)", format!("(DECIMAL (38, {}))", Number::DIGITS)),
        Kind::Unrounded => ("fixed_len_byte_array (16)", format!("(DECIMAL (38, {UNROUNDED_DIGITS}))")),
        Kind::Boolean => ("boolean", String::new()),
        Kind::Instant => ("int64", "(TIMESTAMP (MICROS, true))".to_owned()),
        Kind::Date => ("int32", "(DATE)".to_owned()),
    };
    format!("optional {physical} {name} {logical}; ")
}

fn write_column(
    column: &mut SerializedColumnWriter<'_>,
    kind: Kind,
    numbers: Numbers,
    cells: &[&Cell],
) -> Result<(), ParquetError> {
    match kind {
        Kind::Text => write::<ByteArrayType>(column, cells, |cell| match cell {
            Cell::Text(text) => Some(ByteArray::from(text.as_str())),
            _ => None,
        }),
        Kind::Integer => write::<Int64Type>(column, cells, |cell| match cell {
            Cell::Integer(number) => Some(*number),
            _ => None,
        }),
        Kind::Decimal | Kind::Unrounded if numbers == Numbers::Double => {
            write::<DoubleType>(column, cells, |cell| match cell {
                Cell::Decimal(decimal) | Cell::Unrounded(decimal) => decimal.to_f64(),
                _ => None,
            })
        }
        Kind::Decimal => write::<FixedLenByteArrayType>(column, cells, |cell| match cell {
            Cell::Decimal(decimal) => Some(digits(*decimal, Number::DIGITS)),
            _ => None,
        }),
        Kind::Unrounded => write::<FixedLenByteArrayType>(column, cells, |cell| match cell {
            Cell::Unrounded(decimal) => Some(digits(*decimal, UNROUNDED_DIGITS)),
            _ => None,
        }),
        Kind::Boolean => write::<BoolType>(column, cells, |cell| match cell {
            Cell::Boolean(is) => Some(*is),
            _ => None,
        }),
        Kind::Instant => write::<Int64Type>(column, cells, |cell| match cell {
            Cell::Instant(at) => Some(DateTime::<FixedOffset>::timestamp_micros(at)),
            _ => None,
        }),
        Kind::Date => write::<Int32Type>(column, cells, |cell| match cell {
            Cell::Date(date) => i32::try_from((*date - NaiveDate::default()).num_days()).ok(),
            _ => None,
        }),
    }
}

/// Writes the values that are present, and marks those that are null.
fn write<T: DataType>(
    column: &mut SerializedColumnWriter<'_>,
    cells: &[&Cell],
    value: impl Fn(&Cell) -> Option<T::T>,
) -> Result<(), ParquetError> {
    let values: Vec<Option<T::T>> = cells.iter().map(|cell| value(cell)).collect();
    let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
    let values: Vec<T::T> = values.into_iter().flatten().collect();
    column.typed::<T>().write_batch(&values, Some(&levels), None)?;
    Ok(())
}

/// Returns the number, scaled to `count` digits after the point, as big-endian two's complement.
fn digits(decimal: Decimal, count: u32) -> FixedLenByteArray {
    let rounded = decimal.round_dp_with_strategy(count, RoundingStrategy::MidpointAwayFromZero);
    let missing = count - rounded.scale().min(count);
    let unscaled = rounded.mantissa().saturating_mul(10_i128.pow(missing));
    FixedLenByteArray::from(unscaled.to_be_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::file::reader::{FileReader, SerializedFileReader};

    #[test]
    fn what_is_written_can_be_read_with_its_types() {
        let head = vec![
            ("name".to_owned(), Kind::Text),
            ("minutes".to_owned(), Kind::Decimal),
            ("at".to_owned(), Kind::Instant),
            ("is_open".to_owned(), Kind::Boolean),
            ("count".to_owned(), Kind::Integer),
            ("third".to_owned(), Kind::Unrounded),
        ];
        let mut table = ParquetTable::begin(&head, Numbers::Decimal).unwrap();
        let at = DateTime::parse_from_rfc3339("2026-11-18T00:00:00+01:00").unwrap();
        let row = |place: usize| {
            let minutes = Cell::Decimal("-0.1234567895".parse().unwrap());
            let third = Cell::Unrounded("-0.33333333333333333333".parse().unwrap());
            vec![
                Cell::Text(format!("é{place}")),
                minutes,
                Cell::Instant(at),
                Cell::Boolean(true),
                Cell::Integer(-7),
                third,
            ]
        };
        let mut bytes = Vec::new();
        for start in [0, 3_000, 6_000] {
            bytes.extend(table.add(&(start..start + 3_000).map(row).collect::<Vec<_>>()).unwrap());
        }
        bytes.extend(table.add(&[vec![Cell::Null; 6]]).unwrap());
        bytes.extend(table.end().unwrap());
        let reader = SerializedFileReader::new(axum::body::Bytes::from(bytes)).unwrap();
        assert_eq!(reader.metadata().num_row_groups(), 2);
        let rows: Vec<_> = reader.get_row_iter(None).unwrap().map(|row| row.unwrap().to_string()).collect();
        assert_eq!(rows.len(), 9_001);
        assert_eq!(
            rows[8_999],
            "{name: \"é8999\", minutes: -0.123456790, at: 2026-11-17 23:00:00.000000 +00:00, is_open: true, count: -7, third: -0.333333333333333333}"
        );
        assert_eq!(rows[9_000], "{name: null, minutes: null, at: null, is_open: null, count: null, third: null}");
    }
}
