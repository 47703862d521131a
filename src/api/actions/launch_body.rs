//! The body of a request for a streaming session, as it is documented.
//!
//! Only the description is made from these types: what a body may hold is decided by the provider, who tells all
//! faults at once. A test compares the two.

use serde_json::Value;
use utoipa::ToSchema;

/// How a streaming session is asked for; the document of what the provider accepts.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is only documented; the provider reads the body")]
pub(crate) struct StreamingSessionRequest {
    /// `high` (2000 kbps, 720p), `medium` (1000 kbps, 480p, the provider's default) or `low` (500 kbps, 360p).
    #[schema(required = false, example = "medium")]
    quality: String,
    /// The avatar; the provider's default is `default`.
    #[schema(required = false, max_length = 200)]
    avatar_id: String,
    /// Its voice.
    #[schema(required = false)]
    voice: VoiceRequest,
    /// Speech to text.
    #[schema(required = false)]
    stt_settings: SpeechToTextRequest,
    /// `H264` or `VP8` (the provider's default).
    #[schema(required = false, example = "VP8")]
    video_encoding: String,
    /// A prompt the avatar answers from. Passed on and not kept.
    #[schema(required = false)]
    knowledge_base: String,
    /// `v1`.
    #[schema(required = false, example = "v1")]
    version: String,
    /// A knowledge base stored at the provider; only with version `v1`.
    #[schema(required = false, max_length = 200)]
    knowledge_base_id: String,
    /// True: the session does not end by itself when nothing happens, and is billed on.
    #[schema(required = false, example = false)]
    disable_idle_timeout: bool,
    /// Seconds without activity after which it ends; the provider's default is 120.
    #[schema(required = false, minimum = 30, maximum = 3600, example = 120)]
    activity_idle_timeout: i32,
    /// A room of one's own. Passed on and not kept.
    #[schema(required = false)]
    livekit_settings: RoomRequest,
}

/// The voice of an avatar.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is only documented; the provider reads the body")]
pub(crate) struct VoiceRequest {
    /// The voice.
    #[schema(required = false, max_length = 200)]
    voice_id: String,
    /// Rate of speech, above 0; the provider's default is 1.
    #[schema(required = false, value_type = f64, example = 1)]
    rate: Value,
    /// Emotion, `Excited` or `Friendly` for example.
    #[schema(required = false, max_length = 200)]
    emotion: String,
    /// Parameters of the voice's own vendor, passed on as they are.
    #[schema(required = false, value_type = Object)]
    elevenlabs_settings: Value,
}

/// Speech to text.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is only documented; the provider reads the body")]
pub(crate) struct SpeechToTextRequest {
    /// `deepgram`, `gladia` or `assembly_ai`.
    #[schema(required = false, example = "deepgram")]
    provider: String,
    /// Confidence from which heard speech counts; the provider's default is 0.55.
    #[schema(required = false, value_type = f64, minimum = 0, maximum = 1, example = 0.55)]
    confidence: Value,
}

/// A room of one's own.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is only documented; the provider reads the body")]
pub(crate) struct RoomRequest {
    /// Its name.
    room: String,
    /// Its address.
    url: String,
    /// The token to join it. A secret.
    access_token: String,
}
