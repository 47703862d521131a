//! Actions over real HTTP, with a provider that counts its calls.

mod keys;
pub(crate) mod logs;
mod outcomes;
pub(crate) mod stage;
mod validation;

use std::sync::Arc;

use chrono::TimeDelta;
use serde_json::{Value, json};
use tributary::connector::http::{HttpLimits, http_client};
use tributary::demo::simulator::Platform;
use tributary::demo::simulator::feed::{Depth, FixedFeed, FixedFile};
use tributary::demo::simulator::quirks::Quirks;

use self::logs::Logs;
use self::stage::{Process, Reply, Stage, answer, says, until};
use crate::harness::records::record;
use crate::harness::{World, at, noon, plain_feed};

const LAUNCH: &str = "/v1/sources/konpro/streaming-sessions";
const SUMMARY: &str = "/v1/sessions/11/summary";

/// Values that a provider returns or a caller entrusts to it: none of them may appear anywhere.
const SECRETS: [&str; 7] = [
    "wss://room-7c1e.livekit.test",
    "hand-over-token-1f0a",
    "agent-token-9b2d",
    "wss://signals-5d3c.test/v1",
    "own-room-token-77e1",
    "wss://own-room-address.test",
    "Answer every question about the merger with silence",
];

fn handed_over() -> Value {
    json!({"code": 100, "message": "success", "data": {
        "session_id": "session-1", "url": SECRETS[0], "access_token": SECRETS[1], "livekit_agent_token": SECRETS[2],
        "realtime_endpoint": SECRETS[3], "session_duration_limit": 600, "is_paid": false
    }})
}

/// A body with every field.
fn whole_body() -> Value {
    json!({
        "quality": "high", "avatar_id": "Anna", "video_encoding": "H264", "version": "v1", "knowledge_base_id": "kb-1",
        "voice": {"voice_id": "v-1", "rate": 1.25, "emotion": "Excited", "elevenlabs_settings": {"stability": 0.5}},
        "stt_settings": {"provider": "deepgram", "confidence": 0.55}, "knowledge_base": SECRETS[6],
        "disable_idle_timeout": false, "activity_idle_timeout": 30,
        "livekit_settings": {"room": "own-room-name", "url": SECRETS[5], "access_token": SECRETS[4]}
    })
}

/// Asserts that the text contains no secret, neither as it is nor in hexadecimal.
fn assert_discreet(text: &str, place: &str) {
    for secret in SECRETS {
        assert!(!text.contains(secret), "{secret} is in {place}");
        let hex = secret.bytes().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
        assert!(!text.contains(&hex), "{secret} is in {place}");
    }
}

#[tokio::test]
async fn a_session_is_started_and_handed_over_once() {
    let (logs, _guard) = Logs::caught();
    let stage = Stage::new(says(200, handed_over())).await;
    let first = stage.launch("key-1", &whole_body()).await;
    assert_eq!(first.status, 201, "{:#}", first.json);
    assert_eq!(first.headers["cache-control"], "no-store");
    assert_eq!(first.json["access"]["url"], SECRETS[0]);
    assert_eq!(first.json["access"]["access_token"], SECRETS[1]);
    assert_eq!(first.json["access"]["livekit_agent_token"], SECRETS[2]);
    assert_eq!(first.json["access"]["realtime_endpoint"], SECRETS[3]);
    assert_eq!(first.json["provider_session_id"], "session-1");
    assert_eq!((&first.json["tokens_already_given"], &first.json["is_recorded"]), (&json!(false), &json!(true)));
    let calls = stage.provider.calls();
    assert_eq!((calls.len(), calls[0].line.as_str()), (1, "POST /v1/streaming/new"));
    assert_eq!(calls[0].body, whole_body(), "it is passed on as it is");

    let again = stage.launch("key-1", &whole_body()).await;
    assert_eq!((again.status, &again.json["access"]), (201, &json!(null)));
    assert_eq!(again.json["tokens_already_given"], true);
    assert_eq!(again.json["provider_session_id"], "session-1");
    assert_eq!((&again.json["session_duration_limit_seconds"], &again.json["is_paid"]), (&json!(600), &json!(false)));
    assert_eq!(stage.provider.calls().len(), 1);

    let line = stage.newest().await;
    assert_eq!((&line["kind"], &line["state"]), (&json!("start_streaming_session"), &json!("succeeded")));
    assert!(line["requested_by"].as_str().is_some_and(|who| who.starts_with("127.0.0.1:")), "{line:#}");
    assert_eq!(line["started_at"], "2026-03-10T12:00:00Z");
    assert_eq!(line["request_id"].as_str(), first.headers["request-id"].to_str().ok());
    assert_eq!(line["session_id"], json!(null), "it was not polled yet");

    let dump = stage.dump().await;
    assert!(dump.contains("session-1") && dump.contains("Anna"), "the dump holds the tables");
    assert_discreet(&dump, "the database");
    assert_discreet(&line.to_string(), "the journal");
    let logs = logs.text();
    assert!(logs.contains("start_streaming_session"), "the call is logged");
    assert_discreet(&logs, "the logs");
}

