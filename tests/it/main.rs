//! All integration tests, in one binary: from outside, over real HTTP, on a real Postgres.
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod harness;

mod acceptance;
mod actions;
mod api;
mod artifact_queue;
mod backfill;
mod budget;
mod changes;
mod conformance;
mod contract;
mod decimals;
mod deletion;
mod depth;
mod downloads;
mod faults;
mod faults_lists;
mod files;
mod fetched_postgres;
mod first_load;
mod holes;
mod ingest;
mod instances;
mod known_world;
mod meetings;
mod memory;
mod numbers;
mod openapi;
mod owed;
mod postgres;
mod providers;
mod reconcile;
mod replay;
mod rings;
mod rosters;
mod schema;
mod settings;
mod simulator;
mod sources;
mod tidy;
mod zones;
