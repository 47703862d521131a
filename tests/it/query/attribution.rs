//! Attribution: values count where a session began, where it ended, or in each bucket for the part that lies in it.

use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;
use tributary::query::bucket::{Granularity, cut};
use tributary::query::catalog::{Catalog, SourceFilter};
use tributary::query::metrics::answer;
use tributary::query::metrics::filter::MetricFilter;
use tributary::query::metrics::query::MetricQuery;
use tributary::query::metrics::registry::metric;
use tributary::query::metrics::time_column::Attribution;
use tributary::query::range::TimeRange;
use tributary::query::snapshot::Snapshot;

use super::*;

async fn ask(api: &Api, ids: &[&str], source: &str, how: Attribution, cut_by: Granularity, range: TimeRange) -> Value {
    let filter = SourceFilter { sources: vec![source.to_owned()], ..SourceFilter::default() };
    let query = MetricQuery {
        metrics: ids.iter().map(|id| metric(id).unwrap()).collect(),
        dimensions: Vec::new(),
        range,
        buckets: cut(range, chrono_tz::UTC, cut_by, 2_000).unwrap(),
        granularity: cut_by,
        zone: chrono_tz::UTC,
        zone_name: "UTC",
        filter: MetricFilter { sources: filter, ..MetricFilter::default() },
        as_known_at: None,
        attribution: how,
        totals_by: Vec::new(),
        top: None,
        order: None,
        limit: None,
        comparison: None,
        is_distributed: crate::harness::citus::is_used(),
    };
    let catalog =
        Catalog::load(api.pool(), &tributary::model::source_access::SourceAccess::All, Some(range)).await.unwrap();
    let now = NOW.parse().unwrap();
    let answer = answer(&Snapshot::take(api.pool()).await.unwrap(), &catalog, &query, now).await.unwrap();
    serde_json::to_value(answer).unwrap()
}

fn range(from: &str, to: &str) -> TimeRange {
    TimeRange { from: from.parse().unwrap(), to: to.parse().unwrap() }
}

fn by_bucket(answer: &Value, id: &str) -> Vec<String> {
    let rows = answer["rows"].as_array().unwrap();
    rows.iter().map(|row| row["values"][id]["value"].to_string()).collect()
}

#[tokio::test]
async fn a_day_long_chat_counts_by_its_start_its_end_or_in_parts() {
    let api = Api::in_depth().await;
    sqlx::raw_sql(include_str!("../worlds/chats_world.sql")).execute(api.pool()).await.unwrap();
    let days = range("2026-11-02T00:00:00Z", "2026-11-05T00:00:00Z");
    let metrics = ["elapsed_minutes", "sessions"];
    let told = async |how| ask(&api, &metrics, "konvo-lab", how, Granularity::Day, days).await;
    // 81 from the 2nd 10:00 for 24 hours, 83 on the 3rd for ten minutes
    let start = told(Attribution::Start).await;
    assert_eq!(by_bucket(&start, "elapsed_minutes"), ["1440", "10", "0"]);
    assert_eq!(by_bucket(&start, "sessions"), ["1", "1", "0"]);
    let end = told(Attribution::End).await;
    assert_eq!(by_bucket(&end, "elapsed_minutes"), ["0", "1450", "0"]);
    let spread = told(Attribution::Spread).await;
    assert_eq!(by_bucket(&spread, "elapsed_minutes"), ["840", "610", "0"]);
    assert_eq!(by_bucket(&spread, "sessions"), ["0.583333333", "1.416666667", "0"]);
    for answer in [&start, &end, &spread] {
        assert_eq!(answer["totals"]["elapsed_minutes"]["value"], 1450);
        assert_eq!(answer["totals"]["sessions"]["value"], 2);
    }
}

