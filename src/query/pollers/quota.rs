//! How much of its call budget a source has left, as far as the provider said.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::query::pollers::Facts;

/// What is left of the calls that the source's account may make. Several sources may share it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CallQuota {
    /// Calls left in the provider's window, whoever makes them; null: not said, or the window is over.
    #[schema(example = 412)]
    pub remaining: Option<i64>,
    /// Calls in a whole window; null: not said.
    #[schema(example = 1200)]
    pub quota: Option<i64>,
    /// When the next window begins; null: not said, or it has begun.
    pub resets_at: Option<DateTime<Utc>>,
    /// No call is made before this: the provider refused one, or our share is used up.
    pub blocked_until: Option<DateTime<Utc>>,
}

impl CallQuota {
    /// What the facts mean at `now`; `None` where nothing is known.
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
