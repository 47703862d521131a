//! Staying inside a provider's call budget.
//!
//! One [`CallBudget`] belongs to one credential, however many sources and streams use it: a token
//! bucket for the steady rate, and an instant before which the provider wants no call at all.

use std::num::NonZeroU32;
use std::sync::{Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// The longest stated wait that is believed. Beyond it lies a unit mistake, and health shows the wait.
const LONGEST_WAIT: TimeDelta = TimeDelta::hours(24);

/// The calls one credential may make.
#[derive(Debug)]
pub struct CallBudget {
    bucket: DefaultDirectRateLimiter,
    blocked_until: Mutex<Option<DateTime<Utc>>>,
}

impl CallBudget {
    /// A budget of so many calls a minute, spread evenly; at most a tenth of them in one burst.
    pub fn per_minute(requests_per_minute: u32) -> Self {
        let rate = NonZeroU32::new(requests_per_minute).unwrap_or(NonZeroU32::MIN);
        let burst = NonZeroU32::new(requests_per_minute / 10).unwrap_or(NonZeroU32::MIN);
        Self {
            bucket: RateLimiter::direct(Quota::per_minute(rate).allow_burst(burst)),
            blocked_until: Mutex::new(None),
        }
    }

    /// Waits for a token.
    pub async fn permit(&self) {
        self.bucket.until_ready().await;
    }

    /// The instant until which nothing may be called, if that lies ahead.
    pub fn blocked_until(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.blocked_until.lock().unwrap_or_else(PoisonError::into_inner).filter(|until| *until > now)
    }

    /// Forbids calls until `until`; an earlier instant than the one in force changes nothing.
    pub fn block_until(&self, until: DateTime<Utc>) {
        let mut blocked = self.blocked_until.lock().unwrap_or_else(PoisonError::into_inner);
        *blocked = (*blocked).max(Some(until));
    }
}

/// The provider's clock when it answered.
pub fn provider_date(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    let date = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    crate::model::time::sane(date.into())
}

/// When a 429 or 503 lets us call again: `Retry-After` as whole seconds or as an HTTP date (read
/// against the answer's own `Date`, so that a wrong clock here does not matter); `None` where it says
/// nothing usable. RFC 9110, 10.2.3.
pub fn retry_after(headers: &HeaderMap, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if text.bytes().all(|byte| byte.is_ascii_digit()) && !text.is_empty() {
        let seconds: i64 = text.parse().unwrap_or(i64::MAX);
        let wait = TimeDelta::try_seconds(seconds).unwrap_or(LONGEST_WAIT);
        return Some(now + wait.clamp(TimeDelta::seconds(1), LONGEST_WAIT));
    }
    let at: DateTime<Utc> = httpdate::parse_http_date(text).ok()?.into();
    let wait = at - provider_date(headers).unwrap_or(now);
    Some(now + wait.clamp(TimeDelta::seconds(1), LONGEST_WAIT))
}

/// When the window of a used-up quota ends: `Ratelimit: "default";r=0;t=187`, a list of items of which
/// any may be empty. `None` while calls remain. (Cloudflare; draft-ietf-httpapi-ratelimit-headers.)
pub fn quota_reset(headers: &HeaderMap, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let lines = headers.get_all("ratelimit").iter().filter_map(|line| line.to_str().ok());
    let resets = lines.flat_map(|line| line.split(',')).filter_map(|item| {
        let parameter = |name: &str| {
            let found = item.split(';').map(str::trim).find_map(|part| part.strip_prefix(name));
            found.and_then(|number| number.parse::<i64>().ok())
        };
        (parameter("r=")? <= 0).then_some(parameter("t=")?)
    });
    let seconds = resets.max()?;
    let wait = TimeDelta::try_seconds(seconds).filter(|wait| *wait > TimeDelta::zero())?;
    Some(now + wait.min(LONGEST_WAIT))
}
