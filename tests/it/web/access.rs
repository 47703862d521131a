//! Signing in, and what a key shows of the page.

use chrono::TimeDelta;

use super::*;

/// Signs in; returns the cookie.
async fn sign_in(api: &Api, key: &str) -> String {
    let answer = post(api, "/sign-in", &[], &format!("key={key}&next=%2Fcosts")).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/costs"), "{}", answer.text);
    let cookie = answer.header("set-cookie");
    assert!(cookie.contains("; HttpOnly; SameSite=Strict") && cookie.contains("Path=/"), "{cookie}");
    assert!(!cookie.contains(key) && !cookie.contains(&key[key.len() - 20..]), "{cookie}");
    cookie.split(';').next().unwrap().to_owned()
}

async fn status(api: &Api, method: &str, path: &str, cookie: &str) -> u16 {
    api.send(method, path, &[("cookie", cookie)]).await.status.as_u16()
}

#[tokio::test]
async fn p14_a_key_opens_the_page_once_it_is_pasted_until_it_signs_out() {
    let api = Api::with_keys("").await;
    let key = api.key(&[Scope::MetricsRead], &[]).await;
    let refused = api.send("GET", "/costs?range=today", &[]).await;
    assert_eq!((refused.status.as_u16(), refused.header("location")), (303, "/sign-in?next=/costs%3Frange%3Dtoday"));
    let form = page(&api, "/sign-in?next=/costs%3Frange%3Dtoday").await;
    assert!(form.contains("value=\"/costs?range=today\"") && form.contains("type=\"password\""), "{form}");
    let wrong = post(&api, "/sign-in", &[], "key=trib_live_0&next=%2F").await;
    assert_eq!((wrong.status.as_u16(), wrong.header("set-cookie")), (401, ""), "{}", wrong.text);
    assert!(!wrong.text.contains("trib_live_0"), "{}", wrong.text);
    let cookie = sign_in(&api, &key).await;
    assert!(!api.send("GET", "/", &[("cookie", &cookie)]).await.text.contains(&key));
    assert_eq!(status(&api, "GET", "/", &cookie).await, 200);
    // the links of a panel lead to the API
    assert_eq!(status(&api, "GET", "/v1/metrics/query?metrics=sessions&format=csv", &cookie).await, 200);
    assert_eq!(status(&api, "POST", "/v1/metrics/query", &cookie).await, 401, "commands need the key itself");
    assert_eq!(status(&api, "GET", "/v1/health/pollers", &cookie).await, 403, "a session has the scopes of its key");
    let stored: Vec<Vec<u8>> =
        sqlx::query_scalar("select token_hash from ingest.page_sessions").fetch_all(api.pool()).await.unwrap();
    assert!(stored.len() == 1 && !cookie.as_bytes().windows(32).any(|bytes| bytes == stored[0]));
    let out = post(&api, "/sign-out", &[("cookie", &cookie)], "").await;
    assert_eq!((out.status.as_u16(), out.header("location")), (303, "/sign-in"));
    assert!(out.header("set-cookie").contains("Max-Age=0"), "{}", out.header("set-cookie"));
    let after = api.send("GET", "/", &[("cookie", &cookie)]).await;
    assert!(after.header("location").starts_with("/sign-in?ended=true"), "{:?}", after.headers);
    assert_eq!(status(&api, "GET", "/v1/metrics/query?metrics=sessions", &cookie).await, 401);
}

#[tokio::test]
async fn p14_a_session_ends_with_its_key_and_after_twelve_hours() {
    let api = Api::with_keys("").await;
    let (one, other) = (api.key(&[Scope::MetricsRead], &[]).await, api.key(&[Scope::MetricsRead], &[]).await);
    let (cookie, of_other) = (sign_in(&api, &one).await, sign_in(&api, &other).await);
    let operator = Operator { requested_by: "tests".to_owned(), request_id: None };
    let key_id = KeyText::parse(&one).unwrap().id;
    api_key::revoke(api.pool(), &key_id, &operator, api.clock.now()).await.unwrap();
    api.clock.set(api.clock.now() + TimeDelta::seconds(3));
    assert_eq!(status(&api, "GET", "/", &cookie).await, 303);
    assert_eq!(status(&api, "GET", "/", &of_other).await, 200);
    api.clock.set(api.clock.now() + TimeDelta::hours(12));
    assert_eq!(status(&api, "GET", "/", &of_other).await, 303);
}

#[tokio::test]
async fn p14_forms_of_other_sites_do_nothing() {
    let api = Api::with_keys("").await;
    let key = api.key(&[Scope::MetricsRead], &[]).await;
    let cookie = sign_in(&api, &key).await;
    for headers in [
        vec![("sec-fetch-site", "cross-site")],
        vec![("origin", "https://evil.example"), ("host", "localhost")],
        vec![("origin", "null"), ("host", "localhost")],
    ] {
        let with_cookie: Vec<(&str, &str)> = headers.iter().copied().chain([("cookie", cookie.as_str())]).collect();
        assert_eq!(post(&api, "/sign-out", &with_cookie, "").await.status, 403, "{headers:?}");
        let signed_in = post(&api, "/sign-in", &headers, &format!("key={key}")).await;
        assert_eq!((signed_in.status.as_u16(), signed_in.header("set-cookie")), (403, ""), "{headers:?}");
    }
    assert_eq!(status(&api, "GET", "/", &cookie).await, 200, "the session is still open");
}

