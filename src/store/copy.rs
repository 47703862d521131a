//! Rows by `copy` in its binary format: the way for many rows of which none is stored yet.
//!
//! The driver encodes each value as a parameter; this module adds only the framing. The caller ensures that the
//! columns named in the statement have the values' types: the format has no type names, and the server refuses data
//! that it cannot read.

use sqlx::PgConnection;
use sqlx::encode::{Encode, IsNull};
use sqlx::postgres::{PgArgumentBuffer, PgCopyIn, Postgres};

/// Header of the format: its signature, no flags, no extension.
const HEAD: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// Trailer, at the position of a row's number of columns.
const END: [u8; 2] = (-1_i16).to_be_bytes();
/// Marks a null, at the position of a value's length.
const NULL: [u8; 4] = (-1_i32).to_be_bytes();
/// Approximate number of bytes sent at once.
const PIECE_BYTES: usize = 256 * 1024;

/// Rows being sent.
pub(super) struct Rows<'c> {
    copy: PgCopyIn<&'c mut PgConnection>,
    form: Form,
}

impl<'c> Rows<'c> {
    /// Begins sending rows; `statement` is a `copy … from stdin (format binary)` with its columns.
    pub(super) async fn begin(connection: &'c mut PgConnection, statement: &'static str) -> Result<Self, sqlx::Error> {
        Ok(Self { copy: connection.copy_in_raw(statement).await?, form: Form::new() })
    }

    /// Adds one row: `fill` adds its values, in the order of the columns.
    pub(super) async fn add(
        &mut self,
        fill: impl FnOnce(&mut Row<'_>) -> Result<(), sqlx::Error>,
    ) -> Result<(), sqlx::Error> {
        self.form.row(fill)?;
        if self.form.buffer.len() >= PIECE_BYTES {
            self.copy.send(&self.form.buffer[..]).await?;
            self.form.buffer.clear();
        }
        Ok(())
    }

    /// Sends the last rows, and returns how many were stored.
    pub(super) async fn end(mut self) -> Result<u64, sqlx::Error> {
        self.form.buffer.extend_from_slice(&END);
        self.copy.send(&self.form.buffer[..]).await?;
        self.copy.finish().await
    }
}

/// The encoded bytes.
struct Form {
    buffer: PgArgumentBuffer,
}

impl Form {
    fn new() -> Self {
        let mut buffer = PgArgumentBuffer::default();
        buffer.extend_from_slice(HEAD);
        Self { buffer }
    }

    fn row(&mut self, fill: impl FnOnce(&mut Row<'_>) -> Result<(), sqlx::Error>) -> Result<(), sqlx::Error> {
        let at = self.buffer.len();
        self.buffer.extend_from_slice(&[0; 2]);
        let mut row = Row { buffer: &mut self.buffer, columns: 0 };
        fill(&mut row)?;
        let columns = row.columns.to_be_bytes();
        self.buffer[at..at + 2].copy_from_slice(&columns);
        Ok(())
    }
}

/// One row.
pub(super) struct Row<'b> {
    buffer: &'b mut PgArgumentBuffer,
    columns: i16,
}

impl Row<'_> {
    /// Adds a value.
    pub(super) fn value<'q, T: Encode<'q, Postgres>>(&mut self, value: T) -> Result<&mut Self, sqlx::Error> {
        let at = self.buffer.len();
        self.buffer.extend_from_slice(&NULL);
        if let IsNull::No = value.encode_by_ref(self.buffer).map_err(sqlx::Error::Encode)? {
            let length = i32::try_from(self.buffer.len() - at - NULL.len())
                .map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
            self.buffer[at..at + NULL.len()].copy_from_slice(&length.to_be_bytes());
        }
        self.columns += 1;
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};

    use super::*;

    #[test]
    fn every_type_in_use_is_written_as_the_server_reads_it() {
        let mut form = Form::new();
        let at: DateTime<Utc> = "2000-01-01T00:00:01Z".parse().expect("an instant");
        form.row(|row| {
            row.value(7_i32)?.value(-2_i64)?.value("ä")?.value(Some(at))?.value(None::<&str>)?.value(true)?;
            row.value(None::<i32>).map(drop)
        })
        .expect("a row");
        let mut wanted = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0\0\x07".to_vec();
        wanted.extend_from_slice(b"\0\0\0\x04\0\0\0\x07");
        wanted.extend_from_slice(b"\0\0\0\x08\xff\xff\xff\xff\xff\xff\xff\xfe");
        wanted.extend_from_slice(b"\0\0\0\x02\xc3\xa4");
        // microseconds since the year 2000
        wanted.extend_from_slice(b"\0\0\0\x08\0\0\0\0\0\x0f\x42\x40");
        wanted.extend_from_slice(b"\xff\xff\xff\xff");
        wanted.extend_from_slice(b"\0\0\0\x01\x01");
        wanted.extend_from_slice(b"\xff\xff\xff\xff");
        assert_eq!(&form.buffer[..], &wanted[..]);
    }

    #[test]
    fn rows_follow_each_other() {
        let mut form = Form::new();
        for number in [1_i32, 2] {
            form.row(|row| row.value(number).map(drop)).expect("a row");
        }
        let one = b"\0\x01\0\0\0\x04\0\0\0\x01\0\x01\0\0\0\x04\0\0\0\x02";
        assert_eq!(&form.buffer[HEAD.len()..], one);
    }
}
