//! Unexpected values found while reading.
//!
//! They are collected beside the reading, since they do not end it. Each oddity of a record counts once. This
//! module knows no provider, and not how the oddities are used.

use std::cell::RefCell;
use std::collections::BTreeSet;

use crate::model::page::Oddity;

/// Unexpected values in one record, or around the records of an answer. Each oddity counts once.
#[derive(Debug, Default)]
pub struct Oddities(RefCell<BTreeSet<Oddity>>);

impl Oddities {
    /// Notes one oddity.
    pub fn count(&self, kind: &'static str, path: &str, value: &str) {
        let value: String = value.chars().filter(|c| !c.is_control()).take(80).collect();
        let oddity = Oddity { kind, path: path.to_owned(), value };
        self.0.borrow_mut().insert(oddity);
    }

    /// Returns all oddities.
    pub fn into_inner(self) -> Vec<Oddity> {
        self.0.into_inner().into_iter().collect()
    }
}
