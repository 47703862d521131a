//! A provider that counts calls in windows, states how many are left, and refuses the excess.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::response::Response;

/// The provider's rules.
#[derive(Clone)]
pub(super) struct Rules {
    /// Calls in a window.
    pub(super) quota: i64,
    pub(super) window: Duration,
    /// Calls of other clients for each of ours.
    pub(super) customer_calls: i64,
    /// Number of the call that is refused regardless of the calls left.
    pub(super) refuse_at: Option<usize>,
    pub(super) retry_after_seconds: u64,
    /// Status of all other calls.
    pub(super) status: u16,
}

impl Default for Rules {
    fn default() -> Self {
        Self {
            quota: 1_000_000,
            window: Duration::from_mins(1),
            customer_calls: 0,
            refuse_at: None,
            retry_after_seconds: 2,
            status: 200,
        }
    }
}

#[derive(Default)]
struct Counted {
    calls: Vec<Instant>,
    /// Calls left after each of our calls, without the customer's later ones.
    lefts: Vec<i64>,
    refusals: usize,
    refused_at: Option<Instant>,
    window: u32,
    used: i64,
}

pub(super) struct Provider {
    pub(super) url: String,
    rules: Rules,
    counted: Arc<Mutex<Counted>>,
    task: tokio::task::JoinHandle<()>,
}

impl Provider {
    pub(super) async fn start(rules: Rules) -> Self {
        let counted: Arc<Mutex<Counted>> = Arc::default();
        let (log, kept) = (Arc::clone(&counted), rules.clone());
        let router = Router::new().fallback(move || {
            let reply = answer(&mut log.lock().unwrap(), &kept);
            async move { reply }
        });
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, rules, counted, task }
    }

    pub(super) fn calls(&self) -> Vec<Instant> {
        self.counted.lock().unwrap().calls.clone()
    }

    pub(super) fn lefts(&self) -> Vec<i64> {
        self.counted.lock().unwrap().lefts.clone()
    }

    pub(super) fn refusals(&self) -> usize {
        self.counted.lock().unwrap().refusals
    }

    /// Returns when the scripted refusal was sent, and how long a wait it requested.
    pub(super) fn refused(&self) -> Option<(Instant, Duration)> {
        let at = self.counted.lock().unwrap().refused_at?;
        Some((at, Duration::from_secs(self.rules.retry_after_seconds)))
    }

    /// Returns the calls of each window since the first call.
    pub(super) fn calls_by_window(&self) -> Vec<usize> {
        let calls = self.calls();
        let mut counts = Vec::new();
        for call in &calls {
            let window = number_of(calls[0], *call, self.rules.window) as usize;
            counts.resize(counts.len().max(window + 1), 0);
            counts[window] += 1;
        }
        counts
    }
}

fn number_of(first: Instant, call: Instant, window: Duration) -> u32 {
    u32::try_from((call - first).as_nanos() / window.as_nanos()).unwrap()
}

fn answer(counted: &mut Counted, rules: &Rules) -> Response<String> {
    let now = Instant::now();
    let first = *counted.calls.first().unwrap_or(&now);
    let (number, window) = (counted.calls.len(), number_of(first, now, rules.window));
    if window != counted.window {
        (counted.window, counted.used) = (window, 0);
    }
    counted.calls.push(now);
    counted.used += 1;
    let left = rules.quota - counted.used;
    counted.lefts.push(left);
    counted.used += rules.customer_calls;
    let reset = (rules.window * (window + 1)).saturating_sub(now - first);
    let seconds = reset.as_secs() + u64::from(reset.subsec_nanos() > 0);
    let is_scripted = rules.refuse_at == Some(number);
    let response = Response::builder()
        .header("ratelimit-policy", format!("\"default\";q={};w={}", rules.quota, rules.window.as_secs()))
        .header("ratelimit", format!("\"default\";r={};t={seconds}", left.max(0)));
    if is_scripted || left < 0 {
        counted.refusals += 1;
        counted.refused_at = counted.refused_at.or(is_scripted.then_some(now));
        let wait = if is_scripted { rules.retry_after_seconds } else { seconds };
        return response.status(429).header("retry-after", wait).body("{}".to_owned()).unwrap();
    }
    response.status(rules.status).body("{}".to_owned()).unwrap()
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.task.abort();
    }
}
