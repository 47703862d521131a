//! NDJSON: an object a line, with the columns in their order.
//!
//! A client that reads line by line needs neither an envelope nor memory for the whole list. Names, nulls and
//! numbers are those of JSON.

use serde::ser::{Serialize, SerializeMap, Serializer};

use crate::api::formats::cell::{Cell, Head};

/// Writes the lines of rows.
pub(super) fn rows(head: &Head, rows: &[Vec<Cell>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for row in rows {
        // a write to memory does not fail, and every key of a line is a string
        if serde_json::to_writer(&mut bytes, &Line { head, row }).is_ok() {
            bytes.push(b'\n');
        }
    }
    bytes
}

struct Line<'a> {
    head: &'a Head,
    row: &'a [Cell],
}

impl Serialize for Line<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.row.len()))?;
        for ((name, _), cell) in self.head.iter().zip(self.row) {
            map.serialize_entry(name, cell)?;
        }
        map.end()
    }
}
