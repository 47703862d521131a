//! Storage: the rules by which received records become rows.

mod account;
mod artifact_queue;
pub(crate) mod changes;
mod drift;
mod field_presence;
mod lease;
pub(crate) mod newer_wins;
mod page;
pub(crate) mod presence;
mod search_language;
