//! All integration tests, in one binary.

mod postgres;
mod simulator;
