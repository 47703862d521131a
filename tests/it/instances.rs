//! Several pollers as real processes: killed, stopped, paused, without a database, behind a pooler.
//!
//! What is polled stands still while they are at it, so that the tables must equal the truth of the providers and what
//! a quiet poll stores.

mod control;
mod crashes;
mod database;
mod pooler;
mod reload;
mod rivals;
mod stage;
