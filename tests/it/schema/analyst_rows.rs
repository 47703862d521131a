//! The queries of `docs/analysts.md` whose rows no sum of a metric equals, compared with the API row by row: from
//! metrics by group, and from the lists of sessions, freshness and reconciliations.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use chrono::{DateTime, Utc};
use rust_decimal::Decimal;
use serde_json::Value;

use super::analyst_queries::{COMPARED, questions_of_then, rows};
use crate::harness::Api;
use crate::query::every_metric::{become_analyst, known_world};

/// The questions whose rows no sum of a metric equals, compared row by row.
const COMPARED_BY_ROW: [usize; 5] = [8, 11, 12, 13, 15];

const FOUR_WEEKS: &str = "from=2025-09-29&to=2025-10-27T12:05:00Z&zone=Europe/Berlin";

#[tokio::test]
async fn the_api_gives_the_same_rows() {
    let compared: BTreeSet<usize> = COMPARED.iter().map(|(number, ..)| *number).chain(COMPARED_BY_ROW).collect();
    assert_eq!(compared.into_iter().collect::<Vec<_>>(), (1..=15).collect::<Vec<_>>(), "every question is compared");
    let world = known_world().await;
    let api = world.api().await;
    let mut analyst = world.db.pool.acquire().await.expect("a connection");
    become_analyst(&mut analyst).await;
    let questions = questions_of_then();
    for number in COMPARED_BY_ROW {
        let mut found = rows(&mut analyst, number, &questions[number - 1].1).await;
        let told = match number {
            8 => minutes_by_hour(&api).await,
            11 => {
                // metrics have one group for a step without a name and for sessions without a step
                found.retain(|row| !row.starts_with('-'));
                sessions_by_step(&api).await
            }
            12 => talk_by_speaker(&api).await,
            13 => presences_by_sound(&api).await,
            _ => {
                // the view compares with today, and this world is of then
                found = found.into_iter().map(|row| row.replace(" true", "").replace(" false", "")).collect();
                proof_by_source(&api).await
            }
        };
        assert_eq!(told, found, "question {number}");
        assert!(!told.is_empty(), "question {number}");
    }
}

async fn values(api: &Api, question: &str) -> Vec<Value> {
    let answer = api.ok(&format!("/v1/metrics/query?metrics={question}")).await;
    answer["rows"].as_array().expect("rows").clone()
}

fn exact(value: &Value) -> Decimal {
    Decimal::from_str(&value.to_string()).unwrap_or_default()
}

fn instant(value: &Value) -> DateTime<Utc> {
    value.as_str().expect("an instant").parse().expect("an instant")
}

/// Returns the mean number of sessions of each hour, times its length: the time that was spent in it.
async fn minutes_by_hour(api: &Api) -> Vec<String> {
    let metric = "average_concurrent_sessions";
    let range = "from=2025-10-26&to=2025-10-27T12:05:00Z&zone=Europe/Berlin&granularity=hour";
    let hours = values(api, &format!("{metric}&provider=realtimekit&{range}")).await;
    let line = |row: &Value| {
        let (start, end) = (instant(&row["bucket"]["start"]), instant(&row["bucket"]["end"]));
        let minutes = exact(&row["values"][metric]["value"]) * Decimal::from((end - start).num_minutes());
        format!("{} {:.1}", start.format("%Y-%m-%d %H:%M:%S+00"), minutes.round_dp(1))
    };
    hours.iter().map(line).collect()
}

async fn sessions_by_step(api: &Api) -> Vec<String> {
    let steps = values(api, &format!("sessions&dimensions=trail_step&order_by=-sessions&{FOUR_WEEKS}")).await;
    let named = steps.iter().filter_map(|row| Some((row["dimensions"]["trail_step"].as_str()?, row)));
    named.map(|(step, row)| format!("{step} {}", row["values"]["sessions"]["value"])).collect()
}

