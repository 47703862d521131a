//! Planning of a backfill: splits a past range into windows of a day, in UTC.
//!
//! A window with too many records is split further once it is read.

use crate::connector::error::PullError;
use crate::ingest::units::{Step, create, cut, ignores_filter, stream_key};
use crate::ingest::{Poller, Source};
use crate::model::time::Window;
use crate::store::StoreError;
use crate::store::backfill::{self, Backfill, Plan, PlannedUnit, Purpose};
use crate::store::operation::Operator;

/// The reason why nothing was planned.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// A database error.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The provider could not be asked whether it applies time filters.
    #[error("the provider could not be queried: {0}")]
    Pull(PullError),
}

/// Returns the backfill of `range`: the unfinished one, or a new one.
pub async fn plan_backfill(
    poller: &Poller,
    source: &Source,
    range: Window,
    operator: &Operator,
) -> Result<(Backfill, bool), PlanError> {
    if let Some(unfinished) =
        backfill::reopen(&poller.pool, stream_key(source), Purpose::Backfill, range, poller.clock.now()).await?
    {
        return Ok((unfinished, true));
    }
    let is_unfiltered = ignores_filter(poller, source).await.map_err(PlanError::Pull)?;
    let windows = if is_unfiltered { vec![range] } else { cut(range, |_| Step::Day) };
    let units: Vec<PlannedUnit> =
        windows.into_iter().map(|window| PlannedUnit { window, day: None, compares_states: false }).collect();
    let plan = Plan { stream_key: stream_key(source), purpose: Purpose::Backfill, range, units: &units, is_unfiltered };
    Ok((create(poller, source, &plan, operator).await?, false))
}
