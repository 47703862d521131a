//! KonPro's call that starts a session: `POST /v1/streaming/new`.
//!
//! The answer carries, once, what the caller needs to join: an address and two tokens. Later answers return none of
//! the other parameters than avatar and voice.

use rand::RngExt;
use serde_json::{Value, json};

use crate::distributions::{seeded, uuid_v1};
use crate::feed::Launch;
use crate::listing::{Call, Reply};

/// Longest duration of a session, seconds.
const DURATION_LIMIT_SECONDS: i64 = 600;
const DEFAULT_IDLE_SECONDS: i64 = 120;
/// Members that accept a fixed set of words.
const WORDS: [(&[&str], &[&str]); 4] = [
    (&["quality"], &["high", "medium", "low"]),
    (&["video_encoding"], &["H264", "VP8"]),
    (&["version"], &["v1"]),
    (&["stt_settings", "provider"], &["deepgram", "gladia", "assembly_ai"]),
];
/// Members that are objects.
const OBJECTS: [&str; 3] = ["voice", "stt_settings", "livekit_settings"];
/// Members that are strings.
const TEXTS: [&str; 3] = ["avatar_id", "knowledge_base", "knowledge_base_id"];

/// Answers the call, or refuses it with the location of the first error.
pub(super) fn answer(call: &Call<'_>, posted: &[u8]) -> Result<Reply, Reply> {
    let Ok(body) = serde_json::from_slice::<Value>(posted) else {
        return Err(invalid(&[], "JSON decode error", "json_invalid"));
    };
    if !body.is_object() {
        return Err(invalid(&[], "Input should be a valid dictionary", "model_attributes_type"));
    }
    let idle_seconds = check(&body)?;
    let runs_on = body["disable_idle_timeout"] == true;
    let rng = &mut seeded(&["start", &call.now.timestamp_millis().to_string(), &call.serial.to_string()]);
    let id = uuid_v1(rng);
    let launch = Launch {
        id: id.clone(),
        avatar_id: body["avatar_id"].as_str().unwrap_or("default").to_owned(),
        voice_name: body["voice"]["voice_id"].as_str().map(str::to_owned),
        // Without participants the session ends by itself.
        lasts_seconds: if runs_on { DURATION_LIMIT_SECONDS } else { idle_seconds.min(DURATION_LIMIT_SECONDS) },
    };
    if !call.feed.start(&launch, call.now) {
        return Err(Reply::json(404, r#"{"detail":"Not Found"}"#));
    }
    let token: u64 = rng.random();
    let data = json!({
        "session_id": id, "url": "wss://livekit.example.invalid", "access_token": format!("simulated-token-{token:016x}"),
        "session_duration_limit": DURATION_LIMIT_SECONDS, "is_paid": false,
        "realtime_endpoint": format!("wss://webrtc-signaling.example.invalid/v1-alpha/interactive-avatar/session/{id}"),
        "livekit_agent_token": null,
    });
    Ok(Reply::json(200, json!({"code": 100, "message": "success", "data": data}).to_string()))
}

/// Checks the members for which the documents give ranges, and returns the idle time-out, seconds. Unknown members
/// are ignored.
fn check(body: &Value) -> Result<i64, Reply> {
    let given = |place: &[&str]| {
        let value = place.iter().try_fold(body, |value, name| value.get(name));
        value.filter(|value| !value.is_null()).cloned()
    };
    for name in OBJECTS {
        if given(&[name]).is_some_and(|value| !value.is_object()) {
            return Err(invalid(&[name], "Input should be a valid dictionary", "model_attributes_type"));
        }
    }
    for name in TEXTS {
        if given(&[name]).is_some_and(|value| !value.is_string()) {
            return Err(invalid(&[name], "Input should be a valid string", "string_type"));
        }
    }
    for (place, words) in WORDS {
        if given(place).is_some_and(|value| !value.as_str().is_some_and(|word| words.contains(&word))) {
            return Err(invalid(place, &format!("Input should be one of {}", words.join(", ")), "enum"));
        }
    }
    if given(&["disable_idle_timeout"]).is_some_and(|value| !value.is_boolean()) {
        return Err(invalid(&["disable_idle_timeout"], "Input should be a valid boolean", "bool_type"));
    }
    let confidence = &["stt_settings", "confidence"];
    let is_share = |value: &Value| value.as_f64().is_some_and(|share| (0.0..=1.0).contains(&share));
    if given(confidence).is_some_and(|value| !is_share(&value)) {
        return Err(invalid(confidence, "Input should be between 0 and 1", "less_than_equal"));
    }
    match given(&["activity_idle_timeout"]).map(|value| value.as_i64()) {
        None => Ok(DEFAULT_IDLE_SECONDS),
        Some(Some(seconds)) if (30..=3_600).contains(&seconds) => Ok(seconds),
        Some(_) => {
            let message = "Input should be between 30 and 3600";
            Err(invalid(&["activity_idle_timeout"], message, "less_than_equal"))
        }
    }
}

fn invalid(place: &[&str], message: &str, kind: &str) -> Reply {
    let place: Vec<&str> = std::iter::once("body").chain(place.iter().copied()).collect();
    Reply::json(422, json!({"detail": [{"loc": place, "msg": message, "type": kind}]}).to_string())
}
