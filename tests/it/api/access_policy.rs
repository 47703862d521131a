//! Hosts, origins, proxies, budgets, and the headers of every answer.

use std::net::SocketAddr;

use axum::extract::ConnectInfo;
use chrono::TimeDelta;

use super::*;

const SERVER: &str = "public_hosts = [\"tributary.example.com\", \"api.example.com:8443\"]\n\
                      allowed_origins = [\"https://dash.example.com\"]\n";

fn open(server: &str, pool: &PgPool) -> Api {
    Api::configured(pool.clone(), &format!("[server]\n{server}"))
}

#[tokio::test]
async fn p14_a_foreign_host_is_misdirected() {
    let db = database().await;
    let api = open(SERVER, &db.pool);
    let status = async |host: &str, path: &str| api.send("GET", path, &[("host", host)]).await.status.as_u16();
    for host in [
        "localhost",
        "LOCALHOST:8080",
        "127.0.0.1:1",
        "[::1]:8080",
        "tributary.example.com",
        "Tributary.Example.com:9000",
        "api.example.com:8443",
    ] {
        assert_eq!(status(host, "/v1/freshness").await, 200, "{host}");
    }
    for host in [
        "evil.example",
        "evil.example:8080",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "api.example.com",
        "10.0.0.1",
        "xtributary.example.com",
        "",
    ] {
        for path in ["/v1/freshness", "/v1/sessions/32/messages", "/docs/", "/openapi.json", "/"] {
            assert_eq!(status(host, path).await, 421, "{host} {path}");
        }
        assert_eq!(status(host, "/healthz").await, 200, "a probe names the address of the process");
    }
    let answer = api.send("GET", "/v1/freshness", &[("host", "evil.example")]).await;
    assert_eq!(answer.json()["code"], "unknown_host");
    assert_eq!(answer.header("content-type"), "application/problem+json");
    // an absolute address of HTTP/1.1, and the authority of HTTP/2
    for headers in [&[][..], &[("host", "localhost")]] {
        assert_eq!(api.send("GET", "http://evil.example/v1/freshness", headers).await.status, 421, "{headers:?}");
    }
}

#[tokio::test]
async fn p14_only_listed_origins_may_read_answers() {
    let db = database().await;
    let api = Api::configured(db.pool.clone(), &format!("[server]\nauth = \"keys\"\n{SERVER}"));
    let preflight = async |origin: &str| {
        let headers = [
            ("origin", origin),
            ("access-control-request-method", "POST"),
            ("access-control-request-headers", "authorization,content-type"),
        ];
        api.send("OPTIONS", "/v1/metrics/query", &headers).await
    };
    let answer = preflight("https://dash.example.com").await;
    assert_eq!(
        (answer.status.as_u16(), answer.header("access-control-allow-origin")),
        (200, "https://dash.example.com")
    );
    assert!(answer.header("access-control-allow-headers").contains("authorization"), "{:?}", answer.headers);
    assert!(answer.header("access-control-allow-methods").contains("POST"), "{:?}", answer.headers);
    assert_eq!(answer.header("access-control-allow-credentials"), "", "keys are sent by the page");
    for origin in ["https://evil.example", "null", "http://dash.example.com", "https://dash.example.com.evil.example"] {
        assert_eq!(preflight(origin).await.header("access-control-allow-origin"), "", "{origin}");
    }
    // a refusal can be read too
    let refused = api.send("GET", "/v1/freshness", &[("origin", "https://dash.example.com")]).await;
    assert_eq!(
        (refused.status.as_u16(), refused.header("access-control-allow-origin")),
        (401, "https://dash.example.com")
    );
    for name in ["etag", "request-id", "data-version", "data-complete-through", "data-warnings", "data-currency"] {
        let exposed = refused.header("access-control-expose-headers");
        assert!(exposed.split(',').any(|one| one.trim() == name), "{name} is not in {exposed}");
    }
    let none = open("", &db.pool).send("GET", "/v1/freshness", &[("origin", "http://localhost:3000")]).await;
    assert_eq!((none.status.as_u16(), none.header("access-control-allow-origin")), (200, ""));
}

#[tokio::test]
async fn commands_come_from_listed_origins_and_through_a_proxy() {
    let db = database().await;
    let api = open(SERVER, &db.pool);
    let pause = "/v1/sync/sources/konvo-eu/pause";
    for (headers, status) in [
        (vec![], 200),
        (vec![("origin", "https://dash.example.com"), ("sec-fetch-site", "cross-site")], 200),
        (
            vec![
                ("origin", "https://tributary.example.com"),
                ("host", "tributary.example.com"),
                ("sec-fetch-site", "same-origin"),
            ],
            200,
        ),
        (vec![("origin", "https://tributary.example.com"), ("host", "127.0.0.1:8080")], 403),
        (vec![("origin", "https://evil.example"), ("host", "127.0.0.1:8080")], 403),
        (vec![("origin", "null")], 403),
        (vec![("sec-fetch-site", "cross-site")], 403),
    ] {
        assert_eq!(api.send("POST", pause, &headers).await.status.as_u16(), status, "{headers:?}");
    }
    // what only reads is answered, and the browser keeps the answer from a page that is not listed
    let estimate = json!({"cards": []});
    let (status, answer) =
        api.send_json("POST", "/v1/costs/estimate", &[("origin", "https://evil.example")], &estimate).await;
    assert_ne!(status, 403, "{answer:#}");
}

