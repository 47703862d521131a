//! Storage: the rules by which received records become rows.

pub(crate) mod presence;
mod session_stats;
