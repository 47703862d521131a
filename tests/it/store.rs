//! Storage: the rules by which received records become rows.

mod account;
mod drift;
mod lease;
pub(crate) mod presence;
mod session_stats;
