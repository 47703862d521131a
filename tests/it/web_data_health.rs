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
            let of = format!("source={}&#38;stream={}", text("source"), text("stream"));
            let link = format!("/data-health/{list}?zone=UTC&#38;{of}\"");
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

#[tokio::test]
async fn what_polling_wrote_down_is_a_table_and_its_json_is_one_click_further() {
    let api = world().await;
    run(
        &api,
        "insert into ingest.operations (requested_at, source_id, stream, kind, requested_by)
         values ('2026-11-20 09:30Z', 8, 'sessions', 'pause', 'someone'), ('2026-11-20 09:31Z', 3, null, 'run', 'else');
         insert into ingest.runs (run_id, source_id, stream, started_at, heartbeat_at, finished_at, verdict, inserted_count)
         overriding system value
         select 100 + n, 8, 'sessions', at, at, at, 'complete', 7000
           from generate_series(0, 60) n, lateral (select timestamptz '2026-11-19 00:00Z' + n * interval '1 minute') v (at)",
    )
    .await;
    let list = async |name: &str, more: &str| {
        let path = format!("/data-health/{name}?zone=Asia/Kathmandu&source=konvo-lab{more}");
        let answer = api.send("GET", &path, &[]).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text);
        answer.text
    };
    let of_stream = "&stream=sessions";
    // sixty-one runs, fifty on the first page; it is a quarter to six in Kathmandu where it is midnight in UTC
    let runs = list("runs", of_stream).await;
    assert_eq!(runs.matches("<th scope=\"row\">2026-11-19 ").count(), 50, "{runs}");
    assert!(runs.contains("2026-11-19 06:45</th><td>complete</td><td class=\"n\">7\u{202f}000</td>"), "{runs}");
    assert!(runs.contains("href=\"/v1/sync/runs?source=konvo-lab&#38;stream=sessions\""), "{runs}");
    let next = runs.split_once("\" rel=\"next\"").unwrap().0.rsplit_once("href=\"").unwrap().1;
    let second = api.send("GET", &htmlize::unescape(next), &[]).await.text;
    assert_eq!(second.matches("<th scope=\"row\">2026-11-19 ").count(), 11, "{second}");
    assert!(second.contains("2026-11-19 05:45<") && second.contains(">First page</a>"), "{second}");
    // one of the two rejected records is open
    let rejections = list("rejections", of_stream).await;
    assert_eq!(rejections.matches("<td>x: x</td><td>the whole record</td>").count(), 1, "{rejections}");
    let drift = list("drift", of_stream).await;
    assert!(drift.contains("<td>unknown value</td><td>/status</td><td>paused</td><td class=\"n\">3</td>"), "{drift}");
    let commands = list("commands", "").await;
    assert!(commands.contains("2026-11-20 15:15</th><td>pause</td><td>konvo-lab · sessions</td>"), "{commands}");
    assert!(!commands.contains("<td>run</td>"), "{commands}");
    let none = api.send("GET", "/data-health/runs?source=rtk-eu&stream=quality", &[]).await.text;
    assert!(none.contains("No run."), "{none}");
}

#[tokio::test]
async fn p14_the_lists_of_polling_need_the_scope_of_health() {
    let api = Api::with_keys("").await;
    let reader = api.key(&[Scope::SessionsRead], &[]).await;
    let watcher = api.key(&[Scope::HealthRead], &["rtk-prod"]).await;
    for list in ["runs", "rejections", "drift", "commands"] {
        let refused = api.send_as(&reader, "GET", &format!("/data-health/{list}")).await;
        assert!(refused.text.contains("health:read"), "{list}: {}", refused.text);
        let other = api.send_as(&watcher, "GET", &format!("/data-health/{list}?source=konvo-eu")).await;
        assert!(other.text.contains("class=\"empty error\""), "{list}: {}", other.text);
    }
}
