//! The demo: the service, a private database and three simulated providers on this machine, so that it runs with
//! nothing installed but Postgres binaries.
//!
//! [`mod@run`] puts the server of [`crate::embedded`] and the providers of [`tributary_simulator`] under the service
//! exactly as a user would; the tests use the same ones, so that the tests cover what the demo shows.

mod display;
mod run;
mod simulate;

pub use self::run::{DemoArgs, run};
pub use self::simulate::{SimulateArgs, simulate};
