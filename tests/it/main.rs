//! All integration tests, in one binary: from outside, over real HTTP, on a real Postgres.

mod harness;

mod conformance;
mod ingest;
mod postgres;
mod providers;
mod schema;
mod settings;
mod simulator;
mod tidy;
