//! The demo: its simulated providers.

mod simulator;
