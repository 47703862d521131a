//! The request body for a streaming session, as documented.
//!
//! Only the description is made from these types: the provider's reader decides what a body may hold and
//! reports all faults at once. A test compares the two.

use serde_json::Value;
use utoipa::ToSchema;

/// A request for a streaming session: the fields that the provider accepts.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is only documented; the provider reads the body")]
pub(crate) struct StreamingSessionRequest {
    /// `high` (2000 kbps, 720p), `medium` (1000 kbps, 480p, the provider's default) or `low` (500 kbps, 360p).
    #[schema(required = false, example = "medium")]
    quality: String,
    /// Id of the avatar; the provider's default is `default`.
    #[schema(required = false, max_length = 200)]
    avatar_id: String,
    /// Voice of the avatar.
    #[schema(required = false)]
    voice: VoiceRequest,
    /// Speech-to-text settings.
    #[schema(required = false)]
    stt_settings: SpeechToTextRequest,
    /// `H264` or `VP8` (the provider's default).
    #[schema(required = false, example = "VP8")]
    video_encoding: String,
    /// A prompt on which the avatar bases its replies. Passed on and not stored.
    #[schema(required = false)]
    knowledge_base: String,
    /// Version; `v1`.
    #[schema(required = false, example = "v1")]
    version: String,
    /// Id of a knowledge base stored at the provider; only with version `v1`.
    #[schema(required = false, max_length = 200)]
    knowledge_base_id: String,
    /// True: the session does not end when it is idle, and billing continues.
    #[schema(required = false, example = false)]
    disable_idle_timeout: bool,
    /// Seconds without activity after which the session ends; the provider's default is 120.
    #[schema(required = false, minimum = 30, maximum = 3600, example = 120)]
    activity_idle_timeout: i32,
    /// The caller's own room. Passed on and not stored.
    #[schema(required = false)]
    livekit_settings: RoomRequest,
}

/// The voice of an avatar.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is only documented; the provider reads the body")]
pub(crate) struct VoiceRequest {
    /// Id of the voice.
    #[schema(required = false, max_length = 200)]
    voice_id: String,
    /// Rate of speech, above 0; the provider's default is 1.
    #[schema(required = false, value_type = f64, example = 1)]
    rate: Value,
    /// Emotion, `Excited` or `Friendly` for example.
    #[schema(required = false, max_length = 200)]
    emotion: String,
    /// Parameters of the voice's own vendor, passed on unchanged.
    #[schema(required = false, value_type = Object)]
    elevenlabs_settings: Value,
}

/// Speech-to-text settings.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is only documented; the provider reads the body")]
pub(crate) struct SpeechToTextRequest {
    /// `deepgram`, `gladia` or `assembly_ai`.
    #[schema(required = false, example = "deepgram")]
    provider: String,
    /// Confidence from which recognized speech counts; the provider's default is 0.55.
    #[schema(required = false, value_type = f64, minimum = 0, maximum = 1, example = 0.55)]
    confidence: Value,
}

/// The caller's own room.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is only documented; the provider reads the body")]
pub(crate) struct RoomRequest {
    /// Name of the room.
    room: String,
    /// Address of the room.
    url: String,
    /// Token to join the room. A secret.
    access_token: String,
}
