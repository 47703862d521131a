//! The verbs of the command line: a file for each.

pub(crate) mod backfill;
mod check;
pub(crate) mod erase;
mod keys;
mod manual;
mod poll;
mod prune;
mod reconcile;
pub(crate) mod replay;
mod serve;
mod serve_embedded;
mod simulate;
pub(crate) mod sources;
mod windows;
