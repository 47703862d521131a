//! Validation of requests that start a KonPro session: every documented field with its documented range.
//!
//! A session started with a mistyped field costs money and does the wrong thing, so unknown fields are refused and
//! all faults are reported at once. A fault never quotes a value, since texts and tokens belong to the caller; only a
//! word for a field with a closed list and the name of an unknown field are shown. Makes no call.

use std::ops::RangeInclusive;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::Value;

use crate::connector::actions::{
    BodyFault, Launch, RoomRequest, SpeechToTextRequest, StreamingSessionRequest, VoiceRequest,
};
use crate::connector::record;
use crate::model::action::LaunchSettings;
use crate::model::request_body::{Given, RequestBody};

/// Longest name of an avatar, a voice, an emotion or a knowledge base, in characters. None is documented.
const MAX_NAME_CHARS: usize = 200;
/// Longest shown part of a word that is not allowed, in characters.
const MAX_SHOWN_CHARS: usize = 40;
/// Allowed idle time-outs in seconds.
const IDLE_TIMEOUT_SECONDS: RangeInclusive<i32> = 30..=3600;
/// The only existing version.
const V1: &str = "v1";

/// Reads a request, or lists everything that is wrong with it.
pub(super) fn read(body: &Value) -> Result<Launch, Vec<BodyFault>> {
    let (mut reader, mut settings) = (Reader::default(), LaunchSettings::default());
    reader.object(body, String::new(), |reader, request| settings = read_settings(reader, &request));
    if reader.faults.is_empty() { Ok(Launch { body: body.clone(), settings }) } else { Err(reader.faults) }
}

fn read_settings(reader: &mut Reader, request: &StreamingSessionRequest) -> LaunchSettings {
    let mut settings = LaunchSettings {
        quality: reader.word(&request.quality, &["high", "medium", "low"]),
        avatar_id: reader.name(&request.avatar_id),
        video_encoding: reader.word(&request.video_encoding, &["H264", "VP8"]),
        has_knowledge_base: reader.text(&request.knowledge_base).is_some(),
        version: reader.word(&request.version, &[V1]),
        knowledge_base_id: reader.name(&request.knowledge_base_id),
        disable_idle_timeout: reader.flag(&request.disable_idle_timeout),
        activity_idle_timeout_seconds: reader.whole(&request.activity_idle_timeout, IDLE_TIMEOUT_SECONDS),
        ..LaunchSettings::default()
    };
    if settings.knowledge_base_id.is_some() && request.version.value.is_some() && settings.version.is_none() {
        reader.fault(&request.knowledge_base_id, "needs_version", "It can only be used with version `v1`.");
    }
    reader.object_in(&request.voice, |reader, voice: VoiceRequest| {
        settings.voice_id = reader.name(&voice.voice_id);
        settings.voice_rate = reader.number(&voice.rate, "a number above 0", |rate| rate > Decimal::ZERO);
        settings.voice_emotion = reader.name(&voice.emotion);
        // its members belong to another vendor and are passed on unchanged
        if voice.elevenlabs_settings.value.as_ref().is_some_and(|value| !value.is_object()) {
            reader.wrong_type(&voice.elevenlabs_settings, "an object");
        }
    });
    reader.object_in(&request.stt_settings, |reader, stt: SpeechToTextRequest| {
        settings.stt_provider = reader.word(&stt.provider, &["deepgram", "gladia", "assembly_ai"]);
        let is_share = |share: Decimal| share >= Decimal::ZERO && share <= Decimal::ONE;
        settings.stt_confidence = reader.number(&stt.confidence, "a number from 0 to 1", is_share);
    });
    reader.object_in(&request.livekit_settings, |reader, room: RoomRequest| {
        // without any of the three there is no room to stream into, and the session is billed all the same
        for given in [&room.room, &room.url, &room.access_token].into_iter().filter(|given| given.value.is_none()) {
            let detail = "It is required: a room of your own needs a room, a url and an access_token.";
            reader.fault(given, "missing", detail);
        }
        reader.text(&room.room);
        reader.text(&room.access_token);
        let is_address = |text: &str| {
            reqwest::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "ws" | "wss" | "http" | "https"))
        };
        if reader.text(&room.url).is_some_and(|text| !is_address(&text)) {
            reader.fault(&room.url, "invalid_url", "It must be an address that begins with wss://.");
        }
    });
    settings
}

/// Returns the texts of a request that only the caller may see: no quoted message of the provider may repeat them.
pub(super) fn confidential_texts(body: &Value) -> Vec<&str> {
    let livekit = body.get("livekit_settings").and_then(Value::as_object);
    let livekit = livekit.into_iter().flat_map(|fields| fields.values());
    let texts = body.get("knowledge_base").into_iter().chain(livekit);
    texts.filter_map(Value::as_str).collect()
}