#[tokio::test]
async fn only_a_trusted_proxy_states_host_and_client() {
    let db = database().await;
    let api = open(&format!("trusted_proxy = [\"10.0.0.0/8\"]\n{SERVER}"), &db.pool);
    let send = async |peer: &str, headers: &[(&str, &str)]| {
        let mut request = Request::builder().method("POST").uri("/v1/sync/sources/konvo-eu/pause");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(Body::empty()).unwrap();
        let peer: SocketAddr = peer.parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        let response = api.router.clone().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let by: Option<String> =
            sqlx::query_scalar("select requested_by from ingest.operations order by operation_id desc limit 1")
                .fetch_optional(&db.pool)
                .await
                .unwrap();
        (status, by.unwrap_or_default())
    };
    let forwarded = [
        ("host", "127.0.0.1:8080"),
        ("x-forwarded-host", "tributary.example.com"),
        ("origin", "https://tributary.example.com"),
        ("x-forwarded-for", "203.0.113.9, 198.51.100.7, 10.0.0.3"),
    ];
    assert_eq!(send("192.0.2.1:7", &forwarded).await, (403, String::new()), "the origin is not that of its Host");
    assert_eq!(send("10.0.0.2:7", &forwarded).await, (200, "198.51.100.7".to_owned()));
    assert_eq!(send("192.0.2.1:7", &[("x-forwarded-for", "203.0.113.9")]).await, (200, "192.0.2.1:7".to_owned()));
    let evil = [("host", "tributary.example.com"), ("x-forwarded-host", "evil.example")];
    assert_eq!(send("10.0.0.2:7", &evil).await.0, 421);
    assert_eq!(send("192.0.2.1:7", &evil).await.0, 200, "it states nothing");
}

#[tokio::test]
async fn browsers_keep_to_tls_where_a_trusted_proxy_states_it() {
    let db = database().await;
    let api = open("trusted_proxy = [\"10.0.0.0/8\"]\n", &db.pool);
    let told = async |peer: &str, scheme: &str| {
        let mut request =
            Request::builder().uri("/v1/nothing").header("x-forwarded-proto", scheme).body(Body::empty()).unwrap();
        request.extensions_mut().insert(ConnectInfo(peer.parse::<SocketAddr>().unwrap()));
        let response = api.router.clone().oneshot(request).await.unwrap();
        response.headers().contains_key("strict-transport-security")
    };
    assert!(told("10.0.0.2:7", "https").await);
    assert!(!told("10.0.0.2:7", "http").await, "the client did not come by TLS");
    assert!(!told("192.0.2.1:7", "https").await, "it is no proxy of ours");
}

#[tokio::test]
async fn every_answer_has_the_headers_of_safety() {
    let api = Api::new().await;
    for path in ["/v1/freshness", "/v1/nothing", "/docs/", "/healthz", "/v1/sessions?limit=x"] {
        let answer = api.send("GET", path, &[]).await;
        assert_eq!(answer.header("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(answer.header("x-frame-options"), "DENY", "{path}");
        assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert_eq!(answer.header("referrer-policy"), "no-referrer", "{path}");
    }
    for path in ["/v1/sessions/32/messages", "/v1/sessions/32/timeline", "/v1/sessions/32/participants"] {
        assert_eq!(api.send("GET", path, &[]).await.header("cache-control"), "no-store", "{path}");
    }
}

#[tokio::test]
async fn a_key_has_a_budget_of_units() {
    let api = Api::with_keys("requests_per_minute = 12").await;
    let (key, other) = (api.key(&[Scope::MetricsRead], &[]).await, api.key(&[Scope::MetricsRead], &[]).await);
    let query = "/v1/metrics/query?metrics=sessions&range=yesterday";
    let answer = api.send_as(&key, "GET", query).await;
    assert_eq!(answer.header("ratelimit-policy"), "\"key\";q=12;w=60");
    assert_eq!(answer.header("ratelimit"), "\"key\";r=7;t=25");
    assert_eq!(api.send_as(&key, "GET", query).await.header("ratelimit"), "\"key\";r=2;t=50");
    let spent = api.send_as(&key, "GET", query).await;
    assert_eq!((spent.status.as_u16(), &spent.json()["code"]), (429, &json!("over_budget")), "{}", spent.text);
    assert_eq!((spent.header("retry-after"), spent.header("ratelimit")), ("15", "\"key\";r=2;t=15"));
    assert_eq!(api.send_as(&key, "GET", "/v1/freshness").await.status, 200, "a read costs 1");
    assert_eq!(api.send_as(&other, "GET", query).await.status, 200);
    api.clock.set(api.clock.now() + TimeDelta::seconds(20));
    assert_eq!(api.send_as(&key, "GET", query).await.status, 200);
    // guesses have a budget by address, which no key shares
    for _ in 0..12 {
        assert_eq!(api.send("GET", query, &[("x-api-key", "guess")]).await.status, 401);
    }
    assert_eq!(api.send("GET", query, &[("x-api-key", "guess")]).await.status, 429);
    assert_eq!(api.send_as(&other, "GET", "/v1/freshness").await.status, 200);
}

#[tokio::test]
async fn a_command_without_a_body_needs_no_content_type() {
    let api = Api::new().await;
    let paths =
        ["/v1/sync/sources/konvo-eu/pause", "/v1/sync/sources/konvo-eu/resume", "/v1/sync/sources/konvo-eu/runs"];
    for path in paths {
        let answer = api.send("POST", path, &[]).await;
        assert!(answer.status.is_success(), "{path}: {}", answer.text);
    }
    // form posts declare their type, and a body without a type is none of ours
    let form = [("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(api.send("POST", paths[0], &form).await.status, 415);
    let request = Request::builder().method("POST").uri(paths[0]).body(Body::from("{}")).unwrap();
    assert_eq!(api.router.clone().oneshot(request).await.unwrap().status(), 415);
}
