//! The rules that every client relies on: problems, tags, compression, the description.

use super::*;

#[tokio::test]
async fn all_faults_are_told_at_once() {
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
async fn too_fine_a_cut_is_refused_with_a_proposal() {
    let api = Api::new().await;
    let problem = api.problem("/v1/metrics/query?metrics=sessions&range=this_year&granularity=hour", 422).await;
    assert_eq!(problem["errors"][0]["code"], "too_many_buckets");
    assert!(problem["detail"].as_str().unwrap().contains("granularity=day"));
    let answer = api.get("/v1/metrics/query?metrics=sessions&range=this_year&granularity=auto").await;
    assert_eq!(answer["query"]["granularity"], "week");
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
async fn an_answer_is_not_sent_twice() {
    let api = Api::new().await;
    let past = format!("/v1/minutes?from=2026-11-17&to=2026-11-19&{WELL}");
    let today = "/v1/metrics/query?metrics=sessions&range=today".to_owned();
    let tag = |path: &str| {
        let (api, path) = (&api, path.to_owned());
        async move { api.send("GET", &path, &[]).await.header("etag").to_owned() }
    };
    for path in [&past, &today, &"/v1/sessions?limit=3".to_owned(), &"/v1/resolution".to_owned()] {
        let held = tag(path).await;
        assert!(held.starts_with("W/\"d0."), "{held}");
        let again = api.send("GET", path, &[("if-none-match", &format!("\"other\", {held}"))]).await;
        assert_eq!((again.status, again.text.as_str()), (StatusCode::NOT_MODIFIED, ""), "{path}");
        assert_eq!(again.header("etag"), held);
        assert_eq!(again.header("cache-control"), "private, max-age=15");
    }
    let (past_tag, today_tag) = (tag(&past).await, tag(&today).await);
    api.clock.set("2026-11-20T12:01:00Z".parse().unwrap());
    assert_eq!(api.send("GET", &past, &[("if-none-match", &past_tag)]).await.status, StatusCode::NOT_MODIFIED);
    assert_eq!(api.send("GET", &today, &[("if-none-match", &today_tag)]).await.status, StatusCode::OK);
    let other = format!("{past}&granularity=week");
    assert_eq!(api.send("GET", &other, &[("if-none-match", &past_tag)]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn wrong_addresses_and_methods_are_problems() {
    let api = Api::new().await;
    assert_eq!(api.problem("/v2/sessions", 404).await["code"], "no_such_path");
    let answer = api.send("POST", "/v1/sessions", &[("request-id", "mine-1")]).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(answer.header("content-type"), "application/problem+json");
    assert_eq!((answer.header("request-id"), &answer.json()["instance"]), ("mine-1", &json!("mine-1")));
    assert!(answer.header("allow").contains("GET"), "{:?}", answer.headers);
}

#[tokio::test]
async fn answers_are_compressed_and_the_reader_is_served() {
    let api = Api::new().await;
    let request = Request::builder().uri("/openapi.json").header("accept-encoding", "br").body(Body::empty()).unwrap();
    let response = api.router.clone().oneshot(request).await.unwrap();
    assert_eq!(response.headers()["content-encoding"], "br");
    assert_eq!(api.get("/openapi.json").await["openapi"], "3.1.0");
    let page = api.send("GET", "/docs/", &[]).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(!page.text.contains("https://"), "{}", page.text);
}

#[test]
fn every_operation_is_documented() {
    let document = serde_json::to_value(document()).unwrap();
    let mut operations = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations += 1;
            let text = |value: &Value| value.as_str().is_some_and(|text| !text.trim().is_empty());
            assert!(text(&operation["summary"]) && text(&operation["description"]), "{method} {path}");
            assert!(text(&operation["operationId"]) && operation["tags"].is_array(), "{method} {path}");
            let responses = operation["responses"].as_object().unwrap();
            for (status, response) in responses {
                assert!(text(&response["description"]), "{method} {path} {status}");
            }
            let (_, success) = responses.iter().find(|(status, _)| status.starts_with('2')).unwrap();
            assert!(success["content"]["application/json"]["example"].is_object(), "{method} {path}");
            assert!(responses.contains_key("422") && responses.contains_key("500"), "{method} {path}");
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                assert!(text(&parameter["description"]), "{method} {path} {}", parameter["name"]);
            }
        }
    }
    assert_eq!(operations, 52);
    assert!(document["info"]["description"].as_str().unwrap().contains("**`resolution_rate`**"));
    let text = document.to_string();
    for reference in text.split("#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(document["components"]["schemas"][name].is_object(), "{name} is not described");
    }
}
