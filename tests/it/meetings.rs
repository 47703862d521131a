//! Meetings: presences with an unknown end, and shares of speaking time.

use std::sync::Arc;

use serde_json::{Value, json};
use tributary::demo::simulator::feed::{Depth, FixedFeed, FixedFile};
use tributary::demo::simulator::quirks::Quirks;
use tributary::demo::simulator::{Platform, Simulator};

use crate::harness::records::record;
use crate::harness::{World, at};

/// Creates meetings of a minute and a half, each with its artifacts.
async fn world_of(meetings: &[(&str, &str, Depth)]) -> (World, Simulator) {
    let records = meetings.iter().map(|(id, began, _)| record(Platform::Realtimekit, id, at(began)));
    let feed = Arc::new(FixedFeed::new(records));
    for (id, _, depth) in meetings {
        feed.set_depth(id, depth.clone());
    }
    let mut world = World::new().await.with_depth();
    let simulator = world.simulate(Platform::Realtimekit, feed, Quirks::default()).await;
    world.poll().await;
    (world, simulator)
}

fn presence(id: &str, user: &str, joined: &str, left: Option<&str>, minutes: f64) -> String {
    json!({"id": id, "user_id": user, "joined_at": format!("2026-03-10T{joined}Z"),
           "left_at": left.map(|left| format!("2026-03-10T{left}Z")), "duration": minutes})
    .to_string()
}

#[tokio::test]
async fn a_presence_without_an_end_raises_no_peak_and_its_minutes_are_unknown() {
    let people = vec![
        presence("ana", "u-1", "11:00:00", Some("11:01:30"), 1.5),
        // the connection broke: its end is missing, and Ben joins again
        presence("ben-1", "u-2", "11:00:10", None, 0.0),
        presence("ben-2", "u-2", "11:00:40", Some("11:01:30"), 0.833_333_333_3),
    ];
    let (world, _simulator) =
        world_of(&[("one", "2026-03-10T11:00:00Z", Depth { participants: people, ..Depth::default() })]).await;
    let api = world.api().await;
    let metrics = "participant_minutes,peak_concurrent_participants,attendance_ratio,participants";
    let answer = api.ok(&format!("/v1/metrics/query?metrics={metrics}&from=2026-03-10&to=2026-03-11&zone=UTC")).await;
    let totals = &answer["totals"];
    assert_eq!(totals["peak_concurrent_participants"], json!({"value": 2, "unknown_count": 1}));
    // 90 and 50 seconds
    assert_eq!(totals["participant_minutes"], json!({"value": 2.333_333_333, "unknown_count": 1}));
    // the duration of Ben's presence is unknown, so the meeting is in neither part
    assert_eq!(totals["attendance_ratio"]["value"], Value::Null);
    assert_eq!(totals["attendance_ratio"]["unknown_count"], 1);
    assert_eq!(totals["participants"]["value"], 3);
    let session = api.ok("/v1/sessions").await["items"][0].clone();
    assert_eq!((&session["peak_participants"], &session["participant_count"]), (&json!(2), &json!(3)));
    let left =
        "select string_agg(coalesce(left_at::time::text, '-'), ' ' order by joined_at) from analytics.participants";
    assert_eq!(world.text(left).await.as_deref(), Some("11:01:30 - 11:01:30"));
    let daily = "select participant_unknown_count from analytics.sessions_daily";
    assert_eq!(world.number(daily).await, 1);
}

#[tokio::test]
async fn the_length_of_a_presence_gives_its_end() {
    let people = vec![
        presence("ana", "u-1", "11:00:00", Some("11:01:30"), 1.5),
        // 30 seconds, until 11:00:40
        presence("ben", "u-2", "11:00:10", None, 0.5),
        presence("cy", "u-3", "11:00:40", Some("11:01:10"), 0.5),
    ];
    let (world, _simulator) =
        world_of(&[("one", "2026-03-10T11:00:00Z", Depth { participants: people, ..Depth::default() })]).await;
    let counted = "select concat_ws(' ', peak_participants, unknown_duration_count, attended_ms, participant_ms)
                     from core.session_participation";
    assert_eq!(world.text(counted).await.as_deref(), Some("2 0 150000 150000"));
    let ended = "select string_agg(concat_ws(' ', left_at::time, is_left_at_derived), ', ' order by joined_at)
                   from analytics.participants";
    assert_eq!(world.text(ended).await.as_deref(), Some("11:01:30 f, 11:00:40 t, 11:01:10 f"));
}

