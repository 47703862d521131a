//! `/v1/metrics/rows`: the rows behind a value, and the links that lead to them.

use rust_decimal::Decimal;
use sqlx::{AssertSqlSafe, Row};
use tributary::query::metrics::measure::Additivity;
use tributary::query::metrics::registry::metrics;

use super::metrics_explain::{RANGES, all_rows, decimal, figures, rounded};
use super::*;
use crate::harness::citus;

#[tokio::test]
async fn rows_are_found_for_values_of_any_form() {
    let api = world().await;
    run(
        &api,
        "update core.sessions set channel = 'a, \"b\"' where session_id = 81;
         update core.sessions set channel = ' c ' where session_id = 82;
         update core.sessions set channel = '[d' where session_id = 83",
    )
    .await;
    let lab = json!([{"field": "source", "values": ["konvo-lab"]}]);
    for (op, values, expected) in [
        ("in", json!(["a, \"b\"", " c "]), 2),
        ("in", json!(["[d"]), 1),
        ("not_in", json!(["a, \"b\""]), 5),
        ("not_in", json!([" c ", "[d"]), 4),
    ] {
        let mut filters = lab.as_array().unwrap().clone();
        filters.push(json!({"field": "channel", "op": op, "values": values}));
        let body = json!({"metrics": ["sessions"], "filters": filters,
                          "time": {"from": "2026-11-01", "to": "2026-11-21", "zone": "UTC"}});
        let (status, answer) = api.send_json("POST", "/v1/metrics/explain", &[], &body).await;
        assert_eq!((status, &answer["figure"]["value"]), (200, &json!(expected)), "{body}");
        let rows = api.get(answer["rows"].as_str().unwrap()).await;
        assert_eq!(rows["items"].as_array().unwrap().len(), expected, "{}", answer["rows"]);
    }
}

#[tokio::test]
async fn the_rest_of_a_top_list_links_to_its_rows() {
    let api = world().await;
    run(&api, "update core.sessions set channel = 'other' where session_id = 85").await;
    for (dimension, chosen) in
        [("channel", "source=konvo-lab"), ("provider", ""), ("source", ""), ("skill_type", "source=konvo-lab")]
    {
        let path = format!(
            "/v1/metrics/query?metrics=sessions&dimensions={dimension}&top=1&granularity=none&{NOVEMBER}&{chosen}"
        );
        let answer = api.get(&path).await;
        let rest = answer["rows"].as_array().unwrap().iter().find(|row| row["is_other"] == true).unwrap();
        let link = rest["rows_link"].as_str().unwrap().strip_suffix("{&metrics,from,to,group}").unwrap();
        let rows = api.get(&format!("{link}&metrics=sessions&from=2026-11-01&to=2026-11-21&limit=1000")).await;
        let count = rows["items"].as_array().unwrap().len();
        assert_eq!(json!(count), rest["values"]["sessions"]["value"], "{dimension}: {link}");
        assert!(
            answer["rows"]
                .as_array()
                .unwrap()
                .iter()
                .all(|row| row["is_other"] == true || row.get("rows_link").is_none())
        );
    }
    // hours of the day cannot be queried alone
    let hours = api
        .get(&format!("/v1/metrics/query?metrics=sessions&dimensions=local_hour&top=1&granularity=none&{NOVEMBER}"))
        .await;
    let rest = hours["rows"].as_array().unwrap().iter().find(|row| row["is_other"] == true).unwrap();
    assert_eq!(rest.get("rows_link"), None);
}

#[tokio::test]
async fn the_smallest_contribution_is_a_row_like_any_other() {
    let api = world().await;
    run(&api, "update core.sessions set ended_at = '2026-11-03 08:00:00.000001Z' where session_id = 83").await;
    let rows =
        api.get(&format!("/v1/metrics/rows?metrics=average_concurrent_sessions&source=konvo-lab&{NOVEMBER}")).await;
    let of_83 = rows["items"].as_array().unwrap().iter().find(|row| row["session_id"] == 83).unwrap();
    assert_eq!(of_83["contribution"], 0);
}

