//! The verbs of the command line: a file for each.

pub(crate) mod backfill;
mod check;
mod check_schema;
pub(crate) mod erase;
mod full_disk;
mod keys;
mod manual;
mod missing;
mod poll;
mod prune;
mod reconcile;
pub(crate) mod replay;
mod serve;
mod serve_embedded;
mod simulate;
mod stopping;
pub(crate) mod sources;
mod windows;
