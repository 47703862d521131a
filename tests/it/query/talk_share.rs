//! Shares of speaking time.

use serde_json::{Value, json};
use tributary_simulator::fixed_feed::{Depth, FixedFile};

use crate::harness::World;
use crate::store::presence::world_of;

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
    assert_eq!(answer["definitions"]["talk_share"], 3);
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
async fn talk_is_shared_by_time_and_else_by_characters_never_by_words() {
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