#[tokio::test]
async fn the_rows_of_every_metric_add_up_to_its_value() {
    let api = world().await;
    let mut told = 0;
    for range in RANGES {
        let figures = figures(&api, range).await;
        for metric in metrics().filter(|metric| metric.grain.listed_at().is_none()) {
            let question = format!("metrics={}&{range}", metric.id);
            let figure = &figures[metric.id];
            let rows = all_rows(&api, &format!("/v1/metrics/rows?{question}"), 4).await;
            let sum = |name: &str| -> Decimal { rows.iter().filter_map(|row| decimal(&row[name])).sum() };
            let value = match metric.additivity() {
                Additivity::RatioOfSums => sum("contribution").checked_div(sum("denominator")).map(rounded),
                _ => Some(sum("contribution")),
            };
            match decimal(&figure["value"]) {
                Some(expected) => assert_eq!(value, Some(expected), "{question}: {rows:#?}"),
                None => assert_eq!(value.unwrap_or_default(), Decimal::ZERO, "{question}: {rows:#?}"),
            }
            told += rows.len();
        }
    }
    assert!(told > 50, "only {told} rows");
}

#[tokio::test]
async fn a_percentile_is_made_of_some_of_its_rows() {
    let api = world().await;
    let chats = "from=2026-11-01&to=2026-11-21&zone=UTC&source=konvo-lab";
    let parts = async |metric: &str| {
        let rows = all_rows(&api, &format!("/v1/metrics/rows?metrics={metric}&{chats}"), 2).await;
        let given = rows.iter().filter(|row| row["contribution"] != 0);
        given.map(|row| format!("{} {}", row["session_id"], row["contribution"])).collect::<Vec<_>>().join(", ")
    };
    // of 10, 20, 120 and 300 s half of each of the two in the middle, which are those of 81 and 82
    assert_eq!(parts("first_response_p50_seconds").await, "81 10, 82 60");
    // anna, bert, cleo and the unknown person of 86, each with the first chat
    assert_eq!(parts("unique_people").await, "81 1, 83 1, 85 1, 86 1");
    let problem = api.problem(&format!("/v1/metrics/rows?metrics=sync_success_rate&{chats}"), 422).await;
    assert_eq!(problem["errors"][0]["code"], "no_rows");
    assert!(problem["errors"][0]["detail"].as_str().unwrap().contains("/v1/sync/runs"));
    let explained = api.get(&format!("/v1/metrics/explain?metrics=rejected_records&{chats}")).await;
    assert_eq!((&explained["figure"]["value"], &explained["rows"]), (&json!(1), &json!("/v1/sync/rejections")));
    let problem = api.problem("/v1/metrics/query?metrics=sessions,rejected_records&channel=web", 422).await;
    assert_eq!(problem["errors"][0]["code"], "not_of_sessions");
}

