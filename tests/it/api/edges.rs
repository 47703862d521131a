//! Queries at the limits: odd values, removed sources, sessions without an end, many faults.

use super::*;

const NOVEMBER: &str = "from=2026-11-01&to=2026-11-21&zone=UTC";

async fn world() -> Api {
    let api = Api::in_depth().await;
    sqlx::raw_sql(include_str!("../figures_world.sql")).execute(api.pool()).await.unwrap();
    api
}

async fn run(api: &Api, sql: &'static str) {
    sqlx::raw_sql(sql).execute(api.pool()).await.unwrap();
}

#[tokio::test]
async fn figures_are_explained_whatever_they_are_chosen_by() {
    let api = world().await;
    let mut asked = 0;
    for dimension in api.get("/v1/metrics/sessions").await["dimensions"].as_array().unwrap() {
        let field = dimension.as_str().unwrap();
        let path = format!("/v1/metrics/explain?metrics=sessions&{NOVEMBER}&present={field}");
        let answer = api.send("GET", &path, &[]).await;
        if answer.status == StatusCode::UNPROCESSABLE_ENTITY {
            let code = answer.json()["errors"][0]["code"].clone();
            assert!(
                ["not_filterable", "unknown_filter_field", "never_null"].contains(&code.as_str().unwrap()),
                "{code}"
            );
            continue;
        }
        assert_eq!(answer.status, StatusCode::OK, "{field}: {}", answer.text);
        asked += 1;
    }
    assert!(asked > 15, "{asked}");
    let answer = api.get(&format!("/v1/metrics/explain?metrics=sessions&{NOVEMBER}&skill_type=order")).await;
    assert_eq!((&answer["figure"]["value"], &answer["changed"]["reason"]), (&json!(2), &json!("not_kept")));
}

