//! Scopes and sources of keys: every route of the description × scope × source.

use super::*;

/// What needs no key.
const OPEN: [&str; 2] = ["get /healthz", "get /readyz"];

/// An operation of the description: its method, its path, and the scopes of which it needs one.
struct Route {
    method: String,
    path: String,
    scopes: Vec<String>,
}

impl Route {
    fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    fn is_of_one_object(&self) -> bool {
        ["{slug}", "{session_id}", "{reject_id}", "{backfill_id}"].iter().any(|part| self.path.contains(part))
    }

    /// Returns an address of the route, for objects of source 3 or of `rtk-prod`.
    fn address(&self, is_foreign: bool) -> String {
        let (slug, session_id) = if is_foreign { ("konvo-eu", "31") } else { ("rtk-prod", "11") };
        let path = self.path.replace("{slug}", slug).replace("{session_id}", session_id);
        let path = path
            .replace("{erasure_id}", "1")
            .replace("{reject_id}", "7")
            .replace("{backfill_id}", "3")
            .replace("{key_id}", "0123456789ab");
        let query = match self.path.as_str() {
            "/v1/metrics/query" => "?metrics=minutes_consumed,sessions&dimensions=source&range=last_90_days",
            "/v1/metrics/explain" | "/v1/metrics/rows" => "?metrics=sessions&from=2026-11-01&to=2026-11-20",
            "/v1/minutes" | "/v1/resolution" | "/v1/minutes/ledger" => "?from=2026-11-01&to=2026-11-20",
            "/v1/concurrency" => "?from=2026-11-18&to=2026-11-19",
            "/v1/search" => "?q=Help",
            _ => "",
        };
        format!("{}{}", path.replace("{metric_id}", "sessions"), if self.method == "get" { query } else { "" })
    }
}

fn routes() -> Vec<Route> {
    let document = serde_json::to_value(document()).unwrap();
    let mut routes = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap().iter().filter(|(name, _)| !name.starts_with("x-")) {
            let schemes = operation["security"].as_array().expect("each operation states who may use it");
            let bearer = schemes.iter().filter_map(|scheme| scheme["bearer"][0].as_str());
            let scopes: Vec<String> = bearer.map(ToOwned::to_owned).collect();
            assert!(scopes.iter().all(|scope| Scope::parse(scope).is_some()), "{method} {path}: {scopes:?}");
            routes.push(Route { method: method.clone(), path: path.clone(), scopes });
        }
    }
    assert!(routes.len() > 50, "{}", routes.len());
    routes
}

/// An API with keys and no budgets, with a rejected record, a backfill and a command of source 3 besides.
async fn world() -> Api {
    let api = Api::with_keys("requests_per_minute = 0").await;
    sqlx::raw_sql(
        "insert into ingest.operations (requested_at, source_id, kind, requested_by)
         values ('2026-11-20Z', 3, 'pause', 'someone'), ('2026-11-20Z', null, 'reload', 'someone');
         insert into ingest.rejects (reject_id, source_id, stream, provider_record_id, content_hash, body, reason_code, json_pointer,
                                     detail, first_seen_at, last_seen_at, run_id)
         overriding system value
         values (7, 3, 'sessions', 'chat-secret', '\\x00', '{}', 'missing_field', '/id', 'no id', '2026-11-20Z', '2026-11-20Z', 1);
         insert into ingest.backfills (backfill_id, source_id, stream, purpose, state, range_from, range_to, requested_by, created_at,
                                       resumed_at, is_unfiltered)
         overriding system value
         values (3, 3, 'sessions', 'backfill', 'done', '2026-11-01Z', '2026-11-02Z', 'someone', '2026-11-20Z', '2026-11-20Z', false);",
    )
    .execute(api.pool())
    .await
    .unwrap();
    api
}

#[tokio::test]
async fn p14_every_route_needs_its_scope_and_no_other() {
    let api = world().await;
    let mut keys = Vec::new();
    for scope in Scope::ALL {
        keys.push((scope.as_str(), api.key(&[scope], &[]).await));
    }
    for route in routes() {
        let (name, address) = (route.name(), route.address(false));
        let method = route.method.to_uppercase();
        let without = api.send(&method, &address, &[]).await;
        if OPEN.contains(&name.as_str()) {
            assert!(route.scopes.is_empty() && without.status.is_success(), "{name}: {}", without.text);
            continue;
        }
        assert_eq!((without.status.as_u16(), &without.json()["code"]), (401, &json!("no_key")), "{name}");
        assert_eq!(without.header("www-authenticate"), "Bearer realm=\"tributary\"", "{name}");
        assert!(!route.scopes.is_empty(), "{name} needs no scope");
        for (scope, key) in &keys {
            let answer = api.send_as(key, &method, &address).await;
            let is_refused = answer.status == 403 && answer.json()["code"] == "missing_scope";
            assert_eq!(
                is_refused,
                !route.scopes.contains(&(*scope).to_owned()),
                "{name} with {scope}: {}",
                answer.text
            );
            assert_ne!(answer.status, 401, "{name} with {scope}");
            assert_ne!(answer.status, 500, "{name} with {scope}: {}", answer.text);
            if is_refused {
                let needed = format!("scope=\"{}\"", route.scopes.join(" "));
                assert!(answer.header("www-authenticate").contains(&needed), "{name}: {:?}", answer.headers);
                for needed in &route.scopes {
                    assert!(answer.text.contains(needed), "{name}: {}", answer.text);
                }
            }
        }
    }
}

