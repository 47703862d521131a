//! People as they are named, erasures that run, and what either can fail with: what the files of this folder share.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlx::PgPool;

use crate::model::id::SourceId;
use crate::model::person::PersonKey;
use crate::store::StoreError;
use crate::store::erasure::tombstone::Pseudonyms;

/// Kinds of identity by which a person can be named. The last one is the pseudonym itself.
pub const IDENTITY_KINDS: [&str; 5] = ["contact", "external_user", "custom_participant", "participant_user", PERSON_ID];

pub(super) const PERSON_ID: &str = "person_id";

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

/// What identifies a person in texts.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Sought {
    pub(super) identifiers: BTreeSet<String>,
    pub(super) names: BTreeSet<String>,
}

/// An erasure that runs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Work<'a> {
    pub(super) erasure_id: i64,
    pub(super) source_id: SourceId,
    pub(super) pseudonyms: Pseudonyms<'a>,
    pub(super) progress: i64,
    pub(super) deletes_sessions: bool,
    pub(super) now: DateTime<Utc>,
}