/// 45 characters of Chinese against three words of English.
fn talk(ends: [Option<u32>; 2]) -> Depth {
    let segment = |start: u32, end: Option<u32>, name: &str, text: &str| {
        let mut segment = json!({"startTime": start, "sentence": text,
                                 "peerData": {"id": name, "userId": name, "displayName": name, "cpi": ""}});
        if let Some(end) = end {
            segment["endTime"] = json!(end);
        }
        segment
    };
    let chinese = "我们今天讨论下个季度的计划大家先看第一页上面的数字然后我来说明为什么这样安排最后请提出问题";
    let chinese: String = chinese.chars().cycle().take(45).collect();
    let file = json!([segment(1_000, ends[0], "Wei", &chinese), segment(10_000, ends[1], "Ana", "Yes of course")]);
    Depth { transcript: FixedFile::ready(file.to_string()), ..Depth::default() }
}

/// Returns the shares of the speakers, the larger first, by the metric and in the transcript itself.
async fn shares(world: &World, range: &str, id: &str) -> (Vec<Value>, Vec<Value>) {
    let api = world.api().await;
    let path = format!("/v1/metrics/query?metrics=talk_share&dimensions=speaker_id&zone=UTC&{range}");
    let answer = api.ok(&path).await;
    assert_eq!(answer["totals"]["talk_share"]["value"], 1, "{answer:#}");
    assert_eq!(answer["definitions"]["talk_share"], 2);
    let rows = answer["rows"].as_array().expect("rows");
    let mut by_metric: Vec<Value> = rows.iter().map(|row| row["values"]["talk_share"]["value"].clone()).collect();
    by_metric.sort_by(|one, other| other.as_f64().partial_cmp(&one.as_f64()).expect("numbers"));
    let list = api.ok(&format!("/v1/sessions?provider_session_id={id}")).await;
    let transcript = api.ok(&format!("/v1/sessions/{}/transcript", list["items"][0]["session_id"])).await;
    let speakers = transcript["speakers"].as_array().expect("speakers");
    assert_eq!(speakers[0]["label"], "Wei");
    (by_metric, speakers.iter().map(|speaker| speaker["talk_share"].clone()).collect())
}

#[tokio::test]
async fn the_talk_is_shared_by_time_and_else_by_characters_never_by_words() {
    let (world, _simulator) = world_of(&[
        // nine seconds against three
        ("timed", "2026-03-10T11:00:00Z", talk([Some(10_000), Some(13_000)])),
        // one utterance has no end: 45 characters against 13
        ("untimed", "2026-03-10T09:00:00Z", talk([Some(10_000), None])),
    ])
    .await;
    let timed = vec![json!(0.75), json!(0.25)];
    let range = "from=2026-03-10T11:00:00Z&to=2026-03-10T12:00:00Z";
    assert_eq!(shares(&world, range, "timed").await, (timed.clone(), timed));
    let untimed = vec![json!(0.775_862_069), json!(0.224_137_931)];
    let range = "from=2026-03-10T09:00:00Z&to=2026-03-10T10:00:00Z";
    assert_eq!(shares(&world, range, "untimed").await, (untimed.clone(), untimed));
    // both: 9 + 4.5 seconds against 3 + 1.3
    let path = "/v1/metrics/query?metrics=talk_share&dimensions=speaker_id&zone=UTC&from=2026-03-10&to=2026-03-11";
    let answer = world.api().await.ok(path).await;
    let mut numerators: Vec<f64> = answer["rows"]
        .as_array()
        .expect("rows")
        .iter()
        .map(|row| row["values"]["talk_share"]["numerator"].as_f64().expect("a number"))
        .collect();
    numerators.sort_by(f64::total_cmp);
    assert_eq!(numerators, [4.3, 13.5]);
    assert_eq!(answer["totals"]["talk_share"]["denominator"], 17.8);
}

#[tokio::test]
async fn a_presence_of_unknown_end_raises_no_peak_and_leaves_attended_time_unknown() {
    let meeting = |people: Vec<String>| Depth { participants: people, ..Depth::default() };
    let ana = || presence("ana", "u-1", "11:00:00", Some("11:01:30"), 1.5);
    let (world, _simulator) = world_of(&[
        ("broken", "2026-03-10T11:00:00Z", meeting(vec![ana(), presence("ben", "u-2", "11:00:10", None, 0.0)])),
        ("measured", "2026-03-10T11:00:00Z", meeting(vec![ana(), presence("ben", "u-2", "11:00:10", None, 0.5)])),
        ("alone", "2026-03-10T11:00:00Z", meeting(vec![presence("ben", "u-2", "11:00:10", None, 0.0)])),
    ])
    .await;
    let counted = "select string_agg(concat_ws(' ', s.provider_session_id, 'peak', w.peak_participants, 'ms', w.attended_ms), ', '
                                     order by s.provider_session_id)
                     from core.session_participation w join core.sessions s using (source_id, session_id)";
    let right = Some("alone peak ms, broken peak 1 ms, measured peak 2 ms 120000");
    assert_eq!(world.text(counted).await.as_deref(), right);
}
