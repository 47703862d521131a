//! The read replica: answers for dashboards come from it while it serves, and from the primary otherwise.
//!
//! A request is read from one database as a whole, which is chosen before it begins ([`route`]), so that rows, proofs
//! and the version of the data belong together. [`follow`] observes the replica once a second. The replica is used only
//! while it holds all commands that this process knows of, so that no answer shows the state before a command.

pub mod follow;
pub mod handle;
mod progress;
pub(crate) mod route;
