//! Answers from memory: they are given without the database, and never when it would say something else.

use std::time::Instant;

use super::*;

const ASKED: &str = "/v1/metrics/query?metrics=sessions,minutes_consumed&dimensions=provider&granularity=day\
                     &from=2026-11-17&to=2026-11-20&zone=Europe/Berlin";

const LONG: Duration = Duration::from_mins(10);

/// Keeps every reader of sessions waiting until the returned transaction ends.
async fn locked(api: &Api) -> sqlx::Transaction<'static, sqlx::Postgres> {
    let mut locker = api.pool().begin().await.unwrap();
    sqlx::query("lock table core.sessions in access exclusive mode").execute(&mut *locker).await.unwrap();
    locker
}

const WAITING: &str =
    "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";

#[tokio::test]
async fn a_known_answer_needs_no_rows_and_is_the_same_in_every_form() {
    let api = Api::remembering(LONG, "").await;
    let first = api.send("GET", ASKED, &[]).await;
    assert_eq!(first.status, StatusCode::OK);
    let csv = api.send("GET", ASKED, &[("accept", "text/csv")]).await;
    let locker = locked(&api).await;
    let began = Instant::now();
    let again = api.send("GET", ASKED, &[]).await;
    assert_eq!((again.status, &again.text, again.header("etag")), (StatusCode::OK, &first.text, first.header("etag")));
    assert_eq!(again.header("content-type"), first.header("content-type"));
    let packed = api.send("GET", ASKED, &[("accept-encoding", "br;q=0.5, gzip")]).await;
    assert_eq!((packed.header("content-encoding"), &packed.text), ("gzip", &first.text));
    let unpacked = api.send("GET", ASKED, &[("accept-encoding", "gzip;q=0")]).await;
    assert_eq!((unpacked.header("content-encoding"), &unpacked.text), ("", &first.text));
    let table = api.send("GET", ASKED, &[("accept", "text/csv")]).await;
    assert_eq!((table.header("content-type"), &table.text), (csv.header("content-type"), &csv.text));
    for name in ["data-version", "data-complete-through", "data-state-as-of"] {
        assert_eq!(table.header(name), csv.header(name), "{name}");
    }
    let held = api.send("GET", ASKED, &[("if-none-match", first.header("etag"))]).await;
    assert_eq!(
        (held.status, held.text.as_str(), held.header("etag")),
        (StatusCode::NOT_MODIFIED, "", first.header("etag"))
    );
    let body = json!({"metrics": ["sessions", "minutes_consumed"], "dimensions": ["provider"],
                      "time": {"from": "2026-11-17", "to": "2026-11-20", "zone": "Europe/Berlin", "granularity": "day"}});
    let (status, posted) = api.send_json("POST", "/v1/metrics/query", &[], &body).await;
    assert_eq!((status, posted), (200, first.json()), "another spelling of the same question");
    assert!(began.elapsed() < Duration::from_secs(5), "something waited");
    locker.rollback().await.unwrap();
}

#[tokio::test]
async fn equal_questions_at_once_are_computed_once_and_a_departed_caller_is_replaced() {
    let api = Arc::new(Api::remembering(LONG, "").await);
    api.send("GET", "/v1/sources", &[]).await; // the time zones and the version are known
    let locker = locked(&api).await;
    let mut asked = Vec::new();
    for _ in 0..6 {
        let api = Arc::clone(&api);
        asked.push(tokio::spawn(async move { api.send("GET", ASKED, &[]).await }));
    }
    let waiting = async || sqlx::query_scalar::<_, i64>(WAITING).fetch_one(api.pool()).await.unwrap();
    let began = Instant::now();
    while waiting().await == 0 {
        assert!(began.elapsed() < Duration::from_secs(10), "no one asks");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(waiting().await, 1, "one computes for all");
    asked.remove(0).abort();
    tokio::time::sleep(Duration::from_millis(100)).await;
    locker.rollback().await.unwrap();
    let mut texts = Vec::new();
    for answer in asked {
        let answer = answer.await.unwrap();
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text);
        texts.push(answer.text);
    }
    texts.dedup();
    assert_eq!((texts.len(), texts[0].is_empty()), (1, false));
}

