//! Metric queries in full: bodies, filters, comparison, sub-totals, top groups, freshness.

use sqlx::Row;
use tributary::query::metrics::statement::Statement;
use tributary::query::snapshot::Snapshot;

use super::*;

const QUERY: &str = "/v1/metrics/query";

async fn ask(api: &Api, method: &str, content_type: &str, body: &str) -> Answer {
    let request = Request::builder().method(method).uri(QUERY).header("content-type", content_type);
    let response = api.router.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    Answer { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
}

#[tokio::test]
async fn parameters_and_bodies_are_one_question() {
    let api = Api::new().await;
    let body = json!({
        "metrics": ["sessions", "resolution_rate"], "dimensions": ["provider", "channel"],
        "time": {"from": "2026-11-17", "to": "2026-11-19", "zone": "Europe/Berlin", "granularity": "day"},
        "filters": [{"field": "source", "op": "in", "values": ["konvo-eu", "rtk-prod"]},
                    {"field": "outcome", "op": "not_in", "values": ["open"]}],
        "compare": {"to": "previous_period", "align": "weekday"}, "totals_by": ["provider"],
        "top": {"dimension": "channel", "by": "sessions", "n": 1}, "require_fresh": "PT15M"
    });
    let path = format!(
        "{QUERY}?metrics=sessions,resolution_rate&dimensions=provider,channel&from=2026-11-17&to=2026-11-19&zone=Europe/Berlin\
         &granularity=day&source=konvo-eu,rtk-prod&outcome_not=open&compare=previous_period&align=weekday&totals_by=provider\
         &top=1&top_dimension=channel&top_by=sessions&require_fresh=PT15M"
    );
    let by_parameters = api.get(&path).await;
    for method in ["POST", "QUERY"] {
        let answer = ask(&api, method, "application/json", &body.to_string()).await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        assert_eq!(answer.json(), by_parameters, "{method}");
        assert!(answer.header("etag").starts_with("W/"));
    }
    assert_eq!(by_parameters["query"]["compare"]["previous_from"], "2026-11-10T00:00:00+01:00");
    assert_eq!(
        by_parameters["query"]["filters"],
        json!([{"field": "source", "op": "in", "values": ["konvo-eu", "rtk-prod"]},
               {"field": "outcome", "op": "in", "values": ["resolved", "unresolved", "unknown", "not_applicable"]}])
    );
    assert_eq!(ask(&api, "POST", "text/plain", "{}").await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let broken = ask(&api, "POST", "application/json", "{").await;
    assert_eq!((broken.status.as_u16(), &broken.json()["errors"][0]["code"]), (422, &json!("not_json")));
    let other = ask(&api, "DELETE", "application/json", "").await;
    assert_eq!((other.status.as_u16(), other.header("allow")), (405, "GET, HEAD, POST, QUERY"));
}

#[tokio::test]
async fn all_faults_of_a_body_are_told_at_once_where_they_are() {
    let api = Api::new().await;
    let body = json!({
        "metrics": ["sessions", "resolutions_rate"], "dimensions": ["provder"],
        "time": {"zone": "Europe/Berlinn", "granularity": "days", "form": "x"},
        "filters": [{"field": "chanel", "values": ["a"]}, {"field": "channel", "op": "like", "values": ["a"]},
                    {"field": "outcome", "values": ["solved"]}, {"op": "in"}, {"field": "channel", "op": "in"}],
        "compare": {"to": "last_period", "align": "weekdays"}, "top": {"n": 0}, "totals_by": ["channel"],
        "require_fresh": "15 minutes", "attribution": 7, "a/b": 1
    });
    let answer = ask(&api, "POST", "application/json", &body.to_string()).await;
    assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (422, &json!("invalid_query")));
    let problem = answer.json();
    let errors = problem["errors"].as_array().unwrap();
    let mut told: Vec<(&str, &str)> =
        errors.iter().map(|e| (e["pointer"].as_str().unwrap(), e["code"].as_str().unwrap())).collect();
    told.sort_unstable();
    let mut expected = vec![
        ("/metrics/1", "unknown_metric"),
        ("/dimensions/0", "unknown_dimension"),
        ("/time/zone", "unknown_zone"),
        ("/time/granularity", "unknown_value"),
        ("/time/form", "unknown_field"),
        ("/filters/0/field", "unknown_filter_field"),
        ("/filters/1/op", "unknown_op"),
        ("/filters/2/values/0", "unknown_value"),
        ("/filters/3/field", "missing_field"),
        ("/filters/4", "missing_values"),
        ("/compare/to", "unknown_value"),
        ("/compare/align", "unknown_value"),
        ("/top/n", "invalid_count"),
        ("/top", "missing_dimension"),
        ("/totals_by/0", "not_a_dimension_of_the_question"),
        ("/require_fresh", "invalid_duration"),
        ("/attribution", "wrong_type"),
        ("/a~1b", "unknown_field"),
    ];
    expected.sort_unstable();
    assert_eq!(told, expected);
    let meant = |pointer: &str| &errors.iter().find(|e| e["pointer"] == pointer).unwrap()["did_you_mean"];
    assert_eq!(meant("/metrics/1")[0], "resolution_rate");
    assert_eq!(meant("/time/zone")[0], "Europe/Berlin");
    assert_eq!(meant("/time/form")[0], "from");
    assert_eq!(meant("/filters/0/field")[0], "channel");
    assert_eq!(meant("/compare/align")[0], "weekday");
    assert!(errors.iter().all(|error| error.get("parameter").is_none()));
}

#[tokio::test]
async fn conditions_choose_sessions() {
    let api = Api::new().await;
    let count = |condition: &str| {
        let path = format!("{QUERY}?metrics=sessions&from=2026-11-17&to=2026-11-19&zone=Europe/Berlin&{condition}");
        let api = &api;
        async move { api.get(&path).await["totals"]["sessions"]["value"].clone() }
    };
    // chats: 31 to 35; 31, 33 and 35 by whatsapp, 32 by webchat, 34 by an unknown channel
    assert_eq!(count("source=konvo-eu&channel=whatsapp").await, 3);
    assert_eq!(count("source=konvo-eu&channel_not=whatsapp").await, 2);
    assert_eq!(count("source=konvo-eu&missing=channel").await, 1);
    assert_eq!(count("source=konvo-eu&present=channel&channel_not=whatsapp").await, 1);
    assert_eq!(count("source=konvo-eu&outcome_not=open,unknown").await, 3);
    // 11, 12, and 21, 22, 51
    assert_eq!(count("provider_not=konvo").await, 5);
    assert_eq!(count("session_kind_not=chat,avatar,livestream").await, 2);
    assert_eq!(count("source=rtk-prod&include_deleted=true").await, 3);
    for (condition, code) in [
        ("missing=provider", "never_null"),
        ("missing=preset_name", "not_filterable"),
        ("outcome_not=resolved,unresolved,open,unknown,not_applicable", "nothing_left"),
        ("channel_not=a%00b", "empty_value"),
        ("include_deleted=yes", "unknown_value"),
    ] {
        let problem = api.problem(&format!("{QUERY}?metrics=sessions&{condition}"), 422).await;
        assert_eq!(problem["errors"][0]["code"], code, "{condition}: {problem:#}");
        assert_eq!(problem["errors"].as_array().unwrap().len(), 1, "{condition}");
    }
}

#[tokio::test]
async fn figures_are_compared_with_the_period_before() {
    let api = Api::new().await;
    let path = format!(
        "{QUERY}?metrics=sessions,resolution_rate&dimensions=provider&from=2026-11-18&to=2026-11-19&zone=Europe/Berlin&{WELL}"
    );
    let answer = api.get(&format!("{path}&compare=previous_period")).await;
    let of = |provider: &str| row(&answer, &json!({"provider": provider}), "2026-11-18");
    assert_eq!(
        of("konvo")["previous_bucket"],
        json!({"start": "2026-11-17T00:00:00+01:00", "end": "2026-11-18T00:00:00+01:00", "status": "complete"})
    );
    assert_eq!(of("konvo")["values"]["sessions"], json!({"value": 4, "previous": 1, "change": 3, "change_ratio": 3}));
    // no value before: three more, and no ratio
    assert_eq!(
        of("konpro")["values"]["sessions"],
        json!({"value": 3, "previous": 0, "change": 3, "change_ratio": null})
    );
    let rate = &of("konvo")["values"]["resolution_rate"];
    assert_eq!((&rate["previous"], &rate["previous_reason"]), (&Value::Null, &json!("no_data")));
    assert_eq!(answer["totals"]["sessions"], json!({"value": 9, "previous": 1, "change": 8, "change_ratio": 8}));
    assert_eq!(answer["query"]["compare"]["previous_to"], "2026-11-18T00:00:00+01:00");
    // a period compared with itself: nothing changes, for every query
    let same =
        api.get(&format!("{path}&granularity=hour&compare=custom&compare_from=2026-11-18&compare_to=2026-11-19")).await;
    for row in same["rows"].as_array().unwrap() {
        for value in row["values"].as_object().unwrap().values() {
            assert_eq!(value["value"], value["previous"], "{row:#}");
            assert!(value["value"].is_null() || value["change"] == 0, "{row:#}");
        }
    }
    assert_eq!(same["totals"]["resolution_rate"]["change_points"], 0);
    // one unresolved compared with one resolved
    let rates = api
        .get(&format!(
            "{QUERY}?metrics=resolution_rate&source=konvo-eu&from=2026-11-18T13:15:00Z&to=2026-11-18T14:00:00Z&zone=UTC\
             &compare=custom&compare_from=2026-11-18T11:30:00Z&compare_to=2026-11-18T12:15:00Z"
        ))
        .await;
    assert_eq!(
        rates["totals"]["resolution_rate"],
        json!({"value": 0, "numerator": 0, "denominator": 1, "previous": 1, "change": -1, "change_ratio": -1, "change_points": -100})
    );
}

#[tokio::test]
async fn groups_that_vanished_are_seen_and_doubtful_periods_are_told() {
    let api = Api::new().await;
    let path = format!(
        "{QUERY}?metrics=sessions&dimensions=channel&source=konvo-eu&from=2026-11-19&to=2026-11-20&zone=Europe/Berlin"
    );
    let answer = api.get(&format!("{path}&compare=previous_period")).await;
    let whatsapp = row(&answer, &json!({"channel": "whatsapp"}), "2026-11-19");
    assert_eq!(whatsapp["values"]["sessions"], json!({"value": 0, "previous": 2, "change": -2, "change_ratio": -1}));
    assert_eq!(answer["warnings"], json!([]));
    let doubtful = api
        .get(&format!("{QUERY}?metrics=sessions&source=konvo-us&from=2026-11-11&to=2026-11-12&compare=previous_period"))
        .await;
    assert_eq!(doubtful["rows"][0]["previous_bucket"]["status"], "has_gap");
    assert_eq!(doubtful["warnings"][0]["code"], "previous_not_complete");
}

#[tokio::test]
async fn a_running_day_is_compared_with_as_much_of_another() {
    let api = Api::new().await;
    let path = format!(
        "{QUERY}?metrics=sessions&source=rtk-prod&range=today&compare=custom&compare_from=2026-11-18&compare_to=2026-11-19"
    );
    // it is 13:00 in Berlin: by then one meeting of two had begun on the 18th
    let same = api.get(&format!("{path}&elapsed=same")).await;
    assert_eq!(
        same["totals"]["sessions"],
        json!({"value": null, "reason": "in_progress", "previous": 1, "change": null, "change_ratio": null})
    );
    assert_eq!(same["query"]["compare"]["previous_to"], "2026-11-18T13:00:00+01:00");
    assert_eq!(same["warnings"], json!([]));
    let full = api.get(&path).await;
    assert_eq!(full["totals"]["sessions"]["previous"], 2);
    assert_eq!(full["warnings"][0]["code"], "unequal_elapsed");
    let hours = api.get(&format!("{path}&elapsed=same&granularity=hour")).await;
    let compared = hours["rows"].as_array().unwrap().iter().filter(|row| !row["previous_bucket"].is_null()).count();
    assert_eq!((hours["rows"].as_array().unwrap().len(), compared), (24, 13));
    assert_eq!(hours["rows"][20]["values"]["sessions"]["previous_reason"], "no_counterpart");
    let path = format!("{QUERY}?metrics=sessions&from=2026-11-21&to=2026-11-22&compare=previous_period&elapsed=same");
    let future = api.problem(&path, 422).await;
    assert_eq!(future["errors"][0]["code"], "nothing_to_compare");
}

#[tokio::test]
async fn rows_sub_totals_and_totals_add_up_however_a_range_is_cut() {
    let api = Api::new().await;
    let sum = |rows: &Value, metric: &str| -> f64 {
        rows.as_array().unwrap().iter().filter_map(|row| row["values"][metric]["value"].as_f64()).sum()
    };
    for zone in ["Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "Pacific/Apia", "Africa/Casablanca"] {
        for granularity in ["15_minutes", "hour", "day", "week", "month", "quarter", "year", "none", "auto"] {
            let path = format!(
                "{QUERY}?metrics=sessions,elapsed_minutes,messages&dimensions=provider,channel&totals_by=provider\
                 &from=2026-11-16T07:07:00Z&to=2026-11-19T18:11:00Z&zone={zone}&granularity={granularity}&{WELL}"
            );
            let answer = api.get(&path).await;
            for metric in ["sessions", "elapsed_minutes", "messages"] {
                let total = answer["totals"][metric]["value"].as_f64().unwrap();
                assert!((sum(&answer["rows"], metric) - total).abs() < 1e-6, "{zone} {granularity} {metric}");
                assert!((sum(&answer["subtotals"], metric) - total).abs() < 1e-6, "{zone} {granularity} {metric}");
            }
            assert_eq!(answer["totals"]["sessions"]["value"], 12, "{zone} {granularity}");
            assert_eq!(answer["subtotals"].as_array().unwrap().len(), 3);
        }
    }
}

#[tokio::test]
async fn the_greatest_groups_and_the_rest_make_up_the_whole() {
    let api = Api::new().await;
    let path = format!("{QUERY}?metrics=sessions,resolution_rate&from=2026-11-17&to=2026-11-19&zone=Europe/Berlin");
    let answer = api.get(&format!("{path}&dimensions=channel&source=konvo-eu&top=1")).await;
    let rows = answer["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 2);
    assert_eq!((&rows[0]["dimensions"]["channel"], rows[0].get("is_other")), (&json!("whatsapp"), None));
    assert_eq!(rows[0]["values"]["sessions"], json!({"value": 3}));
    assert_eq!(rows[0]["values"]["resolution_rate"], json!({"value": 0.5, "numerator": 1, "denominator": 2}));
    assert_eq!((&rows[1]["dimensions"]["channel"], &rows[1]["is_other"]), (&json!("other"), &json!(true)));
    assert_eq!(rows[1]["values"]["sessions"], json!({"value": 2}));
    assert_eq!(
        rows[1]["values"]["resolution_rate"],
        json!({"value": 1, "numerator": 1, "denominator": 1, "unknown_count": 1})
    );
    assert_eq!(answer["totals"]["sessions"], json!({"value": 5}));
    assert_eq!(answer["query"]["top"], json!({"dimension": "channel", "by": "sessions", "n": 1}));
    // chats have no minutes; the others together have the total
    let path = path.replace("resolution_rate", "minutes_consumed");
    let providers = api.get(&format!("{path}&dimensions=provider&top=1&{WELL}")).await;
    let rows = providers["rows"].as_array().unwrap();
    assert_eq!((rows.len(), &rows[0]["dimensions"]["provider"]), (2, &json!("konvo")));
    assert_eq!(rows[0]["values"]["minutes_consumed"]["reason"], "not_applicable");
    assert_eq!(rows[1]["values"]["minutes_consumed"], json!({"value": 153.35}));
    let problem = api.problem(&format!("{path}&dimensions=provider,channel&top=1"), 422).await;
    assert_eq!(problem["errors"][0]["code"], "missing_dimension");
}

#[tokio::test]
async fn what_is_no_sum_is_read_by_itself_for_the_rest_and_for_sub_totals() {
    let api = Api::in_depth().await;
    let path = format!(
        "{QUERY}?metrics=peak_concurrent_participants&dimensions=source&source=rtk-eu,rtk-us,rtk-prod&zone=UTC\
         &from=2026-11-16&to=2026-11-18&granularity=day"
    );
    let answer = api.get(&format!("{path}&top=1&totals_by=source")).await;
    let peak = |group: &str, day: &str| {
        row(&answer, &json!({"source": group}), day)["values"]["peak_concurrent_participants"].clone()
    };
    assert_eq!(peak("rtk-eu", "2026-11-16"), json!({"value": 4}));
    assert_eq!(peak("other", "2026-11-16"), json!({"value": 1}));
    assert_eq!(peak("other", "2026-11-17"), json!({"value": 0}));
    // at 11:00 two have left as one of the other account joins: four, not five
    assert_eq!(answer["totals"]["peak_concurrent_participants"]["value"], 4);
    let subtotals = answer["subtotals"].as_array().unwrap();
    let of = |row: &Value| row["values"]["peak_concurrent_participants"]["value"].clone();
    assert_eq!(subtotals.iter().map(of).collect::<Vec<_>>(), [json!(4), json!(1)]);
    let compared = api.get(&format!("{path}&compare=custom&compare_from=2026-11-15&compare_to=2026-11-17")).await;
    let second = row(&compared, &json!({"source": "rtk-eu"}), "2026-11-17");
    assert_eq!(second["values"]["peak_concurrent_participants"]["previous"], 4);
}

#[tokio::test]
async fn whoever_must_not_act_on_old_data_is_told_to_wait() {
    let api = Api::new().await;
    let path = format!("{QUERY}?metrics=sessions&range=yesterday");
    // complete up to ten minutes ago
    let fresh = api.send("GET", &format!("{path}&source=konvo-eu&require_fresh=PT15M"), &[]).await;
    assert_eq!(fresh.status, StatusCode::OK);
    // all of yesterday is proven, at any time today
    let past = api.send("GET", &format!("{path}&source=konvo-eu&require_fresh=PT5M"), &[]).await;
    assert_eq!(past.status, StatusCode::OK);
    for question in [
        "&source=konvo-eu&require_fresh=PT5M",
        "&source=konvo-eu,konvo-us&require_fresh=PT15M",
        "&provider=konvo&require_fresh=PT15M",
        "&require_fresh=PT15M",
    ] {
        let path = path.replace("yesterday", "today");
        let behind = api.send("GET", &format!("{path}{question}"), &[("if-none-match", "*")]).await;
        assert_eq!((behind.status.as_u16(), behind.header("retry-after")), (503, "60"), "{question}");
        assert_eq!(behind.json()["code"], "not_fresh_enough");
    }
    let detail = api.problem(&format!("{path}&source=konvo-us,konvo-eu&require_fresh=PT15M"), 503).await;
    assert!(
        detail["detail"].as_str().unwrap().contains("konvo-us/sessions is complete only up to 2026-11-10"),
        "{detail:#}"
    );
}

#[tokio::test]
async fn questions_that_are_too_wide_are_refused_with_the_way_out() {
    let api = Api::new().await;
    let many = "sessions,minutes_consumed,elapsed_minutes,resolution_rate,resolved_sessions,unresolved_sessions,messages,\
                participants,participant_minutes,unexplained_minutes,transcript_words";
    let path = format!("{QUERY}?metrics={many}&dimensions=provider,source,channel,outcome,session_kind");
    let problem = api.problem(&path, 422).await;
    let codes: Vec<&Value> = problem["errors"].as_array().unwrap().iter().map(|e| &e["code"]).collect();
    assert_eq!(codes, ["too_many_metrics", "too_many_dimensions"]);
    let fine = format!("{QUERY}?metrics=sessions&range=this_quarter&granularity=15_minutes");
    let problem = api.problem(&fine, 422).await;
    assert_eq!(problem["errors"][0]["did_you_mean"], json!(["day"]), "{problem:#}");
    let fits = api.get(&fine.replace("15_minutes", "auto")).await;
    assert_eq!(fits["query"]["granularity"], "day");
}

#[tokio::test]
async fn all_of_an_answer_looks_at_one_state_of_the_data() {
    let api = Api::new().await;
    let snapshot = Snapshot::take(api.pool()).await.unwrap();
    let count = async || -> i64 {
        let rows = Statement::new("select count(*) from analytics.sessions").fetch_all(&snapshot).await.unwrap();
        rows[0].get(0)
    };
    let before = count().await;
    sqlx::raw_sql("delete from core.sessions").execute(api.pool()).await.unwrap();
    assert!(before > 0);
    assert_eq!(count().await, before);
    let write = Statement::new("delete from core.sources").fetch_all(&snapshot).await;
    assert!(write.unwrap_err().to_string().contains("read-only"));
}