#[tokio::test]
async fn only_what_runs_is_spread_until_now() {
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
async fn an_answer_that_goes_with_the_clock_is_not_taken_for_the_same() {
    let api = world().await;
    run(&api, "update core.sessions set duration_seconds = null where session_id = 84").await;
    let path =
        format!("/v1/metrics/query?metrics=sessions&attribution=spread&source=konvo-lab&granularity=none&{NOVEMBER}");
    let past = path.replace("to=2026-11-21", "to=2026-11-15");
    let first = api.send("GET", &past, &[]).await;
    api.clock.set("2026-11-22T12:00:00Z".parse().unwrap());
    let second = api.send("GET", &past, &[("if-none-match", first.header("etag"))]).await;
    assert_eq!(second.status, StatusCode::OK);
    assert_ne!(first.json()["totals"], second.json()["totals"]);
}

#[tokio::test]
async fn people_of_a_cohort_come_by_sessions_that_count() {
    let api = world().await;
    let path = format!("/v1/metrics/query?metrics=retention_rate&granularity=none&source=konvo-lab&{NOVEMBER}");
    // anna came on the 2nd and again on the 5th, not a week later; bert on the 3rd and the 12th; cleo is too young
    let before = api.get(&path).await;
    let parts = |answer: &Value| {
        let total = &answer["totals"]["retention_rate"];
        (total["numerator"].clone(), total["denominator"].clone())
    };
    let (again, all) = parts(&before);
    run(&api, "update core.sessions set is_deleted_at_provider = true where session_id = 81").await;
    let after = api.get(&path).await;
    let one_less = json!(all.as_i64().unwrap() - 1);
    assert_eq!(parts(&after), (again, one_less.clone()));
    let with = api.get(&format!("{path}&include_deleted=true")).await;
    assert_eq!(parts(&with).1, all);
    let explained = api.get(&format!("/v1/metrics/explain?metrics=retention_rate&source=konvo-lab&{NOVEMBER}")).await;
    assert_eq!(explained["figure"]["denominator"], one_less);
}

#[tokio::test]
async fn rows_are_found_whatever_a_value_looks_like() {
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
async fn what_is_not_shown_by_itself_has_a_way_to_its_rows_too() {
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
async fn the_period_before_is_the_one_questions_are_compared_with() {
    let api = world().await;
    for range in [
        "range=this_month",
        "from=2026-10-01&to=2026-11-01",
        "range=last_7_days",
        "range=today",
        "from=2026-11-18T10:00:00Z&to=2026-11-18T13:00:00Z",
    ] {
        let question = format!("metrics=sessions&zone=Europe/Berlin&{range}");
        let compared = api
            .get(&format!("/v1/metrics/query?granularity=none&compare=previous_period&elapsed=same&{question}"))
            .await;
        let explained = api.get(&format!("/v1/metrics/explain?{question}")).await;
        let (echo, previous) = (&compared["query"]["compare"], &explained["previous"]);
        assert_eq!((&previous["from"], &previous["to"]), (&echo["previous_from"], &echo["previous_to"]), "{range}");
        assert_eq!(previous["figure"]["value"], compared["totals"]["sessions"]["previous"], "{range}");
    }
}

#[tokio::test]
async fn many_faults_are_told_shortly() {
    let api = world().await;
    let names: Vec<String> = (0..3_000).map(|number| format!("sesions{number}")).collect();
    let (status, problem) = api.send_json("POST", "/v1/metrics/query", &[], &json!({"metrics": names})).await;
    let errors = problem["errors"].as_array().unwrap();
    assert_eq!((status, errors.len()), (422, 100));
    let lists = errors.iter().filter(|fault| fault["allowed"].as_array().is_some_and(|allowed| !allowed.is_empty()));
    assert_eq!(lists.count(), 1);
    assert!(problem.to_string().len() < 100_000, "{}", problem.to_string().len());
}

#[tokio::test]
async fn all_that_is_wrong_with_a_condition_and_a_range_is_told() {
    let api = world().await;
    let body = json!({"metrics": ["sessions"], "filters": [{"field": "chanel", "op": "inn", "values": []}],
                      "time": {"range": "lst", "from": "2026-13-01"}});
    let (_, problem) = api.send_json("POST", "/v1/metrics/query", &[], &body).await;
    let mut told: Vec<String> =
        problem["errors"].as_array().unwrap().iter().map(|e| e["pointer"].to_string()).collect();
    told.sort();
    let expected = ["/filters/0/field", "/filters/0/op", "/time/from", "/time/range", "/time/range"];
    assert_eq!(told, expected.map(|pointer| format!("\"{pointer}\"")), "{problem:#}");
    let response =
        Request::builder().method("POST").uri("/v1/metrics/query").header("content-type", "application/json");
    let twice = r#"{"metrics": ["sessions"], "metrics": ["messages"]}"#;
    let answer = api.router.clone().oneshot(response.body(Body::from(twice)).unwrap()).await.unwrap();
    let bytes = to_bytes(answer.into_body(), usize::MAX).await.unwrap();
    let problem: Value = serde_json::from_slice(&bytes).unwrap();
    assert_eq!(problem["errors"][0]["code"], "repeated_member", "{problem:#}");
}

#[tokio::test]
async fn a_source_that_is_gone_and_gave_nothing_is_not_without_the_notion() {
    let api = world().await;
    let path = "/v1/metrics/query?metrics=sessions&source=konpro-old&granularity=none&zone=UTC";
    let late = api.get(&format!("{path}&from=2026-11-17&to=2026-11-18")).await;
    assert_eq!(late["totals"]["sessions"], json!({"value": null, "reason": late["rows"][0]["bucket"]["status"]}));
    assert_ne!(late["totals"]["sessions"]["reason"], "not_applicable");
    let early = api.get(&format!("{path}&from=2020-01-01&to=2020-01-02")).await;
    assert_eq!(early["totals"]["sessions"]["reason"], "before_history");
    let lag =
        api.get("/v1/metrics/query?metrics=data_lag_seconds&granularity=none&from=2010-01-01&to=2010-01-02").await;
    assert_eq!(lag["totals"]["data_lag_seconds"], json!({"value": null, "reason": "before_history"}));
}

#[tokio::test]
async fn who_cannot_tell_a_figure_makes_it_no_less_complete() {
    let api = world().await;
    // konvo-us is late and meters no minutes
    let path = "/v1/metrics/query?metrics=minutes_consumed&source=rtk-eu,konvo-us&granularity=none&zone=UTC\
                &from=2026-11-16&to=2026-11-17";
    let answer = api.get(&format!("{path}&require_fresh=PT15M")).await;
    assert_eq!(answer["rows"][0]["bucket"]["status"], "complete");
    let both = path.replace("metrics=minutes_consumed", "metrics=minutes_consumed,sessions");
    assert_eq!(api.get(&both).await["rows"][0]["bucket"]["status"], "awaiting_sync");
    api.problem(&format!("{both}&require_fresh=PT15M"), 503).await;
    let mixed = api.get(&format!("/v1/metrics/query?metrics=billable_minutes&granularity=none&{NOVEMBER}")).await;
    let warning = mixed["warnings"].as_array().unwrap().iter().find(|w| w["code"] == "mixed_minutes_basis").unwrap();
    assert_eq!(warning["metrics"], json!(["billable_minutes"]));
}

#[tokio::test]
async fn what_cannot_be_shown_is_refused_with_a_way_out_that_works() {
    let api = world().await;
    let problem = api.problem("/v1/concurrency?by=hour_of_week&from=2024-01-01&to=2026-11-01", 422).await;
    assert_eq!(problem["errors"][0]["code"], "range_too_long");
    let problem =
        api.problem(&format!("/v1/metrics/explain?metrics=sessions&drivers=sender_role&{NOVEMBER}"), 422).await;
    assert_eq!(
        (&problem["errors"][0]["code"], &problem["errors"][0]["parameter"]),
        (&json!("not_groupable"), &json!("drivers"))
    );
}

#[tokio::test]
async fn what_is_left_out_stands_in_one_place() {
    let api = world().await;
    run(&api, "update core.sessions set parent_provider_session_id = 'x' where session_id in (82, 88)").await;
    let path = format!("/v1/metrics/explain?metrics=sessions&source=konvo-lab&{NOVEMBER}");
    let left_out = |answer: &Value| {
        let left_out = &answer["left_out"];
        (left_out["deleted"].as_i64().unwrap(), left_out["breakout_rooms"].as_i64().unwrap())
    };
    // 88 is deleted at the provider, and is a breakout room besides
    assert_eq!(left_out(&api.get(&path).await), (1, 1));
    assert_eq!(left_out(&api.get(&format!("{path}&include_deleted=true")).await), (0, 2));
}

#[tokio::test]
async fn a_part_of_which_nobody_told_anything_is_no_zero() {
    let api = world().await;
    let answer = api.get(&format!("/v1/metrics/explain?metrics=estimated_cost&source=konpro-eu&{NOVEMBER}")).await;
    assert_eq!(answer["figure"]["value"], Value::Null);
    let parts = answer["parts"]["items"].as_array().unwrap();
    assert!(!parts.is_empty() && parts.iter().all(|part| part.get("value").is_none()), "{parts:?}");
}

#[tokio::test]
async fn what_a_live_session_had_shown_earlier_is_not_known() {
    let api = world().await;
    let path = "/v1/metrics/query?metrics=minutes_consumed,sessions&source=konpro-eu&granularity=none&from=2026-11-18&to=2026-11-19&zone=UTC";
    let then = "as_known_at=2026-11-19T12:00:00Z";
    run(
        &api,
        "update core.sessions set session_state = 'ended', last_changed_at = '2026-11-18 20:00Z', first_seen_at = '2026-11-18 12:00Z'
          where source_id = 2",
    )
    .await;
    let before = api.get(&format!("{path}&{then}")).await;
    assert_eq!(before["totals"]["minutes_consumed"].get("unknown_count"), None);
    // one is live, and its duration has grown since
    run(
        &api,
        "update core.sessions set session_state = 'live', last_changed_at = '2026-11-20 11:00Z'
          where session_id = (select min(session_id) from core.sessions
                               where source_id = 2 and started_at >= '2026-11-18Z' and started_at < '2026-11-19Z'
                                 and provider_minutes is not null and not is_deleted_at_provider)",
    )
    .await;
    let after = api.get(&format!("{path}&{then}")).await;
    assert_eq!(after["totals"]["sessions"], before["totals"]["sessions"]);
    assert_eq!(after["totals"]["minutes_consumed"]["unknown_count"], 1);
    assert_eq!(api.get(path).await["totals"]["minutes_consumed"].get("unknown_count"), None, "it is known now");
}

#[tokio::test]
async fn seven_days_are_as_long_wherever_the_reader_is() {
    let api = world().await;
    // half an hour more than a week lies between the two; clocks in New York went back meanwhile
    run(
        &api,
        "insert into core.people (source_id, person_id, identity_kind, first_seen_at, first_visit_at)
         values (8, 'dora', 'contact', '2026-11-20Z', '2026-10-28 11:00Z');
         insert into core.sessions (session_id, created_at, started_at, ended_at, completed_at, first_seen_at, last_changed_at, source_id,
                provider, session_kind, session_state, outcome, provider_session_id, person_id, row_hash, raw_hash) overriding system value
         values (893, '2026-10-28 11:00Z', '2026-10-28 11:00Z', '2026-10-28 12:00Z', '2026-10-28 12:00Z', '2026-10-28Z', '2026-10-28Z', 8,
                 'konvo', 'chat', 'ended', 'resolved', 'c', 'dora', '', ''),
                (894, '2026-11-04 12:30Z', '2026-11-04 12:30Z', '2026-11-04 12:31Z', '2026-11-04 12:31Z', '2026-11-04Z', '2026-11-04Z', 8,
                 'konvo', 'chat', 'ended', 'resolved', 'd', 'dora', '', '')",
    )
    .await;
    let mut reader = api.pool().acquire().await.unwrap();
    for (metric, numerator) in [("repeat_contact_rate", 0), ("durable_resolution_rate", 1), ("retention_rate", 1)] {
        let path =
            format!("/v1/metrics/explain?metrics={metric}&source=konvo-lab&from=2026-10-28&to=2026-10-29&zone=UTC");
        let explained = api.get(&path).await;
        let parts = (&explained["figure"]["numerator"], &explained["figure"]["denominator"]);
        assert_eq!(parts, (&json!(numerator), &json!(1)), "{metric}");
        for zone in ["UTC", "America/New_York"] {
            sqlx::query(sqlx::AssertSqlSafe(format!("set timezone = '{zone}'"))).execute(&mut *reader).await.unwrap();
            let sql = explained["sql"].as_str().unwrap().to_owned();
            let row = sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_one(&mut *reader).await.unwrap();
            let value: rust_decimal::Decimal = sqlx::Row::get(&row, "value");
            assert_eq!(value, rust_decimal::Decimal::from(numerator), "{metric} read in {zone}");
        }
    }
}

#[tokio::test]
async fn the_smallest_share_of_a_range_is_a_row_like_any_other() {
    let api = world().await;
    run(&api, "update core.sessions set ended_at = started_at + interval '1 microsecond' where session_id = 83").await;
    let rows =
        api.get(&format!("/v1/metrics/rows?metrics=average_concurrent_sessions&source=konvo-lab&{NOVEMBER}")).await;
    let of_83 = rows["items"].as_array().unwrap().iter().find(|row| row["session_id"] == 83).unwrap();
    assert_eq!(of_83["contribution"], 0);
}
