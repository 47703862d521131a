//! Signed events of RealtimeKit, as it sends them to a webhook.
//!
//! The key pair is for this simulator alone, and protects nothing.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Value, json};
use uuid::Uuid;

/// The public key of all simulated accounts, as PEM.
pub const PUBLIC_KEY: &str = include_str!("../keys/webhooks-public.pem");

const PRIVATE_KEY: &str = include_str!("../keys/webhooks-private.pem");

/// A request to a webhook: headers and body.
#[derive(Debug, Clone)]
pub struct SignedEvent {
    /// Names and values.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: String,
}

/// Returns the event `name` about a session. As at the provider, the state in it is always `LIVE`.
pub fn event(name: &str, session_id: &str, started_at: &str, ended_at: Option<&str>) -> Value {
    if name == "meeting.chatSynced" {
        let expiry = "2099-01-01 00:00:00.051621Z";
        return json!({"event": name, "sessionId": session_id, "meetingId": "a", "title": "A",
                      "chatDownloadUrl": "https://files.example/chat.csv", "chatDownloadUrlExpiry": expiry});
    }
    json!({"event": name, "reason": "ALL_PARTICIPANTS_LEFT", "meeting": {
        "id": "a", "sessionId": session_id, "title": "A", "status": "LIVE",
        "createdAt": started_at, "startedAt": started_at, "endedAt": ended_at}})
}

/// Signs a body as RealtimeKit does. `None`: the key of this simulator is broken.
pub fn sign(body: String) -> Option<SignedEvent> {
    let pem = PRIVATE_KEY.lines().filter(|line| !line.starts_with("-----"));
    let der = STANDARD.decode(pem.collect::<String>()).ok()?;
    let key = RsaKeyPair::from_pkcs8(&der).ok()?;
    let mut signature = vec![0; key.public().modulus_len()];
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), body.as_bytes(), &mut signature).ok()?;
    let headers = vec![
        ("content-type", "application/json".to_owned()),
        ("rtk-signature", STANDARD.encode(signature)),
        ("rtk-uuid", Uuid::new_v4().to_string()),
        ("rtk-webhook-id", "0d3a4b0c-8f2e-4f5e-9d67-2b7f0c7a1e55".to_owned()),
    ];
    Some(SignedEvent { headers, body })
}
