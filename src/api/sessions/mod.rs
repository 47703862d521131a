//! Sessions, one by one.
//!
//! The list, one of them, and what was said in it. What was never stored is told apart from what is not there.
//! Figures over many sessions are next door, in [`crate::api::metrics`].

pub(crate) mod list;
pub(crate) mod messages;
pub(crate) mod one;
