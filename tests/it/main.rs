//! All integration tests, in one binary: from outside, over real HTTP, on a real Postgres.
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod harness;

mod acceptance;
mod actions;
mod api;
mod budget;
mod conformance;
mod contract;
mod depth;
mod downloads;
mod faults_lists;
mod ingest;
mod numbers;
mod openapi;
mod postgres;
mod providers;
mod rosters;
mod schema;
mod settings;
mod simulator;
mod tidy;
