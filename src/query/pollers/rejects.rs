//! Records of the last run that could not be normalized.
//!
//! A run with many of them is not complete. A run with few of them is, but they must still be visible.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde::Serialize;
use utoipa::ToSchema;

use crate::query::pollers::Facts;

/// Records of the last ended run that could not be normalized.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct LastRunRejects {
    /// Number of the run.
    pub run_id: i64,
    /// Records that could not be normalized.
    pub rejected_count: i64,
    /// Records the provider sent.
    pub record_count: i64,
    /// `rejected_count` divided by `record_count`, 0 to 1; null: the provider sent none.
    #[schema(example = 0.015)]
    pub rejected_share: Option<f64>,
}

impl LastRunRejects {
    pub(super) fn of(facts: &Facts) -> Option<Self> {
        let (rejected_count, record_count) = (facts.ended_rejected_count?, facts.ended_record_count?);
        let share = Decimal::from(rejected_count).checked_div(Decimal::from(record_count));
        Some(Self {
            run_id: facts.ended_run_id?,
            rejected_count,
            record_count,
            rejected_share: share.and_then(|share| share.round_dp(6).to_f64()),
        })
    }
}
