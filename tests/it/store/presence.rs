//! Presences in meetings: those without an end have no invented one.

use std::sync::Arc;

use serde_json::{Value, json};
use tributary_simulator::fixed_feed::{Depth, FixedFeed};
use tributary_simulator::quirks::Quirks;
use tributary_simulator::{Platform, Simulator};

use crate::harness::records::record;
use crate::harness::{World, at};

/// Creates meetings of a minute and a half, each with its artifacts.
pub(crate) async fn world_of(meetings: &[(&str, &str, Depth)]) -> (World, Simulator) {
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
