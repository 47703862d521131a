//! The HTTP client that all calls to APIs of providers share, and its limits.

use std::time::Duration;

/// Deadlines and size caps of every call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HttpLimits {
    /// Time limit for connecting to the provider.
    pub connect_timeout: Duration,
    /// Longest time without a byte within an answer.
    pub read_timeout: Duration,
    /// Time limit for the whole call, body included; `read_timeout` alone never ends an answer that trickles in.
    pub total_timeout: Duration,
    /// Largest decoded body, in bytes.
    pub max_body_bytes: usize,
}

impl Default for HttpLimits {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            read_timeout: Duration::from_secs(20),
            total_timeout: Duration::from_mins(1),
            max_body_bytes: 8 * 1024 * 1024,
        }
    }
}

/// Makes the HTTP client shared by all API calls: one pool, no redirects, no proxy.
///
/// Errors when the machine has no certificate store.
#[expect(clippy::disallowed_methods, reason = "the one place that creates an HTTP client")]
pub fn http_client(limits: HttpLimits) -> Result<reqwest::Client, reqwest::Error> {
    // A second installation fails and is harmless: the first crypto provider stays.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .user_agent(concat!("tributary/", env!("CARGO_PKG_VERSION")))
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        // a proxy from the environment would see the credential of a loopback provider in clear text
        .no_proxy()
        .connect_timeout(limits.connect_timeout)
        .read_timeout(limits.read_timeout)
        .timeout(limits.total_timeout)
        .build()
}
