//! Tributary polls streaming avatars, AI chats and video meetings into one Postgres schema, and answers queries
//! across all of them. It reports a number only where it is known.
//!
//! The modules, in the order in which a row travels:
//!
//! - [`model`]: stored data; plain types.
//! - [`connector`]: the interface of a provider; [`providers`]: its implementations.
//! - [`ingest`]: poll → save, for any provider; [`store`]: writes, one transaction a page.
//! - [`query`]: reads; [`api`]: answers over HTTP; [`web`]: the page.
//! - [`app`]: wiring; `demo`: the whole service on one machine, with the simulated providers of the crate
//!   `tributary_simulator`, in builds with the feature `demo`; [`verbs`]: the command line.
//! - [`config`], [`clock`], [`db`], [`telemetry`]: foundations; [`embedded`]: a private Postgres server; [`failpoint`]:
//!   points at which tests crash the process.
//!
//! A module may name only modules of a lower rank; `docs/architecture.md` lists the ranks, and a test checks them.

// these macros panic where the reader of the output has gone: `app::say` and `app::remark` do not
#![deny(clippy::print_stdout, clippy::print_stderr)]

pub mod config;
pub mod telemetry;
pub mod clock;
pub mod db;
pub mod embedded;
pub mod failpoint;
pub mod model;
pub mod connector;
pub mod providers;
pub mod store;
pub mod ingest;
pub mod query;
pub mod api;
pub mod web;
pub mod app;
#[cfg(feature = "demo")]
pub mod demo;
pub mod verbs;
