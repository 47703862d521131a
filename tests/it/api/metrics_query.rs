//! `/v1/metrics/query`: parameters and bodies, filters, required freshness, limits, and the faults of each.

use sqlx::Row;
use sqlx::postgres::PgPoolOptions;
use tributary::query::metrics::sql::statement::Statement;
use tributary::query::snapshot::Snapshot;

use super::*;
use crate::harness::citus;

#[tokio::test]
async fn many_faults_are_reported_in_a_short_response() {
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
async fn all_faults_of_a_filter_and_a_range_are_reported() {
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
async fn a_source_without_the_measure_makes_no_value_less_complete() {
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
async fn too_fine_a_granularity_is_refused_with_a_proposal() {
    let api = Api::new().await;
    let problem = api.problem("/v1/metrics/query?metrics=sessions&range=this_year&granularity=hour", 422).await;
    assert_eq!(problem["errors"][0]["code"], "too_many_buckets");
    assert!(problem["detail"].as_str().unwrap().contains("granularity=day"));
    let answer = api.get("/v1/metrics/query?metrics=sessions&range=this_year&granularity=auto").await;
    assert_eq!(answer["query"]["granularity"], "week");
}

async fn ask(api: &Api, method: &str, content_type: &str, body: &str) -> Answer {
    let request = Request::builder().method(method).uri(QUERY).header("content-type", content_type);
    let response = api.router.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = to_bytes(body, usize::MAX).await.unwrap();
    Answer { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
}

#[tokio::test]
async fn parameters_and_bodies_are_the_same_query() {
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
async fn all_faults_of_a_body_are_reported_at_once_with_their_places() {
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
async fn filters_choose_sessions() {
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
async fn a_caller_that_requires_fresh_data_is_asked_to_wait() {
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
async fn queries_that_are_too_wide_are_refused_with_the_remedy() {
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
async fn all_of_a_response_reads_one_snapshot_of_the_data() {
    let api = Api::new().await;
    let snapshot = Snapshot::take(api.pool()).await.unwrap();
    let count = async |of: &Snapshot| -> i64 {
        let rows = Statement::new("select count(*) from analytics.sessions").fetch_all(of).await.unwrap();
        rows[0].get(0)
    };
    let before = count(&snapshot).await;
    sqlx::raw_sql("delete from core.sessions").execute(api.pool()).await.unwrap();
    assert!(before > 0);
    assert_eq!(count(&snapshot).await, before);
    if citus::skips("each node is read at its own instant, so that a second connection may see more") {
        return;
    }
    let twin = snapshot.twin(api.pool()).await.unwrap().expect("a connection is free");
    assert_eq!(count(&twin).await, before, "the second connection sees the same");
    for one in [&snapshot, &twin] {
        let write = Statement::new("delete from core.sources").fetch_all(one).await;
        assert!(write.unwrap_err().to_string().contains("read-only"));
    }
}

#[tokio::test]
async fn a_snapshot_has_no_second_connection_where_none_is_free() {
    let api = Api::new().await;
    let narrow = PgPoolOptions::new().max_connections(1).connect_with(api.pool().connect_options().as_ref().clone());
    let narrow = narrow.await.unwrap();
    let snapshot = Snapshot::take(&narrow).await.unwrap();
    assert!(snapshot.twin(&narrow).await.unwrap().is_none());
}

#[tokio::test]
async fn a_filter_value_that_no_session_has_is_warned_of_with_the_nearest() {
    let api = Api::new().await;
    let path = format!("{QUERY}?metrics=sessions&source=konvo-eu&from=2026-11-18&to=2026-11-19&zone=Europe/Berlin");
    let warnings = async |filter: &str| {
        let answer = api.get(&format!("{path}&{filter}")).await;
        let warnings = answer["warnings"].as_array().unwrap().clone();
        warnings.into_iter().filter(|warning| warning["code"] == "unmatched_filter_value").collect::<Vec<_>>()
    };
    let mistyped = warnings("channel=whatsap").await;
    assert_eq!(mistyped.len(), 1);
    assert_eq!(mistyped[0]["detail"], "No session of the range has `channel` = `whatsap`. Did you mean `whatsapp`?");
    // one of several, and one to leave out
    assert_eq!(warnings("channel=whatsapp,whatsap").await, mistyped);
    assert_eq!(warnings("channel_not=whatsap").await, mistyped);
    for filter in ["channel=whatsapp", "channel_not=whatsapp", "outcome_not=open", "missing=channel"] {
        assert_eq!(warnings(filter).await, Vec::<Value>::new(), "{filter}");
    }
}

#[tokio::test]
async fn lists_may_repeat_a_parameter_and_must_be_readable() {
    let api = Api::new().await;
    let path = format!("{QUERY}?source=konvo-eu&from=2026-11-18&to=2026-11-19");
    let once = api.get(&format!("{path}&metrics=sessions,resolution_rate&channel=whatsapp,webchat")).await;
    let twice =
        api.get(&format!("{path}&metrics=sessions&metrics=resolution_rate&channel=whatsapp&channel=webchat")).await;
    assert_eq!(twice, once);
    for (given, code) in [
        ("channel=%5B%22whatsapp%22", "not_json"),
        ("contains=%7B%22channel%22:%5B%22a", "not_json"),
        ("channel_not=%5B1%5D", "not_json"),
        ("channel=%5B%5D", "missing_values"),
        ("channel=%5B%22a%22%5D&channel=b", "repeated_parameter"),
        ("granularity=day&granularity=hour", "repeated_parameter"),
    ] {
        let problem = api.problem(&format!("{path}&metrics=sessions&{given}"), 422).await;
        assert_eq!(problem["errors"][0]["code"], code, "{given}: {problem:#}");
    }
}
