//! Buckets of time: days of 23 and 25 hours, and named ranges.

use super::*;

#[tokio::test]
async fn days_of_23_and_25_hours() {
    let api = Api::new().await;
    for (day, next, hours) in [("2026-03-29", "2026-03-30", 23), ("2026-10-25", "2026-10-26", 25)] {
        let path = format!(
            "/v1/metrics/query?metrics=sessions&granularity=hour&from={day}&to={next}&zone=Europe/Berlin&{WELL}"
        );
        let answer = api.get(&path).await;
        let rows = answer["rows"].as_array().unwrap();
        assert_eq!(rows.len(), hours, "{day}");
        assert!(rows.iter().all(|row| row["values"]["sessions"]["value"] == 0), "{day}");
    }
    let answer = api.get(&format!("/v1/minutes?from=2026-10-25&to=2026-10-26&zone=Europe/Berlin&{WELL}")).await;
    assert_eq!(answer["rows"][0]["bucket"]["start"], "2026-10-25T00:00:00+02:00");
    assert_eq!(answer["rows"][0]["bucket"]["end"], "2026-10-26T00:00:00+01:00");
}

#[tokio::test]
async fn last_days_include_today() {
    let api = Api::new().await;
    let answer = api.get("/v1/minutes?range=last_3_days").await;
    assert_eq!(answer["query"]["from"], "2026-11-18T00:00:00+01:00");
    assert_eq!(answer["query"]["to"], "2026-11-21T00:00:00+01:00");
    // 00:30 of the next day in Berlin
    api.clock.set("2026-11-20T23:30:00Z".parse().unwrap());
    assert_eq!(api.get("/v1/minutes?range=today").await["query"]["from"], "2026-11-21T00:00:00+01:00");
    assert_eq!(api.get("/v1/minutes?range=today&zone=UTC").await["query"]["from"], "2026-11-20T00:00:00+00:00");
}
