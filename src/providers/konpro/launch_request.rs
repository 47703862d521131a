//! Validation of requests that start a KonPro session: every documented field with its documented range.
//!
//! A session started with a mistyped field costs money and does the wrong thing, so unknown fields are refused and
//! all faults are reported at once. A fault never quotes a value, since texts and tokens belong to the caller; only a
//! word for a field with a closed list and the name of an unknown field are shown. Makes no call.

use std::ops::RangeInclusive;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use serde_json::{Map, Value};

use crate::connector::actions::{BodyFault, Launch};
use crate::connector::record;
use crate::model::action::LaunchSettings;

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
    let mut faults = Vec::new();
    let mut settings = LaunchSettings::default();
    if let Some(mut fields) = Fields::open(body, String::new(), &mut faults) {
        settings = top(&mut fields);
        fields.finish();
    }
    if faults.is_empty() { Ok(Launch { body: body.clone(), settings }) } else { Err(faults) }
}

fn top(fields: &mut Fields<'_>) -> LaunchSettings {
    let mut settings = LaunchSettings {
        quality: fields.word("quality", &["high", "medium", "low"]),
        avatar_id: fields.name("avatar_id"),
        video_encoding: fields.word("video_encoding", &["H264", "VP8"]),
        has_knowledge_base: fields.text("knowledge_base").is_some(),
        version: fields.word("version", &[V1]),
        knowledge_base_id: fields.name("knowledge_base_id"),
        disable_idle_timeout: fields.flag("disable_idle_timeout"),
        activity_idle_timeout_seconds: fields.whole("activity_idle_timeout", IDLE_TIMEOUT_SECONDS),
        ..LaunchSettings::default()
    };
    if settings.knowledge_base_id.is_some() && fields.is_there("version") && settings.version.is_none() {
        fields.fault("knowledge_base_id", "needs_version", "It can only be used with version `v1`.");
    }
    fields.object("voice", |voice| {
        settings.voice_id = voice.name("voice_id");
        settings.voice_rate = voice.number("rate", "a number above 0", |rate| rate > Decimal::ZERO);
        settings.voice_emotion = voice.name("emotion");
        // its members belong to another vendor and are passed on unchanged
        if voice.take("elevenlabs_settings").is_some_and(|value| !value.is_object()) {
            voice.wrong_type("elevenlabs_settings", "an object");
        }
    });
    fields.object("stt_settings", |stt| {
        settings.stt_provider = stt.word("provider", &["deepgram", "gladia", "assembly_ai"]);
        let is_share = |share: Decimal| share >= Decimal::ZERO && share <= Decimal::ONE;
        settings.stt_confidence = stt.number("confidence", "a number from 0 to 1", is_share);
    });
    fields.object("livekit_settings", |livekit| {
        // without any of the three there is no room to stream into, and the session is billed all the same
        for name in ["room", "url", "access_token"] {
            if !livekit.is_there(name) {
                livekit.fault(
                    name,
                    "missing",
                    "It is required: a room of your own needs a room, a url and an access_token.",
                );
            }
        }
        livekit.text("room");
        livekit.text("access_token");
        let is_address = |text: &str| {
            reqwest::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "ws" | "wss" | "http" | "https"))
        };
        if livekit.text("url").is_some_and(|text| !is_address(&text)) {
            livekit.fault("url", "invalid_url", "It must be an address that begins with wss://.");
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

/// An object of a request, read field by field: fields not read by the end are unknown.
struct Fields<'a> {
    map: &'a Map<String, Value>,
    pointer: String,
    known: Vec<&'static str>,
    faults: &'a mut Vec<BodyFault>,
}

impl<'a> Fields<'a> {
    fn open(value: &'a Value, pointer: String, faults: &'a mut Vec<BodyFault>) -> Option<Self> {
        if let Value::Object(map) = value {
            return Some(Self { map, pointer, known: Vec::new(), faults });
        }
        let detail = "It must be an object.".to_owned();
        faults.push(BodyFault { pointer, code: "wrong_type", detail, given: None, allowed: Vec::new() });
        None
    }

    fn note(&mut self, name: &str, code: &'static str, detail: String, given: Option<&str>, allowed: &[&'static str]) {
        // `~` and `/` escaped as in RFC 6901
        let name: String = name.chars().take(MAX_SHOWN_CHARS).collect();
        let pointer = format!("{}/{}", self.pointer, name.replace('~', "~0").replace('/', "~1"));
        let given = given.map(ToOwned::to_owned);
        self.faults.push(BodyFault { pointer, code, detail, given, allowed: allowed.to_vec() });
    }

    fn fault(&mut self, name: &str, code: &'static str, detail: &str) {
        self.note(name, code, detail.to_owned(), None, &[]);
    }

    fn wrong_type(&mut self, name: &str, wanted: &str) {
        self.fault(name, "wrong_type", &format!("It must be {wanted}; leave it out for the provider's default."));
    }

    fn is_there(&self, name: &str) -> bool {
        self.map.contains_key(name)
    }

    fn take(&mut self, name: &'static str) -> Option<&'a Value> {
        self.known.push(name);
        self.map.get(name)
    }

    /// Reads a text that is not empty and that a database can store.
    fn text(&mut self, name: &'static str) -> Option<String> {
        match self.take(name)? {
            Value::String(text) if text.trim().is_empty() || text.contains('\0') => {
                self.fault(name, "unusable_text", "It is empty or contains a NUL character; leave it out instead.");
            }
            Value::String(text) => return Some(text.clone()),
            _ => self.wrong_type(name, "a text"),
        }
        None
    }

    /// Reads a name: a short text on one line.
    fn name(&mut self, name: &'static str) -> Option<String> {
        let text = self.text(name)?;
        if text.chars().count() > MAX_NAME_CHARS || text.chars().any(char::is_control) {
            let detail = format!("It must be at most {MAX_NAME_CHARS} characters on one line.");
            self.fault(name, "unusable_text", &detail);
            return None;
        }
        Some(text)
    }

    /// Reads a word of a closed list.
    fn word(&mut self, name: &'static str, allowed: &[&'static str]) -> Option<String> {
        let text = self.text(name)?;
        if allowed.contains(&text.as_str()) {
            return Some(text);
        }
        let shown: String = text.chars().filter(|c| !c.is_control()).take(MAX_SHOWN_CHARS).collect();
        self.note(name, "unknown_value", format!("`{shown}` is not a value of `{name}`."), Some(&shown), allowed);
        None
    }

    fn number(&mut self, name: &'static str, wanted: &str, fits: impl Fn(Decimal) -> bool) -> Option<Decimal> {
        let Value::Number(number) = self.take(name)? else {
            self.wrong_type(name, wanted);
            return None;
        };
        let number = record::decimal(&number.to_string()).filter(|number| fits(*number));
        if number.is_none() {
            self.fault(name, "out_of_range", &format!("It must be {wanted}."));
        }
        number
    }

    fn whole(&mut self, name: &'static str, range: RangeInclusive<i32>) -> Option<i32> {
        let wanted = format!("a whole number from {} to {}", range.start(), range.end());
        let is_in_range =
            |number: Decimal| number.is_integer() && number.to_i32().is_some_and(|number| range.contains(&number));
        self.number(name, &wanted, is_in_range)?.to_i32()
    }

    fn flag(&mut self, name: &'static str) -> Option<bool> {
        let value = self.take(name)?;
        if value.as_bool().is_none() {
            self.wrong_type(name, "true or false");
        }
        value.as_bool()
    }

    /// Reads an object with `read`, and then reports its unknown fields.
    fn object(&mut self, name: &'static str, read: impl FnOnce(&mut Fields<'_>)) {
        let Some(value) = self.take(name) else { return };
        let pointer = format!("{}/{name}", self.pointer);
        if let Some(mut fields) = Fields::open(value, pointer, self.faults) {
            read(&mut fields);
            fields.finish();
        }
    }

    fn finish(mut self) {
        let known = std::mem::take(&mut self.known);
        for name in self.map.keys().filter(|name| !known.contains(&name.as_str())) {
            let shown: String = name.chars().filter(|c| !c.is_control()).take(MAX_SHOWN_CHARS).collect();
            let detail = format!("There is no field `{shown}` here.");
            self.note(name, "unknown_field", detail, Some(&shown), &known);
        }
    }
}
