//! Tributary.
#![expect(missing_docs)]
pub mod clock;
pub mod connector;
pub mod model;
pub mod providers;