#[tokio::test]
async fn p14_a_key_limited_to_sources_sees_these_alone_on_every_route() {
    let api = world().await;
    let scopes = Scope::ALL;
    let (all, limited) = (api.key(&scopes, &[]).await, api.key(&scopes, &["rtk-prod"]).await);
    let others = ["konpro-eu", "konvo-eu", "konvo-us", "konpro-old", "id-31", "id-21", "id-51", "chat-secret"];
    let (mut read, mut telling) = (0, 0);
    for route in routes() {
        let (name, method) = (route.name(), route.method.to_uppercase());
        if OPEN.contains(&name.as_str()) {
            continue;
        }
        let answer = api.send_as(&limited, &method, &route.address(true)).await;
        if answer.status == 403 && answer.json()["code"] == "sources_limited" {
            let is_of_all = ["/v1/keys", "/v1/audit", "/v1/people", "/rename", "/merge", "/remove", "/v1/rate-cards"];
            assert!(is_of_all.iter().any(|part| route.path.contains(part)), "{name}");
        } else if route.is_of_one_object() {
            assert_eq!(
                (answer.status.as_u16(), &answer.json()["code"]),
                (404, &json!("not_found")),
                "{name}: {}",
                answer.text
            );
        } else if route.method == "get" {
            assert_eq!(answer.status, 200, "{name}: {}", answer.text);
            read += 1;
            assert!(!others.iter().any(|other| answer.text.contains(other)), "{name}: {}", answer.text);
            if route.path == "/metrics" {
                continue; // it is no JSON
            }
            let whole = api.send_as(&all, &method, &route.address(true)).await;
            telling += usize::from(others.iter().any(|other| whole.text.contains(other)));
            let answer = answer.json();
            let freshness = if answer["freshness"].is_object() { &answer["freshness"] } else { &answer };
            if route.path != "/v1/metrics/{metric_id}" {
                assert_eq!(freshness["limited_to_sources"], json!(["rtk-prod"]), "{name}: {answer:#}");
                assert!(!whole.text.contains("limited_to_sources"), "{name}");
            }
        }
    }
    assert!(read > 15 && telling > 10, "{read} lists were read, of which {telling} tell of other sources");
}

#[tokio::test]
async fn figures_and_totals_of_a_limited_key_are_those_of_its_sources() {
    let api = world().await;
    let (all, limited) =
        (api.key(&[Scope::MetricsRead], &[]).await, api.key(&[Scope::MetricsRead], &["rtk-prod"]).await);
    let path = "/v1/metrics/query?metrics=minutes_consumed&from=2026-11-18&to=2026-11-19&zone=Europe/Berlin";
    let total = |answer: &Answer| answer.json()["totals"]["minutes_consumed"]["value"].as_f64();
    // 100.5 + 40.25 of the meetings, 2.5 + 0.1 + 10 of the avatars
    assert_eq!(total(&api.send_as(&all, "GET", path).await), Some(153.35));
    let answer = api.send_as(&limited, "GET", path).await;
    assert_eq!(total(&answer), Some(140.75), "{}", answer.text);
    // its own filter may only narrow
    let named = api.send_as(&limited, "GET", &format!("{path}&source=konpro-eu")).await;
    assert_eq!(named.status, 422, "{}", named.text);
    assert_eq!(named.json()["errors"][0]["allowed"], json!(["rtk-prod"]), "{}", named.text);
    let none = api.send_as(&limited, "GET", &format!("{path}&source=rtk-prod")).await;
    assert_eq!(total(&none), Some(140.75), "{}", none.text);
    // an answer that another key holds is not confirmed
    let tag = answer.header("etag").to_owned();
    let held = |key: &str| [("authorization", format!("Bearer {key}")), ("if-none-match", tag.clone())];
    let send = async |key: &str| {
        let headers = held(key);
        let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        api.send("GET", path, &headers).await.status.as_u16()
    };
    assert_eq!((send(&limited).await, send(&all).await), (304, 200));
    let varies = answer.headers.get_all("vary").iter().any(|value| value == "authorization, x-api-key");
    assert!(varies, "a browser must not reuse it for another key: {:?}", answer.headers);
}

#[tokio::test]
async fn a_key_whose_sources_are_gone_sees_nothing() {
    let api = world().await;
    let key = api.key(&[Scope::MetricsRead], &["konpro-old"]).await;
    assert_eq!(api.send_as(&key, "GET", "/v1/freshness").await.status, 200);
    sqlx::query("update ingest.api_keys set source_ids = '{999}' where source_ids is not null")
        .execute(api.pool())
        .await
        .unwrap();
    api.clock.set(api.clock.now() + chrono::TimeDelta::seconds(3));
    let answer = api.send_as(&key, "GET", "/v1/freshness").await;
    assert_eq!((answer.status.as_u16(), &answer.json()["code"]), (403, &json!("sources_limited")), "{}", answer.text);
}
