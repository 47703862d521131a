//! Tributary polls streaming avatars, AI chats and video meetings into one Postgres schema, and answers
//! questions across all of them. A number is stated only where it is known.
//!
//! The map of the house, in the order in which a row travels:
//!
//! - [`model`]: what we keep; plain data.
//! - [`connector`]: what a provider must do; [`providers`]: how each does it.
//! - [`ingest`]: poll → save, for any provider; [`store`]: writes, one transaction a page.
//! - [`query`]: reads; [`api`]: answers over HTTP.
//! - [`app`]: wiring; [`demo`]: all of it on one machine, with simulated providers.
//! - [`config`], [`clock`], [`db`], [`telemetry`]: the ground everything stands on; [`failpoint`]: where tests crash it.
//!
//! A module may name only modules of a lower rank; `docs/architecture.md` has the ranks, a test checks them.

pub mod config;
pub mod telemetry;
pub mod clock;
pub mod db;
pub mod failpoint;
pub mod model;
pub mod connector;
pub mod providers;
pub mod store;
pub mod ingest;
pub mod query;
pub mod api;
pub mod app;
pub mod demo;
