//! What was unexpected while something was read.
//!
//! Collected beside the reading, since nothing unexpected ends it. Counts each oddity of a record once. Knows no
//! provider, and not what becomes of it.

use std::cell::RefCell;
use std::collections::BTreeSet;

use crate::model::page::Oddity;

/// What was unexpected in one record, or around the records of an answer. Each oddity counts once.
#[derive(Debug, Default)]
pub struct Oddities(RefCell<BTreeSet<Oddity>>);

impl Oddities {
    /// Notes one.
    pub fn count(&self, kind: &'static str, path: &str, value: &str) {
        let value: String = value.chars().filter(|c| !c.is_control()).take(80).collect();
        let oddity = Oddity { kind, path: path.to_owned(), value };
        self.0.borrow_mut().insert(oddity);
    }

    /// All of them.
    pub fn into_inner(self) -> Vec<Oddity> {
        self.0.into_inner().into_iter().collect()
    }
}
