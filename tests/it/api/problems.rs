//! Problem responses: wrong paths, methods, parameters and values, each with its code and all of them at once.

use super::*;

#[tokio::test]
async fn unsupported_ranges_and_drivers_are_refused_by_parameter() {
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
async fn all_faults_are_reported_at_once() {
    let api = Api::new().await;
    let path = "/v1/metrics/query?metrics=sessions,resolved_rate&dimensions=provder&zone=Europe/Berlinn&granularity=days\
                &from=2026-13-01&to=2026-11-19&source=rtk-prd&outcome=solved&colour=red";
    let problem = api.problem(path, 422).await;
    let errors = problem["errors"].as_array().unwrap();
    let fault =
        |parameter: &str| errors.iter().find(|e| e["parameter"] == parameter).unwrap_or_else(|| panic!("{parameter}"));
    assert_eq!(errors.len(), 8, "{errors:#?}");
    assert_eq!(fault("metrics")["code"], "unknown_metric");
    let proposed = fault("metrics")["did_you_mean"].to_string();
    assert!(proposed.contains("unresolved_rate"), "{proposed}");
    assert_eq!(fault("dimensions")["did_you_mean"], json!(["provider"]));
    assert_eq!(fault("zone")["code"], "unknown_zone");
    assert_eq!(fault("granularity")["did_you_mean"], json!(["day"]));
    assert_eq!(fault("from")["code"], "invalid_time");
    assert_eq!(fault("source")["did_you_mean"], json!(["rtk-prod"]));
    assert_eq!(fault("outcome")["allowed"].as_array().unwrap().len(), 5);
    assert_eq!(fault("colour")["code"], "unknown_parameter");
}

#[tokio::test]
async fn unknown_parameters_and_bad_values_are_refused() {
    let api = Api::new().await;
    for path in [
        "/v1/sources?x=1",
        "/v1/freshness?x=1",
        "/v1/sessions?x=1",
        "/v1/sessions/31?x=1",
        "/v1/sessions/31/messages?x=1",
        "/v1/metrics?x=1",
        "/v1/minutes?metrics=sessions",
        "/v1/sync/runs?x=1",
        "/v1/actions?x=1",
        "/v1/health/pollers?x=1",
        "/healthz?x=1",
        "/v1/sessions?limit=0",
        "/v1/sessions?limit=ten",
        "/v1/sessions?cursor=%25",
        "/v1/sessions?sort=channel",
        "/v1/sessions?from=2026-11-19&to=2026-11-18",
        "/v1/sessions?range=today&from=2026-11-18",
        "/v1/sessions/abc",
        "/v1/sessions?started_from=2026-11-18&range=today",
        "/v1/sessions?channel=a%00b",
        "/v1/sessions?limit=5&limit=6",
        "/v1/minutes?from=1969-01-01",
        "/v1/metrics/query",
        "/v1/sync/runs?verdict=fine",
    ] {
        let problem = api.problem(path, 422).await;
        assert_eq!(problem["errors"].as_array().unwrap().len(), 1, "{path}: {problem:#}");
    }
}

#[tokio::test]
async fn wrong_paths_and_methods_are_problems() {
    let api = Api::new().await;
    assert_eq!(api.problem("/v2/sessions", 404).await["code"], "no_such_path");
    let answer = api.send("POST", "/v1/sessions", &[("request-id", "mine-1")]).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!((answer.header("request-id"), &answer.json()["instance"]), ("mine-1", &json!("mine-1")));
    assert!(answer.header("allow").contains("GET"), "{:?}", answer.headers);
}

#[tokio::test]
async fn the_character_0_in_parts_of_texts_is_a_fault_of_the_caller() {
    let api = Api::new().await;
    for (name, of) in [("contains", "/v1/metrics/query?metrics=sessions&"), ("starts_with", "/v1/sessions?")] {
        let path = format!("{of}{name}=%7B%22channel%22%3A%5B%22a%5Cu0000%22%5D%7D");
        let problem = api.problem(&path, 422).await;
        assert_eq!(problem["errors"][0]["parameter"], name, "{problem:#}");
    }
}

#[tokio::test]
async fn a_coded_body_is_refused_as_such() {
    let api = Api::new().await;
    let body = json!({"metrics": ["sessions"]});
    for coding in ["gzip", "br"] {
        let (status, problem) =
            api.send_json("POST", "/v1/metrics/query", &[("content-encoding", coding)], &body).await;
        assert_eq!((status, &problem["code"]), (415, &json!("unsupported_media_type")), "{coding}: {problem:#}");
    }
    let (status, _) = api.send_json("POST", "/v1/metrics/query", &[("content-encoding", "identity")], &body).await;
    assert_eq!(status, 200);
}