#[tokio::test]
async fn p14_a_panel_names_the_scope_that_the_key_lacks() {
    let api = Api::with_keys("").await;
    let (key, without) = (api.key(&[Scope::HealthRead], &[]).await, api.key(&[Scope::CostsWrite], &[]).await);
    let cookie = sign_in(&api, &key).await;
    let html = api.send("GET", "/", &[("cookie", &cookie)]).await.text;
    assert_eq!((state(&html, "refused"), html.matches("needs the scope").count()), ("forbidden", 1), "{html}");
    let refused = part(&html, "refused");
    assert!(refused.contains("the key needs the scope <code>metrics:read</code>"), "{html}");
    assert_eq!(link(refused, "Data health"), "/data-health");
    assert_eq!(link(refused, "Sign in with another key"), "/sign-in");
    // where another panel is shown, the one that is not names its scope
    let html = api.send("GET", "/data-health", &[("cookie", &cookie)]).await.text;
    assert!(!html.contains("needs the scope"), "{html}");
    // a key without any scope of the page is told so
    let cookie = sign_in(&api, &without).await;
    let refused = api.send("GET", "/", &[("cookie", &cookie)]).await;
    assert_eq!((refused.status.as_u16(), refused.header("content-type")), (403, "text/html; charset=utf-8"));
    assert!(refused.text.contains("metrics:read") && refused.text.contains(refused.header("request-id")));
}

#[tokio::test]
async fn p14_a_page_shows_only_the_sources_of_its_key() {
    let api = Api::with_keys("requests_per_minute = 0").await;
    let key = api.key(&[Scope::MetricsRead], &["rtk-prod"]).await;
    let cookie = sign_in(&api, &key).await;
    for path in ["/", "/conversations", "/meetings", "/costs", "/explain"] {
        let html = api.send("GET", &format!("{path}?{DAY}"), &[("cookie", &cookie)]).await.text;
        assert!(
            html.contains("rtk-prod") && !html.contains("konvo-eu") && !html.contains("konpro-eu"),
            "{path}: {html}"
        );
    }
    let html = api.send("GET", &format!("/?{DAY}"), &[("cookie", &cookie)]).await.text;
    assert!(part(&html, "card-minutes_consumed").contains("<data value=\"140.75\">"), "{html}");
}

#[tokio::test]
async fn p14_titles_of_meetings_are_shown_and_audited_with_the_scope_for_content_alone() {
    let api = Api::with_keys("requests_per_minute = 0").await;
    run(
        &api,
        "insert into core.realtimekit_sessions (source_id, session_id, meeting_id, meeting_title)
         values (1, 11, 'm-1', 'Weekly'), (1, 12, 'm-1', 'Weekly')",
    )
    .await;
    let reads = api.key(&[Scope::MetricsRead, Scope::ContentRead], &[]).await;
    let plain = api.key(&[Scope::MetricsRead], &[]).await;
    let path = format!("/?{DAY}");
    let shown = api.send_as(&reads, "GET", &path).await;
    assert!(part(&shown.text, "meetings").contains("Weekly"), "{}", shown.text);
    assert_eq!(shown.header("cache-control"), "no-store");
    let hidden = api.send_as(&plain, "GET", &path).await;
    assert!(!hidden.text.contains("Weekly") && part(&hidden.text, "meetings").contains("m-1"));
    api.access_policy.audit.flush().await;
    let audited: Vec<String> =
        sqlx::query_scalar("select target from ingest.audit where kind = 'read'").fetch_all(api.pool()).await.unwrap();
    assert_eq!(audited, ["/"]);
}

#[tokio::test]
async fn without_keys_the_page_needs_no_sign_in() {
    let api = Api::new().await;
    let answer = api.send("GET", "/sign-in?next=//evil.example", &[]).await;
    assert_eq!((answer.status.as_u16(), answer.header("location")), (303, "/"));
    assert!(!page(&api, "/").await.contains("Sign out"));
}

#[tokio::test]
async fn a_browser_at_an_unknown_address_gets_a_page_and_a_program_a_problem() {
    let api = Api::new().await;
    let html = api
        .send(
            "GET",
            "/no-such-page?zone=Asia/Kathmandu",
            &[("accept", "text/html,*/*;q=0.8"), ("request-id", "request-9")],
        )
        .await;
    assert_eq!((html.status.as_u16(), html.header("content-type")), (404, "text/html; charset=utf-8"), "{}", html.text);
    assert!(html.header("content-security-policy").starts_with("default-src 'none'"));
    assert!(html.text.contains("<h1>The path does not exist</h1>") && html.text.contains("request-9"), "{}", html.text);
    assert!(!html.text.contains("/sign-in"), "no key would help: {}", html.text);
    assert_eq!(link(&html.text, "/docs"), "/docs");
    assert_eq!(
        (link(&html.text, "Overview"), link(&html.text, "Tributary")),
        ("/?zone=Asia/Kathmandu".to_owned(), "/?zone=Asia/Kathmandu".to_owned())
    );
    for accept in ["*/*", "application/json"] {
        let problem = api.send("GET", "/no-such-page", &[("accept", accept)]).await;
        assert_eq!((problem.status.as_u16(), &problem.json()["code"]), (404, &json!("no_such_path")), "{accept}");
    }
}
