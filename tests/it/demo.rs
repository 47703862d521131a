//! The demo: its simulated providers, and the Postgres that it fetches.

mod postgres_fetch;
mod simulator;
