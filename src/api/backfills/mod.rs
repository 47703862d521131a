//! Backfills over HTTP.
//!
//! They are started on the command line; here they are watched, paused and resumed. Every change is
//! recorded in the journal of operations, and a page of another origin may change nothing.

pub(crate) mod list;
pub(crate) mod one;