async fn talk_by_speaker(api: &Api) -> Vec<String> {
    let sessions = api.ok(&format!("/v1/metrics/rows?metrics=transcript_words&{FOUR_WEEKS}")).await;
    let session = &sessions["items"].as_array().expect("rows").iter().find(|row| row["contribution"] != 0);
    let session = session.expect("the only session with a transcript")["session_id"].clone();
    let speakers =
        values(api, &format!("transcript_words,talk_share&dimensions=speaker_id&order_by=speaker_id&{FOUR_WEEKS}"))
            .await;
    let named = speakers.iter().filter_map(|row| Some((row["dimensions"]["speaker_id"].as_str()?, &row["values"])));
    let line = |(speaker, values): (&str, &Value)| {
        let share = exact(&values["talk_share"]["value"]) * Decimal::ONE_HUNDRED;
        format!("{session} {speaker} {} {share:.1}", values["transcript_words"]["value"])
    };
    named.map(line).collect()
}

/// Returns the presences of each band of sound quality, with their mean length, from the lists of each session.
async fn presences_by_sound(api: &Api) -> Vec<String> {
    let presences = api.ok(&format!("/v1/metrics/rows?metrics=participants&{FOUR_WEEKS}&limit=1000")).await;
    let sessions = presences["items"].as_array().expect("rows").iter().filter(|row| row["is_unknown"] == false);
    let sessions: BTreeSet<i64> = sessions.map(|row| row["session_id"].as_i64().expect("a number")).collect();
    let mut bands: BTreeMap<usize, (u32, Decimal)> = BTreeMap::new();
    for session in sessions {
        let list = async |part: &str| {
            api.ok(&format!("/v1/sessions/{session}/{part}")).await["items"].as_array().expect("a list").clone()
        };
        let present = list("participants").await;
        for report in list("quality").await.iter().filter(|report| !report["audio_out_mos_avg"].is_null()) {
            let of_report = |row: &&Value| row["participant_id"] == report["participant_id"];
            let seconds = exact(&present.iter().find(of_report).expect("a presence")["duration_seconds"]);
            let limits = ["2.58", "3.10", "3.60", "4.03", "4.34"];
            let score = exact(&report["audio_out_mos_avg"]);
            let band = limits.iter().filter(|limit| Decimal::from_str(limit).expect("a number") <= score).count();
            let (count, sum) = bands.entry(band).or_default();
            (*count, *sum) = (*count + 1, *sum + seconds);
        }
    }
    let minutes = |count: u32, sum: Decimal| (sum / Decimal::from(count) / Decimal::from(60)).round_dp(1);
    bands.into_iter().map(|(band, (count, sum))| format!("{band} {count} {:.1}", minutes(count, sum))).collect()
}

/// Returns how far each source is proven, and what reconciliation found.
async fn proof_by_source(api: &Api) -> Vec<String> {
    let freshness = api.ok("/v1/freshness").await;
    let mut proven: BTreeMap<String, DateTime<Utc>> = BTreeMap::new();
    for stream in freshness["streams"].as_array().expect("streams") {
        let at = instant(&stream["complete_through"]);
        proven
            .entry(stream["source"].as_str().expect("a slug").to_owned())
            .and_modify(|so_far| *so_far = at.min(*so_far))
            .or_insert(at);
    }
    let found = api.ok("/v1/reconciliation?limit=100").await;
    let sum = |source: &str, field: &str| {
        let of_source = found["items"].as_array().expect("a list").iter().filter(|item| item["source"] == source);
        of_source.map(|item| item[field].as_i64().expect("a number")).reduce(|a, b| a + b)
    };
    let shown = |sum: Option<i64>| sum.map_or_else(|| "-".to_owned(), |sum| sum.to_string());
    let line = |(source, at): (String, DateTime<Utc>)| {
        let (missing, rejected) = (sum(&source, "missing_count"), sum(&source, "rejected_count"));
        format!("{source} {} {} {}", at.format("%Y-%m-%d %H:%M:%S+00"), shown(missing), shown(rejected))
    };
    proven.into_iter().map(line).collect()
}
