//! Personal data does not reach the schema that every analyst may read.
//!
//! The responses arrive over HTTP like any others, and every place for a name or a text is filled with a mark: known
//! and unknown fields, records that cannot be read, files. The mark must be found where the data is stored, otherwise
//! the test proves nothing.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::json;
use sqlx::AssertSqlSafe;
use tributary_simulator::Platform;
use tributary_simulator::fixed_feed::{Depth, FixedFeed, FixedFile, FixedRecord};
use tributary_simulator::quirks::Quirks;

use crate::harness::{World, at};

/// In names and texts.
const MARK: &str = "Canaria Vogelsang";
/// As a phone number, with the forms that a mapping may give it.
const PHONE: &str = "4917099887766";

fn fixed(id: &str, json: &serde_json::Value) -> FixedRecord {
    let created_at = at("2026-03-10T11:00:00Z");
    FixedRecord { id: id.to_owned(), created_at, updated_at: created_at, json: json.to_string() }
}

fn chats() -> Arc<FixedFeed> {
    let chat = |id: &str, created: &str| {
        json!({
            "id": id, "workspace_id": "w", "feed_id": "f", "contact_id": format!("{MARK} c"),
            "external_user_id": format!("+{PHONE}"), "channel": "whatsapp", "created_at": created,
            "nickname": MARK, "profile": {"phone": PHONE},
            "status": {"session_id": id, "completed": true, "unresolved": false, "completed_at": "2026-03-10T11:01:30Z",
                       "last_message_date": "2026-03-10T11:01:30Z", "last_updated": "2026-03-10T11:01:30Z"},
            "state": {"session_id": id, "type": "ORDER", "sub_intent_type": "ORDER",
                      "trail": [{"type": "ORDER", "note": MARK, "phone": PHONE}]},
            "messages": [{"message_id": format!("{id}-1"), "session_id": id, "initiator_origin": "RECIPIENT",
                          "message": format!("I am {MARK}, call +{PHONE}"), "created_at": "2026-03-10T11:00:00Z"}]
        })
    };
    let good = chat("chat-1", "2026-03-10T11:00:00Z");
    // cannot be read, because it has personal data in place of its time
    let bad = chat("chat-2", &format!("{MARK} {PHONE}"));
    Arc::new(FixedFeed::new([fixed("chat-1", &good), fixed("chat-2", &bad)]))
}

fn meetings() -> Arc<FixedFeed> {
    let (start, end) = ("2026-03-10T11:00:00Z", "2026-03-10T11:01:30Z");
    let meeting = json!({
        "id": "meeting-1", "associated_id": "m-1", "meeting_display_name": format!("Interview with {MARK}"),
        "type": "meeting", "status": "ENDED", "live_participants": 0, "max_concurrent_participants": 1,
        "minutes_consumed": 1.5, "organization_id": "app", "started_at": start, "ended_at": end, "created_at": start,
        "updated_at": end, "meta": {"host": MARK, "phone": PHONE}
    });
    let participant = json!({
        "id": "peer-1", "user_id": "user-1", "custom_participant_id": format!("+{PHONE}"), "display_name": MARK,
        "preset_name": "host", "joined_at": start, "left_at": end, "duration": 1.5, "created_at": start,
        "updated_at": end, "email": format!("{MARK}@example.com")
    });
    let report = json!({"participant": {"id": "peer-1", "display_name": MARK, "peer_report": {
        "metadata": {"ip_information": {"ip": PHONE, "city": MARK, "country": "DE"},
                     "audio_devices_updates": [{"label": format!("{MARK}'s headset")}]},
        "quality": {"audio_producer_cumulative": {"quality_mos": {"avg": 4.1}}}}}});
    let transcript = json!([{"startTime": 1000, "endTime": 2000, "sentence": format!("My name is {MARK}, {PHONE}"),
                             "name": MARK, "peerData": {"id": "peer-1", "displayName": MARK}}]);
    let feed = Arc::new(FixedFeed::new([fixed("meeting-1", &meeting)]));
    let depth = Depth {
        participants: vec![participant.to_string()],
        chat: FixedFile::ready(format!(
            "id,participantId,sessionId,meetingId,displayName,payloadType,payload,createdAt\n\
             1,peer-1,meeting-1,m-1,{MARK},TEXT_MESSAGE,Call me at {PHONE},2026-03-10T11:00:30Z\n"
        )),
        transcript: FixedFile::ready(transcript.to_string()),
        summary: FixedFile::ready(format!("# {MARK} called from {PHONE}")),
        peer_reports: BTreeMap::from([("peer-1".to_owned(), report.to_string())]),
        ..Depth::default()
    };
    feed.set_depth("meeting-1", depth);
    feed
}

/// Returns the views (or tables) of these schemas with rows that contain a mark, as `view: rows`.
async fn marked(world: &World, schema: &str) -> Vec<String> {
    let relations: Vec<String> = sqlx::query_scalar(
        "select c.relname::text from pg_class c join pg_namespace n on n.oid = c.relnamespace
          where n.nspname = $1 and c.relkind in ('v', 'r') order by 1",
    )
    .bind(schema)
    .fetch_all(&world.db.pool)
    .await
    .expect("the catalog");
    let mut found = Vec::new();
    for relation in relations {
        // bytes are shown as hexadecimal digits
        let sql = format!(
            "select count(*) from {schema}.{relation} x
              where x::text ilike '%vogelsang%' or x::text like '%{PHONE}%'
                 or x::text like '%' || encode('{PHONE}'::bytea, 'hex') || '%'"
        );
        let rows: i64 = sqlx::query_scalar(AssertSqlSafe(sql)).fetch_one(&world.db.pool).await.expect("a count");
        if rows > 0 {
            found.push(relation);
        }
    }
    found
}

#[tokio::test]
async fn personal_data_reaches_no_column_that_analysts_see() {
    let mut world = World::new().await.with_depth();
    let _chats = world.simulate(Platform::Konvo, chats(), Quirks::default()).await;
    let _meetings = world.simulate(Platform::Realtimekit, meetings(), Quirks::default()).await;
    for _ in 0..2 {
        world.poll().await;
        // what is not ready at once is requested again hours later
        world.clock.set(at("2026-03-10T18:00:00Z"));
    }
    assert_eq!(world.number("select count(*) from analytics.sessions").await, 2);
    assert_eq!(world.number("select count(*) from analytics.rejected_records").await, 1);
    let pii = marked(&world, "analytics_pii").await;
    let must_hold = ["messages", "participants", "session_contacts", "session_summaries", "transcript_segments"];
    assert_eq!(pii, must_hold, "the canary must be alive");
    let raw = "select count(*) from ingest.rejects where position('4917099887766'::bytea in body) > 0";
    assert!(world.number(raw).await > 0);
    assert_eq!(marked(&world, "analytics").await, Vec::<String>::new());
}
