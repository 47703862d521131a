//! `POST /v1/sessions/{session_id}/summary`: a summary is generated, and then fetched.

use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::json;
use tributary::connector::http::{HttpLimits, http_client};
use tributary_simulator::Platform;
use tributary_simulator::fixed_feed::{Depth, FixedFeed, FixedFile};
use tributary_simulator::quirks::Quirks;

use super::SUMMARY;
use super::scripted_provider::{Process, Stage, answer, says};
use crate::harness::records::record;
use crate::harness::{World, at, noon};

#[tokio::test]
async fn a_summary_is_generated_and_then_looked_for() {
    let queued = json!({"success": true, "data": {"session_id": "meeting/1", "status": "QUEUED"}});
    let stage = Stage::new(says(200, queued)).await;
    let task = "select concat_ws(' ', state, next_try_at at time zone 'UTC', attempts, reason, claim_token)
                  from ingest.artifact_tasks where session_id = 11 and stream = 'summary'";
    let first = stage.post(SUMMARY, &[("idempotency-key", "s-1")], &json!({})).await;
    assert_eq!(first.status, 202, "{:#}", first.json);
    assert_eq!((&first.json["state"], &first.json["is_repeated"]), (&json!("succeeded"), &json!(false)));
    assert_eq!(stage.text(task).await, "pending 2026-03-10 12:01:00 0");
    let call = &stage.provider.calls()[0];
    assert_eq!(call.line, "POST /accounts/acc/realtime/kit/app/sessions/meeting%2F1/summary");
    let again = stage.post(SUMMARY, &[("idempotency-key", "s-1")], &json!({})).await;
    assert_eq!((again.status, &again.json["is_repeated"]), (202, &json!(true)));
    assert_eq!(again.json["action_id"], first.json["action_id"]);
    assert_eq!(stage.provider.calls().len(), 1);

    // a task that was given up, or is in progress, restarts; a refusal leaves it unchanged
    let given_up = "update ingest.artifact_tasks set state = 'expired', next_try_at = null, attempts = 9,
                           reason = 'not_found', settled_at = '2026-03-10 11:00Z',
                           claim_token = '00000000-0000-4000-8000-000000000001'";
    sqlx::query(given_up).execute(&stage.db.pool).await.expect("a task");
    stage.provider.will(says(404, json!({"success": false, "error": {"code": 404, "message": "no transcript"}})));
    let refused = stage.post(SUMMARY, &[], &json!({})).await;
    assert_eq!((refused.status, &refused.json["code"]), (502, &json!("provider_refused")));
    assert!(refused.json["detail"].as_str().is_some_and(|text| text.contains("no transcript")), "{:#}", refused.json);
    assert!(stage.text(task).await.starts_with("expired 9 not_found"));
    stage.clock.set(noon() + TimeDelta::minutes(5));
    // an older response has no body: it does not state whether work has begun, so the poller looks for the summary
    stage.provider.will(says(200, ""));
    assert_eq!(stage.post(SUMMARY, &[], &json!({})).await.status, 504);
    assert_eq!(stage.text(task).await, "pending 2026-03-10 12:06:00 0");
    let journal = stage.journal().await;
    let states: Vec<&str> = journal.iter().filter_map(|line| line["state"].as_str()).collect();
    assert_eq!(states, ["unknown", "refused", "succeeded"]);
    assert_eq!(journal[2]["session_id"], 11);
}

/// The session ended months ago and all its tasks were settled; its summary takes three minutes to make.
#[tokio::test]
async fn a_summary_that_takes_a_while_is_not_left_to_the_age_of_its_session() {
    let feed = Arc::new(FixedFeed::new([record(Platform::Realtimekit, "old", at("2026-01-05T11:00:00Z"))]));
    let made = FixedFile::ready_from(noon() + TimeDelta::minutes(3), "# They agreed");
    feed.set_depth("old", Depth { summary_on_request: Some(made), ..Depth::default() });
    let mut world = World::new().await.with_depth().with_settings("[sources.actions]\nenabled = true\n");
    let _simulator = world.simulate(Platform::Realtimekit, feed, Quirks::default()).await;
    // two readings a day apart settle that there is no summary
    for before in [TimeDelta::hours(25), TimeDelta::zero()] {
        world.clock.set(noon() - before);
        world.poll().await;
    }
    world.clock.set(noon());
    let summary = "select concat_ws(' ', t.state, t.next_try_at at time zone 'UTC', s.body)
                     from ingest.artifact_tasks t left join core.session_summaries s using (source_id, session_id)
                    where t.stream = 'summary'";
    assert_eq!(world.text(summary).await.as_deref(), Some("expired"));
    let process = Process::start(world.app()).await;
    let http = http_client(HttpLimits::default()).expect("a client");
    let session_id = world.number("select session_id from core.sessions").await;
    let url = format!("{}/v1/sessions/{session_id}/summary", process.base);
    assert_eq!(answer(http.post(url).json(&json!({}))).await.status, 202);
    for (minute, found) in [
        (1, "pending 2026-03-10 12:02:00"),
        (2, "pending 2026-03-10 12:10:00"),
        (10, "available 2026-03-10 14:00:00 # They agreed"),
        (120, "available # They agreed"),
    ] {
        world.clock.set(noon() + TimeDelta::minutes(minute));
        world.poll().await;
        assert_eq!(world.text(summary).await.as_deref(), Some(found), "after {minute} minutes");
    }
}
