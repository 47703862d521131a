//! Literal records, in each provider's form.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use tributary_simulator::Platform;
use tributary_simulator::fixed_feed::FixedRecord;

/// A finished session of ninety seconds; a resolved chat of two messages.
pub(crate) fn record(platform: Platform, id: &str, created_at: DateTime<Utc>) -> FixedRecord {
    let end = created_at + TimeDelta::seconds(90);
    let json = match platform {
        Platform::Konpro => format!(
            r#"{{"session_id":"{id}","status":"connected","created_at":{},"api_key_type":"PAID","duration":90,"avatar_id":"anna","voice_name":null}}"#,
            created_at.timestamp()
        ),
        Platform::Konvo => chat(id, created_at, end),
        Platform::Realtimekit => format!(
            r#"{{"id":"{id}","associated_id":"m-1","meeting_display_name":"Standup","type":"meeting","status":"ENDED","live_participants":0,"max_concurrent_participants":2,"minutes_consumed":3.0,"organization_id":"app","started_at":"{0}","ended_at":"{1}","created_at":"{0}","updated_at":"{1}"}}"#,
            iso(created_at),
            iso(end)
        ),
    };
    FixedRecord { id: id.to_owned(), created_at, updated_at: end, json }
}

fn chat(id: &str, created_at: DateTime<Utc>, end: DateTime<Utc>) -> String {
    let (start, end) = (iso(created_at), iso(end));
    format!(
        r#"{{"id":"{id}","workspace_id":"w","feed_id":"f","contact_id":"c-{id}","external_user_id":"4915100000000","channel":"whatsapp","created_at":"{start}","status":{{"session_id":"{id}","completed":true,"unresolved":false,"completed_at":"{end}","last_message_date":"{end}","last_updated":"{end}"}},"state":{{"session_id":"{id}","type":"CONCIERGE","sub_intent_type":"CONCIERGE","trail":[{{}}]}},"messages":[{{"message_id":"{id}-1","session_id":"{id}","initiator_origin":"RECIPIENT","message":"Hello there","created_at":"{start}"}},{{"message_id":"{id}-2","session_id":"{id}","initiator_origin":"AI","message":"How can I help?","created_at":"{end}"}}]}}"#
    )
}

/// Formats an instant as these providers write it.
pub(crate) fn iso(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// Returns the records of a provider's sample responses, as its list would contain them.
pub(crate) fn of_samples(platform: Platform, files: &[&str]) -> Vec<FixedRecord> {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/providers").join(platform.as_str());
    let (list, id, created) = match platform {
        Platform::Konpro => ("/data", "session_id", "created_at"),
        Platform::Konvo => ("/result", "id", "created_at"),
        Platform::Realtimekit => ("/data/sessions", "id", "created_at"),
    };
    let records = files.iter().flat_map(|file| {
        let path = folder.join("samples").join(file);
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let answer: serde_json::Value = serde_json::from_str(&text).expect("a sample is JSON");
        answer.pointer(list).and_then(serde_json::Value::as_array).expect("a list").clone()
    });
    let record = |json: serde_json::Value| {
        let created_at = match &json[created] {
            serde_json::Value::Number(seconds) => {
                DateTime::from_timestamp(seconds.as_i64().expect("whole seconds"), 0).expect("an instant")
            }
            text => text.as_str().expect("a time").parse().expect("an instant"),
        };
        let id = json[id].as_str().expect("an id").to_owned();
        FixedRecord { id, created_at, updated_at: created_at, json: json.to_string() }
    };
    records.map(record).collect()
}
