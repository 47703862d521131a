//! Erasure of people, and of content by its age.
//!
//! An erasure commits the person's pseudonyms first ([`tombstone`]). From then on each writer of the source reads them in
//! its transaction, and [`redact`] removes what it wrote of erased people, by the same statements that erase what was
//! stored before. Rows stay, under a random pseudonym, so that figures stay as they were. Columns with personal data are
//! found by their comments in the catalog ([`personal`]), so that a new column is not forgotten.
//!
//! This module knows no provider: it finds people by pseudonyms, and by the identities that are stored beside them.

pub mod export;
mod find;
mod personal;
pub(in crate::store) mod redact;
mod request;
mod retention;
mod search;
mod step;
pub(in crate::store) mod tombstone;
mod work;

use sqlx::PgPool;

use crate::model::person::PersonKey;
use crate::store::StoreError;

pub use self::request::{ErasureRequest, Requested};
pub use self::work::unfinished;

/// Kinds of identity by which a person can be named. The last one is the pseudonym itself.
pub const IDENTITY_KINDS: [&str; 5] = ["contact", "external_user", "custom_participant", "participant_user", PERSON_ID];

const PERSON_ID: &str = "person_id";

/// A person, as the caller names it.
#[derive(Debug, Clone, Copy)]
pub struct Named<'a> {
    /// Slug of the source.
    pub source: &'a str,
    /// The identity. Personal data.
    pub identity: &'a str,
    /// One of [`IDENTITY_KINDS`]; `None`: any of them.
    pub identity_kind: Option<&'a str>,
}

/// Erases and exports people.
#[derive(Debug, Clone)]
pub struct People {
    /// The database. Its statements may take long.
    pub pool: PgPool,
    /// Key that turns people into pseudonyms.
    pub person_key: PersonKey,
}

/// The reason why a person was neither erased nor exported.
#[derive(Debug, thiserror::Error)]
pub enum ErasureError {
    /// There is no such source.
    #[error("there is no source `{0}`")]
    NoSource(String),
    /// More sessions than one person has.
    #[error("the identity is of more than {0} sessions: it seems not to be of one person")]
    TooMany(usize),
    /// The database failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