#[tokio::test]
async fn the_groups_of_every_answer_lead_to_their_rows_and_their_sql() {
    let api = world().await;
    let mut analyst = api.pool().acquire().await.unwrap();
    citus::set_analyst_role(&mut analyst).await;
    for (metric, dimension) in [
        ("sessions", "channel"),
        ("sessions", "trail_step"),
        ("sessions", "preset_name"),
        ("session_duration_p50_seconds", "local_weekday"),
        ("first_response_p90_seconds", "channel"),
        ("unique_people", "provider"),
        ("new_people", "source"),
        ("retention_rate", "age_weeks"),
        ("live_sessions", "session_kind"),
        ("messages", "sender_role"),
        ("resolution_rate", "outcome"),
        ("minutes_consumed", "provider"),
        ("messages", "source"),
        ("participants", "preset_name"),
        ("unexplained_minutes", "unexplained_minutes_class"),
        ("transcript_words", "speaker_id"),
        ("talk_share", "speaker_id"),
        ("peak_concurrent_participants", "source"),
    ] {
        // one metric by days shows that buckets have links too
        let granularity = if metric == "resolution_rate" { "day" } else { "none" };
        let range = "from=2026-11-02&to=2026-11-19&zone=Europe/Berlin";
        let path =
            format!("/v1/metrics/query?metrics={metric}&dimensions={dimension}&{range}&granularity={granularity}");
        let answer = api.get(&path).await;
        let template = answer["rows_link"].as_str().unwrap();
        let base = template.strip_suffix("{&metrics,from,to,group}").unwrap();
        let encode = |text: &str| text.replace('+', "%2B").replace('"', "%22").replace(['{', '}'], "");
        for row in answer["rows"].as_array().unwrap() {
            let group = encode(&row["dimensions"].to_string());
            let (start, end) = (row["bucket"]["start"].as_str().unwrap(), row["bucket"]["end"].as_str().unwrap());
            let figure = format!("&metrics={metric}&from={}&to={}&group=%7B{group}%7D", encode(start), encode(end));
            let value = &row["values"][metric];
            let rows = all_rows(&api, &format!("{base}{figure}"), 3).await;
            let sum = |name: &str| -> Decimal { rows.iter().filter_map(|row| decimal(&row[name])).sum() };
            let added = if value["denominator"].is_null() {
                Some(sum("contribution"))
            } else {
                sum("contribution").checked_div(sum("denominator")).map(rounded)
            };
            let expected = decimal(&value["value"]);
            assert_eq!(added.unwrap_or_default(), expected.unwrap_or_default(), "{metric} {row:#} {rows:#?}");
            let explained = api.get(&format!("/v1/metrics/explain?drivers=source{figure}")).await;
            let reason = value["reason"].as_str().unwrap_or_default();
            assert_eq!(decimal(&explained["figure"]["value"]), expected, "{metric} {row:#} {reason}");
            let sql = explained["sql"].as_str().unwrap().to_owned();
            let yielded: Option<Decimal> =
                sqlx::query(AssertSqlSafe(sql.clone())).fetch_one(&mut *analyst).await.unwrap().get("value");
            assert_eq!(yielded, expected, "{sql}");
        }
    }
}

#[tokio::test]
async fn rows_state_their_contribution_and_a_cursor_belongs_to_its_value() {
    let api = Api::new().await;
    let figure = "metrics=resolution_rate&from=2026-11-18&to=2026-11-19&source=konvo-eu";
    let rows = all_rows(&api, &format!("/v1/metrics/rows?{figure}"), 1).await;
    let told: Vec<_> = rows
        .iter()
        .map(|row| (row["session_id"].as_i64(), &row["contribution"], &row["denominator"], &row["is_unknown"]))
        .collect();
    let (zero, one, no, yes) = (json!(0), json!(1), json!(false), json!(true));
    assert_eq!(
        told,
        [
            (Some(31), &one, &one, &no),
            (Some(32), &one, &one, &no),
            (Some(33), &zero, &one, &no),
            (Some(34), &zero, &zero, &yes)
        ]
    );
    let messages = all_rows(&api, "/v1/metrics/rows?metrics=messages&from=2026-11-18&to=2026-11-19", 2).await;
    // and one session whose messages were never fetched
    let (unread, messages): (Vec<Value>, Vec<Value>) = messages.into_iter().partition(|row| row["is_unknown"] == true);
    assert_eq!((messages.len(), unread.len(), &unread[0]["unknown_count"]), (5, 1, &json!(1)));
    assert_eq!((&messages[0]["row_id"], &messages[0]["session_id"]), (&json!("m0"), &json!(32)));
    let page = api.get(&format!("/v1/metrics/rows?{figure}&limit=1")).await;
    let cursor = page["page"]["next"].as_str().unwrap();
    let other = format!("/v1/metrics/rows?metrics=sessions&from=2026-11-18&to=2026-11-19&cursor={cursor}");
    assert_eq!(api.problem(&other, 422).await["errors"][0]["code"], "cursor_mismatch");
}
