//! Sending of messages about incidents, signed by Standard Webhooks (<https://www.standardwebhooks.com>).
//!
//! The scheme is one HMAC over id, time and body, so that the crate of the same name would add more than it replaces:
//! its own HMAC, clock and errors. Neither address nor secret of a receiver is ever logged or stored.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use secrecy::ExposeSecret;
use sha2::Sha256;

use crate::config::AlertConfig;
use crate::connector::http::{HttpLimits, http_client};
use crate::store::alert_delivery::{Attempted, Outgoing};

/// Time limits of one sending; shorter than the claim on a message.
const LIMITS: HttpLimits = HttpLimits {
    connect_timeout: Duration::from_secs(5),
    read_timeout: Duration::from_secs(10),
    total_timeout: Duration::from_secs(15),
    max_body_bytes: 0,
};

/// Sends messages to the receivers of alerts.
#[derive(Debug, Clone)]
pub(super) struct AlertSender(reqwest::Client);

impl AlertSender {
    /// Fails where the machine has no certificate store.
    pub(super) fn new() -> Result<Self, reqwest::Error> {
        http_client(LIMITS).map(Self)
    }

    /// Sends a message to the receiver of its alert. A redirect is no acceptance, and the answer's body is not read.
    pub(super) async fn send(&self, alert: &AlertConfig, outgoing: &Outgoing, now: DateTime<Utc>) -> Attempted {
        let Some(url) = alert.receiver() else { return Attempted { status: None, error: Some("no_address") } };
        let at = now.timestamp();
        let signature = sign(alert.key().expose_secret(), &outgoing.delivery_id, at, &outgoing.body);
        let request = self
            .0
            .post(url)
            .header("content-type", "application/json")
            .header("webhook-id", &outgoing.delivery_id)
            .header("webhook-timestamp", at)
            .header("webhook-signature", signature)
            .body(outgoing.body.clone());
        match request.send().await {
            Ok(answer) => Attempted { status: Some(answer.status().as_u16()), error: None },
            // the error's text names the address
            Err(error) if error.is_timeout() => Attempted { status: None, error: Some("timeout") },
            Err(error) if error.is_connect() => Attempted { status: None, error: Some("connect") },
            Err(_) => Attempted { status: None, error: Some("transport") },
        }
    }
}

/// Returns the signature of a message.
fn sign(key: &[u8], id: &str, at: i64, body: &str) -> String {
    // a key of any length is usable
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return String::new() };
    mac.update(format!("{id}.{at}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_published_example() {
        let key = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("base64");
        let signed = sign(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
