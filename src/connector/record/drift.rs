//! Unexpected values found while reading.
//!
//! They are collected beside the reading, since they do not end it. Each item of a record counts once. This
//! module knows no provider, and not how the items are used.

use std::cell::RefCell;
use std::collections::BTreeSet;

use crate::model::page::DriftItem;

/// Unexpected values in one record, or around the records of an answer. Each item counts once.
#[derive(Debug, Default)]
pub struct DriftItems(RefCell<BTreeSet<DriftItem>>);

impl DriftItems {
    /// Adds one item.
    pub fn count(&self, kind: &'static str, path: &str, value: &str) {
        let value: String = value.chars().filter(|c| !c.is_control()).take(80).collect();
        let item = DriftItem { kind, path: path.to_owned(), value };
        self.0.borrow_mut().insert(item);
    }

    /// Returns all items.
    pub fn into_inner(self) -> Vec<DriftItem> {
        self.0.into_inner().into_iter().collect()
    }
}
