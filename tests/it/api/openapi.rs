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
        for (method, operation) in item.as_object().unwrap() {
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
                _ => &success["content"]["application/json"]["example"],
            };
            assert!(example.is_object() || (path == "/metrics" && text(example)), "{method} {path}");
            assert!(responses.contains_key("422") && responses.contains_key("500"), "{method} {path}");
            for parameter in operation["parameters"].as_array().into_iter().flatten() {
                assert!(text(&parameter["description"]), "{method} {path} {}", parameter["name"]);
            }
        }
    }
    assert_eq!(operations, 58);
    assert!(document["info"]["description"].as_str().unwrap().contains("**`resolution_rate`**"));
    let text = document.to_string();
    for reference in text.split("#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(document["components"]["schemas"][name].is_object(), "{name} is not described");
    }
    for reference in text.split("#/components/responses/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(document["components"]["responses"][name].is_object(), "{name} is not described");
    }
}

#[test]
fn a24_the_committed_document_is_current() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi/openapi.json");
    let committed = std::fs::read_to_string(path).expect("a committed document");
    let generated = tributary::api::document().to_pretty_json().expect("a document");
    assert_eq!(committed.trim(), generated.trim(), "run `cargo run -- openapi > openapi/openapi.json`");
}
