//! Everything a newcomer lacks: a database and three providers.
//!
//! [`postgres`] runs a private, durable server from the binaries of this machine; [`simulator`] answers
//! like the three providers, over real HTTP. The demo puts both under the service itself; the tests use
//! the same ones, so that what is shown is what is tested.
//! Nothing here knows how records are polled, stored or queried.

pub mod postgres;
pub mod simulator;
