//! SQL: the only place that writes it. Each statement is a template, visible as a whole, whose holes are filled.
//!
//! The statements that read values and those that explain them are made of the same rows, conditions and numbers.

pub(super) mod behind;
pub(super) mod concurrency;
pub(super) mod contributions;
mod counted;
pub(super) mod coverage;
mod figure;
pub(super) mod numbers;
pub(super) mod published;
pub mod rows;
pub mod statement;
pub(super) mod value;

#[cfg(test)]
mod snapshot_tests;
