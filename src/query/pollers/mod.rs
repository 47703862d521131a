//! The health of polling: one entry for each stream of each source.
//!
//! Nothing of it is stored. It is computed from facts at each request, so that a poller that died cannot leave a good
//! report behind.

mod depth;
mod lists;
mod parts;
mod poller;
mod tasks;

use chrono::{DateTime, TimeDelta, Utc};
use sqlx::PgPool;

use crate::query::ReadError;
pub use crate::query::pollers::poller::{Poller, PollerState};

/// Returns all streams, by source, at `now`. A run without a heartbeat for `stalled_after` has stalled; `advice`
/// returns the advice for a class of errors.
pub async fn list(
    pool: &PgPool,
    now: DateTime<Utc>,
    stalled_after: TimeDelta,
    advice: fn(&str) -> Option<&'static str>,
) -> Result<Vec<Poller>, ReadError> {
    let mut pollers = lists::list(pool, now, stalled_after, advice).await?;
    for mut of_sessions in depth::list(pool, now, stalled_after, advice).await? {
        let list = pollers.iter().find(|list| list.source == of_sessions.source);
        of_sessions.quota = list.and_then(|list| list.quota.clone());
        pollers.push(of_sessions);
    }
    // List streams come before per-session streams of the same source: the sort is stable.
    pollers.sort_by(|one, other| one.source.cmp(&other.source));
    Ok(pollers)
}
