//! Erasure of people, and of content by its age.
//!
//! An erasure commits the person's pseudonyms first ([`tombstone`]). From then on each writer of the source reads them
//! in its transaction, and [`redact`] removes what it wrote of erased people, by the same statements that erase what
//! was stored before. Rows stay, under a random pseudonym, so that figures stay as they were. Columns with personal
//! data are found by their comments in the catalog ([`personal`]), so that a new column is not forgotten.
//!
//! This module knows no provider: it finds people by pseudonyms, and by the identities that are stored beside them.

pub mod export;
mod find;
mod people;
mod personal;
pub(in crate::store) mod redact;
mod request;
mod retention;
mod search;
pub(in crate::store) mod step;
pub(in crate::store) mod tombstone;
mod work;

pub use self::people::{ErasureError, IDENTITY_KINDS, Named, People};
pub use self::request::{ErasureRequest, Requested};
pub use self::work::unfinished;
