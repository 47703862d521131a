//! Concurrent sessions and participants, computed by hand from `meetings_world.sql` and compared with a count at every
//! instant.
//!
//! rtk-eu: 61 runs from 10:00 to 11:00 of the 16th, 62 from 10:45 to 11:30, 63 from 23:30 to 00:30, 64 from 09:00
//! of the 17th until now, 65 from 12:00 to 12:30, 66 from 13:00 to 13:10.

use super::*;

const BOTH: &str = "metrics=peak_concurrent_sessions,average_concurrent_sessions";

fn at<'a>(answer: &'a Value, start: &str, metric: &str) -> &'a Value {
    &row(answer, &json!({}), start)["values"][metric]
}

#[tokio::test]
async fn concurrent_sessions_are_those_counted_by_hand() {
    let api = Api::in_depth().await;
    let hours = "granularity=hour&from=2026-11-16&to=2026-11-18&zone=UTC&source=rtk-eu";
    let answer = api.get(&format!("/v1/metrics/query?{BOTH}&{hours}")).await;
    for (start, peak, average) in [
        ("2026-11-16T09", "0", "0"),
        ("2026-11-16T10", "2", "1.25"),
        ("2026-11-16T11", "1", "0.5"),
        ("2026-11-16T23", "1", "0.5"),
        ("2026-11-17T00", "1", "0.5"),
        ("2026-11-17T01", "0", "0"),
        ("2026-11-17T12", "2", "1.5"),
        ("2026-11-17T13", "2", "1.166666667"),
    ] {
        assert_eq!(at(&answer, start, "peak_concurrent_sessions")["value"].to_string(), peak, "{start}");
        assert_eq!(at(&answer, start, "average_concurrent_sessions")["value"].to_string(), average, "{start}");
    }
    assert_eq!(answer["totals"]["peak_concurrent_sessions"], json!({"value": 2}));
    // 60 + 45 + 60 + 15 hours of minutes + 30 + 10 minutes in 48 hours
    assert_eq!(answer["totals"]["average_concurrent_sessions"]["value"].to_string(), "0.383680556");
    let short = api.get("/v1/concurrency?from=2026-11-16&to=2026-11-18&zone=UTC&source=rtk-eu&by=source").await;
    let ten = row(&short, &json!({"source": "rtk-eu"}), "2026-11-16T10");
    assert_eq!(ten["values"]["average_concurrent_sessions"], json!({"value": 1.25}));
}

#[tokio::test]
async fn sessions_without_an_end_do_not_count_for_ever_and_the_future_does_not_count() {
    let api = Api::in_depth().await;
    let hours = "granularity=hour&zone=UTC";
    let path =
        format!("/v1/metrics/query?{BOTH}&{hours}&from=2026-11-18T14:00:00Z&to=2026-11-18T17:00:00Z&source=konvo-eu");
    let chats = api.get(&path).await;
    // the chat of 14:00 ended at an unknown time; that of 15:00 is open without a sign of life
    let unknown = json!({"value": null, "reason": "unknown", "unknown_count": 1});
    assert_eq!(*at(&chats, "2026-11-18T14", "peak_concurrent_sessions"), unknown);
    assert_eq!(*at(&chats, "2026-11-18T15", "average_concurrent_sessions"), json!({"value": 0.5}));
    assert_eq!(*at(&chats, "2026-11-18T16", "peak_concurrent_sessions"), json!({"value": 0}));
    // half of the hour has passed; the chat is younger than a day
    api.clock.set("2026-11-18T16:30:00Z".parse().unwrap());
    let chats = api.get(&path).await;
    assert_eq!(*at(&chats, "2026-11-18T15", "average_concurrent_sessions"), json!({"value": 1}));
    assert_eq!(*at(&chats, "2026-11-18T16", "average_concurrent_sessions"), json!({"value": 1}));
}

