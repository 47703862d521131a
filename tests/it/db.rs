//! The database: unavailable, saturated, behind a pooler, or with a read replica.

mod pooler;
mod replica;
mod saturated;
pub(crate) mod unavailable;
