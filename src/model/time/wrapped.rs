//! Instants that libraries write as a JSON object: the extended JSON of `MongoDB`, and the timestamps of Protobuf and
//! Firestore. The names of the members state the unit, so that no size of a number has to.

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};

/// Names of the seconds and of the rest in nanoseconds, which may be left out.
const TIMESTAMPS: [(&str, &str); 3] = [("seconds", "nanos"), ("seconds", "nanoseconds"), ("_seconds", "_nanoseconds")];

/// Parses an object; `None` where it has any other member.
pub(super) fn instant(json: &str) -> Option<DateTime<Utc>> {
    let object: Map<String, Value> = serde_json::from_str(json).ok()?;
    match object.get("$date") {
        Some(date) if object.len() == 1 => of_date(date),
        _ => TIMESTAMPS.into_iter().find_map(|names| of_timestamp(&object, names)),
    }
}

/// Parses a date of extended JSON: milliseconds in one of two forms, or text.
fn of_date(date: &Value) -> Option<DateTime<Utc>> {
    match date {
        Value::Number(ms) => DateTime::from_timestamp_millis(ms.as_i64()?),
        Value::String(text) => DateTime::parse_from_rfc3339(text).ok().map(|at| at.to_utc()),
        Value::Object(long) if long.len() == 1 => {
            DateTime::from_timestamp_millis(long.get("$numberLong")?.as_str()?.parse().ok()?)
        }
        _ => None,
    }
}

fn of_timestamp(object: &Map<String, Value>, (seconds, nanos): (&str, &str)) -> Option<DateTime<Utc>> {
    let has_nanos = object.contains_key(nanos);
    if object.len() != 1 + usize::from(has_nanos) {
        return None;
    }
    let nanos = if has_nanos { u32::try_from(whole(&object[nanos])?).ok()? } else { 0 };
    DateTime::from_timestamp(whole(object.get(seconds)?)?, nanos).filter(|_| nanos < 1_000_000_000)
}

/// Returns a whole number; Protobuf writes one of 64 bits as text.
fn whole(number: &Value) -> Option<i64> {
    number.as_i64().or_else(|| number.as_str()?.parse().ok())
}
