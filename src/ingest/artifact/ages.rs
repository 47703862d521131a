//! Ages of a session at which an artifact is requested, by the policy of its stream.

use chrono::{DateTime, TimeDelta, Utc};

use crate::connector::ArtifactPolicy;
use crate::store::artifact::task::Task;

/// A session that has run for more than this many intervals is requested less often: it may run for days.
const LIVE_SLOWDOWN: i32 = 24;

/// Returns the next age at which to ask; `None` once the provider has deleted the data.
pub(super) fn next_age(task: &Task, policy: &ArtifactPolicy, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let Some(from) = task.counts_from() else {
        let every = policy.while_live.unwrap_or(policy.then_every);
        return Some(now + every.max((now - task.session.started_at) / LIVE_SLOWDOWN));
    };
    let expires_at = task.expires_at.unwrap_or(from + policy.retention);
    if now >= expires_at {
        return None;
    }
    let listed = policy.tries_after.iter().map(|age| from + *age).find(|at| *at > now);
    let next = listed.unwrap_or_else(|| {
        let last = from + policy.tries_after.last().copied().unwrap_or_default();
        let step_seconds = policy.then_every.num_seconds().max(1);
        let steps = (now - last).num_seconds().div_euclid(step_seconds) + 1;
        last + TimeDelta::seconds(steps.saturating_mul(step_seconds))
    });
    Some(next.min(expires_at))
}
