//! Rate limit headers of answers.
//!
//! `Ratelimit-Policy: "default";q=1200;w=300` states a quota and its window, `Ratelimit: "default";r=50;t=30`
//! states what is left of it and when it resets, `Retry-After` states when to retry. Older gateways write one quota
//! over several headers: `X-RateLimit-Limit`, `-Remaining` and `-Reset`. All are lists or numbers that gateways
//! write in their own ways: an unreadable item is skipped and never an error.
//! (Cloudflare; draft-ietf-httpapi-ratelimit-headers; RFC 9110, 10.2.3.)

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// Longest stated wait that is accepted. A longer one is a unit mistake; health shows the wait.
const LONGEST_WAIT: TimeDelta = TimeDelta::hours(24);
/// Two resets closer than this are the same reset, stated in whole seconds.
pub(super) const SAME_WINDOW: TimeDelta = TimeDelta::seconds(2);
/// Most quotas kept from one answer.
const MOST_QUOTAS: usize = 8;
/// Longest name of a quota, in characters.
const NAME_CHARS: usize = 64;
/// A number of seconds above this is an instant: seconds since 1970.
const FIRST_EPOCH_SECONDS: f64 = 1e9;
/// A number above this is an instant in milliseconds since 1970.
const FIRST_EPOCH_MILLIS: f64 = 1e11;

/// Statement of one answer about one quota.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QuotaSaid {
    /// Calls in one window.
    pub quota: Option<i64>,
    /// Length of the window, seconds.
    pub window_seconds: Option<i64>,
    /// Calls left in this window, for all callers of the account together.
    pub remaining: Option<i64>,
    /// Start of the next window, by our clock.
    pub resets_at: Option<DateTime<Utc>>,
}

impl QuotaSaid {
    /// Whether the answer states what is left of the window, and until when.
    pub fn tells_remaining(&self) -> bool {
        self.remaining.is_some() && self.resets_at.is_some()
    }

    fn states_same_window(&self, other: &Self) -> bool {
        let are_both_silent = self.remaining.is_none() == other.remaining.is_none();
        let is_same_reset = match (self.resets_at, other.resets_at) {
            (Some(here), Some(there)) => (here - there).abs() <= SAME_WINDOW,
            (here, there) => here == there,
        };
        (self.quota, self.window_seconds) == (other.quota, other.window_seconds) && are_both_silent && is_same_reset
    }
}

/// Statement of one answer about all limits.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Observation {
    /// Quotas by name.
    pub quotas: BTreeMap<String, QuotaSaid>,
    /// Earliest instant of the next call, by our clock.
    pub blocked_until: Option<DateTime<Utc>>,
}

impl Observation {
    /// Whether another answer states the same limits in the same windows.
    pub fn states_the_same(&self, other: &Self) -> bool {
        self.quotas.len() == other.quotas.len()
            && self
                .quotas
                .iter()
                .zip(&other.quotas)
                .all(|((name, here), (other_name, there))| name == other_name && here.states_same_window(there))
    }

    /// Whether calls are plentiful: no wait is stated, and at least half of each quota is left.
    pub fn leaves_half(&self) -> bool {
        let has_half = |said: &QuotaSaid| said.quota.zip(said.remaining).is_some_and(|(quota, left)| left >= quota / 2);
        self.blocked_until.is_none() && self.quotas.values().all(has_half)
    }

    /// Reads the headers of an answer received at `now`. The caller sets `blocked_until`, since it depends on the
    /// status.
    pub fn read(headers: &HeaderMap, now: DateTime<Utc>) -> Self {
        let mut quotas: BTreeMap<String, QuotaSaid> = BTreeMap::new();
        for (name, item) in items(headers, "ratelimit-policy") {
            let (quota, window) = (whole(&item, "q"), whole(&item, "w"));
            let said = quotas.entry(name).or_default();
            said.quota = quota.filter(|quota| *quota > 0);
            said.window_seconds = window.filter(|seconds| (1..=86_400).contains(seconds));
        }
        for (name, item) in items(headers, "ratelimit") {
            let said = quotas.entry(name).or_default();
            said.remaining = whole(&item, "r").map(|left| left.max(0));
            said.resets_at = number(&item, "t").and_then(|told| reset(told, headers, now));
        }
        for prefix in ["ratelimit", "x-ratelimit", "x-rate-limit"] {
            let plain = |part: &str| plain_number(headers, &format!("{prefix}-{part}"));
            let resets_at = plain("reset").and_then(|told| reset(told, headers, now));
            let remaining = plain("remaining").and_then(|left| whole_of(left.max(0.0)));
            if resets_at.is_some() {
                let quota = plain("limit").and_then(whole_of).filter(|quota| *quota > 0);
                quotas.insert(prefix.to_owned(), QuotaSaid { quota, window_seconds: None, remaining, resets_at });
            }
        }
        Self { quotas, blocked_until: None }
    }

