//! The three providers, simulated over real HTTP on this machine.
//!
//! A [`Simulator`] answers like one provider: paths, parameters, page sizes, envelopes, errors, limits. Its records
//! come from a [`feed::Feed`]: the generated [`world::World`], which changes as time passes, or the verbatim records
//! of a [`fixed_feed::FixedFeed`]. RealtimeKit's files are on a second listener. [`quirks::Quirks`] are lasting
//! behaviours that a provider may have; [`faults::Fault`]s are scripted errors. The simulator must be no easier than
//! the real providers, and does not depend on the service that polls it.

pub mod quirks;
pub mod truth;
pub mod feed;
pub mod fixed_feed;
pub mod faults;
pub mod webhooks;
pub mod world;

mod distributions;
mod timeline;
mod avatars;
mod phrases;
mod chats;
mod meetings;
mod settings;
mod signed_link;
mod listing;
mod konpro;
mod konvo;
mod realtimekit;
mod server;

pub use crate::server::{RequestRecord, Simulator};
pub use crate::settings::{Now, Platform, SimulatorSettings};