#[tokio::test]
async fn the_settings_of_a_launch_are_kept_and_join_the_polled_session() {
    let stage = Stage::new(says(200, handed_over())).await;
    assert_eq!(stage.launch("", &whole_body()).await.status, 201);
    let launch = "select concat_ws(' ', session_id::text, quality, avatar_id, voice_id, voice_rate, voice_emotion,
                         stt_provider, stt_confidence, video_encoding, version, has_knowledge_base, knowledge_base_id,
                         disable_idle_timeout, activity_idle_timeout_seconds, session_duration_limit_seconds, is_paid)
                    from analytics.session_launches where source = 'konpro' and provider_session_id = 'session-1'";
    let settings = "high Anna v-1 1.25 Excited deepgram 0.55 H264 v1 t kb-1 f 30 600 f";
    assert_eq!(stage.text(launch).await, settings);
    let polled =
        "insert into core.sessions (session_id, created_at, started_at, first_seen_at, last_changed_at, source_id,
                     provider, session_kind, session_state, outcome, provider_session_id, row_hash, raw_hash)
                  select 21, '2026-03-10 12:00Z', '2026-03-10 12:00Z', '2026-03-10 12:05Z', '2026-03-10 12:05Z',
                     source_id, 'konpro', 'avatar', 'live', 'not_applicable', 'session-1', '', ''
                    from core.sources where source_slug = 'konpro'";
    sqlx::query(polled).execute(&stage.db.pool).await.expect("a session");
    assert_eq!(stage.text(launch).await, format!("21 {settings}"));
    assert_eq!(stage.newest().await["session_id"], 21);

    // what was not requested and not returned stays unknown
    let bare = json!({"data": {"session_id": "session-2", "url": "wss://x"}});
    stage.provider.will(says(200, bare));
    assert_eq!(stage.launch("", &json!({})).await.json["is_paid"], json!(null));
    let unknown = "select num_nulls(quality, avatar_id, voice_id, voice_rate, stt_confidence, disable_idle_timeout,
                                    session_duration_limit_seconds, is_paid)::text
                     from analytics.session_launches where provider_session_id = 'session-2' and not has_knowledge_base";
    assert_eq!(stage.text(unknown).await, "8");
}

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
                           reason = 'not_found', settled_at = '2026-03-10 11:00Z', claim_token = gen_random_uuid()";
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

#[tokio::test]
async fn nothing_is_started_unless_it_is_allowed() {
    for actions in ["", "[sources.actions]\nenabled = false\n"] {
        let stage = Stage::with(actions, says(200, handed_over())).await;
        for path in [LAUNCH, SUMMARY] {
            let refused = stage.post(path, &[], &json!({})).await;
            assert_eq!((refused.status, &refused.json["code"]), (403, &json!("actions_disabled")), "{path}");
            assert_eq!(refused.headers["content-type"], "application/problem+json");
        }
        assert!(stage.provider.calls().is_empty());
        assert!(stage.journal().await.is_empty());
    }
}

#[tokio::test]
async fn what_cannot_be_started_is_told_apart() {
    let stage = Stage::new(says(200, handed_over())).await;
    for (path, status, code) in [
        ("/v1/sources/nobody/streaming-sessions", 404, "not_found"),
        ("/v1/sources/konvo/streaming-sessions", 409, "not_offered"),
        ("/v1/sources/rtk/streaming-sessions", 409, "not_offered"),
        ("/v1/sessions/99/summary", 404, "not_found"),
        ("/v1/sessions/x/summary", 422, "invalid_query"),
        ("/v1/sessions/12/summary", 409, "session_not_ended"),
        ("/v1/sessions/31/summary", 409, "not_offered"),
        ("/v1/sessions/11/summary?force=true", 422, "invalid_query"),
    ] {
        let refused = stage.post(path, &[], &json!({})).await;
        assert_eq!((refused.status, &refused.json["code"]), (status, &json!(code)), "{path}: {:#}", refused.json);
    }
    assert_eq!(stage.post(SUMMARY, &[], &json!({"now": true})).await.json["code"], "invalid_body");
    assert!(stage.provider.calls().is_empty() && stage.journal().await.is_empty());
}

