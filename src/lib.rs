//! Tributary.
pub mod clock;
pub mod config;
pub mod connector;
pub mod db;
pub mod ingest;
pub mod model;
pub mod store;
pub mod telemetry;
