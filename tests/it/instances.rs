//! Several pollers as real processes: killed, stopped, paused, without a database, behind a pooler.
//!
//! The polled data does not change meanwhile, so that the tables must equal the truth of the providers and the result
//! of a quiet poll.

mod control;
mod crashes;
mod database;
mod pooler;
mod reload;
mod rivals;
