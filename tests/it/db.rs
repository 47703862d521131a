//! The database: unavailable, saturated, or behind a pooler.

mod pooler;
mod saturated;
mod unavailable;
