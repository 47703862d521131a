//! Calls left in a source's budget, as reported by the provider.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::query::pollers::Facts;

/// Calls left to the source's account. Several sources may share it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CallQuota {
    /// Calls left in the provider's window, for all clients; null: not reported, or the window is over.
    #[schema(example = 412)]
    pub remaining: Option<i64>,
    /// Calls in a whole window; null: not reported.
    #[schema(example = 1200)]
    pub quota: Option<i64>,
    /// Time at which the next window begins; null: not reported, or it has begun.
    pub resets_at: Option<DateTime<Utc>>,
    /// No call is made before this instant: the provider refused one, or our share is used up.
    pub blocked_until: Option<DateTime<Utc>>,
}

impl CallQuota {
    /// Derives the quota from the facts at `now`; returns `None` if nothing is known.
    pub(super) fn of(facts: &Facts, now: DateTime<Utc>) -> Option<Self> {
        let resets_at = facts.quota_resets_at.filter(|at| *at > now);
        let blocked_until = facts.quota_blocked_until.max(facts.quota_used_up_until).filter(|until| *until > now);
        if facts.quota_calls.is_none() && resets_at.is_none() && blocked_until.is_none() {
            return None;
        }
        let remaining = facts.quota_remaining.filter(|_| resets_at.is_some());
        Some(Self { remaining, quota: facts.quota_calls, resets_at, blocked_until })
    }
}
