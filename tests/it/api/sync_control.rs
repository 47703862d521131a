//! `/v1/sync/sources/{slug}/pause`, `…/resume` and `…/runs`: applied by pollers in other processes.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tributary::clock::{Clock, SystemClock};
use tributary_simulator::Platform;
use tributary_simulator::faults::{Effect, Fault};

use crate::harness::Api;
use crate::harness::processes::{ONCE_A_YEAR, Providers};

const COMPLETE: &str = "select count(*) from ingest.runs where stream = 'sessions' and verdict = 'complete'";

/// Returns the health of a stream.
async fn health(api: &Api, source: &str, stream: &str) -> Value {
    let body = api.ok("/v1/health/pollers").await;
    let items = body["items"].as_array().expect("a list").clone();
    let found = items.into_iter().find(|item| item["source"] == source && item["stream"] == stream);
    found.expect("the stream is there")
}

#[tokio::test]
async fn a_pause_ends_a_run_before_its_next_page_and_a_resume_continues_at_once() {
    let providers = Providers::start(&[Platform::Konvo], 200, 0).await;
    let quiet = providers.quiet_tables().await;
    let stage = providers.stage(ONCE_A_YEAR, 10).await;
    let api = stage.world.api().await;
    providers.slow_down(Duration::from_millis(400));
    let mut poller = stage.poller("");
    stage.until(2, "select coalesce(max(page_count), 0)::bigint from ingest.runs").await;

    let (status, paused) = api.post("/v1/sync/sources/konvo/pause", &[]).await;
    assert_eq!(status, 200, "{paused:#}");
    assert_eq!(paused["streams"][0]["stream"], "sessions");
    let by = paused["streams"][0]["paused_by"].as_str().expect("who").to_owned();
    stage.until(1, "select count(*) from ingest.runs where verdict = 'cancelled'").await;
    let reason = stage.world.text("select reason from ingest.runs").await.unwrap_or_default();
    assert!(reason.contains("an operator paused the stream"), "{reason}");
    let kept = stage.number("select count(*) from core.sessions").await;
    assert!(kept >= 40, "what was saved stays: {kept}");

    let stream = health(&api, "konvo", "sessions").await;
    assert_eq!(
        (&stream["state"], &stream["is_failing"], &stream["next_run_at"]),
        (&json!("paused"), &json!(false), &json!(null))
    );
    assert_eq!(stream["paused"], json!({"since": paused["streams"][0]["paused_at"], "by": by}));
    let (status, problem) = api.post("/v1/sync/sources/konvo/runs", &[]).await;
    assert_eq!((status, &problem["code"]), (409, &json!("stream_paused")), "{problem:#}");
    let asked = providers.simulators[0].1.requests().len();
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(providers.simulators[0].1.requests().len(), asked, "a paused stream asks for nothing");
    let by_hand = stage.world.poll().await;
    assert_eq!(by_hand[0].result, "paused", "{by_hand:?}");

    // a second pause changes nothing
    let (_, again) = api.post("/v1/sync/sources/konvo/pause?stream=sessions", &[]).await;
    assert_eq!(again["streams"][0]["paused_at"], paused["streams"][0]["paused_at"]);
    providers.slow_down(Duration::from_millis(5));
    let (status, resumed) = api.post("/v1/sync/sources/konvo/resume", &[]).await;
    assert_eq!((status, &resumed["streams"][0]["paused_at"]), (200, &json!(null)), "{resumed:#}");
    stage.until(1, COMPLETE).await;
    assert!(poller.end().await.success(), "{}", poller.log());
    assert_eq!(stage.tables().await, quiet);

    let journal = api.ok("/v1/sync/operations").await;
    let kinds: Vec<&str> =
        journal["items"].as_array().expect("a list").iter().filter_map(|one| one["kind"].as_str()).collect();
    assert_eq!(kinds, ["resume", "pause", "pause"], "newest first; what was refused did nothing");
    assert_eq!(journal["items"][1]["stream"], "sessions");
    assert_eq!(journal["items"][2]["stream"], json!(null), "all of them");
    let page = api.ok("/v1/sync/operations?kind=pause&limit=1").await;
    assert_eq!((page["items"].as_array().map(Vec::len), &page["page"]["has_more"]), (Some(1), &json!(true)));
}

#[tokio::test]
async fn a_requested_run_begins_within_seconds_in_another_process() {
    let providers = Providers::start(&[Platform::Konvo], 40, 0).await;
    let stage = providers.stage(ONCE_A_YEAR, 10).await;
    let api = stage.world.api().await;
    let mut pollers = [stage.poller(""), stage.poller("")];
    stage.until(1, COMPLETE).await;
    let began = Instant::now();
    let (status, due) = api.post("/v1/sync/sources/konvo/runs", &[]).await;
    assert_eq!(status, 202, "{due:#}");
    assert_eq!(due["see"], "/v1/sync/runs?source=konvo&stream=sessions");
    assert_eq!(due["streams"].as_array().map(Vec::len), Some(1));
    stage.until(2, COMPLETE).await;
    println!("the run was over {:?} after it was asked for", began.elapsed());
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(
        stage.number("select count(*) from ingest.runs").await,
        2,
        "one of the two ran it, once\n{}",
        stage.runs().await
    );
    for poller in &mut pollers {
        assert!(poller.end().await.success(), "{}", poller.log());
    }
}

