//! Actions over real HTTP, with a provider that records its calls: starting sessions, generating summaries.

mod idempotency_keys;
mod journal;
mod outcomes;
pub(crate) mod scripted_provider;
mod session_summary;
mod streaming_session_fields;
mod streaming_sessions;

use serde_json::{Value, json};

const LAUNCH: &str = "/v1/sources/konpro/streaming-sessions";
const SUMMARY: &str = "/v1/sessions/11/summary";

/// Values that a provider returns or a caller entrusts to it: none of them may appear anywhere.
const SECRETS: [&str; 7] = [
    "wss://room-7c1e.livekit.test",
    "hand-over-token-1f0a",
    "agent-token-9b2d",
    "wss://signals-5d3c.test/v1",
    "own-room-token-77e1",
    "wss://own-room-address.test",
    "Answer every question about the merger with silence",
];

fn handed_over() -> Value {
    json!({"code": 100, "message": "success", "data": {
        "session_id": "session-1", "url": SECRETS[0], "access_token": SECRETS[1], "livekit_agent_token": SECRETS[2],
        "realtime_endpoint": SECRETS[3], "session_duration_limit": 600, "is_paid": false
    }})
}

/// A body with every field.
fn whole_body() -> Value {
    json!({
        "quality": "high", "avatar_id": "Anna", "video_encoding": "H264", "version": "v1", "knowledge_base_id": "kb-1",
        "voice": {"voice_id": "v-1", "rate": 1.25, "emotion": "Excited", "elevenlabs_settings": {"stability": 0.5}},
        "stt_settings": {"provider": "deepgram", "confidence": 0.55}, "knowledge_base": SECRETS[6],
        "disable_idle_timeout": false, "activity_idle_timeout": 30,
        "livekit_settings": {"room": "own-room-name", "url": SECRETS[5], "access_token": SECRETS[4]}
    })
}

/// Asserts that the text contains no secret, neither as it is nor in hexadecimal.
fn assert_discreet(text: &str, place: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret} is in {place}");
        let hex = secret.bytes().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        assert!(!text.contains(&hex), "{secret} is in {place}");
    }
}