#[tokio::test]
async fn at_the_borders_of_the_rule_for_ends_a_session_counts_as_its_column_says() {
    let api = Api::new().await;
    // 901 had its last message before it began, 902 ended before it began, 903 never started and ended nevertheless
    sqlx::raw_sql(
        "insert into core.sessions (session_id, source_id, provider, provider_session_id, session_kind, session_state, outcome, created_at,
                                    started_at, ended_at, last_activity_at, first_seen_at, last_changed_at, row_hash, raw_hash)
         overriding system value
         select id, 3, 'konvo', 'border-' || id, 'chat', state, 'unknown', at, at, ended, active, at, at, '', ''
           from (values (901, 'open', timestamptz '2026-11-05 10:00Z', null::timestamptz, timestamptz '2026-11-05 09:00Z'),
                        (902, 'ended', '2026-11-05 12:00Z', '2026-11-05 11:00Z', null),
                        (903, 'never_started', '2026-11-05 14:00Z', '2026-11-05 15:00Z', null)) v (id, state, at, ended, active)",
    )
    .execute(api.pool())
    .await
    .unwrap();
    let path = "/v1/metrics/query?metrics=average_concurrent_sessions&source=konvo-eu&granularity=hour&zone=UTC\
                &from=2026-11-05T09:00:00Z&to=2026-11-05T16:00:00Z";
    // a day to the second after it began it still counts as open, then as ended half an hour after its start
    for (now, at_ten, at_eleven) in [("2026-11-06T10:00:00Z", 1.0, 1.0), ("2026-11-06T10:00:01Z", 0.5, 0.0)] {
        api.clock.set(now.parse().unwrap());
        let answer = api.get(path).await;
        let average = |start: &str| at(&answer, start, "average_concurrent_sessions")["value"].as_f64().unwrap();
        assert_eq!(average("2026-11-05T10").to_string(), at_ten.to_string(), "{now}");
        assert_eq!(average("2026-11-05T11").to_string(), at_eleven.to_string(), "{now}");
        let sql = "select sum(extract(epoch from analytics.effective_ended_at(session_state, started_at, ended_at,
                              last_activity_at, live_participants, $1) - started_at))::bigint
                     from analytics.sessions where session_id in (901, 902, 903)";
        let seconds: Option<i64> = sqlx::query_scalar(sql)
            .bind(now.parse::<chrono::DateTime<chrono::Utc>>().unwrap())
            .fetch_one(api.pool())
            .await
            .unwrap();
        assert_eq!(seconds, Some(if at_eleven > 0.5 { 86_400 } else { 1_800 }), "{now}");
    }
    // and the function for analysts returns the same, long after
    let sql = "select trim_scale(sum(average))::text
                 from analytics.concurrency('2026-11-05 09:00Z', '2026-11-05 16:00Z', '1 hour', 'UTC', 'konvo-eu')";
    let hours: String = sqlx::query_scalar(sql).fetch_one(api.pool()).await.unwrap();
    assert_eq!(hours, "0.5");
}

#[tokio::test]
async fn peaks_of_sessions_equal_counting_at_every_instant_also_in_sql() {
    let api = Api::in_depth().await;
    sqlx::raw_sql(
        "update core.sources set history_from = '2020-01-01Z' where source_id = 6;
         update ingest.windows set window_from = '2020-01-01Z' where source_id = 6;
         select setseed(0.7);
         insert into core.sessions (session_id, source_id, provider, provider_session_id, session_kind, session_state, outcome, created_at,
                                    started_at, ended_at, first_seen_at, last_changed_at, row_hash, raw_hash)
         overriding system value
         select 1000 + n, 6, 'realtimekit', 'x' || n, 'meeting', case when n % 50 = 0 then 'unknown' else 'ended' end, 'not_applicable',
                at, at, case when n % 50 > 0 then at + floor(random() * 40) * interval '5 minutes' end, at, at, '', ''
           from generate_series(1, 400) n
          cross join lateral (select timestamptz '2020-03-28Z' + floor(random() * 600 + n * 0) * interval '5 minutes' as at) a",
    )
    .execute(api.pool())
    .await
    .unwrap();
    let counted: Vec<(i64, String)> = sqlx::query_as(
        "with stay as (select started_at, ended_at from core.sessions where source_id = 6 and ended_at > started_at)
         select (select max((select count(*) from stay where started_at <= at and ended_at > at))
                   from (select bucket_start as at union select started_at from stay where started_at >= bucket_start and started_at < bucket_end) instants),
                trim_scale(round((select coalesce(sum(extract(epoch from least(ended_at, bucket_end) - greatest(started_at, bucket_start))), 0)
                          from stay where started_at < bucket_end and ended_at > bucket_start) / 3600, 9))::text
           from analytics.buckets('2020-03-28 12:00Z', '2020-03-30Z', '1 hour', 'Europe/Berlin') order by bucket_start",
    )
    .fetch_all(api.pool())
    .await
    .unwrap();
    let path = format!(
        "/v1/metrics/query?{BOTH}&granularity=hour&from=2020-03-28T12:00:00Z&to=2020-03-30T00:00:00Z&zone=Europe/Berlin&source=rtk-eu"
    );
    let answer = api.get(&path).await;
    let swept = |row: &Value| {
        let peak = row["values"]["peak_concurrent_sessions"]["value"].as_i64().unwrap();
        (peak, row["values"]["average_concurrent_sessions"]["value"].to_string())
    };
    let swept: Vec<(i64, String)> = answer["rows"].as_array().unwrap().iter().map(swept).collect();
    assert_eq!(swept, counted);
    assert!(counted.iter().any(|(peak, _)| *peak > 10), "{counted:?}");
    assert_eq!(
        answer["totals"]["peak_concurrent_sessions"]["value"].as_i64(),
        counted.iter().map(|(peak, _)| *peak).max()
    );
    assert!(answer["totals"]["peak_concurrent_sessions"]["unknown_count"].as_i64() > Some(0));
    let in_sql: Vec<(i64, String)> = sqlx::query_as(
        "select peak::bigint, trim_scale(average)::text
           from analytics.concurrency('2020-03-28 12:00Z', '2020-03-30Z', '1 hour', 'Europe/Berlin', 'rtk-eu')",
    )
    .fetch_all(api.pool())
    .await
    .unwrap();
    assert_eq!(in_sql, counted);
}

