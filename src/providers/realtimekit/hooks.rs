//! Webhooks: <https://developers.cloudflare.com/realtime/realtimekit/webhooks/>.
//!
//! Headers: `rtk-signature`, base64 of RSA-SHA256 over the body; `rtk-uuid` and `rtk-webhook-id`, which the signature
//! does not cover, so they are not used. Peculiarities: the state in an event is `LIVE` even where the meeting has
//! ended; a recording names its session `roomUUID`; the events of chats name it beside the meeting, others within it.
//! Of an event only the session, the times and the name of the event are read.

use chrono::{DateTime, TimeDelta, Utc};
use reqwest::header::HeaderMap;
use serde_json::{Map, Value};

use crate::connector::hooks::{Hint, HookFault, verify_rsa_sha256};
use crate::model::id::ProviderRecordId;
use crate::model::public_key::PublicKey;
use crate::model::stream::Stream;
use crate::model::time;

const SIGNATURE: &str = "rtk-signature";
/// People come and go in numbers, and so do states of recordings: their events cause one call in this time.
const IN_NUMBERS: TimeDelta = TimeDelta::seconds(30);
/// Objects in which an event names its session and its times, besides itself.
const PARTS: [&str; 4] = ["meeting", "recording", "participant", "livestream"];
/// Names of the session, the surest first.
const SESSION: [&str; 4] = ["sessionId", "session_id", "roomUUID", "roomUuid"];
/// Instants in the past. Instants at which a link expires are in the future.
const PAST: [&str; 7] = ["createdAt", "startedAt", "endedAt", "joinedAt", "leftAt", "updatedAt", "stoppedTime"];

/// Verifies and reads an event.
pub(crate) fn read_hook(key: &PublicKey, headers: &HeaderMap, body: &[u8]) -> Result<Hint, HookFault> {
    let signature = headers.get(SIGNATURE).and_then(|value| value.to_str().ok()).ok_or(HookFault::Unsigned)?;
    verify_rsa_sha256(key, signature, body)?;
    let event: Map<String, Value> = serde_json::from_slice(body).map_err(|_| HookFault::Unreadable)?;
    let name = event.get("event").and_then(Value::as_str).ok_or(HookFault::Unreadable)?;
    let (streams, delay) = match name {
        "meeting.started" | "meeting.ended" => (Vec::new(), TimeDelta::zero()),
        "meeting.chatSynced" => (vec![Stream::Chat], TimeDelta::zero()),
        "meeting.transcript" => (vec![Stream::Transcript], TimeDelta::zero()),
        "meeting.summary" => (vec![Stream::Summary], TimeDelta::zero()),
        "meeting.participantJoined" | "meeting.participantLeft" => (vec![Stream::Participants], IN_NUMBERS),
        "recording.statusUpdate" | "livestreaming.statusUpdate" => (Vec::new(), IN_NUMBERS),
        _ => return Err(HookFault::UnknownEvent),
    };
    let parts = || [&event].into_iter().chain(PARTS.iter().filter_map(|part| event.get(*part)?.as_object()));
    let texts = |name: &'static str| parts().filter_map(move |part| part.get(name)?.as_str());
    let session = SESSION.into_iter().flat_map(texts).find_map(|id| ProviderRecordId::parse(id).ok());
    let happened_at: Option<DateTime<Utc>> = PAST.into_iter().flat_map(texts).filter_map(time::from_text).max();
    Ok(Hint { session, streams, happened_at, delay })
}
