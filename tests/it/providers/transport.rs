//! Transport, for every provider: refused keys, limits, redirects, missing responses.

use std::time::Duration;

use tributary::connector::error::PullErrorKind;

use super::scripted_server::{Reply, Server, json, status};
use super::*;

const PROVIDERS: [&str; 3] = ["konpro", "konvo", "realtimekit"];

fn empty_list(provider: &str) -> &'static str {
    match provider {
        "konpro" => r#"{"total":0,"data":[]}"#,
        "konvo" => r#"{"count":0,"result":[]}"#,
        _ => r#"{"success":true,"data":{"sessions":[]},"paging":{"total_count":0}}"#,
    }
}

async fn failure(provider: &str, reply: impl Fn() -> Reply + Send + Sync + 'static) -> (PullError, usize) {
    let server = Server::start(move |_| reply()).await;
    let error = first_page(&*connect(provider, &server.url)).await.unwrap_err();
    (error, server.calls().len())
}

#[tokio::test]
async fn a_wrong_key_is_tried_once() {
    let bodies = [
        include_str!("../../../src/providers/konpro/samples/error.401.sdk-envelope.json"),
        include_str!("../../../src/providers/konvo/samples/error.401.json"),
        include_str!("../../../src/providers/realtimekit/samples/error.401.v4-envelope.json"),
    ];
    for (provider, body) in PROVIDERS.into_iter().zip(bodies) {
        let (error, calls) = failure(provider, move || status(401, body)).await;
        assert_eq!((error.kind, calls), (PullErrorKind::Auth, 1), "{provider}");
    }
}

#[tokio::test]
async fn a_response_without_a_list_is_an_error_and_no_empty_page() {
    let bodies = [
        "<html><body>Bad Gateway</body></html>",
        "",
        "{\"data\": [",
        r#"{"message":"Forbidden"}"#,
        r#"{"data":null,"result":null,"sessions":null}"#,
        r#"{"data":"none","result":{},"sessions":0}"#,
        r#"{"error":{"code":500,"message":"internal"}}"#,
        "[]",
        "7",
    ];
    for provider in PROVIDERS {
        for body in bodies {
            let (error, calls) = failure(provider, move || json(body)).await;
            assert_eq!((error.kind, calls), (PullErrorKind::Contract, 1), "{provider}: {body}");
        }
    }
}

#[tokio::test]
async fn a_stated_wait_is_obeyed() {
    for provider in PROVIDERS {
        let server = Server::start(move |call| {
            if call.index > 0 {
                return json(empty_list(provider));
            }
            let mut reply = status(429, r#"{"message":"Too Many Requests"}"#);
            reply.headers.push(("retry-after", "1".to_owned()));
            reply
        })
        .await;
        let page = first_page(&*connect(provider, &server.url)).await.unwrap();
        assert!(page.is_empty());
        let calls = server.calls();
        assert_eq!(calls.len(), 2);
        assert!(calls[1].at - calls[0].at >= Duration::from_millis(990), "{provider}");
    }
}

#[tokio::test]
async fn a_long_wait_parks_the_stream() {
    let body = include_str!("../../../src/providers/realtimekit/samples/error.429.v4-envelope.json");
    let (error, calls) = failure("realtimekit", move || status(429, body)).await;
    assert!(matches!(error.kind, PullErrorKind::RateLimited { .. }));
    assert_eq!(calls, 1);
}

#[tokio::test]
async fn f20_p09_no_redirect_takes_the_key_along() {
    for provider in PROVIDERS {
        let elsewhere = Server::start(move |_| json(empty_list(provider))).await;
        let target = elsewhere.url.clone();
        let (error, calls) = failure(provider, move || {
            let mut reply = status(302, "{}");
            reply.headers.push(("location", format!("{target}/steal")));
            reply
        })
        .await;
        assert_eq!((error.kind, calls), (PullErrorKind::Config, 1));
        assert!(elsewhere.calls().is_empty());
    }
}

#[tokio::test]
async fn p09_no_error_reveals_the_key() {
    let echoes = [
        format!(r#"{{"message":"the key {KEY} is not known"}}"#),
        format!(r#"{{"code":"{KEY}","message":"{KEY}"}}"#),
        format!(r#"{{"success":false,"errors":[{{"message":"{KEY}"}}]}}"#),
        format!("<html>{KEY}</html>"),
        // Truncated after 200 characters, or 40, the key would be halved.
        format!(r#"{{"code":"{}{KEY}","message":"{}{KEY}"}}"#, "c".repeat(25), "m".repeat(185)),
    ];
    for provider in PROVIDERS {
        for echo in echoes.clone() {
            for code in [200, 400, 401, 404] {
                let body = echo.clone();
                let (error, _) = failure(provider, move || status(code, body.clone())).await;
                let texts = format!("{error} {error:?}");
                assert!(!texts.contains(KEY), "{provider} {code}: {texts}");
                if code == 200 {
                    assert!(!texts.contains(&KEY[..8]), "{provider}: {texts}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_cursor_of_another_connector_is_an_error() {
    for provider in PROVIDERS {
        let connector = connect(provider, "http://127.0.0.1:1");
        let cursor = Cursor("elsewhere".to_owned());
        let error = fetch_at(&*connector, &window(), Some(&cursor), NOW).await.unwrap_err();
        assert_eq!(error.kind, PullErrorKind::Contract);
    }
}

#[tokio::test]
async fn totals_are_read_leniently() {
    let cases = [("\"3\"", Some(3)), ("3.0", Some(3)), ("null", None), ("\"null\"", None), ("-1", None), ("[]", None)];
    for provider in PROVIDERS {
        for (total, read) in cases {
            let body = empty_list(provider);
            let body = match provider {
                "konpro" => body.replace("\"total\":0", &format!("\"total\":{total}")),
                "konvo" => body.replace("\"count\":0", &format!("\"count\":{total}")),
                _ => body.replace("\"total_count\":0", &format!("\"total_count\":{total}")),
            };
            let server = Server::start(move |_| json(body.clone())).await;
            let page = first_page(&*connect(provider, &server.url)).await.unwrap();
            assert_eq!((page.total, page.next), (read, None), "{provider}: {total}");
            assert_eq!(page.drift.len(), usize::from(matches!(total, "-1" | "[]")), "{provider}: {total}");
        }
    }
}

#[tokio::test]
async fn a_wrong_total_does_not_cut_the_walk_short() {
    let record = r#"{"session_id":"s","id":"s","created_at":"2026-03-01T00:00:00Z"}"#;
    let rows = [record, record].join(",");
    for provider in PROVIDERS {
        let list = match provider {
            "konpro" => format!(r#"{{"total":1,"data":[{rows}]}}"#),
            "konvo" => format!(r#"{{"count":1,"result":[{rows}]}}"#),
            _ => format!(
                r#"{{"data":{{"sessions":[{rows}]}},"paging":{{"total_count":1,"start_offset":1,"end_offset":2}}}}"#
            ),
        };
        let server =
            Server::start(move |call| if call.index == 0 { json(list.clone()) } else { json(empty_list(provider)) });
        let server = server.await;
        let pages = walk(&*connect(provider, &server.url)).await;
        assert_eq!((pages.len(), pages[0].len(), pages[1].len()), (2, 2, 0), "{provider}");
    }
}