#[tokio::test]
async fn hours_of_the_week_combine_all_weeks() {
    let api = Api::in_depth().await;
    let path = "/v1/concurrency?by=hour_of_week&from=2026-11-09&to=2026-11-23&zone=UTC&source=rtk-eu";
    let answer = api.get(path).await;
    let items = answer["rows"].as_array().unwrap();
    assert_eq!(items.len(), 7 * 24);
    let hour = |weekday: i64, hour: i64| {
        let (weekday, hour) = (weekday.to_string(), format!("{hour:02}"));
        let is_it =
            |item: &&Value| item["dimensions"]["local_weekday"] == weekday && item["dimensions"]["local_hour"] == hour;
        items.iter().find(is_it).unwrap()
    };
    // two Mondays, one of them empty
    let monday = hour(1, 10);
    assert_eq!((&monday["hour_count"], &monday["complete_hour_count"]), (&json!(2), &json!(2)));
    assert_eq!(monday["values"]["peak_concurrent_sessions"], json!({"value": 2}));
    assert_eq!(monday["values"]["average_concurrent_sessions"], json!({"value": 0.625}));
    // the second Friday at noon has not come
    assert_eq!(hour(5, 12)["hour_count"], json!(1));
    assert_eq!(hour(5, 11)["complete_hour_count"], json!(1));
    assert_eq!(hour(5, 11)["values"]["average_concurrent_sessions"], json!({"value": 0.5}));
    assert_eq!(answer["query"]["zone"], "UTC");
    // in Kathmandu, 5 h 45 min ahead, ten o'clock UTC is in the hours from 15 and 16
    let kathmandu = api.get(&path.replace("zone=UTC", "zone=Asia/Kathmandu")).await;
    let peaks: Vec<&Value> = kathmandu["rows"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|item| {
            item["dimensions"]["local_weekday"] == "1"
                && ["15", "16", "17"].iter().any(|hour| item["dimensions"]["local_hour"] == *hour)
        })
        .map(|item| &item["values"]["peak_concurrent_sessions"]["value"])
        .collect();
    assert_eq!(peaks, [&json!(1), &json!(2), &json!(1)]);
    let csv = api.send("GET", &format!("{path}&format=csv"), &[]).await;
    assert!(csv.text.contains("\r\n1,10,2,2,2,,,0.625,,\r\n"), "{}", csv.text);
    let problem = api.problem("/v1/concurrency?by=hour_of_weak,speaker_id&granularity=moon", 422).await;
    let codes: Vec<&str> = problem["errors"].as_array().unwrap().iter().map(|e| e["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["unknown_dimension", "overlapping_dimension", "overlapping_dimension", "unknown_value"]);
    assert_eq!(problem["errors"][0]["did_you_mean"][0], "hour_of_week");
}

#[tokio::test]
async fn peaks_are_computed_over_time_and_never_added() {
    let api = Api::in_depth().await;
    let path = "/v1/metrics/query?metrics=peak_concurrent_participants";
    let answer = api.get(&format!("{path}&dimensions=source&{DAYS}&source=rtk-eu,rtk-us,rtk-prod")).await;
    let of = |source: &str, day: &str| value(&answer, &json!({"source": source}), day, "peak_concurrent_participants");
    // from 10:50 to 11:00: Ada, Ben, Cy and Dee; a participant who joins as Ada leaves does not add to the peak
    assert_eq!(of("rtk-eu", "2026-11-16"), json!({"value": 4}));
    // from before midnight: one; from 09:00: two
    assert_eq!(of("rtk-eu", "2026-11-17"), json!({"value": 2, "unknown_count": 1}));
    assert_eq!(of("rtk-us", "2026-11-16"), json!({"value": 1}));
    assert_eq!(of("rtk-us", "2026-11-17"), json!({"value": 0}));
    assert_eq!(of("rtk-prod", "2026-11-16"), json!({"value": null, "reason": "not_fetched"}));
    // at 11:00 two have left as one of the other account joins: four, not five
    assert_eq!(answer["totals"]["peak_concurrent_participants"], json!({"value": 4, "unknown_count": 1}));
    assert_eq!(answer["warnings"][0]["code"], "participants_not_fetched");
    let hours = api
        .get(&format!(
            "{path}&granularity=hour&from=2026-11-16T23:00:00Z&to=2026-11-17T10:00:00Z&zone=UTC&source=rtk-eu"
        ))
        .await;
    let peaks: Vec<i64> = hours["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["values"]["peak_concurrent_participants"]["value"].as_i64().unwrap())
        .collect();
    assert_eq!(peaks, [1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2]);
    // a participant who is still present is so until now, not in the future
    let today = api
        .get(&format!(
            "{path}&granularity=hour&from=2026-11-20T09:00:00Z&to=2026-11-20T14:00:00Z&zone=UTC&source=rtk-eu"
        ))
        .await;
    let peaks: Vec<Value> = today["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["values"]["peak_concurrent_participants"]["value"].clone())
        .collect();
    assert_eq!(peaks, [json!(2), json!(1), json!(1), Value::Null, Value::Null]);
    let by_provider = api.get(&format!("{path}&dimensions=provider,preset_name&{DAYS}&provider=realtimekit")).await;
    let hosts = json!({"provider": "realtimekit", "preset_name": "host"});
    assert_eq!(value(&by_provider, &hosts, "2026-11-16", "peak_concurrent_participants")["value"], 1);
}

#[tokio::test]
async fn peaks_of_participants_equal_counting_at_every_instant() {
    let api = Api::in_depth().await;
    sqlx::raw_sql(
        "select setseed(0.4);
         insert into core.participants (source_id, session_id, provider_participant_id, joined_at, left_at)
         select 6, 64, 'x' || n, at, at + floor(random() * 40) * interval '5 minutes'
           from generate_series(1, 400) n
          cross join lateral (select timestamptz '2026-11-14Z' + floor(random() * 600 + n * 0) * interval '5 minutes' as at) a",
    )
    .execute(api.pool())
    .await
    .unwrap();
    let counted: Vec<i64> = sqlx::query_scalar(
        "with stay as (select joined_at, left_at from analytics.participants
                        where source_id = 6 and not is_part_of_session and left_at > joined_at)
         select (select max((select count(*) from stay where joined_at <= at and left_at > at))
                   from (select bucket_start as at union select joined_at from stay where joined_at >= bucket_start and joined_at < bucket_end) instants)
           from analytics.buckets('2026-11-14Z', '2026-11-16Z', '1 hour', 'UTC') order by bucket_start",
    )
    .fetch_all(api.pool())
    .await
    .unwrap();
    let path = "/v1/metrics/query?metrics=peak_concurrent_participants&granularity=hour&from=2026-11-14&to=2026-11-16&zone=UTC&source=rtk-eu";
    let answer = api.get(path).await;
    let swept: Vec<i64> = answer["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| row["values"]["peak_concurrent_participants"]["value"].as_i64().unwrap())
        .collect();
    assert_eq!(swept, counted);
    assert!(counted.iter().any(|peak| *peak > 5), "{counted:?}");
    assert_eq!(answer["totals"]["peak_concurrent_participants"]["value"].as_i64(), counted.into_iter().max());
}

#[tokio::test]
async fn an_average_over_a_month_is_rounded_once() {
    let api = Api::new().await;
    sqlx::raw_sql(
        "insert into core.sessions (session_id, source_id, provider, provider_session_id, session_kind, session_state, outcome, created_at,
                                    started_at, ended_at, first_seen_at, last_changed_at, row_hash, raw_hash)
         overriding system value
         select 904, 3, 'konvo', 'short', 'chat', 'ended', 'unknown', at, at, at + interval '1036.801295 seconds', at, at, '', ''
           from (values (timestamptz '2026-09-05 10:00Z')) v (at)",
    )
    .execute(api.pool())
    .await
    .unwrap();
    // 0.000400000499614…: with twelve digits in between, the ninth would become 1
    let path = "/v1/metrics/query?metrics=average_concurrent_sessions&source=konvo-eu&granularity=month&zone=UTC\
                &from=2026-09-01&to=2026-10-01";
    let answer = api.get(path).await;
    let average = &at(&answer, "2026-09-01", "average_concurrent_sessions")["value"];
    let sql = "select trim_scale(average)::text
                 from analytics.concurrency('2026-09-01Z', '2026-10-01Z', '1 month', 'UTC', 'konvo-eu')";
    let for_analysts: String = sqlx::query_scalar(sql).fetch_one(api.pool()).await.unwrap();
    assert_eq!((average.to_string().as_str(), for_analysts.as_str()), ("0.0004", "0.0004"));
}
