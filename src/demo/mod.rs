//! The demo: a private database and three simulated providers, so that the service runs with nothing installed but
//! Postgres binaries.
//!
//! [`postgres`] runs a private, durable server from the binaries of this machine. [`simulator`] answers like the
//! three providers, over real HTTP. The demo puts both under the service itself, and the tests use the same ones, so
//! that the tests cover what the demo shows.
//! The server and the simulators do not depend on how records are polled, stored or queried. [`mod@run`] puts them
//! under the service exactly as a user would.

mod display;
pub mod postgres;
mod run;
mod simulate;
pub mod simulator;

pub use self::run::{DEFAULT_DATA_DIR, DemoArgs, run, search_path};
pub use self::simulate::{SimulateArgs, simulate};
