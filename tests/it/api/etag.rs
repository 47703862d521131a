//! `ETag` and `If-None-Match`: an unchanged response is not sent again, and a changed one is.

use super::*;

#[tokio::test]
async fn a_response_that_depends_on_the_clock_has_a_new_tag() {
    let api = world().await;
    run(&api, "update core.sessions set duration_seconds = null where session_id = 84").await;
    let path =
        format!("/v1/metrics/query?metrics=sessions&attribution=spread&source=konvo-lab&granularity=none&{NOVEMBER}");
    let past = path.replace("to=2026-11-21", "to=2026-11-15");
    let first = api.send("GET", &past, &[]).await;
    api.clock.set("2026-11-22T12:00:00Z".parse().unwrap());
    let second = api.send("GET", &past, &[("if-none-match", first.header("etag"))]).await;
    assert_eq!(second.status, StatusCode::OK);
    assert_ne!(first.json()["totals"], second.json()["totals"]);
}

#[tokio::test]
async fn newly_stored_data_changes_the_tag() {
    let api = Api::in_depth().await;
    let path = "/v1/metrics/query?metrics=transcript_words&from=2026-11-16&to=2026-11-18&zone=UTC&source=rtk-eu";
    let tag = api.send("GET", path, &[]).await.header("etag").to_owned();
    let held = api.send("GET", path, &[("if-none-match", &tag)]).await;
    assert_eq!(held.status, StatusCode::NOT_MODIFIED);
    sqlx::query("insert into ingest.data_versions (source_id, stream, version) values (4, 'transcript', 1)")
        .execute(api.pool())
        .await
        .unwrap();
    assert_eq!(api.send("GET", path, &[("if-none-match", &tag)]).await.status, StatusCode::OK);
}

#[tokio::test]
async fn an_unchanged_response_is_not_sent_again() {
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
async fn freshness_metrics_and_the_description_have_tags() {
    let api = Api::new().await;
    for path in ["/v1/freshness", "/v1/metrics", "/v1/metrics/sessions", "/openapi.json"] {
        let first = api.send("GET", path, &[]).await;
        let tag = first.header("etag").to_owned();
        assert!(tag.starts_with("W/\"") && first.text.starts_with('{'), "{path}: {tag}");
        assert_eq!(first.header("content-type"), "application/json", "{path}");
        let held = api.send("GET", path, &[("if-none-match", &tag)]).await;
        assert_eq!((held.status, held.text.as_str()), (StatusCode::NOT_MODIFIED, ""), "{path}");
    }
    let tag = api.send("GET", "/v1/freshness", &[]).await.header("etag").to_owned();
    run(&api, "update ingest.streams set last_success_at = '2026-11-20 11:59Z' where source_id = 3").await;
    assert_eq!(api.send("GET", "/v1/freshness", &[("if-none-match", &tag)]).await.status, StatusCode::OK);
}
