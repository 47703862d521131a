//! The page's *Data health*: states, lags and runs as the API states them, and the forms of operators.

use crate::harness::router::*;

#[tokio::test]
async fn each_stream_shows_what_the_api_states() {
    let api = Api::in_depth().await;
    run(
        &api,
        "delete from ingest.artifact_tasks;
         insert into ingest.artifact_tasks (session_id, source_id, stream, state, next_try_at, expires_at)
         values (61, 6, 'transcript', 'available', null, null), (62, 6, 'transcript', 'pending', '2026-11-20 13:00Z', null),
                (63, 6, 'transcript', 'pending', '2026-11-20 11:00Z', null);
         insert into ingest.backfills (backfill_id, source_id, stream, purpose, state, range_from, range_to, requested_by, created_at,
                                       resumed_at, is_unfiltered)
         overriding system value
         values (3, 1, 'sessions', 'reconcile', 'done', '2026-11-01Z', '2026-11-02Z', 'someone', '2026-11-20Z', '2026-11-20Z', false);
         insert into ingest.reconciliations (source_id, stream, window_from, window_to, checked_at, state, reason, provider_count,
                                             our_count_before, our_count, missing_count, healed_count, surplus_count, rejected_count,
                                             missing_ids, surplus_ids, backfill_id)
         values (1, 'sessions', '2026-11-01Z', '2026-11-02Z', '2026-11-20Z', 'differs', 'two are missing', 12, 10, 10, 2, 0, 0, 0,
                 '{}', '{}', 3)",
    )
    .await;
    let answer = api.send("GET", "/data-health?zone=UTC", &[]).await;
    assert_eq!(answer.status, 200, "{}", answer.text);
    let html = answer.text;
    let health = api.get("/v1/health/pollers").await;
    let mut rest = html.as_str();
    for poller in health["items"].as_array().unwrap() {
        let text = |field: &str| poller[field].as_str().unwrap().to_owned();
        let name = format!("{} · {}</a>", text("source"), text("stream"));
        rest = rest.split_once(&name).unwrap_or_else(|| panic!("{name} is missing: {html}")).1;
        let row = rest.split_once("</tr>").unwrap().0;
        for list in ["runs", "rejections", "drift"] {
            let link = format!("/v1/sync/{list}?source={}&amp;stream={}\"", text("source"), text("stream"));
            assert!(html.contains(&link), "{link}: {html}");
        }
        assert!(row.contains(&text("state").replace('_', " ")), "{name}: {row}");
        assert_eq!(row.contains("class=\"failing\""), poller["is_failing"] == true, "{name}: {row}");
    }
    for part in [
        "Check the key.",
        "<td>2026-11-18 23:00</td>",
        "class=\"bad\"",
        "the list was cut",
        "1 available, 2 pending (of which 1 is due now)",
        "two are missing",
        "the last run was not complete",
    ] {
        assert!(html.contains(part), "`{part}` is missing in {html}");
    }
    let one = api.send("GET", "/data-health?source=konvo-eu", &[]).await.text;
    assert!(one.contains("konvo-eu · sessions") && !one.contains("rtk-prod · sessions"), "{one}");
}

#[tokio::test]
async fn operators_pause_resume_and_run_by_forms_that_no_other_page_can_send() {
    let api = Api::with_keys("").await;
    let operator = api.key(&[Scope::HealthRead, Scope::SyncOperate], &["konvo-eu"]).await;
    let watcher = api.key(&[Scope::HealthRead], &[]).await;
    let send = async |key: &str, path: &str, origin: &str| {
        let key = format!("Bearer {key}");
        let form = "application/x-www-form-urlencoded";
        let headers =
            [("authorization", key.as_str()), ("content-type", form), ("origin", origin), ("host", "localhost:8080")];
        api.send("POST", path, &headers).await
    };
    let own = "http://localhost:8080";
    let state = async || api.send_as(&watcher, "GET", "/v1/health/pollers").await.json()["items"].clone();
    let of = |items: &Value, source: &str| {
        let all = items.as_array().unwrap().iter();
        all.filter(|item| item["source"] == source).map(|item| item["state"].clone()).next().unwrap()
    };
    let pause = "/data-health/konvo-eu/pause?stream=sessions";
    assert_eq!(send(&operator, pause, "https://evil.example").await.status, 403);
    assert_eq!(send(&watcher, pause, own).await.status, 403);
    assert_eq!(send(&operator, "/data-health/rtk-prod/pause", own).await.status, 404);
    assert_ne!(of(&state().await, "konvo-eu"), "paused");
    let done = send(&operator, pause, own).await;
    assert_eq!(
        (done.status.as_u16(), done.header("location")),
        (303, "/data-health#konvo-eu-sessions"),
        "{}",
        done.text
    );
    assert_eq!(of(&state().await, "konvo-eu"), "paused");
    // back in the state of the page, and nowhere else
    for (page, next) in [
        ("http://localhost:8080/data-health?zone=Asia/Kathmandu", "/data-health?zone=Asia/Kathmandu#konvo-eu-sessions"),
        ("http://evil.example/elsewhere", "/data-health#konvo-eu-sessions"),
    ] {
        let key = format!("Bearer {operator}");
        let headers = [("authorization", key.as_str()), ("origin", own), ("host", "localhost:8080"), ("referer", page)];
        let done = api.send("POST", pause, &headers).await;
        assert_eq!((done.status.as_u16(), done.header("location")), (303, next), "{}", done.text);
    }
    let refused = send(&operator, "/data-health/konvo-eu/run?stream=sessions", own).await;
    assert_eq!(refused.status, 409, "{}", refused.text);
    assert_eq!(send(&operator, "/data-health/konvo-eu/resume?stream=sessions", own).await.status, 303);
    assert_ne!(of(&state().await, "konvo-eu"), "paused");
    let page = async |key: &str| api.send_as(key, "GET", "/data-health").await.text;
    assert!(page(&operator).await.contains("/data-health/konvo-eu/pause?stream=sessions"));
    let watched = page(&watcher).await;
    assert!(page(&operator).await.contains("aria-label=\"Pause konvo-eu · sessions\">Pause</button>"));
    assert!(!watched.contains(">Pause</button>") && watched.contains("rtk-prod · sessions"), "{watched}");
    let commands = "select count(*) from analytics.audit where kind = 'command' and target like '/data-health/%'";
    api.access_policy.audit.flush().await;
    assert!(sqlx::query_scalar::<_, i64>(commands).fetch_one(api.pool()).await.unwrap() >= 2);
}
