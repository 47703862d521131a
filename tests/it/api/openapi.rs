//! `/openapi.json` and `/docs/`: every operation is documented, and the committed description is the generated one.

use super::*;
use crate::harness::World;

#[tokio::test]
async fn a24_every_documented_path_is_answered_and_no_other() {
    let world = World::new().await;
    let api = world.api().await;
    let document: serde_json::Value =
        serde_json::from_str(&tributary::api::document().to_json().expect("a document")).expect("JSON");
    let paths = document["paths"].as_object().expect("paths");
    assert!(paths.len() > 15, "{}", paths.len());
    for (path, methods) in paths {
        if methods.get("get").is_none() {
            continue;
        }
        let path = path.replace("{session_id}", "1").replace("{slug}", "none").replace("{provider_session_id}", "none");
        if path == "/metrics" {
            continue; // its answer is no JSON: see `scrape.rs`
        }
        let (status, body) = api.get(&path).await;
        assert_ne!(status, 405, "{path}");
        assert_ne!(body["code"], "no_such_path", "{path}: {body:#}");
    }
    for path in ["/v1", "/v1/session", "/v1/sessions/1/nothing", "/metric"] {
        let (status, body) = api.get(path).await;
        assert_eq!((status, body["code"].as_str()), (404, Some("no_such_path")), "{path}: {body:#}");
    }
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
        for (method, operation) in item.as_object().unwrap().iter().filter(|(name, _)| !name.starts_with("x-")) {
            operations += 1;
            let text = |value: &Value| value.as_str().is_some_and(|text| !text.trim().is_empty());
            assert!(text(&operation["summary"]) && text(&operation["description"]), "{method} {path}");
            assert!(text(&operation["operationId"]) && operation["tags"].is_array(), "{method} {path}");
            let responses = operation["responses"].as_object().unwrap();
            for (status, response) in responses {
                let is_shared = response["$ref"].is_string();
                assert!(is_shared || text(&response["description"]), "{method} {path} {status}");
            }
            let (_, success) = responses.iter().find(|(status, _)| status.starts_with('2')).unwrap();
            let example = match path.as_str() {
                "/metrics" => &success["content"]["text/plain; version=0.0.4; charset=utf-8"]["example"],
                _ => match &success["content"]["application/json"] {
                    shared if shared["examples"].is_object() => {
                        &resolved(&document, &shared["examples"]["response"])["value"]
                    }
                    own => &own["example"],
                },
            };
            assert!(example.is_object() || (path == "/metrics" && text(example)), "{method} {path}");
            assert!(responses.contains_key("422") && responses.contains_key("500"), "{method} {path}");
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                let parameter = resolved(&document, parameter);
                assert!(text(&parameter["description"]), "{method} {path} {}", parameter["name"]);
            }
            // every route with a rule states what the rule answers
            let has_rule = operation["security"].as_array().is_some_and(|keys| !keys.is_empty());
            // a webhook is verified by its signature, and has a budget by address
            let is_hook = path.starts_with("/v1/hooks/");
            for status in ["401", "403", "429"] {
                let has_rule = has_rule || (is_hook && status != "403");
                assert_eq!(responses.contains_key(status), has_rule, "{method} {path} {status}");
            }
            assert!(responses.contains_key("421"), "{method} {path}");
        }
    }
    assert_eq!(operations, 66);
    assert_eq!(document["paths"]["/v1/metrics/query"]["x-query"]["$ref"], "#/paths/~1v1~1metrics~1query/post");
    assert_eq!(document["servers"][0]["url"], "/");
    let text = document.to_string();
    for kind in ["schemas", "responses", "parameters", "examples"] {
        for reference in text.split(&format!("#/components/{kind}/")).skip(1) {
            let name = reference.split('"').next().unwrap();
            assert!(document["components"][kind][name].is_object(), "{name} is not described");
        }
    }
    let bytes = tributary::api::document_text().unwrap().len();
    assert!(bytes < 345_000, "the description has {bytes} bytes");
}

fn resolved<'a>(document: &'a Value, part: &'a Value) -> &'a Value {
    part["$ref"].as_str().map_or(part, |reference| document.pointer(&reference[1..]).unwrap())
}

/// Parameters whose words are those of the query itself, or that another parameter must accompany.
const RELATIVE: [&str; 3] = ["top_dimension", "top_by", "totals_by"];

#[tokio::test]
async fn the_words_of_closed_parameters_are_those_that_are_accepted() {
    let api = Api::new().await;
    let document = serde_json::to_value(document()).unwrap();
    let mut count = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for parameter in item["get"]["parameters"].as_array().into_iter().flatten() {
            let parameter = resolved(&document, parameter);
            let (name, schema) = (parameter["name"].as_str().unwrap(), resolved(&document, &parameter["schema"]));
            let words = resolved(&document, if schema["items"].is_object() { &schema["items"] } else { schema });
            if !words["enum"].is_array() || parameter["in"] != "query" || RELATIVE.contains(&name) {
                continue;
            }
            count += 1;
            let needs_metric = path.starts_with("/v1/metrics/") && name != "metrics";
            let metric = if needs_metric { "&metrics=sessions" } else { "" };
            let problem = api.problem(&format!("{path}?{name}=no_such_word{metric}"), 422).await;
            let faults = problem["errors"].as_array().unwrap();
            let fault = faults.iter().find(|fault| fault["parameter"] == name && fault["allowed"].is_array());
            let mut allowed: Vec<_> = fault.unwrap_or(&Value::Null)["allowed"].as_array().cloned().unwrap_or_default();
            let mut described = words["enum"].as_array().unwrap().clone();
            allowed.sort_by_key(Value::to_string);
            described.sort_by_key(Value::to_string);
            assert_eq!(allowed, described, "{path} {name}: {problem:#}");
        }
    }
    assert!(count > 40, "{count}");
}

#[test]
fn a24_the_committed_document_is_current() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi/openapi.json");
    let committed = std::fs::read_to_string(path).expect("a committed document");
    let generated = tributary::api::document_text().expect("a document");
    assert!(committed.trim() == generated.trim(), "run `cargo run -- openapi > openapi/openapi.json`");
}
