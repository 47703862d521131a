//! Tributary.
#![expect(missing_docs)]
pub mod clock;
pub mod connector;
pub mod demo;
pub mod model;