    /// Whether the answer states nothing about limits.
    pub fn is_silent(&self) -> bool {
        self.quotas.is_empty() && self.blocked_until.is_none()
    }

    /// Returns when the last of the windows ends that are used up or whose remainder is not stated.
    pub fn used_up_until(&self) -> Option<DateTime<Utc>> {
        let used_up = self.quotas.values().filter(|said| said.remaining.is_none_or(|left| left == 0));
        used_up.filter_map(|said| said.resets_at).max()
    }
}

/// Returns the items of a list header with their names; a repeated name gets a number.
fn items(headers: &HeaderMap, header: &str) -> Vec<(String, BTreeMap<String, String>)> {
    let lines = headers.get_all(header).iter().filter_map(|line| line.to_str().ok());
    let texts = lines.flat_map(|line| line.split(',')).map(str::trim).filter(|text| !text.is_empty());
    let mut found: Vec<(String, BTreeMap<String, String>)> = Vec::new();
    for text in texts.take(MOST_QUOTAS) {
        let mut parts = text.split(';').map(str::trim).peekable();
        let name = parts.next_if(|part| !part.contains('=')).unwrap_or_default();
        let mut name: String = name.trim_matches('"').chars().take(NAME_CHARS).collect();
        let same = found.iter().filter(|(other, _)| other.split('#').next() == Some(&name)).count();
        if same > 0 {
            name = format!("{name}#{}", same + 1);
        }
        let parameters = parts.filter_map(|part| part.split_once('='));
        let parameters = parameters.map(|(key, value)| (key.trim().to_ascii_lowercase(), value.trim().to_owned()));
        found.push((name, parameters.collect()));
    }
    found
}

fn number(item: &BTreeMap<String, String>, key: &str) -> Option<f64> {
    item.get(key)?.trim_matches('"').parse().ok().filter(|number: &f64| number.is_finite())
}

fn whole(item: &BTreeMap<String, String>, key: &str) -> Option<i64> {
    whole_of(number(item, key)?)
}

#[expect(clippy::cast_possible_truncation, reason = "bounded by the clamp")]
fn whole_of(number: f64) -> Option<i64> {
    number.is_finite().then(|| number.clamp(-1e9, 1e9).floor() as i64)
}

/// Reads a header that is one number.
fn plain_number(headers: &HeaderMap, name: &str) -> Option<f64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok().filter(|number: &f64| number.is_finite())
}

/// Returns the instant that a reset value means: seconds from now, or an instant in seconds or milliseconds since
/// 1970. An instant is compared with the answer's own `Date`, so that a wrong local clock does not matter.
#[expect(clippy::cast_possible_truncation, reason = "bounded by the clamp")]
fn reset(told: f64, headers: &HeaderMap, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of this century are far below 2^52")]
    let provider_now_millis = provider_date(headers).unwrap_or(now).timestamp_millis() as f64;
    let wait_millis = match told {
        seconds if seconds < FIRST_EPOCH_SECONDS => seconds * 1_000.0,
        seconds if seconds < FIRST_EPOCH_MILLIS => seconds * 1_000.0 - provider_now_millis,
        millis => millis - provider_now_millis,
    };
    let wait = TimeDelta::milliseconds(wait_millis.clamp(0.0, 1e12).ceil() as i64).min(LONGEST_WAIT);
    (wait > TimeDelta::zero()).then_some(now + wait)
}

/// Returns the provider's clock at the time of its answer.
pub fn provider_date(headers: &HeaderMap) -> Option<DateTime<Utc>> {
    let date = httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?;
    crate::model::time::sane(date.into())
}

/// Returns when a 429 or 503 allows the next call: `Retry-After` as whole seconds or as an HTTP date (compared with
/// the answer's own `Date`); `None` where it has no usable value.
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
