//! All integration tests, in one binary: from outside, over real HTTP, on a real Postgres.
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod harness;

mod acceptance;
mod api;
mod artifact_queue;
mod budget;
mod changes;
mod config;
mod conformance;
mod contract;
mod db;
mod deletion;
mod depth;
mod downloads;
mod faults;
mod faults_lists;
mod files;
mod first_load;
mod ingest;
mod memory;
mod owed;
mod providers;
mod query;
mod rings;
mod rosters;
mod schema;
mod simulator;
mod store;
mod tidy;
mod verbs;
