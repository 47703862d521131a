//! All integration tests, in one binary: from outside, over real HTTP, on a real Postgres.
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod harness;

mod acceptance;
mod api;
mod budget;
mod config;
mod conformance;
mod connector;
mod contract;
mod db;
mod downloads;
mod faults;
mod files;
mod ingest;
mod memory;
mod providers;
mod query;
mod rosters;
mod schema;
mod simulator;
mod store;
mod telemetry;
mod tidy;
mod verbs;