#[tokio::test]
async fn a_paused_per_session_stream_stops_while_the_others_continue() {
    let providers = Providers::start(&[Platform::Realtimekit], 0, 8).await;
    let quiet = providers.quiet_tables().await;
    let stage = providers.stage(ONCE_A_YEAR, 10).await;
    stage.register().await;
    let api = stage.world.api().await;
    let (status, _) = api.post("/v1/sync/sources/realtimekit/pause?stream=transcript", &[]).await;
    assert_eq!(status, 200);
    let _poller = stage.poller("");
    stage.until(1, COMPLETE).await;
    let others =
        "select case when count(*) > 0 and count(*) filter (where stream <> 'transcript' and next_try_at <= now()) = 0
                              then 1 else 0 end::bigint from ingest.artifact_tasks";
    stage.until(1, others).await;
    assert_eq!(
        stage.number("select count(*) from ingest.runs where stream = 'transcript'").await,
        0,
        "{}",
        stage.runs().await
    );
    assert_eq!(
        stage.number("select count(*) from ingest.artifact_tasks where stream = 'transcript' and attempts > 0").await,
        0
    );
    assert!(stage.number("select count(*) from core.participants").await > 0);
    let transcript = health(&api, "realtimekit", "transcript").await;
    assert_eq!(transcript["state"], "paused", "{transcript:#}");
    assert!(transcript["paused"]["by"].is_string(), "{transcript:#}");
    assert_ne!(health(&api, "realtimekit", "chat").await["state"], "paused");
    let since = SystemClock.now();
    let (status, _) = api.post("/v1/sync/sources/realtimekit/resume", &[]).await;
    assert_eq!(status, 200);
    stage.until(1, "select count(*) from ingest.runs where stream = 'transcript' and verdict = 'complete'").await;
    stage.until(0, "select count(*) from core.transcripts").await;
    let (status, _) = api.post("/v1/sync/sources/realtimekit/runs", &[]).await;
    assert_eq!(status, 202);
    stage.settled(since).await;
    stage.assert_true(&providers, &quiet).await;
}

#[tokio::test]
async fn a_requested_run_retries_artifacts_that_wait_for_their_next_try() {
    let providers = Providers::start(&[Platform::Realtimekit], 0, 4).await;
    let stage = providers.stage(ONCE_A_YEAR, 10).await;
    let api = stage.world.api().await;
    // the token may not read transcripts: they are retried much later
    let refuse = Fault::new(Effect::json(403, "{}")).only("/transcript").forever();
    providers.simulators[0].1.script(vec![refuse]);
    let _poller = stage.poller("");
    stage.until(1, "select count(*) from ingest.runs where stream = 'transcript' and verdict = 'failed'").await;
    providers.simulators[0].1.script(Vec::new());
    let stored = "select count(*) from core.transcripts";
    assert_eq!(stage.number(stored).await, 0);
    let (status, _) = api.post("/v1/sync/sources/realtimekit/runs?stream=transcript", &[]).await;
    assert_eq!(status, 202);
    stage.until(1, stored).await;
}

#[tokio::test]
async fn invalid_commands_are_refused_with_the_remedy() {
    let providers = Providers::start(&[Platform::Konvo], 1, 0).await;
    let stage = providers.stage(ONCE_A_YEAR, 10).await;
    stage.world.poll().await;
    let api = stage.world.api().await;
    let (status, problem) = api.post("/v1/sync/sources/konvoo/pause", &[]).await;
    assert_eq!(status, 404);
    assert_eq!(problem["detail"], "There is no source with this slug. Did you mean `konvo`?");
    let (status, problem) = api.post("/v1/sync/sources/konvo/pause?stream=transcript", &[]).await;
    assert_eq!((status, &problem["errors"][0]["parameter"]), (422, &json!("stream")), "{problem:#}");
    assert_eq!(problem["errors"][0]["allowed"], json!(["sessions"]));
    let (status, problem) = api.post("/v1/sync/sources/konvo/pause", &[("origin", "https://elsewhere.example")]).await;
    assert_eq!((status, &problem["code"]), (403, &json!("cross_site_request")), "{problem:#}");
    sqlx::query("update core.sources set is_enabled = false")
        .execute(&stage.world.db.pool)
        .await
        .expect("no longer configured");
    let (status, problem) = api.post("/v1/sync/sources/konvo/runs", &[]).await;
    assert_eq!((status, &problem["code"]), (409, &json!("source_not_polled")), "{problem:#}");
    assert_eq!(
        stage.number("select count(*) from ingest.operations").await,
        0,
        "nothing was done, nothing is journaled"
    );
}
