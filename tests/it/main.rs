//! All integration tests, in one binary: from outside, over real HTTP, on a real Postgres.
#![expect(clippy::expect_used, clippy::panic, reason = "a test that cannot go on has failed")]

mod harness;

mod api;
mod config;
mod connector;
mod db;
mod embedded;
mod ingest;
mod migrations;
mod providers;
mod query;
mod rosters;
mod schema;
mod store;
mod telemetry;
mod tidy;
mod verbs;
mod web;
mod web_data_health;
mod web_sessions;