/// A change of each kind; the answer to the question below states it.
const CHANGES: [(&str, &str); 16] = [
    ("rows", "update core.sessions set provider_minutes = 101 where session_id = 11;
              insert into ingest.data_versions (source_id, stream, version) values (1, 'sessions', 1)"),
    ("rows again", "update core.sessions set provider_minutes = 102 where session_id = 11;
                    update ingest.data_versions set version = version + 1 where source_id = 1"),
    ("parts of sessions", "insert into ingest.data_versions (source_id, stream, version) values (1, 'participants', 1)"),
    ("rate cards", "insert into ingest.data_versions (source_id, stream, version) values (1, 'rate_cards', 1)"),
    ("a proof", "update ingest.windows set window_to = '2026-11-20 11:55Z' where source_id = 3"),
    ("a denial", "insert into ingest.windows (source_id, stream, window_from, window_to, is_complete, reason, run_id, checked_at)
                  values (2, 'sessions', '2026-11-18 23:00Z', '2026-11-19 23:00Z', false, 'cut', 1, '2026-11-20Z')"),
    ("an accepted gap", "insert into ingest.accepted_gaps (source_id, stream, window_from, window_to, accepted_at, accepted_by, note)
                         values (2, 'sessions', '2026-11-18 23:00Z', '2026-11-19 23:00Z', '2026-11-20Z', 'a', 'b')"),
    ("a reopened gap", "update ingest.accepted_gaps set reopened_at = '2026-11-20Z', reopened_by = 'a'"),
    ("state seen again", "insert into ingest.state_coverage (source_id, stream, window_from, window_to, seen_at)
                          values (1, 'sessions', '2026-01-01Z', '2026-11-20 11:50Z', '2026-11-20 11:40Z')"),
    ("the end of a run", "update ingest.streams set last_success_at = '2026-11-20 11:59Z' where source_id = 3"),
    ("a verdict", "update ingest.streams set last_verdict = 'rate_limited' where source_id = 2"),
    ("a renamed source", "update core.sources set source_slug = 'rtk-main' where source_id = 1"),
    ("a source that is no longer configured", "update core.sources set is_enabled = false where source_id = 4"),
    ("a schedule's tolerance", "update core.sources set stale_after_seconds = 60 where source_id = 3"),
    (
        "a pause",
        "insert into ingest.controls (source_id, stream, paused_at, paused_by) values (3, 'sessions', '2026-11-20Z', 'a')",
    ),
    ("a setting of a metric", "update core.sources set human_steps = '{HUMAN}' where source_id = 3"),
];

#[tokio::test]
async fn a_change_of_any_kind_is_seen_within_a_second() {
    let api = Api::remembering(Duration::from_millis(300), "").await;
    for (what, sql) in CHANGES {
        let before = api.send("GET", ASKED, &[]).await;
        assert_eq!(api.send("GET", ASKED, &[]).await.text, before.text);
        run(&api, sql).await;
        let changed = Instant::now();
        while api.send("GET", ASKED, &[]).await.header("etag") == before.header("etag") {
            assert!(changed.elapsed() < Duration::from_secs(1), "{what} is not seen");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    let answer = api.get(ASKED).await;
    let minutes =
        &row(&answer, &json!({"provider": "realtimekit"}), "2026-11-18")["values"]["minutes_consumed"]["value"];
    assert_eq!(minutes, &json!(142.25), "102 + 40.25");
    assert!(answer["freshness"]["streams"].to_string().contains("rtk-main"));
}

#[tokio::test]
async fn what_a_caller_writes_is_seen_at_once() {
    let api = Api::remembering(LONG, "").await;
    let path = "/v1/metrics/query?metrics=estimated_cost&from=2026-11-17&to=2026-11-20&source=konpro-eu";
    let before = api.get(path).await;
    let cards = json!({"cards": [{"source": "konpro-eu", "unit": "session", "unit_price": "2", "currency": "USD"}]});
    let (status, answer) = api.send_json("PUT", "/v1/rate-cards", &[], &cards).await;
    assert_eq!(status, 200, "{answer:#}");
    let after = api.get(path).await;
    assert_ne!(before["totals"], after["totals"]);
    assert_eq!(after["totals"]["estimated_cost"]["value"].to_string().trim_matches('"'), "6", "three sessions");
}

#[tokio::test]
async fn the_clock_ends_what_depends_on_it_and_callers_may_keep_an_answer_no_longer() {
    let api = Api::remembering(LONG, "").await;
    let today = "/v1/metrics/query?metrics=sessions&range=today&source=konvo-eu";
    let first = api.send("GET", today, &[]).await;
    assert_eq!(first.header("cache-control"), "private, max-age=15");
    api.clock.set("2026-11-20T12:00:52Z".parse().unwrap());
    let later = api.send("GET", today, &[]).await;
    assert_eq!((later.header("etag"), later.header("cache-control")), (first.header("etag"), "private, max-age=8"));
    api.clock.set("2026-11-20T12:01:00Z".parse().unwrap());
    assert_ne!(api.send("GET", today, &[]).await.header("etag"), first.header("etag"), "another minute");
    // konvo-eu is proven up to 11:50: its answers become stale at 12:20:00, within a minute
    let state = async |at: &str| {
        api.clock.set(at.parse().unwrap());
        let answer = api.send("GET", today, &[]).await;
        (answer.json()["freshness"]["state"].clone(), answer.header("cache-control").to_owned())
    };
    assert_eq!(state("2026-11-20T12:19:30Z").await, (json!("fresh"), "private, max-age=0".to_owned()));
    assert_eq!(state("2026-11-20T12:20:00Z").await.0, "fresh");
    assert_eq!(state("2026-11-20T12:20:01Z").await.0, "stale");
    let demanding = format!("{today}&require_fresh=PT31M");
    assert_eq!(api.send("GET", &demanding, &[]).await.status, StatusCode::OK);
    api.clock.set("2026-11-20T12:21:30Z".parse().unwrap());
    api.problem(&demanding, 503).await;
}

#[tokio::test]
async fn runs_are_covered_by_no_version_and_counted_each_second() {
    let api = Api::remembering(LONG, "").await;
    let path = "/v1/metrics/query?metrics=sync_success_rate&range=today&source=konvo-eu";
    let before = api.get(path).await["totals"].clone();
    run(
        &api,
        "insert into ingest.runs overriding system value
               select 9, 3, 'sessions', timestamptz '2026-11-20 11:55Z', timestamptz '2026-11-20 11:55Z',
                      timestamptz '2026-11-20 11:55Z', 'failed'",
    )
    .await;
    api.clock.set("2026-11-20T12:00:01Z".parse().unwrap());
    assert_ne!(api.get(path).await["totals"], before);
}

#[tokio::test]
async fn p14_a_known_answer_is_given_to_keys_of_the_same_sources_alone() {
    let api = Api::remembering(LONG, "[server]\nauth = \"keys\"").await;
    let metrics = [Scope::MetricsRead];
    let (all, same) = (api.key(&metrics, &[]).await, api.key(&metrics, &[]).await);
    let limited = api.key(&metrics, &["rtk-prod"]).await;
    let of_health = api.key(&[Scope::HealthRead], &[]).await;
    let path = "/v1/metrics/query?metrics=minutes_consumed&from=2026-11-18&to=2026-11-19&zone=Europe/Berlin";
    let total = |answer: &Answer| answer.json()["totals"]["minutes_consumed"]["value"].as_f64();
    let whole = api.send_as(&all, "GET", path).await;
    // 100.5 + 40.25 of the meetings, 2.5 + 0.1 + 10 of the avatars
    assert_eq!(total(&whole), Some(153.35));
    let part = api.send_as(&limited, "GET", path).await;
    assert_eq!((total(&part), &part.json()["freshness"]["limited_to_sources"]), (Some(140.75), &json!(["rtk-prod"])));
    let locker = locked(&api).await;
    for (key, known) in [(&all, &whole), (&same, &whole), (&limited, &part)] {
        assert_eq!(api.send_as(key, "GET", path).await.text, known.text);
    }
    // neither a refused caller nor one of other sources learns that an answer is kept
    for headers in [&[][..], &[("if-none-match", "*")], &[("x-api-key", "trib_live_0123456789ab_x")]] {
        assert_eq!(api.send("GET", path, headers).await.status, StatusCode::UNAUTHORIZED, "{headers:?}");
    }
    assert_eq!(api.send_as(&of_health, "GET", path).await.status, StatusCode::FORBIDDEN);
    let held = [("x-api-key", limited.as_str()), ("if-none-match", whole.header("etag"))];
    let answer = api.send("GET", path, &held).await;
    assert_eq!((answer.status, total(&answer)), (StatusCode::OK, Some(140.75)));
    locker.rollback().await.unwrap();
    let id = same.split('_').nth(2).unwrap();
    let operator = Operator { requested_by: "tests".to_owned(), request_id: None };
    api_key::revoke(api.pool(), id, &operator, api.clock.now()).await.unwrap();
    api.clock.set(api.clock.now() + chrono::TimeDelta::seconds(3));
    assert_eq!(api.send_as(&same, "GET", path).await.status, StatusCode::UNAUTHORIZED, "a revoked key");
    assert_eq!(api.send_as(&all, "GET", path).await.text, whole.text);
}

#[tokio::test]
async fn p14_content_is_audited_each_time_that_it_is_read() {
    let api = Api::remembering(LONG, "[server]\nauth = \"keys\"").await;
    let key = api.key(&[Scope::ContentRead], &[]).await;
    for _ in 0..3 {
        let answer = api.send_as(&key, "GET", "/v1/sessions/11/participants").await;
        assert_eq!((answer.status, answer.header("cache-control")), (StatusCode::OK, "no-store"), "{}", answer.text);
    }
    api.access_policy.audit.flush().await;
    let reads = "select count(*) from analytics.audit where kind = 'read' and status = 200";
    assert_eq!(sqlx::query_scalar::<_, i64>(reads).fetch_one(api.pool()).await.unwrap(), 3);
}
