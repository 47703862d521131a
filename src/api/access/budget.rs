//! Budgets of callers: requests a minute, weighted by cost, and metric queries at the same time.
//!
//! Each process has its own. A budget refills evenly, so that a burst may use all of it and a steady caller is never
//! refused.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::http::{HeaderName, HeaderValue};
use axum::response::Response;
use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Header with the rest of the budget (draft-ietf-httpapi-ratelimit-headers).
pub(crate) const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// Header with the size of the budget.
pub(crate) const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Cost of a request that reads a little.
pub(crate) const READ: u32 = 1;
/// Cost of a metric query.
pub(crate) const QUERY: u32 = 5;

/// Longest wait for other queries of the same key.
const QUEUE_TIME: Duration = Duration::from_secs(10);
/// Begin of the names of callers without a usable key, before their address.
pub(crate) const ADDRESS: &str = "address ";
/// Most callers whose budgets are kept; those that are full again are dropped.
const MAX_CALLERS: usize = 10_000;

#[derive(Debug)]
struct Budget {
    units: f64,
    as_of: DateTime<Utc>,
    queries: Arc<Semaphore>,
}

/// Budgets, by key.
#[derive(Debug)]
pub(crate) struct Budgets {
    units_per_minute: u32,
    concurrent_queries: usize,
    callers: Mutex<HashMap<String, Budget>>,
}

/// The rest of a budget after a request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rest {
    limit: u32,
    units: u32,
    full_in_seconds: u32,
}

impl Rest {
    /// Writes the rest into a response.
    pub(crate) fn describe(self, response: &mut Response) {
        let Self { limit, units, full_in_seconds } = self;
        let fields = [
            (RATE_LIMIT_POLICY, format!("\"key\";q={limit};w=60")),
            (RATE_LIMIT, format!("\"key\";r={units};t={full_in_seconds}")),
        ];
        for (name, value) in fields {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(name, value);
            }
        }
    }
}

/// The reason why a request must wait.
#[derive(Debug, Clone, Copy)]
pub struct OverBudget {
    /// Seconds after which to retry.
    pub(crate) retry_after_seconds: u32,
    /// The rest of the budget; `None`: too many queries at the same time.
    pub(crate) rest: Option<Rest>,
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and not negative")]
fn whole(number: f64) -> u32 {
    number.max(0.0) as u32
}

impl Budgets {
    /// Budgets of this size; 0 units mean no limit.
    pub(crate) fn new(units_per_minute: u32, concurrent_queries: u32) -> Self {
        let concurrent_queries = usize::try_from(concurrent_queries).unwrap_or(1);
        Self { units_per_minute, concurrent_queries, callers: Mutex::default() }
    }

    /// Takes `cost` units of the budget of `caller`; `None`: there is no limit.
    pub(crate) fn take(&self, caller: &str, cost: u32, now: DateTime<Utc>) -> Result<Option<Rest>, OverBudget> {
        if self.units_per_minute == 0 {
            return Ok(None);
        }
        let size = f64::from(self.units_per_minute);
        let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
        if callers.len() >= MAX_CALLERS {
            callers.retain(|_, budget| now - budget.as_of < TimeDelta::minutes(1));
        }
        // there are few keys; addresses without one may be many, and then share a budget
        let is_crowded = callers.len() >= MAX_CALLERS && caller.starts_with(ADDRESS) && !callers.contains_key(caller);
        let caller = if is_crowded { ADDRESS } else { caller };
        let budget = callers.entry(caller.to_owned()).or_insert_with(|| self.full(now));
        // a clock that was set back refills nothing
        let passed = (now - budget.as_of).max(TimeDelta::zero()).as_seconds_f64();
        budget.units = (budget.units + passed * size / 60.0).min(size);
        budget.as_of = now;
        let cost = f64::from(cost);
        if budget.units < cost {
            let wait = ((cost - budget.units) * 60.0 / size).ceil();
            let rest = Rest { limit: self.units_per_minute, units: whole(budget.units), full_in_seconds: whole(wait) };
            return Err(OverBudget { retry_after_seconds: whole(wait).max(1), rest: Some(rest) });
        }
        budget.units -= cost;
        let full_in_seconds = whole(((size - budget.units) * 60.0 / size).ceil());
        Ok(Some(Rest { limit: self.units_per_minute, units: whole(budget.units), full_in_seconds }))
    }

    /// Waits until `caller` may run another query.
    pub(crate) async fn query(&self, caller: &str, now: DateTime<Utc>) -> Result<OwnedSemaphorePermit, OverBudget> {
        let queries = {
            let mut callers = self.callers.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(&callers.entry(caller.to_owned()).or_insert_with(|| self.full(now)).queries)
        };
        let permit = tokio::time::timeout(QUEUE_TIME, queries.acquire_owned()).await;
        permit.ok().and_then(Result::ok).ok_or(OverBudget { retry_after_seconds: 1, rest: None })
    }

    fn full(&self, now: DateTime<Utc>) -> Budget {
        let queries = Arc::new(Semaphore::new(self.concurrent_queries));
        Budget { units: f64::from(self.units_per_minute), as_of: now, queries }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("an instant")
    }

    #[test]
    fn a_budget_is_spent_by_cost_and_refills_evenly() {
        let budgets = Budgets::new(60, 1);
        let noon = at("2026-03-10T12:00:00Z");
        for left in [50, 40, 30, 20, 10, 0] {
            let rest = budgets.take("a", 10, noon).expect("within budget").expect("a limit");
            assert_eq!(rest.units, left);
        }
        let refused = budgets.take("a", 5, noon).expect_err("spent");
        assert_eq!(refused.retry_after_seconds, 5);
        assert!(budgets.take("b", 10, noon).is_ok(), "another caller has another budget");
        assert!(budgets.take("a", 5, at("2026-03-10T12:00:04Z")).is_err(), "4 units after 4 seconds");
        assert!(budgets.take("a", 5, at("2026-03-10T12:00:05Z")).is_ok());
        assert!(budgets.take("a", 1, at("2026-03-10T11:00:00Z")).is_err(), "a clock set back refills nothing");
        for number in 0..2 * MAX_CALLERS {
            let _ = budgets.take(&format!("{ADDRESS}{number}"), 1, noon);
        }
        assert!(budgets.callers.lock().expect("a map").len() <= MAX_CALLERS + 1, "memory is bounded");
        assert!(budgets.take("c", 10, noon).is_ok(), "a key has a budget nonetheless");
        assert!(Budgets::new(0, 1).take("a", 1_000_000, noon).expect("no limit").is_none());
    }

    #[tokio::test]
    async fn queries_of_one_caller_wait_for_each_other() {
        let budgets = Budgets::new(60, 1);
        let noon = at("2026-03-10T12:00:00Z");
        let first = budgets.query("a", noon).await.expect("free");
        assert!(budgets.query("b", noon).await.is_ok(), "another caller does not wait");
        let second = budgets.query("a", noon);
        tokio::pin!(second);
        assert!(futures_util::poll!(&mut second).is_pending());
        drop(first);
        assert!(second.await.is_ok());
    }
}
