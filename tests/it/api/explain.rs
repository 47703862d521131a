//! Explanations of metric values: contributions, exclusions, drivers, SQL for analysts, and the rows behind a value.
//!
//! The numbers are computed by hand from `api_world.sql` and `depth_world.sql`; the rules for every metric are
//! tested for every entry of the registry.

use rust_decimal::{Decimal, RoundingStrategy};
use sqlx::{AssertSqlSafe, Row};
use tributary::query::metrics::attribution::Attribution;
use tributary::query::metrics::registry::{Additivity, metrics};

use super::*;

/// Ranges that are proven, unproven, in progress or missing.
const RANGES: [&str; 3] = [
    "from=2026-11-16&to=2026-11-20&source=rtk-prod,konpro-eu,konpro-old,konvo-eu,rtk-eu,rtk-us",
    "from=2026-11-01&to=2026-11-20&source=konvo-lab&zone=Asia/Kathmandu",
    "from=2026-11-18&to=2026-11-21",
];

/// The meetings and chats of all families.
async fn world() -> Api {
    let api = Api::in_depth().await;
    sqlx::raw_sql(include_str!("../figures_world.sql")).execute(api.pool()).await.unwrap();
    api
}

/// Returns the values of all metrics in a range, in as few queries as possible.
async fn figures(api: &Api, range: &str) -> Value {
    let ids: Vec<&str> = metrics().map(|metric| metric.id).collect();
    let mut figures = serde_json::Map::new();
    for ids in ids.chunks(10) {
        let answer = api.get(&format!("/v1/metrics/query?metrics={}&{range}", ids.join(","))).await;
        figures.extend(answer["totals"].as_object().unwrap().clone());
    }
    figures.into()
}

fn decimal(value: &Value) -> Option<Decimal> {
    (!value.is_null()).then(|| value.to_string().parse().unwrap())
}

fn rounded(value: Decimal) -> Decimal {
    value.round_dp_with_strategy(9, RoundingStrategy::MidpointAwayFromZero)
}

async fn post(api: &Api, path: &str, body: &str) -> (StatusCode, Value) {
    let request = Request::builder().method("POST").uri(path).header("content-type", "application/json");
    let response = api.router.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
    let status = response.status();
    let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
    (status, serde_json::from_slice(&bytes).unwrap())
}

/// Returns all rows behind a value, page by page.
async fn all_rows(api: &Api, address: &str, limit: usize) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = api.get(&format!("{address}&limit={limit}{cursor}")).await;
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= limit, "{page:#}");
        rows.extend(items.iter().cloned());
        match page["page"]["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return rows,
        }
    }
}

#[tokio::test]
async fn the_sql_of_every_metric_runs_as_an_analyst_and_yields_the_figure() {
    let api = world().await;
    let mut analyst = api.pool().acquire().await.unwrap();
    sqlx::query("set role tributary_analyst").execute(&mut *analyst).await.unwrap();
    let mut told = 0;
    for range in RANGES {
        let figures = figures(&api, range).await;
        for metric in metrics() {
            let question = format!("metrics={}&{range}", metric.id);
            let explained = api.get(&format!("/v1/metrics/explain?drivers=source&{question}")).await;
            assert_eq!(explained["figure"], figures[metric.id], "{question}");
            let sql = explained["sql"].as_str().unwrap().to_owned();
            assert!(!sql.contains('$') && !sql.contains("core.") && !sql.contains("ingest."), "{sql}");
            let row = sqlx::query(AssertSqlSafe(sql.clone())).fetch_one(&mut *analyst).await;
            let row = row.unwrap_or_else(|error| panic!("{question}: {error}\n{sql}"));
            let value: Option<Decimal> = row.get("value");
            assert_eq!(value, decimal(&explained["figure"]["value"]), "{question}\n{sql}");
            told += usize::from(value.is_some());
        }
    }
    assert!(told > metrics().count(), "only {told} figures to compare");
}