#[tokio::test]
async fn parts_add_up_to_the_whole_for_every_cut() {
    let api = Api::new().await;
    sqlx::raw_sql(
        "select setseed(0.3);
         insert into core.sessions (session_id, created_at, started_at, ended_at, first_seen_at, last_changed_at, source_id, provider,
                session_kind, session_state, outcome, duration_seconds, provider_minutes, provider_session_id, row_hash, raw_hash)
         overriding system value
         select 1000 + n, at, at, at + length * interval '1 second', at, at, 2, 'konpro', 'avatar', 'ended', 'not_applicable', length,
                length / 60.0, 'x' || n, '\\x00', '\\x00'
           from (select n, timestamptz '2026-10-01 00:00:00.123Z' + floor(random() * 1209600000) * interval '1 millisecond' as at,
                        (floor(random() * random() * 200000000) / 1000)::numeric as length
                   from generate_series(1, 500) n) x",
    )
    .execute(api.pool())
    .await
    .unwrap();
    let ids = ["elapsed_minutes", "minutes_consumed", "sessions"];
    // all of them begin and end in this range
    let weeks = range("2026-09-30T00:00:00Z", "2026-10-20T00:00:00Z");
    let whole = ask(&api, &ids, "konpro-eu", Attribution::Start, Granularity::None, weeks).await;
    assert_eq!(whole["totals"]["sessions"]["value"], 500);
    for how in [Attribution::End, Attribution::Spread] {
        for cut_by in [Granularity::Hour, Granularity::Day, Granularity::Week, Granularity::None] {
            let answer = ask(&api, &ids, "konpro-eu", how, cut_by, weeks).await;
            assert_eq!(answer["totals"], whole["totals"], "{how:?} {cut_by:?}");
        }
    }
    // an hour, by brute force
    let hour: DateTime<Utc> = "2026-10-05T07:00:00Z".parse().unwrap();
    let counted: Decimal = sqlx::query_scalar(
        "select round(sum(extract(epoch from least(ended_at, $1 + interval '1 hour') - greatest(started_at, $1))) / 60, 9)
           from analytics.sessions where source_id = 2 and started_at < $1 + interval '1 hour' and ended_at > $1",
    )
    .bind(hour)
    .fetch_one(api.pool())
    .await
    .unwrap();
    let one = TimeRange { from: hour, to: hour + TimeDelta::hours(1) };
    let answer = ask(&api, &ids, "konpro-eu", Attribution::Spread, Granularity::None, one).await;
    assert_eq!(answer["totals"]["elapsed_minutes"]["value"].to_string(), counted.normalize().to_string());
}

#[tokio::test]
async fn only_running_sessions_are_spread_until_now() {
    let api = world().await;
    // one that never started, and one that ended at an unknown time; the length of both is unknown
    run(
        &api,
        "insert into core.sessions (session_id, created_at, started_at, first_seen_at, last_changed_at, source_id, provider,
                session_kind, session_state, outcome, provider_session_id, row_hash, raw_hash) overriding system value
         values (891, '2026-11-02Z', '2026-11-02 12:00Z', '2026-11-02Z', '2026-11-02Z', 8, 'konvo', 'chat', 'never_started', 'open', 'a', '', ''),
                (892, '2026-11-03Z', '2026-11-03 12:00Z', '2026-11-03Z', '2026-11-03Z', 8, 'konvo', 'chat', 'unknown', 'unknown', 'b', '', '')",
    )
    .await;
    let path = format!("/v1/metrics/query?metrics=sessions&granularity=day&source=konvo-lab&{NOVEMBER}");
    let spread = api.get(&format!("{path}&attribution=spread")).await;
    // 81 has 14 of its 24 hours on the 2nd, 83 its ten minutes on the 3rd
    let told = |day: &str| row(&spread, &json!({}), day)["values"]["sessions"]["value"].to_string();
    assert_eq!([told("2026-11-02"), told("2026-11-03")], ["1.583333333", "2.416666667"]);
    // 84 is open and had its last message after five minutes; 86 runs
    assert_eq!([told("2026-11-12"), told("2026-11-13"), told("2026-11-20")], ["1", "0", "1"]);
    let start = api.get(&path).await;
    assert_eq!(spread["totals"], start["totals"]);
    let problem = api.problem(&format!("{path}&attribution=spread&dimensions=local_hour"), 422).await;
    assert_eq!(problem["errors"][0]["code"], "not_groupable");
}

