//! Records that could not be normalized: their faults, their bytes, and their replay.
//!
//! The implementation of a replay is handed in, since nothing here knows how to read a provider's records.

pub(crate) mod list;
pub(crate) mod one;
pub(crate) mod replay;

use std::fmt::Debug;

use async_trait::async_trait;

use crate::api::problem::ApiError;
use crate::model::replay::ReplayOutcome;
use crate::store::StoreError;
use crate::store::operation::Operator;

/// Replays rejected records with the current code.
#[async_trait]
pub trait RejectReplays: Send + Sync + Debug {
    /// Replays the reject of that number, and records who requested it.
    async fn replay(&self, reject_id: i64, operator: &Operator) -> Result<ReplayOutcome, ReplayError>;
}

/// The reason why a reject was not replayed.
#[derive(Debug)]
pub enum ReplayError {
    /// There is no reject of that number.
    NotFound,
    /// Its source is no longer configured, so the record cannot be read.
    NotConfigured(String),
    /// The database failed.
    Store(StoreError),
}

impl From<StoreError> for ReplayError {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

fn no_reject(reject_id: i64) -> ApiError {
    ApiError::NotFound(format!("There is no rejected record {reject_id}."))
}