/// Reads fields of a request, and collects their faults.
#[derive(Default)]
struct Reader {
    faults: Vec<BodyFault>,
}

impl Reader {
    /// Reads the object at `pointer` with `read`, and then reports its unknown fields.
    fn object<T: RequestBody>(&mut self, value: &Value, pointer: String, read: impl FnOnce(&mut Self, T)) {
        let Value::Object(object) = value else {
            return self.note(pointer, "wrong_type", "It must be an object.".to_owned(), None, &[]);
        };
        read(self, T::of(object, &pointer));
        for name in object.keys().filter(|name| !T::FIELDS.contains(&name.as_str())) {
            let shown = shown(name);
            // `~` and `/` escaped as in RFC 6901
            let place: String = name.chars().take(MAX_SHOWN_CHARS).collect();
            let place = format!("{pointer}/{}", place.replace('~', "~0").replace('/', "~1"));
            let detail = format!("There is no field `{shown}` here.");
            self.note(place, "unknown_field", detail, Some(shown), T::FIELDS);
        }
    }

    fn object_in<T: RequestBody>(&mut self, given: &Given, read: impl FnOnce(&mut Self, T)) {
        if let Some(value) = &given.value {
            self.object(value, given.pointer(), read);
        }
    }

    fn note(
        &mut self,
        pointer: String,
        code: &'static str,
        detail: String,
        given: Option<String>,
        allowed: &[&'static str],
    ) {
        self.faults.push(BodyFault { pointer, code, detail, given, allowed: allowed.to_vec() });
    }

    fn fault(&mut self, given: &Given, code: &'static str, detail: &str) {
        self.note(given.pointer(), code, detail.to_owned(), None, &[]);
    }

    fn wrong_type(&mut self, given: &Given, wanted: &str) {
        self.fault(given, "wrong_type", &format!("It must be {wanted}; leave it out for the provider's default."));
    }

    /// Reads a text that is not empty and that a database can store.
    fn text(&mut self, given: &Given) -> Option<String> {
        match given.value.as_ref()? {
            Value::String(text) if text.trim().is_empty() || text.contains('\0') => {
                self.fault(given, "unusable_text", "It is empty or contains a NUL character; leave it out instead.");
            }
            Value::String(text) => return Some(text.clone()),
            _ => self.wrong_type(given, "a text"),
        }
        None
    }

    /// Reads a name: a short text on one line.
    fn name(&mut self, given: &Given) -> Option<String> {
        let text = self.text(given)?;
        if text.chars().count() > MAX_NAME_CHARS || text.chars().any(char::is_control) {
            let detail = format!("It must be at most {MAX_NAME_CHARS} characters on one line.");
            self.fault(given, "unusable_text", &detail);
            return None;
        }
        Some(text)
    }

    /// Reads a word of a closed list.
    fn word(&mut self, given: &Given, allowed: &[&'static str]) -> Option<String> {
        let text = self.text(given)?;
        if allowed.contains(&text.as_str()) {
            return Some(text);
        }
        let shown = shown(&text);
        let detail = format!("`{shown}` is not a value of `{}`.", given.name);
        self.note(given.pointer(), "unknown_value", detail, Some(shown), allowed);
        None
    }

    fn number(&mut self, given: &Given, wanted: &str, fits: impl Fn(Decimal) -> bool) -> Option<Decimal> {
        let Value::Number(number) = given.value.as_ref()? else {
            self.wrong_type(given, wanted);
            return None;
        };
        let number = record::decimal(&number.to_string()).filter(|number| fits(*number));
        if number.is_none() {
            self.fault(given, "out_of_range", &format!("It must be {wanted}."));
        }
        number
    }

    fn whole(&mut self, given: &Given, range: RangeInclusive<i32>) -> Option<i32> {
        let wanted = format!("a whole number from {} to {}", range.start(), range.end());
        let is_in_range =
            |number: Decimal| number.is_integer() && number.to_i32().is_some_and(|number| range.contains(&number));
        self.number(given, &wanted, is_in_range)?.to_i32()
    }

    fn flag(&mut self, given: &Given) -> Option<bool> {
        let value = given.value.as_ref()?;
        if value.as_bool().is_none() {
            self.wrong_type(given, "true or false");
        }
        value.as_bool()
    }
}

/// Returns the part of a word that may be shown.
fn shown(word: &str) -> String {
    word.chars().filter(|c| !c.is_control()).take(MAX_SHOWN_CHARS).collect()
}