#[tokio::test]
async fn sessions_without_an_end_are_unknown_where_they_began_if_counted_by_their_end() {
    let api = world().await;
    run(
        &api,
        "insert into core.sessions (session_id, created_at, started_at, first_seen_at, last_changed_at, source_id, provider,
                session_kind, session_state, outcome, provider_session_id, row_hash, raw_hash) overriding system value
         values (891, '2026-11-02Z', '2026-11-02 12:00Z', '2026-11-02Z', '2026-11-02Z', 8, 'konvo', 'chat', 'never_started', 'open', 'a', '', ''),
                (892, '2026-11-03Z', '2026-11-03 12:00Z', '2026-11-03Z', '2026-11-03Z', 8, 'konvo', 'chat', 'unknown', 'unknown', 'b', '', '')",
    )
    .await;
    let chats = format!("source=konvo-lab&{NOVEMBER}&attribution=end");
    let by_day = api.get(&format!("/v1/metrics/query?metrics=sessions,elapsed_minutes&granularity=day&{chats}")).await;
    // 81, 82, 83 and 85 have ended; 84 is open, 86 runs, 891 never started, and when 892 ended is not known
    assert_eq!(by_day["totals"]["sessions"], json!({"value": 4, "unknown_count": 4}));
    // 24 hours, 30 minutes, 10 minutes and an hour
    assert_eq!(by_day["totals"]["elapsed_minutes"], json!({"value": 1540, "unknown_count": 4}));
    assert_eq!(by_day["coverage"]["unknown"], 4);
    let told = |day: &str| row(&by_day, &json!({}), day)["values"]["sessions"].clone();
    assert_eq!(told("2026-11-02"), json!({"value": null, "reason": "unknown", "unknown_count": 1}));
    assert_eq!(told("2026-11-03"), json!({"value": 2, "unknown_count": 1}));
    assert_eq!(told("2026-11-12"), json!({"value": null, "reason": "unknown", "unknown_count": 1}));
    let explained = api.get(&format!("/v1/metrics/explain?metrics=sessions&{chats}")).await;
    let (classes, figure) = (&explained["classes"], &explained["figure"]);
    let class = |name: &str| classes[name].as_i64().unwrap();
    // 88 is deleted
    assert_eq!(["rows", "counted", "unknown", "deleted"].map(class), [9, 4, 4, 1]);
    assert_eq!(figure, &by_day["totals"]["sessions"]);
    let rows = api.get(&format!("/v1/metrics/rows?metrics=sessions&{chats}")).await;
    let rows = rows["items"].as_array().unwrap().iter();
    let rows: Vec<(i64, &str, bool)> = rows
        .map(|row| {
            let at = row["at"].as_str().unwrap();
            (row["session_id"].as_i64().unwrap(), at, row["is_unknown"].as_bool().unwrap())
        })
        .collect();
    let expected = [
        (891, "2026-11-02T12:00:00Z", true),
        (83, "2026-11-03T08:10:00Z", false),
        (81, "2026-11-03T10:00:00Z", false),
        (892, "2026-11-03T12:00:00Z", true),
        (82, "2026-11-05T09:30:00Z", false),
        (84, "2026-11-12T10:00:00Z", true),
        (85, "2026-11-19T16:00:00Z", false),
        (86, "2026-11-20T11:00:00Z", true),
    ];
    assert_eq!(rows, expected);
    // what is only about sessions that are over leaves the others out
    let length = api.get(&format!("/v1/metrics/query?metrics=average_session_duration_seconds&{chats}")).await;
    assert_eq!(length["totals"]["average_session_duration_seconds"]["unknown_count"], 2, "891 and 892");
}

#[tokio::test]
async fn a_session_spread_over_many_buckets_is_still_one() {
    let api = world().await;
    // 1,918 quarters of an hour and 639 s, of each of which the twelfth digit would be rounded in the same direction
    run(
        &api,
        "insert into core.sessions (session_id, created_at, started_at, ended_at, first_seen_at, last_changed_at, source_id, provider,
                session_kind, session_state, outcome, duration_seconds, provider_session_id, row_hash, raw_hash) overriding system value
         values (893, '2026-09-02Z', '2026-09-02Z', timestamptz '2026-09-02Z' + interval '1726839 s', '2026-09-02Z', '2026-09-02Z', 8, 'konvo', 'chat',
                 'ended', 'resolved', 1726839, 'a', '', '')",
    )
    .await;
    let range = range("2026-09-02T00:00:00Z", "2026-09-22T00:00:00Z");
    let ids = ["sessions", "elapsed_minutes"];
    let told = async |cut_by| ask(&api, &ids, "konvo-lab", Attribution::Spread, cut_by, range).await;
    let (whole, parts) = (told(Granularity::None).await, told(Granularity::FifteenMinutes).await);
    assert_eq!(whole["totals"]["sessions"], json!({"value": 1}));
    assert_eq!(whole["totals"], whole["rows"][0]["values"]);
    assert_eq!(whole["totals"], parts["totals"]);
    let of = |row: &Value| Decimal::from_str_exact(&row["values"]["sessions"]["value"].to_string()).unwrap();
    assert!(parts["rows"].as_array().unwrap().iter().all(|row| of(row).scale() <= 9));
}