#[tokio::test]
async fn the_rows_of_every_metric_add_up_to_the_figure() {
    let api = world().await;
    let mut told = 0;
    for range in RANGES {
        let figures = figures(&api, range).await;
        for metric in metrics().filter(|metric| metric.rows.listed_at().is_none()) {
            let question = format!("metrics={}&{range}", metric.id);
            let figure = &figures[metric.id];
            let rows = all_rows(&api, &format!("/v1/metrics/rows?{question}"), 4).await;
            let sum = |name: &str| -> Decimal { rows.iter().filter_map(|row| decimal(&row[name])).sum() };
            let value = match metric.additivity {
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
async fn figures_by_the_end_and_in_parts_are_explained_as_they_are_told() {
    let api = world().await;
    let mut analyst = api.pool().acquire().await.unwrap();
    sqlx::query("set role tributary_analyst").execute(&mut *analyst).await.unwrap();
    // 81 has 24 hours from the 2nd 10:00 on: 14 of them, and 10 on the 3rd, on which 83 has ten minutes
    let days = "from=2026-11-03&to=2026-11-04&zone=UTC&source=konvo-lab";
    for (how, expected) in [("start", "10"), ("end", "1450"), ("spread", "610")] {
        let question = format!("metrics=elapsed_minutes&attribution={how}&{days}");
        let answer = api.get(&format!("/v1/metrics/query?{question}")).await;
        assert_eq!(answer["totals"]["elapsed_minutes"]["value"].to_string(), expected, "{how}");
        assert_eq!(answer["query"]["attribution"], how);
    }
    for how in [Attribution::End, Attribution::Spread] {
        for metric in metrics().filter(|metric| metric.can_be_attributed(how)) {
            let question = format!("metrics={}&attribution={}&{days}", metric.id, how.as_str());
            let explained = api.get(&format!("/v1/metrics/explain?drivers=channel&{question}")).await;
            let expected = decimal(&explained["figure"]["value"]);
            let sql = explained["sql"].as_str().unwrap().to_owned();
            let row = sqlx::query(AssertSqlSafe(sql.clone())).fetch_one(&mut *analyst).await;
            let row = row.unwrap_or_else(|error| panic!("{question}: {error}\n{sql}"));
            assert_eq!(row.get::<Option<Decimal>, _>("value"), expected, "{question}\n{sql}");
            let rows = all_rows(&api, &format!("/v1/metrics/rows?{question}"), 4).await;
            let sum = |name: &str| -> Decimal { rows.iter().filter_map(|row| decimal(&row[name])).sum() };
            let value = match metric.additivity {
                Additivity::RatioOfSums => sum("contribution").checked_div(sum("denominator")).map(rounded),
                _ => Some(sum("contribution")),
            };
            assert_eq!(value.unwrap_or_default(), expected.unwrap_or_default(), "{question}: {rows:#?}");
        }
    }
    // messages count where they were sent; the median of several lengths has no part in a day
    let path = "/v1/metrics/query?metrics=messages,session_duration_p50_seconds&attribution=spread";
    let problem = api.problem(&format!("{path}&{days}"), 422).await;
    let errors = problem["errors"].as_array().unwrap();
    assert_eq!((errors.len(), &errors[0]["code"]), (1, &json!("not_attributable")), "{errors:#?}");
    let detail = errors[0]["detail"].as_str().unwrap();
    assert!(detail.contains("`session_duration_p50_seconds`") && detail.contains("elapsed_minutes"), "{detail}");
}

#[tokio::test]
async fn what_is_no_sum_rests_on_some_of_its_rows() {
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
    sqlx::query("set role tributary_analyst").execute(&mut *analyst).await.unwrap();
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
        ("unexplained_minutes", "unexplained_class"),
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
async fn a_rate_tells_its_parts_and_what_it_leaves_out() {
    let api = Api::new().await;
    let answer =
        api.get("/v1/metrics/explain?metrics=resolution_rate&from=2026-11-18&to=2026-11-19&zone=Europe/Berlin").await;
    // konvo-us is late, and its share of the range is not proven
    assert_eq!(answer["figure"]["value"], json!(0.666_666_667));
    assert_eq!(
        answer["parts"],
        json!({"by": "outcome", "items": [
            {"class": "resolved", "numerator": 2, "denominator": 2},
            {"class": "unknown", "numerator": 0, "denominator": 0, "unknown_count": 1},
            {"class": "unresolved", "numerator": 0, "denominator": 1}]})
    );
    // 35 is open since the 18th; meetings 11 and 12 and avatars 21, 22 and 51 have no outcome; of the two meetings that
    // never count neither is a chat
    assert_eq!(
        answer["left_out"],
        json!({"open": 0, "stale_open": 1, "unknown": 1, "not_applicable": 5, "rejected": 0, "deleted": 0,
               "breakout_rooms": 0, "out_of_coverage": [{"source": "konvo-us", "from": "2026-11-17T23:00:00Z",
               "to": "2026-11-18T23:00:00Z", "reason": "awaiting_sync"}]})
    );
    assert_eq!(answer["bucket"]["status"], "awaiting_sync");
    let sessions = api.get(&format!("/v1/metrics/explain?metrics=sessions&from=2026-11-18&to=2026-11-19&{WELL}")).await;
    assert_eq!(sessions["left_out"]["deleted"], 1);
    assert_eq!(sessions["left_out"]["breakout_rooms"], 1);
    assert_eq!(sessions["left_out"]["out_of_coverage"], json!([]));
    assert_eq!(sessions["left_out"].get("open"), None);
    assert_eq!(
        sessions["parts"]["items"],
        json!([{"class": "konpro", "value": 3}, {"class": "konvo", "value": 4}, {"class": "realtimekit", "value": 2}])
    );
    let minutes = api.get("/v1/metrics/explain?metrics=minutes_consumed&range=today&source=konvo-eu").await;
    assert_eq!(minutes["figure"], json!({"value": null, "reason": "not_applicable"}));
}

#[tokio::test]
async fn drivers_are_those_worked_out_by_hand() {
    let api = Api::new().await;
    let answer = api.get(&format!("/v1/metrics/explain?metrics=sessions&from=2026-11-18&to=2026-11-19&{WELL}")).await;
    // 31 alone began on the 17th; nine on the 18th
    let previous = &answer["previous"];
    assert_eq!(previous["from"], "2026-11-17T00:00:00+01:00");
    assert_eq!((&previous["figure"], &previous["change"]), (&json!({"value": 1}), &json!(8)));
    let set = |name: &str| {
        let sets = previous["drivers"].as_array().unwrap();
        sets.iter().find(|set| set["dimension"] == name).unwrap_or_else(|| panic!("no {name} in {sets:#?}"))
    };
    assert_eq!(
        set("provider")["groups"],
        json!([{"group": "konpro", "value": 3, "previous": 0, "contribution": 3},
               {"group": "konvo", "value": 4, "previous": 1, "contribution": 3},
               {"group": "realtimekit", "value": 2, "previous": 0, "contribution": 2}])
    );
    // 33 and 35 against 31; 32; 34 and all that are not chats
    assert_eq!(
        set("channel")["groups"],
        json!([{"group": null, "value": 6, "previous": 0, "contribution": 6},
               {"group": "webchat", "value": 1, "previous": 0, "contribution": 1},
               {"group": "whatsapp", "value": 2, "previous": 1, "contribution": 1}])
    );
    assert_eq!(set("outcome")["remainder"], 0);
    let peak = api.get("/v1/metrics/explain?metrics=peak_concurrent_participants&range=yesterday").await;
    assert_eq!((&peak["previous"]["reason"], &peak["previous"]["drivers"]), (&json!("not_additive"), &json!([])));
}

#[tokio::test]
async fn a_rate_moves_by_rate_and_mix_to_the_last_digit() {
    let api = Api::new().await;
    // the 17th before: two webchats, one resolved; one whatsapp, resolved
    sqlx::raw_sql(
        "insert into core.sessions overriding system value
         select id, at, at, null, at, null, null, at, at, 3, null, null, false, 'konvo', 'chat', 'ended', outcome, null, 60,
                null, 'id-' || id, null, channel, null, null, null, '\\x00', '\\x00'
           from (values (81, timestamptz '2026-11-17 10:00Z', 'resolved', 'webchat'), (82, '2026-11-17 10:00Z', 'unresolved', 'webchat'),
                        (83, '2026-11-17 10:00Z', 'resolved', 'whatsapp')) v (id, at, outcome, channel)",
    )
    .execute(api.pool())
    .await
    .unwrap();
    let answer = api
        .get(
            "/v1/metrics/explain?metrics=resolution_rate&from=2026-11-18&to=2026-11-19&source=konvo-eu&drivers=channel",
        )
        .await;
    let previous = &answer["previous"];
    // 2 of 3 both days: the level is 2/3, and nothing changed; webchat: from 1/2 to 1/1, whatsapp: from 1/1 to 1/2
    assert_eq!((&previous["figure"]["numerator"], &previous["change"]), (&json!(2), &json!(0)));
    let groups = &previous["drivers"][0]["groups"];
    // webchat: mean share 1/2 times 1/2, less a third of the share at 3/4 - 2/3 = 1/12: -1/36
    let of = |name: &str| groups.as_array().unwrap().iter().find(|group| group["group"] == name).unwrap();
    assert_eq!((&of("webchat")["rate"], &of("webchat")["mix"]), (&json!(0.25), &json!(-0.027_777_778)));
    assert_eq!((&of("whatsapp")["rate"], &of("whatsapp")["mix"]), (&json!(-0.25), &json!(0.027_777_778)));
    assert_eq!(previous["drivers"][0]["remainder"], 0);
}

#[tokio::test]
async fn drivers_of_every_metric_add_up_to_its_change() {
    let api = Api::in_depth().await;
    let mut sets_told = 0;
    for (place, metric) in metrics().enumerate() {
        // a past range, and now and then a running one
        for range in ["from=2026-11-17&to=2026-11-18", "range=today"].into_iter().take(1 + usize::from(place % 8 == 0))
        {
            let path = format!("/v1/metrics/explain?metrics={}&{range}&{WELL},rtk-eu,rtk-us", metric.id);
            let answer = api.get(&path).await;
            let previous = &answer["previous"];
            for set in previous["drivers"].as_array().unwrap() {
                let other = decimal(&set["other"]["contribution"]).unwrap_or_default();
                let groups = set["groups"].as_array().unwrap().iter();
                let parts: Decimal = groups.map(|group| decimal(&group["contribution"]).unwrap()).sum();
                assert_eq!(Some(parts + other), decimal(&previous["change"]), "{path} {set:#}");
                assert_eq!(set["remainder"], 0, "{path} {set:#}");
                sets_told += 1;
            }
        }
    }
    assert!(sets_told > 20, "only {sets_told}");
}

#[tokio::test]
async fn a_body_asks_the_same_and_all_faults_are_told_at_once() {
    let api = Api::new().await;
    let path =
        "metrics=sessions&from=2026-11-18&to=2026-11-19&source=konvo-eu,konpro-eu&group=%7B%22channel%22:null%7D";
    let by_address = api.get(&format!("/v1/metrics/explain?{path}")).await;
    let body = json!({"metrics": ["sessions"], "time": {"from": "2026-11-18", "to": "2026-11-19"},
                      "filters": [{"field": "source", "values": ["konvo-eu", "konpro-eu"]}], "group": {"channel": null}});
    let (status, by_body) = post(&api, "/v1/metrics/explain", &body.to_string()).await;
    assert_eq!((status, &by_body), (StatusCode::OK, &by_address));
    // 34, 21 and 22
    assert_eq!(by_body["figure"]["value"], 3);
    let body = json!({"metrics": ["session"], "filters": [{"field": "source", "values": ["konvo-ue"]}], "limit": 7,
                      "group": {"chanel": "x"}, "time": {"zone": "Berlin"}, "changed_since": "2027-01-01",
                      "drivers": [7], "top": {"n": 3}});
    let (status, problem) = post(&api, "/v1/metrics/explain", &body.to_string()).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    let fault = |pointer: &str| {
        let errors = problem["errors"].as_array().unwrap();
        errors.iter().find(|e| e["pointer"] == pointer).unwrap_or_else(|| panic!("{pointer}: {errors:#?}")).clone()
    };
    assert_eq!(fault("/metrics/0")["did_you_mean"][0], "sessions");
    assert!(fault("/filters/0/values/0")["did_you_mean"].to_string().contains("konvo-eu"));
    assert_eq!(fault("/group")["did_you_mean"][0], "channel");
    assert_eq!(fault("/limit")["code"], "unknown_field");
    assert_eq!(fault("/top")["code"], "unknown_field");
    assert_eq!(fault("/changed_since")["code"], "time_in_future");
    assert_eq!(fault("/drivers/0")["code"], "wrong_type");
    fault("/time/zone");
    for body in ["", "[]", "{\"metrics\":"] {
        let (status, _) = post(&api, "/v1/metrics/explain", body).await;
        assert_eq!(status.as_u16(), 422, "{body}");
    }
    let problem = api.problem("/v1/metrics/rows?metrics=messages&group=%7B%22preset_name%22:1%7D&limit=0", 422).await;
    let mut codes: Vec<&str> =
        problem["errors"].as_array().unwrap().iter().map(|error| error["code"].as_str().unwrap()).collect();
    codes.sort_unstable();
    assert_eq!(codes, ["invalid_limit", "overlapping_dimension", "wrong_type"]);
    let two = api.problem("/v1/metrics/explain?metrics=sessions,messages", 422).await;
    assert_eq!(two["errors"][0]["code"], "too_many_metrics");
    let problem = api.problem("/v1/metrics/explain", 422).await;
    assert_eq!(problem["errors"][0]["code"], "missing_parameter");
}

#[tokio::test]
async fn rows_say_what_they_are_and_a_cursor_belongs_to_its_figure() {
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
    assert_eq!(messages.len(), 5);
    assert_eq!((&messages[0]["row_id"], &messages[0]["session_id"]), (&json!("m0"), &json!(32)));
    let page = api.get(&format!("/v1/metrics/rows?{figure}&limit=1")).await;
    let cursor = page["page"]["next"].as_str().unwrap();
    let other = format!("/v1/metrics/rows?metrics=sessions&from=2026-11-18&to=2026-11-19&cursor={cursor}");
    assert_eq!(api.problem(&other, 422).await["errors"][0]["code"], "cursor_mismatch");
}