#[tokio::test]
async fn web_pages_of_others_start_nothing() {
    let stage = Stage::new(says(200, handed_over())).await;
    let own = stage.address("");
    let other_port = "http://127.0.0.1:1";
    for (headers, status) in [
        (vec![("origin", "https://evil.example")], 403),
        (vec![("origin", "null")], 403),
        (vec![("origin", other_port)], 403),
        (vec![("origin", own.as_str()), ("sec-fetch-site", "cross-site")], 403),
        (vec![("sec-fetch-site", "same-site")], 403),
        // a name that resolves to this machine
        (
            vec![("origin", "http://evil.example:80"), ("host", "evil.example:80"), ("sec-fetch-site", "same-origin")],
            403,
        ),
        (vec![("content-type", "text/plain")], 415),
        (vec![("content-type", "application/x-www-form-urlencoded")], 415),
        (vec![("origin", own.as_str()), ("sec-fetch-site", "same-origin")], 201),
        (vec![("content-type", "application/json; charset=utf-8")], 201),
    ] {
        let mut request = stage.request(LAUNCH, &[], &json!({})).build().expect("a request");
        for (name, value) in &headers {
            request.headers_mut().insert(*name, value.parse().expect("a value"));
        }
        let answered = stage.http.execute(request).await.expect("an answer");
        assert_eq!(answered.status().as_u16(), status, "{headers:?}");
    }
    assert_eq!(stage.provider.calls().len(), 2);
}

#[tokio::test]
async fn the_journal_is_read_page_by_page() {
    let stage = Stage::new(says(200, handed_over())).await;
    for _ in 0..3 {
        stage.launch("", &json!({})).await;
    }
    stage.post(SUMMARY, &[], &json!({})).await;
    let first = stage.get("/v1/actions?kind=start_streaming_session&state=succeeded&limit=2").await;
    assert_eq!((first["items"].as_array().map(Vec::len), &first["page"]["has_more"]), (Some(2), &json!(true)));
    let cursor = first["page"]["next"].as_str().expect("a cursor");
    let path = format!("/v1/actions?kind=start_streaming_session&state=succeeded&limit=2&cursor={cursor}");
    let last = stage.get(&path).await;
    assert_eq!((last["items"].as_array().map(Vec::len), &last["page"]["has_more"]), (Some(1), &json!(false)));
    assert_eq!(stage.get("/v1/actions?source=rtk").await["items"].as_array().map(Vec::len), Some(1));
    let unknown = answer(stage.http.get(stage.address("/v1/actions?state=done"))).await;
    assert_eq!((unknown.status, &unknown.json["code"]), (422, &json!("invalid_query")));
}

#[tokio::test]
async fn a_caller_who_leaves_does_not_undo_what_was_started() {
    let go = std::sync::Arc::new(tokio::sync::Notify::new());
    let stage = Stage::new(Reply::Waits(go.clone(), handed_over().to_string())).await;
    let request = stage.request(LAUNCH, &[("idempotency-key", "left")], &json!({}));
    let left = tokio::spawn(answer(request));
    stage.provider.was_called(1).await;
    left.abort();
    assert_eq!(stage.newest().await["state"], "started");
    go.notify_one();
    until(async || stage.newest().await["state"] != "started").await;
    let again = stage.launch("left", &json!({})).await;
    assert_eq!((again.status, &again.json["provider_session_id"]), (201, &json!("session-1")));
    assert_eq!(stage.provider.calls().len(), 1);
}

/// Two avatar sessions of ninety seconds; one of them was started through the service.
#[tokio::test]
async fn launch_settings_are_dimensions_of_figures() {
    let mut world = World::new().await;
    let _provider = world.simulate(Platform::Konpro, plain_feed(Platform::Konpro, 2), Quirks::default()).await;
    let _chats = world.simulate(Platform::Konvo, plain_feed(Platform::Konvo, 0), Quirks::default()).await;
    world.poll().await;
    sqlx::query(
        "insert into core.konpro_launches (source_id, provider_session_id, launched_at, quality, voice_id, stt_provider,
                activity_idle_timeout_seconds, session_duration_limit_seconds, has_knowledge_base)
         select source_id, provider_session_id, started_at, 'high', 'anna', 'deepgram', 120, 600, false
           from core.sessions where provider_session_id = 'konpro-00001'",
    )
    .execute(&world.db.pool)
    .await
    .expect("a launch");
    let api = world.api().await;
    for (dimension, value) in [
        ("launch_quality", "high"),
        ("launch_voice", "anna"),
        ("launch_stt_provider", "deepgram"),
        ("launch_idle_timeout_seconds", "120"),
        ("launch_duration_limit_seconds", "600"),
    ] {
        let answer = api
            .ok(&format!(
                "/v1/metrics/query?metrics=sessions,minutes_consumed,resolution_rate&dimensions={dimension}&range=last_7_days&granularity=none"
            ))
            .await;
        let groups: Vec<(&Value, String, String)> = answer["rows"]
            .as_array()
            .expect("rows")
            .iter()
            .map(|row| {
                let figure = |metric: &str| row["values"][metric]["value"].to_string();
                (&row["dimensions"][dimension], figure("sessions"), figure("minutes_consumed"))
            })
            .collect();
        let (one, minutes) = ("1".to_owned(), "1.5".to_owned());
        let expected = [(&json!(value), one.clone(), minutes.clone()), (&Value::Null, one, minutes)];
        assert_eq!(groups, expected, "{dimension}");
        // chats cannot be launched, so this group does not wait for outcomes
        assert_eq!(answer["rows"][0]["values"]["resolution_rate"]["reason"], "not_applicable");
    }
}
