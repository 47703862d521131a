//! The database: unavailable, saturated, or behind a pooler.

mod pooler;
mod saturated;
pub(crate) mod unavailable;
