//! Single sessions, and their list.
//!
//! A session has parts: participants, messages, transcript and quality. Data that was never stored is
//! distinguished from data that does not exist. Metrics over many sessions are in [`crate::api::metrics`].

mod columns;
pub(crate) mod cues;
pub(crate) mod list;
pub(crate) mod messages;
pub(crate) mod one;
pub(crate) mod part;
pub(crate) mod participants;
pub(crate) mod provenance;
pub(crate) mod quality;
pub(crate) mod summary;
pub(crate) mod timeline;
mod titles;
pub(crate) mod transcript;
