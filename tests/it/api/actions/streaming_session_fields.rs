//! Fields of a streaming session: validated to the documented limits.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::scripted_provider::{Stage, says};
use super::{LAUNCH, handed_over, whole_body};

#[tokio::test]
async fn all_faults_are_reported_at_once_with_their_places() {
    let stage = Stage::new(says(200, handed_over())).await;
    let body = json!({
        "qualty": "high", "quality": "hihg", "avatar_id": 7, "video_encoding": "h264", "version": "v2",
        "knowledge_base_id": "kb", "disable_idle_timeout": "no", "activity_idle_timeout": 29, "knowledge_base": "",
        "voice": {"rate": 0, "voice": "x", "elevenlabs_settings": []}, "stt_settings": {"provider": "whisper", "confidence": 1.01},
        "livekit_settings": {"url": "room"}, "a/b~c": 1
    });
    let refused = stage.launch("k", &body).await;
    assert_eq!((refused.status, &refused.json["code"]), (422, &json!("invalid_body")));
    let errors = refused.json["errors"].as_array().expect("faults");
    let told: BTreeSet<(&str, &str)> = errors
        .iter()
        .map(|fault| (fault["pointer"].as_str().unwrap_or("?"), fault["code"].as_str().unwrap_or("?")))
        .collect();
    let expected = BTreeSet::from([
        ("/qualty", "unknown_field"),
        ("/quality", "unknown_value"),
        ("/avatar_id", "wrong_type"),
        ("/video_encoding", "unknown_value"),
        ("/version", "unknown_value"),
        ("/knowledge_base_id", "needs_version"),
        ("/disable_idle_timeout", "wrong_type"),
        ("/activity_idle_timeout", "out_of_range"),
        ("/knowledge_base", "unusable_text"),
        ("/voice/rate", "out_of_range"),
        ("/voice/voice", "unknown_field"),
        ("/voice/elevenlabs_settings", "wrong_type"),
        ("/stt_settings/provider", "unknown_value"),
        ("/stt_settings/confidence", "out_of_range"),
        ("/livekit_settings/room", "missing"),
        ("/livekit_settings/access_token", "missing"),
        ("/livekit_settings/url", "invalid_url"),
        ("/a~1b~0c", "unknown_field"),
    ]);
    assert_eq!(told, expected);
    let fault = |pointer: &str| errors.iter().find(|fault| fault["pointer"] == pointer).expect("a fault");
    assert_eq!(fault("/qualty")["did_you_mean"][0], "quality");
    assert_eq!(fault("/quality")["did_you_mean"][0], "high");
    assert_eq!(fault("/video_encoding")["allowed"], json!(["H264", "VP8"]));
    assert!(fault("/quality").get("parameter").is_none());
    assert!(stage.provider.calls().is_empty() && stage.journal().await.is_empty());
}

#[tokio::test]
async fn every_range_is_kept_to_its_last_value() {
    let stage = Stage::new(says(200, handed_over())).await;
    let right = [
        json!({}),
        json!({"quality": "low"}),
        json!({"quality": "medium", "video_encoding": "VP8"}),
        json!({"activity_idle_timeout": 3600}),
        json!({"activity_idle_timeout": 30.0}),
        json!({"stt_settings": {"provider": "gladia", "confidence": 0}}),
        json!({"stt_settings": {"provider": "assembly_ai", "confidence": 1}}),
        json!({"voice": {}, "stt_settings": {}}),
        json!({"knowledge_base_id": "kb", "version": "v1"}),
        json!({"knowledge_base_id": "kb"}),
        json!({"disable_idle_timeout": true}),
        json!({"livekit_settings": {"room": "r", "url": "wss://r.example", "access_token": "t"}}),
        json!({"knowledge_base": "two\nlines"}),
        whole_body(),
    ];
    for body in &right {
        assert_eq!(stage.launch("", body).await.status, 201, "{body}");
    }
    assert_eq!(stage.provider.calls().len(), right.len());
    for (body, pointer) in [
        (json!([]), ""),
        (json!("x"), ""),
        (json!({"quality": "High"}), "/quality"),
        (json!({"quality": null}), "/quality"),
        (json!({"version": "v2"}), "/version"),
        (json!({"activity_idle_timeout": 3601}), "/activity_idle_timeout"),
        (json!({"activity_idle_timeout": 30.5}), "/activity_idle_timeout"),
        (json!({"activity_idle_timeout": "120"}), "/activity_idle_timeout"),
        (json!({"stt_settings": {"confidence": -0.01}}), "/stt_settings/confidence"),
        (json!({"stt_settings": []}), "/stt_settings"),
        (json!({"voice": {"rate": -1}}), "/voice/rate"),
        (json!({"voice": {"rate": 1e300}}), "/voice/rate"),
        (json!({"voice": {"emotion": "a\u{0}b"}}), "/voice/emotion"),
        (json!({"avatar_id": "x".repeat(201)}), "/avatar_id"),
        (json!({"livekit_settings": {"room": "r", "url": "file:///x", "access_token": "t"}}), "/livekit_settings/url"),
    ] {
        let refused = stage.launch("", &body).await;
        assert_eq!((refused.status, &refused.json["errors"][0]["pointer"]), (422, &json!(pointer)), "{body}");
        assert_eq!(refused.json["errors"].as_array().map(Vec::len), Some(1), "{body}");
    }
    let large = json!({"knowledge_base": "x".repeat(300_000)});
    assert_eq!(stage.launch("", &large).await.status, 413);
    let broken = stage.request(LAUNCH, &[], &json!({})).body(r#"{"access_token": "sec"#);
    let broken = super::scripted_provider::answer(broken).await;
    assert_eq!((broken.status, &broken.json["errors"][0]["code"]), (422, &json!("not_json")));
    assert_eq!(stage.provider.calls().len(), right.len());
}

#[tokio::test]
async fn the_documented_fields_are_the_accepted_ones() {
    let stage = Stage::new(says(200, handed_over())).await;
    let document = serde_json::to_value(tributary::api::document()).expect("a document");
    let documented = |schema: &str| -> BTreeSet<String> {
        let properties = document["components"]["schemas"][schema]["properties"].as_object().expect(schema);
        properties.keys().cloned().collect()
    };
    let body = json!({"?": 1, "voice": {"?": 1}, "stt_settings": {"?": 1}, "livekit_settings": {"?": 1}});
    let refused = stage.launch("", &body).await;
    let accepted = |pointer: &str| -> BTreeSet<String> {
        let errors = refused.json["errors"].as_array().expect("faults");
        let fault = errors.iter().find(|fault| fault["pointer"] == pointer).expect(pointer);
        let names = fault["allowed"].as_array().expect("names");
        names.iter().filter_map(Value::as_str).map(ToOwned::to_owned).collect()
    };
    for (schema, pointer) in [
        ("StreamingSessionRequest", "/?"),
        ("VoiceRequest", "/voice/?"),
        ("SpeechToTextRequest", "/stt_settings/?"),
        ("RoomRequest", "/livekit_settings/?"),
    ] {
        assert_eq!(documented(schema), accepted(pointer), "{schema}");
    }
}
